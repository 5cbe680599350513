"""From what the harnesses report to the paper's table: result files in, a row of scores from 0 to 100 out.

lmms-eval writes one `*_results.json` a run, VLMEvalKit one small file a data set. Both are read as plain
files; neither harness is imported.
"""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adamms.checkpoints.json_files import parse_json
from adamms.checkpoints.local_files import read_text
from adamms.errors import EvaluationError
from adamms.evaluation.suite import PAPER, Benchmark, Harness, Source

Row = Mapping[str, float | None]
"""Benchmark -> score from 0 to 100, None where it was not measured."""

DECIMALS = 6


def lmms_eval_row(
    results: Mapping[str, Any], benchmarks: Sequence[Benchmark] = PAPER
) -> dict[str, float | None]:
    """The scores in one run's results.

    Args:
        results: a parsed `*_results.json`: `{"results": {task: {"metric,filter": value}}}`.
        benchmarks: the columns.

    Raises:
        EvaluationError: these are no results of lmms-eval.
    """
    tasks = results.get("results")
    if not isinstance(tasks, Mapping):
        raise EvaluationError('These are no results of lmms-eval: there is no "results" in them.')
    return {benchmark.name: _lmms_eval(tasks, benchmark.lmms_eval) for benchmark in benchmarks}


def vlmevalkit_row(files: Sequence[Path], benchmarks: Sequence[Benchmark] = PAPER) -> dict[str, float | None]:
    """The scores in the result files of one model.

    Args:
        files: `MODEL_DATASET_acc.csv`, `.._score.csv` or `.._score.json`; others are passed over.
        benchmarks: the columns; None for those without a file.

    Raises:
        EvaluationError: a result file cannot be read, or there are two for one data set.
    """
    row: dict[str, float | None] = {}
    for benchmark in benchmarks:
        source = benchmark.vlmevalkit
        mine = [file for file in files if source is not None and _is_result(file, source.task)]
        if source is not None and len(mine) > 1:
            raise EvaluationError(
                f"{mine[0]} and {mine[1]} are both results on {source.task}; name one model's files."
            )
        row[benchmark.name] = _value(_vlmevalkit(mine[0], source.split), source) if source and mine else None
    return row


def vlmevalkit_values(files: Sequence[Path], data_set: str) -> Mapping[str, Any]:
    """Everything in the result file of one data set, in its first line; nothing where there is none.

    Raises:
        EvaluationError: it cannot be read.
    """
    mine = [file for file in files if _is_result(file, data_set)]
    return _vlmevalkit(mine[0], None) if mine else {}


def paper_row(rows: Mapping[Harness, Row], architecture: str, benchmarks: Sequence[Benchmark] = PAPER) -> Row:
    """One row out of two: each benchmark from the harness with which the paper measured it.

    Args:
        rows: harness -> what it measured.
        architecture: the base's `model_type`, such as `qwen2_vl` or `llava`.
        benchmarks: the columns.
    """
    return {
        benchmark.name: rows.get(benchmark.harness_for(architecture), {}).get(benchmark.name)
        for benchmark in benchmarks
    }


def table_input(
    rows: Mapping[str, Row], *, base: str, donor: str, benchmarks: Sequence[Benchmark] = PAPER
) -> dict[str, Any]:
    """What `adamms table` reads, from a row of scores for each model.

    Only the benchmarks of the paper's SUM, and of those only such as any model was measured on.
    """
    tasks = [
        benchmark.name
        for benchmark in benchmarks
        if benchmark.in_sum and any(row.get(benchmark.name) is not None for row in rows.values())
    ]
    return {
        "base": base,
        "donor": donor,
        "tasks": tasks,
        "rows": {name: [row.get(task) for task in tasks] for name, row in rows.items()},
    }


def _lmms_eval(tasks: Mapping[str, Any], source: Source) -> float | None:
    result = tasks.get(source.task)
    if not isinstance(result, Mapping):
        return None
    # "exact_match,none": the metric and the filter that the answers went through.
    return _value({key.partition(",")[0]: value for key, value in result.items()}, source)


def _value(result: Mapping[str, Any], source: Source) -> float | None:
    """The metrics added and scaled; None where one of them is not there."""
    total = 0.0
    for spellings in source.metrics:
        values = [number for key in spellings if (number := finite_number(result.get(key))) is not None]
        if not values:
            return None
        total += values[0]
    return round(total * source.factor, DECIMALS)


def finite_number(value: Any) -> float | None:
    """A score as a harness wrote it; None for what is no finite number."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and not isinstance(value, bool) else None


def _is_result(file: Path, data_set: str) -> bool:
    stem = file.stem
    for ending in ("_acc", "_score"):
        if stem.endswith(ending):
            return stem.removesuffix(ending).endswith(f"_{data_set}") and file.suffix in (".csv", ".json")
    return False


def _vlmevalkit(file: Path, split: str | None) -> Mapping[str, Any]:
    """The values of a result file; of its lines the one of this split."""
    try:
        text = read_text(file, encoding="utf-8-sig")
        if file.suffix == ".json":
            data = parse_json(text.encode())
            lines = data if isinstance(data, list) else [data]
        else:
            lines = list(csv.DictReader(text.splitlines()))
    except (OSError, ValueError, csv.Error) as error:
        raise EvaluationError(f"The result file {file} cannot be read: {error}.") from None
    fitting = [
        line
        for line in lines
        if isinstance(line, dict) and (split is None or line.get("split") in (split, None))
    ]
    if not fitting:
        raise EvaluationError(f"The result file {file} has no line for the split {split or 'none'}.")
    return fitting[0]
