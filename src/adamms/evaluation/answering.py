"""A model answers labelled inputs, greedily, with the search's own engine, and nothing is merged.

Answers are kept as the search keeps them (`responses/alpha=0.30.jsonl`), so whatever reads a run reads them,
and an evaluation that was interrupted goes on where it stood.
"""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from adamms.adapters import open_model
from adamms.answering.engine import EngineOptions, ask_model
from adamms.answering.resume_state import ASKED, check_unchanged
from adamms.checkpoints import OutputFolder
from adamms.checkpoints.json_files import read_json
from adamms.errors import EvaluationError
from adamms.progress import Progress
from adamms.responses import Example, Response, ResponseWriter, read_responses
from adamms.responses.candidates import round_alpha
from adamms.responses.inputs import Inputs

SETTINGS = "eval.json"
SCORES = "scores.json"


def answer(
    model: str, examples: Sequence[Example], *, engine: EngineOptions, skip: Collection[str] = ()
) -> Iterator[Response]:
    """Ask a model every input.

    Args:
        model: a folder or a hub id.
        examples: the inputs.
        engine: how it answers.
        skip: ids that are answered already.

    Yields:
        Answers in any order. Their alpha is what `adamms.json` says the model was merged with, else 0: a
        model of its own is its own base.
    """
    skipped = frozenset(skip)
    wanted = [example for example in examples if example.id not in skipped]
    if not wanted:
        return
    with open_model(model, download=True) as checkpoint:
        checkpoint.require_data()
        alpha = merged_alpha(checkpoint.folder) if checkpoint.folder is not None else 0.0
        yield from ask_model(checkpoint, wanted, options=engine, alpha=alpha)


def merged_alpha(folder: Path) -> float:
    """The alpha of a merged model of ours; 0 where there is none, or it is not one number."""
    try:
        alpha = read_json(folder / "adamms.json")["alpha"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0
    is_number = isinstance(alpha, int | float) and not isinstance(alpha, bool) and 0 <= alpha <= 1
    return round_alpha(float(alpha)) if is_number else 0.0


def answer_into(
    out: Path,
    model: str,
    inputs: Inputs,
    *,
    engine: EngineOptions,
    settings: dict[str, Any],
    progress: Progress,
    finish: Callable[[dict[str, Response]], Any],
    overwrite: bool = False,
    resume: bool = False,
) -> None:
    """Ask a model and keep its answers in a folder, which appears whole or not at all.

    Args:
        out: the folder to write: `responses/`, `eval.json` and `scores.json`.
        model: a folder or a hub id.
        inputs: what is asked; what of it is in no file of the user's own is kept in the folder.
        engine: how it answers.
        settings: what a resumed evaluation must have in common with its beginning.
        progress: told how far it is.
        finish: makes of all answers what `scores.json` holds.
        overwrite: replace an earlier evaluation.
        resume: go on with one that was interrupted.

    Raises:
        EvaluationError: the interrupted evaluation had other settings.
        SearchError: what it read was changed since.
        OutputError: the place is taken.
    """
    with OutputFolder.open(
        out, overwrite=overwrite, resume=resume, marker=SCORES, keep_on_failure=True
    ) as folder:
        folder.keep_on_failure = folder.resumed
        _same_settings(folder.path / SETTINGS, settings)
        examples = inputs.kept(folder.path / "inputs")
        with open_model(model, download=True) as checkpoint:
            check_unchanged(folder.path, [checkpoint], examples, vision_towers=[engine.vision_tower])
        target = folder.path / "responses"
        target.mkdir(exist_ok=True)
        done = _answers(target)
        if done:
            progress.say(f"Resuming: {len(done)} answers are already there.")
        with (
            progress.stage("Answering", total=len(examples), unit="answers", done=len(done)) as advance,
            ResponseWriter(target) as writer,
        ):
            try:
                for response in answer(model, examples, engine=engine, skip=done):
                    writer.write(response)
                    # From here on there is something worth resuming.
                    folder.keep_on_failure = True
                    advance(1)
            except KeyboardInterrupt:
                if folder.keep_on_failure:
                    progress.say("The answers so far are kept; go on with --resume.")
                raise
        scores = json.dumps(finish(_answers(target)), indent=1, ensure_ascii=False)
        (folder.path / SCORES).write_text(scores + "\n", encoding="utf-8")
        (folder.path / ASKED).unlink()
        folder.commit()


def _answers(folder: Path) -> dict[str, Response]:
    if not any(folder.iterdir()):
        return {}
    return {
        id_: response for answered in read_responses(folder).values() for id_, response in answered.items()
    }


def _same_settings(path: Path, settings: dict[str, Any]) -> None:
    if path.exists():
        before = read_json(path)
        changed = [key for key in settings if settings[key] != before.get(key)]
        if changed:
            raise EvaluationError(
                f"The interrupted evaluation was started with another {', '.join(changed)}; repeat the first "
                "run's settings, or start anew with --overwrite instead of --resume."
            )
    path.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
