"""An evaluation for the terminal: a line a task, and a column a candidate where there are several."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from adamms.evaluation.scoring import Evaluation, TaskScore
from adamms.reports.wording import percent


def evaluation_table(evaluations: Sequence[Evaluation]) -> RenderableType:
    """Shares of right answers by task and over all, their standard errors, and the number of answers."""
    table = Table(
        title=f"Scores ({evaluations[0].metric}, ± standard error)", title_justify="left", title_style="bold"
    )
    table.box, table.pad_edge = box.SIMPLE_HEAD, False
    table.add_column("task", overflow="fold")
    table.add_column("answers", justify="right")
    several = len(evaluations) > 1
    for evaluation in evaluations:
        table.add_column(f"alpha {evaluation.alpha:g}" if several else "score", justify="right", no_wrap=True)
    tasks = dict.fromkeys(task for evaluation in evaluations for task in evaluation.tasks)
    for task in tasks:
        table.add_row(*_line(task, [evaluation.tasks.get(task) for evaluation in evaluations]))
    if tasks:
        table.add_section()
    table.add_row(*_line("all", [evaluation.total for evaluation in evaluations]), style="bold")
    return table


def harness_table(document: Mapping[str, Any]) -> RenderableType:
    """What a harness measured: a line a task, with the metric; and of what was not measured why."""
    table = Table(title=f"Scores of {document['model']}", title_justify="left", title_style="bold")
    table.box, table.pad_edge = box.SIMPLE_HEAD, False
    for column in ("task", "harness", "metric"):
        table.add_column(column, overflow="fold")
    for column in ("answers", "value", "score"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, result in document["results"][0]["tasks"].items():
        count, value, score = result["count"], result["value"], result["score"]
        table.add_row(
            Text(name),
            Text(result["harness"] if result["task"] == name else f"{result['harness']}: {result['task']}"),
            Text(result["metric"]),
            Text("–" if count is None else f"{count:,}"),
            Text("–" if value is None else f"{value:.4g}"),
            Text("–" if score is None else percent(score)),
        )
    for name, why in document.get("missing", {}).items():
        table.add_row(Text(name), Text("not measured"), Text(why), *(Text("–"),) * 3, style="dim")
    return table


def _line(title: str, scores: Sequence[TaskScore | None]) -> list[Text]:
    counts = dict.fromkeys(score.count for score in scores if score is not None)
    counted = f"{min(counts):,}" if len(counts) == 1 else f"{min(counts):,}-{max(counts):,}"
    return [
        Text(title),
        Text(counted),
        *(Text("–" if score is None else _with_error(score)) for score in scores),
    ]


def _with_error(score: TaskScore) -> str:
    """A mean and its standard error, in points of a percent."""
    error = "" if score.stderr is None else f" ± {100 * score.stderr:.1f}"
    return percent(score.score) + error
