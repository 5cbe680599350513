"""What a harness measured, as the scores that `adamms table` reads: a share from 0 to 1 for each task.

The paper's benchmarks become scores as `suite.py` says; of any other task the first metric counts, where it
is a share or a percentage. Reads plain files; no harness is imported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adamms.checkpoints.json_files import read_json
from adamms.errors import EvaluationError
from adamms.evaluation.suite import PAPER, Benchmark, Harness
from adamms.evaluation.suite_results import finite_number, lmms_eval_row, vlmevalkit_row, vlmevalkit_values

SCALES = (1.0, 100.0)
"""Of metrics that we know nothing of: a share, or a percentage."""


@dataclass(frozen=True)
class HarnessScore:
    """One task's result."""

    name: str
    """The paper's heading where it is one of its benchmarks, else the harness's own name."""
    harness: Harness
    task: str
    metric: str
    value: float | None
    """As the harness gives it; of several added metrics none."""
    score: float | None
    """From 0 to 1; None where the metric is no share, and so cannot stand in a table of percents."""
    count: int | None = None

    def to_json(self) -> dict[str, Any]:
        """One entry of `"tasks"` in `scores.json`."""
        return {
            "score": self.score,
            "count": self.count,
            "harness": self.harness,
            "task": self.task,
            "metric": self.metric,
            "value": self.value,
        }


def lmms_eval_scores(
    results: Path, benchmarks: Sequence[Benchmark] = PAPER, *, renamed: Mapping[str, str] | None = None
) -> list[HarnessScore]:
    """The scores in a `*_results.json`.

    Args:
        results: the file.
        benchmarks: those that become scores in their own way.
        renamed: a task's name there -> the task that it is.

    Raises:
        EvaluationError: it cannot be read or holds no scores.
    """
    try:
        data = read_json(results)
    except (OSError, ValueError, RecursionError) as error:
        raise EvaluationError(f"The results {results} cannot be read: {error}.") from None
    for name, task in (renamed or {}).items():
        for part in ("results", "n-samples"):
            if name in data.get(part, {}):
                data[part][task] = data[part].pop(name)
    row = lmms_eval_row(data, benchmarks)
    known = {
        benchmark.lmms_eval.task: benchmark for benchmark in benchmarks if row[benchmark.name] is not None
    }
    samples = data.get("n-samples", {})
    scores = []
    for task, values in data["results"].items():
        metrics = _metrics(values)
        count = samples.get(task, {}).get("effective")
        if task in known:
            benchmark = known[task]
            names = " + ".join(metric[0] for metric in benchmark.lmms_eval.metrics)
            percent = row[benchmark.name]
            score = None if percent is None else percent / 100
            value = metrics.get(names)
            scores.append(HarnessScore(benchmark.name, "lmms-eval", task, names, value, score, count))
        elif metrics:
            name, value = next(iter(metrics.items()))
            scores.append(HarnessScore(task, "lmms-eval", task, name, value, share(value), count))
    if not scores:
        raise EvaluationError(f"There are no scores in {results}.")
    return scores


def vlmevalkit_scores(
    files: Sequence[Path], data_sets: Sequence[str], benchmarks: Sequence[Benchmark] = PAPER
) -> list[HarnessScore]:
    """The scores in VLMEvalKit's result files, for these data sets.

    Raises:
        EvaluationError: a file cannot be read, or a data set has none.
    """
    row = vlmevalkit_row(files, benchmarks)
    known = {
        benchmark.vlmevalkit.task: benchmark
        for benchmark in benchmarks
        if benchmark.vlmevalkit and row[benchmark.name] is not None
    }
    scores = []
    for data_set in data_sets:
        values = {
            key: number
            for key, value in vlmevalkit_values(files, data_set).items()
            if (number := finite_number(value)) is not None and key != "index"
        }
        if data_set in known:
            benchmark = known[data_set]
            source, percent = benchmark.vlmevalkit, row[benchmark.name]
            assert source is not None and percent is not None
            names = " + ".join(metric[0] for metric in source.metrics)
            value = values.get(names)
            scores.append(HarnessScore(benchmark.name, "vlmevalkit", data_set, names, value, percent / 100))
        elif values:
            name = "Overall" if "Overall" in values else next(iter(values))
            value = values[name]
            scores.append(HarnessScore(data_set, "vlmevalkit", data_set, name, value, share(value)))
        else:
            raise EvaluationError(f"VLMEvalKit left no scores for {data_set}.")
    return scores


def share(value: float) -> float | None:
    """A metric as a share: itself up to 1, a hundredth up to 100, else None."""
    for scale in SCALES:
        if 0 <= value <= scale:
            return value / scale
    return None


def document(
    scores: Sequence[HarnessScore], *, model: str, alpha: float, missing: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What `adamms eval --harness --json` prints and `scores.json` holds; `adamms table` reads it.

    Args:
        scores: what was measured.
        model: as the user named it.
        alpha: what it was merged with, 0 for a model of its own.
        missing: task -> why it was not measured.
    """
    shares = [score.score for score in scores if score.score is not None]
    result: dict[str, Any] = {
        "model": model,
        "results": [
            {
                "alpha": alpha,
                "score": sum(shares) / len(shares) if shares else None,
                "count": sum(score.count or 0 for score in scores),
                "unanswered": 0,
                "tasks": {score.name: score.to_json() for score in scores},
            }
        ],
    }
    return {**result, "missing": dict(missing)} if missing is not None else result


def _metrics(values: Any) -> dict[str, float]:
    """The metrics of a task without their errors: `exact_match,none` -> exact_match."""
    if not isinstance(values, Mapping):
        return {}
    return {
        key.partition(",")[0]: number
        for key, value in values.items()
        if "_stderr" not in key and (number := finite_number(value)) is not None
    }
