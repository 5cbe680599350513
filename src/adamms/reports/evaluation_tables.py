"""An evaluation for the terminal: a line a task, and a column a candidate where there are several."""

from collections.abc import Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from adamms.evaluation.scoring import Evaluation, TaskScore
from adamms.reports.quantities import percent


def evaluation_table(evaluations: Sequence[Evaluation]) -> RenderableType:
    """Shares of right answers by task and over all, with the number of answers."""
    table = Table(title=f"Scores ({evaluations[0].metric})", title_justify="left", title_style="bold")
    table.box, table.pad_edge = box.SIMPLE_HEAD, False
    table.add_column("task", overflow="fold")
    table.add_column("answers", justify="right")
    several = len(evaluations) > 1
    for each in evaluations:
        table.add_column(f"alpha {each.alpha:g}" if several else "score", justify="right", no_wrap=True)
    tasks = dict.fromkeys(task for each in evaluations for task in each.tasks)
    for task in tasks:
        table.add_row(*_line(task, [each.tasks.get(task) for each in evaluations]))
    if tasks:
        table.add_section()
    table.add_row(*_line("all", [each.total for each in evaluations]), style="bold")
    return table


def _line(title: str, scores: Sequence[TaskScore | None]) -> list[Text]:
    counts = dict.fromkeys(score.count for score in scores if score is not None)
    told = f"{min(counts):,}" if len(counts) == 1 else f"{min(counts):,}-{max(counts):,}"
    return [
        Text(title),
        Text(told),
        *(Text("–" if score is None else percent(score.score)) for score in scores),
    ]
