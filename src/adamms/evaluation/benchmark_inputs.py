"""A search's unlabelled inputs, drawn from a benchmark through lmms-eval's own loaders and prompts.

Section 4.2 of the paper draws its 100 inputs from the benchmark at hand. A program of ours does it in
lmms-eval's environment (`harnesses/lmms_eval_tasks.py`); here it is started and what it wrote is found.
Labels stay there.
"""

from collections.abc import Sequence
from pathlib import Path

from adamms.errors import EvaluationError
from adamms.evaluation.harness_process import PROGRAMS, lmms_eval_environment

INPUTS = "inputs.jsonl"


def draw_inputs(
    tasks: Sequence[str],
    out: Path,
    *,
    samples: int,
    seed: int,
    include_path: Path | None = None,
    python: str | None = None,
) -> Path:
    """Draw questions and write them with their pictures.

    Args:
        tasks: lmms-eval's names; of several, the questions are drawn from all together.
        out: the folder to write: `inputs.jsonl`, `images/` and `drawn.json`.
        samples: how many, without replacement; all where there are no more.
        seed: of the draw.
        include_path: a folder of further tasks.
        python: lmms-eval's; this one when left out.

    Returns:
        The file of inputs; each is called `task:doc_id`, as in lmms-eval's sample logs.

    Raises:
        EvaluationError: lmms-eval is not there, or does not have the task or its data.
    """
    if not tasks:
        raise EvaluationError("Name a task to draw inputs from: --task mme.")
    included: list[str | Path] = (
        [] if include_path is None else ["--include-path", folder_of_tasks(include_path)]
    )
    out.mkdir(parents=True, exist_ok=True)
    log = out / "drawing.log"
    lmms_eval_environment(python).run(
        [
            PROGRAMS / "lmms_eval_tasks.py",
            "draw",
            *("--tasks", ",".join(tasks), "--samples", str(samples), "--seed", str(seed)),
            *("--out", out.absolute(), *included),
        ],
        log=log,
    )
    log.unlink()
    return out / INPUTS


def folder_of_tasks(path: Path) -> Path:
    """A folder of further tasks, absolute.

    Raises:
        EvaluationError: it is not there.
    """
    if not path.is_dir():
        raise EvaluationError(f"--include-path {path} is not a folder of tasks.")
    return path.absolute()
