"""A model on a harness's tasks: the harness started as a process, and its scores read back.

lmms-eval finds our model by its entry point; VLMEvalKit is given one by a program of ours, which asks a
worker in this environment. Both leave their own logs, which `adamms select` reads.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from adamms.answering.engine import EngineOptions
from adamms.checkpoints.sources import expanded
from adamms.errors import EvaluationError
from adamms.evaluation.benchmark_inputs import folder_of_tasks
from adamms.evaluation.harness_process import PROGRAMS, Environment, lmms_eval_environment
from adamms.evaluation.harness_scores import HarnessScore, lmms_eval_scores, vlmevalkit_scores

NAME = "adamms"


@dataclass(frozen=True)
class HarnessOptions:
    """How a harness is run."""

    python: str | None = None
    include_path: Path | None = None
    """A folder of further tasks of lmms-eval's."""
    limit: int | None = None
    """The first so many questions of each task: for trying out, not for scores."""


BATCH = 16
"""Questions that lmms-eval hands over at once, where nobody says how many."""


def model_arguments(model: str, engine: EngineOptions) -> dict[str, str]:
    """A model as `key=value` arguments: of lmms-eval's `--model_args` and of our worker.

    The batch size is not among them: a harness has its own option for it.
    """
    folder = expanded(model)
    source = str(folder.absolute()) if folder.exists() else model
    given = {"device": engine.device, "dtype": engine.dtype, "vision_tower": engine.vision_tower}
    arguments = {"model": source, **{key: value for key, value in given.items() if value is not None}}
    return {**arguments, "trust_remote_code": "True"} if engine.trust_remote_code else arguments


def run_lmms_eval(
    model: str,
    tasks: Sequence[str],
    out: Path,
    *,
    engine: EngineOptions | None = None,
    options: HarnessOptions | None = None,
    prompts: Mapping[str, str] | None = None,
) -> list[HarnessScore]:
    """Evaluate with lmms-eval.

    Args:
        model: a folder or a hub id.
        tasks: lmms-eval's names.
        out: the folder for lmms-eval's results and sample logs, and `lmms-eval.log`, what it printed.
        engine: how the model answers.
        options: which python, which further tasks.
        prompts: task -> the text behind each question, where it is not to be lmms-eval's own.

    Raises:
        EvaluationError: lmms-eval is not there, has no such task, or failed; the message holds its reason.
    """
    engine, options = engine or EngineOptions(), options or HarnessOptions()
    environment, log = lmms_eval_environment(options.python), out / "lmms-eval.log"
    arguments = ",".join(f"{key}={_quoted(value)}" for key, value in model_arguments(model, engine).items())
    included, renamed = options.include_path, {}
    for task, text in (prompts or {}).items():
        included = out.absolute() / "tasks"
        renamed[f"{task}_altered"] = task
        program: list[str | Path] = [PROGRAMS / "lmms_eval_tasks.py", "alter", "--tasks", task]
        environment.run([*program, "--name", f"{task}_altered", "--prompt", text, "--out", included], log=log)
    asked = ",".join(next((new for new, old in renamed.items() if old == task), task) for task in tasks)
    command = ["-m", "lmms_eval", "--model", NAME, "--model_args", arguments, "--tasks", asked]
    command += [
        "--batch_size",
        str(engine.batch_size or BATCH),
        "--log_samples",
        "--output_path",
        str(out.absolute()),
    ]
    if included is not None:
        command += ["--include_path", str(folder_of_tasks(included))]
    if options.limit is not None:
        command += ["--limit", str(options.limit)]
    environment.run(command, log=log)
    # lmms-eval ends with 0 after an error too.
    results = sorted(out.rglob("*_results.json"))
    if not results:
        raise EvaluationError(_reason(environment, log))
    return lmms_eval_scores(results[-1], renamed=renamed)


def run_vlmevalkit(
    model: str,
    data_sets: Sequence[str],
    out: Path,
    *,
    environment: Environment,
    engine: EngineOptions | None = None,
    options: HarnessOptions | None = None,
) -> tuple[list[HarnessScore], dict[str, str]]:
    """Evaluate with VLMEvalKit, its questions answered by a worker in this environment.

    Args:
        model: a folder or a hub id.
        data_sets: VLMEvalKit's names.
        out: the folder for its predictions and results, and `vlmevalkit.log`, what it printed.
        environment: where VLMEvalKit is.
        engine: how the model answers.
        options: how many questions.

    Returns:
        The scores, and of the data sets without one why.

    Raises:
        EvaluationError: VLMEvalKit or the model cannot be started; the message holds the reason.
    """
    engine, options = engine or EngineOptions(), options or HarnessOptions()
    worker = [sys.executable, "-m", "adamms.harnesses.worker"]
    worker.append(json.dumps({**model_arguments(model, engine), "max_new_tokens": engine.max_new_tokens}))
    command: list[str | Path] = [PROGRAMS / "vlmevalkit_model.py", "--name", NAME]
    command += ["--worker", json.dumps(worker)]
    # A folder called as the model, as VLMEvalKit's own are: so its files' names can be taken apart.
    work = out / NAME
    command += ["--data", ",".join(data_sets), "--work-dir", str(work.absolute())]
    if options.limit is not None:
        command += ["--limit", str(options.limit)]
    out.mkdir(parents=True, exist_ok=True)
    environment.run(command, log=out / "vlmevalkit.log", folder=out)
    written = json.loads((work / "told.json").read_text(encoding="utf-8"))
    missing = {data_set: why for data_set, why in written.items() if why}
    scored = [data_set for data_set in data_sets if data_set not in missing]
    files = sorted(file for file in out.rglob("*") if file.is_file())
    return vlmevalkit_scores(files, scored), missing


def settings(engine: EngineOptions, options: HarnessOptions) -> dict[str, object]:
    """What `eval.json` keeps of a run, so that it can be repeated."""
    return {**asdict(engine), **{key: value and str(value) for key, value in asdict(options).items()}}


def _reason(environment: Environment, log: Path) -> str:
    why = environment.failed(log)
    if f"Model '{NAME}' not found" in why:
        install = f"{environment.python} -m pip install 'adamms[search]'"
        return f"adamms is not installed in lmms-eval's environment: `{install}`."
    return why


def _quoted(value: str) -> str:
    """A value that may hold commas, as lmms-eval keeps it together."""
    return f'"{value}"' if "," in value else value
