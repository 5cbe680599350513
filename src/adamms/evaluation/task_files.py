"""Evaluation on a file of labelled inputs: by a model that answers them, or of answers that are there.

What `adamms eval --inputs` does. Benchmarks with loaders and prompts of their own are the harnesses' business
(`suite.py`).
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from adamms.answering.engine import EngineOptions
from adamms.checkpoints.sources import expanded
from adamms.errors import EvaluationError, OutputError
from adamms.evaluation.answering import answer, answer_into
from adamms.evaluation.labels import Label, read_labels
from adamms.evaluation.metrics import metric_named
from adamms.evaluation.scoring import Evaluation, evaluate
from adamms.progress import Progress, Silent
from adamms.responses import Response, read_responses
from adamms.responses.inputs import Inputs, InputSource, understand


@dataclass(frozen=True)
class TaskFile:
    """Labelled inputs, and how answers to them are scored."""

    inputs: Path | InputSource
    answers: Path | None = None
    """Where the true answers are, if not among the inputs; by the inputs' ids."""
    metric: str = "exact"
    samples: int | None = None
    """So many inputs, drawn; all when left out."""
    seed: int = 0

    @property
    def source(self) -> InputSource:
        """The inputs and how they are read."""
        return self.inputs if isinstance(self.inputs, InputSource) else InputSource(self.inputs)

    def labels(self) -> dict[str, Label]:
        """The true answers, by input id."""
        return read_labels(self.answers or self.inputs)

    def labelled(self, labels: dict[str, Label]) -> Inputs:
        """The inputs that have a true answer.

        Raises:
            EvaluationError: none has.
        """
        labelled = understand(self.source).required().with_ids(labels)
        if not labelled.entries:
            raise EvaluationError(
                f"No input in {self.source.name} goes by an id that {self.answers or self.source.name} "
                "answers."
            )
        drawn = labelled if self.samples is None else labelled.drawn(self.samples, seed=self.seed)
        return drawn.looked_at().required()


def check_place(file: Path, *, overwrite: bool) -> None:
    """Insist, before anything long begins, that the scores can be written to a file.

    Raises:
        OutputError: it is there already, or its folder is not.
    """
    if file.exists() and not overwrite:
        raise OutputError(f"{file} exists already; give --overwrite to replace it.")
    if not file.absolute().parent.is_dir():
        raise OutputError(f"{file} cannot be written: there is no folder {file.parent}.")


def holds_responses(source: str) -> bool:
    """Whether a path is answers (a file, a run, a folder of alpha=*.jsonl) and not a model."""
    path = expanded(source)
    if path.is_file() or path.suffix == ".jsonl":
        return True
    if not path.is_dir() or (path / "config.json").exists():
        return False
    return (path / "responses").is_dir() or any(
        any(path.glob(pattern)) for pattern in ("**/alpha*.jsonl", "**/*_samples_*.jsonl")
    )


def evaluate_responses(source: str | Path, task: TaskFile) -> list[Evaluation]:
    """Score answers that are there, one evaluation an alpha, ascending.

    Args:
        source: a file of `{"id", "response"}`, a run directory, a folder of `alpha=*.jsonl`.
        task: what is right.

    Raises:
        AdaMMSError: the answers or the labels cannot be read, or do not belong together.
    """
    labels = task.labels()
    answered = read_responses(source, alpha=0.0)
    evaluations = [
        evaluate(responses, labels, metric=task.metric) for responses in answered.values() if responses
    ]
    if not evaluations:
        raise EvaluationError(f"There are no answers in {source}.")
    return evaluations


def evaluate_model(
    model: str,
    task: TaskFile,
    *,
    engine: EngineOptions | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
) -> Evaluation:
    """Ask a model the labelled inputs and score what it says.

    Args:
        model: a folder or a hub id.
        task: the inputs, and what is right.
        engine: how the model answers.
        out: a folder for the answers and the scores; nothing is kept when left out.
        overwrite: replace an earlier evaluation there.
        resume: go on with one that was interrupted there.
        progress: told how far it is.

    Raises:
        AdaMMSError: one sentence that says what is wrong, where, and what to do.
    """
    engine, progress = engine or EngineOptions(), progress or Silent()
    labels = task.labels()
    inputs = task.labelled(labels)
    metric_named(task.metric)
    asked = {entry.id: labels[entry.id] for entry in inputs.entries}
    # A label that the metric cannot use is found before the model is loaded.
    for label in asked.values():
        metric_named(task.metric)("", label)

    def score(responses: dict[str, Response]) -> Evaluation:
        return evaluate(responses, asked, metric=task.metric)

    if out is None:
        responses: dict[str, Response] = {}
        with (
            TemporaryDirectory() as scratch,
            progress.stage("Answering", total=len(asked), unit="answers") as advance,
        ):
            examples = inputs.kept(Path(scratch))
            for response in answer(model, examples, engine=engine):
                responses[response.id] = response
                advance(1)
        return score(responses)
    settings: dict[str, Any] = {
        "model": str(Path(model).absolute()) if Path(model).is_dir() else model,
        "inputs": task.source.name if task.source.is_elsewhere else str(task.source.path.absolute()),
        "samples": task.samples,
        "seed": task.seed,
        **{key: value for key, value in asdict(engine).items() if key not in ("batch_size", "device")},
    }
    evaluations: list[Evaluation] = []

    def finish(responses: dict[str, Response]) -> dict[str, Any]:
        evaluations.append(score(responses))
        return report([evaluations[0]], task, model=model)

    answer_into(
        out,
        model,
        inputs,
        engine=engine,
        settings=settings,
        progress=progress,
        finish=finish,
        overwrite=overwrite,
        resume=resume,
    )
    return evaluations[0]


def report(evaluations: list[Evaluation], task: TaskFile, **source: str) -> dict[str, Any]:
    """What `adamms eval --json` prints and `scores.json` holds; `source` is `model=` or `responses=`."""
    return {
        **source,
        "inputs": task.source.name,
        "metric": task.metric,
        "results": [evaluation.to_json() for evaluation in evaluations],
    }
