"""What was measured of a merged model, for its card: `scores.json` of `adamms eval` as a `model-index`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adamms.checkpoints.json_files import read_json
from adamms.checkpoints.sources import expanded
from adamms.errors import EvaluationError

SCORES = "scores.json"


@dataclass(frozen=True)
class Measured:
    """One score."""

    dataset: str
    metric: str
    value: float
    """From 0 to 1 where it is a share; as the harness has it otherwise."""
    is_share: bool
    count: int | None
    stderr: float | None


def read_measured(path: str | Path, *, model: Path) -> list[Measured]:
    """The scores that an evaluation kept.

    Args:
        path: its `scores.json`, or the folder that holds it.
        model: the merged model whose card they are for.

    Raises:
        EvaluationError: they cannot be read, or are another model's.
    """
    file = expanded(path)
    file = file / SCORES if file.is_dir() else file
    try:
        document = read_json(file)
        evaluated, results = document["model"], document["results"]
        measured = list(_scores(document, results[0]))
    except FileNotFoundError:
        raise EvaluationError(f"The scores {file} do not exist.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise EvaluationError(
            f"{file} is not what `adamms eval MODEL --out` keeps: it does not say how a model scored."
        ) from None
    place = expanded(str(evaluated)).resolve()
    # Of a run directory it was the chosen model that answered.
    if place != model.resolve() and (model.name != "merged" or place != model.parent.resolve()):
        raise EvaluationError(f"{file} holds the scores of {evaluated}, not of {model}.")
    return measured


def _scores(document: dict[str, Any], result: dict[str, Any]) -> list[Measured]:
    if "inputs" in document:
        dataset, metric = Path(str(document["inputs"])).name, str(document["metric"])
        parts = {dataset: result, **{f"{dataset}, {task}": part for task, part in result["tasks"].items()}}
        return [
            Measured(name, metric, float(part["score"]), True, int(part["count"]), part.get("stderr"))
            for name, part in parts.items()
        ]
    scores = []
    for name, part in result["tasks"].items():
        share = part["score"] is not None
        value = part["score"] if share else part["value"]
        if value is not None:
            metric = f"{part['metric']} ({part['harness']})"
            scores.append(Measured(name, metric, float(value), share, part["count"], None))
    return scores


def model_index(name: str, measured: Sequence[Measured], *, task: str) -> list[dict[str, Any]]:
    """The card's `model-index`, as hubs read it.

    Args:
        name: of the model.
        measured: its scores; shares become percent.
        task: the model's `pipeline_tag`.
    """
    results = []
    for score in measured:
        value = round(100 * score.value, 2) if score.is_share else score.value
        results.append(
            {
                "task": {"type": task},
                "dataset": {"type": score.dataset.replace(" ", "-"), "name": score.dataset},
                "metrics": [{"type": score.metric.split(" ")[0], "name": score.metric, "value": value}],
            }
        )
    return [{"name": name, "results": results}]


def measured_table(measured: Sequence[Measured]) -> list[tuple[str, str, str, str]]:
    """Rows for people: the data, the metric, the value with its standard error, how many answers."""
    rows = []
    for score in measured:
        error = "" if score.stderr is None else f" ± {100 * score.stderr:.1f}"
        value = f"{100 * score.value:.1f} %{error}" if score.is_share else f"{score.value:.4g}"
        rows.append((score.dataset, score.metric, value, "" if score.count is None else f"{score.count:,}"))
    return rows
