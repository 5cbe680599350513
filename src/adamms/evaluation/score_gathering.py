"""Scores of several models gathered into one table, from wherever each was evaluated.

Reads what `adamms eval` keeps (`scores.json`), lmms-eval's `*_results.json` and VLMEvalKit's result files, a
source a row; nobody has to copy numbers. All scores become percent.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adamms.checkpoints.json_files import read_json
from adamms.errors import EvaluationError
from adamms.evaluation.score_table import Scores, make_scores
from adamms.evaluation.suite import PAPER
from adamms.evaluation.suite_results import Row, lmms_eval_row, vlmevalkit_row

ALL = "all"
"""The column of an evaluation whose labels name no tasks."""


def split_sources(arguments: Sequence[str]) -> dict[str, Path] | None:
    """`NAME=PATH` for each row, or None where the arguments are files of scores.

    Raises:
        EvaluationError: some are one and some the other, or a name is there twice.
    """
    named = [
        (name, path)
        for name, equals, path in (argument.partition("=") for argument in arguments)
        if name and equals
    ]
    if not named or any(Path(argument).exists() for argument in arguments):
        return None
    if len(named) < len(arguments):
        raise EvaluationError(
            "Name every source as NAME=PATH, or give files of scores without names; not both."
        )
    names = [name for name, _ in named]
    if len(dict.fromkeys(names)) < len(names):
        raise EvaluationError(
            f'The row "{next(name for name in names if names.count(name) > 1)}" is there twice.'
        )
    return {name: Path(path) for name, path in named}


def gather_scores(
    sources: Mapping[str, Path], *, base: str | None = None, donor: str | None = None
) -> Scores:
    """One row a source; a task that a model was not evaluated on is missing there.

    Args:
        sources: name -> what was kept of its evaluation.
        base: the base's row; the first when left out.
        donor: the donor's row; the second when left out.

    Raises:
        EvaluationError: there are fewer than two, one cannot be read, or they have no task in common form.
    """
    if len(sources) < 2:
        raise EvaluationError("A table needs at least two sources: the base and the donor.")
    rows = {name: source_row(path) for name, path in sources.items()}
    tasks = list(
        dict.fromkeys(task for row in rows.values() for task, score in row.items() if score is not None)
    )
    first, second, *_ = rows
    table = {name: [row.get(task) for task in tasks] for name, row in rows.items()}
    return make_scores(base or first, donor or second, tasks, table)


def source_row(path: Path) -> Row:
    """The scores in one source, in percent.

    Args:
        path: a `scores.json` of ours or the folder that holds it, a `*_results.json` of lmms-eval, or a
            folder of either harness's results.

    Raises:
        EvaluationError: it is none of these, or holds several evaluations.
    """
    if path.is_dir():
        return _of_folder(path)
    data = _json(path)
    results = data.get("results")
    if isinstance(results, list):
        return _ours(results, path)
    return _in_sum(lmms_eval_row(data))


def _of_folder(folder: Path) -> Row:
    if (folder / "scores.json").is_file():
        return source_row(folder / "scores.json")
    logs = sorted(folder.rglob("*results.json"))
    if len(logs) > 1:
        raise EvaluationError(f"{folder} holds {len(logs)} results of lmms-eval; name the file that counts.")
    if logs:
        return source_row(logs[0])
    row = _in_sum(vlmevalkit_row(sorted(file for file in folder.rglob("*") if file.is_file())))
    if not any(score is not None for score in row.values()):
        raise EvaluationError(
            f"There are no scores in {folder}: no scores.json of `adamms eval`, no *_results.json of "
            "lmms-eval, no result file of VLMEvalKit."
        )
    return row


def _ours(results: list[Any], path: Path) -> Row:
    if len(results) != 1:
        raise EvaluationError(f"{path} holds {len(results)} evaluations; a row is one model's.")
    try:
        # A harness's metric that is no share has no score.
        scored = {task: result["score"] for task, result in results[0]["tasks"].items()}
        tasks = {task: float(score) for task, score in scored.items() if score is not None}
        shares = tasks or {ALL: float(results[0]["score"])}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise EvaluationError(f"{path} is damaged: it is not what `adamms eval` keeps.") from None
    return {task: 100 * share for task, share in shares.items()}


def _in_sum(row: Row) -> Row:
    return {benchmark.name: row.get(benchmark.name) for benchmark in PAPER if benchmark.in_sum}


def _json(path: Path) -> dict[str, Any]:
    try:
        data = read_json(path)
    except FileNotFoundError:
        raise EvaluationError(f"The scores {path} do not exist.") from None
    except OSError as error:
        raise EvaluationError(f"The scores {path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise EvaluationError(f"The scores {path} are not valid JSON.") from None
    if not isinstance(data, dict):
        raise EvaluationError(f"The scores {path} are not a JSON object.")
    return data
