"""The page of `adamms compare`: several runs in one self-contained file, made of the report page's parts."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from adamms.reports.axes import Kind
from adamms.reports.comparison import ComparedRun, Comparison
from adamms.reports.html import one_line, render, shown, write_page
from adamms.reports.plots import NARROW, SERIES, WIDE, Panel, Series
from adamms.reports.selection_tables import axis_title, shows_scores
from adamms.reports.svg import MARKS, line_plot
from adamms.reports.wording import number, percent


def build_comparison(comparison: Comparison, target: str | Path) -> Path:
    """Write the page.

    Returns:
        The file written.

    Raises:
        OutputError: it cannot be written there.
    """
    return write_page(render("compare.html.j2", _contents(comparison)), Path(target))


def verdict(comparison: Comparison) -> str:
    """What the runs chose, in a sentence."""
    runs = comparison.runs
    if not any(run.donor for run in runs):
        return " ".join(map(str, comparison.differences)) or f"{len(runs)} evaluations."
    choices = list(dict.fromkeys(choice_text(run) for run in runs))
    if len(choices) == 1:
        return f"All {len(runs)} have {choices[0]}."
    return f"{'; '.join(f'{run.name}: {choice_text(run)}' for run in runs)}."


def choice_text(run: ComparedRun) -> str:
    """What a run chose, with the name of what was searched: `density = 0.4`."""
    return f"{run.setting} = {value_text(run)}"


def value_text(run: ComparedRun) -> str:
    """A run's chosen value as people read it."""
    if run.alpha is None:
        return "none" if run.donor else "–"
    return f"{run.alpha:g}" if isinstance(run.alpha, float) else str(run.alpha)


def heading(runs: Sequence[ComparedRun]) -> str:
    """What the column of chosen values is called: the setting, where all searched the same."""
    settings = list(dict.fromkeys(run.setting for run in runs))
    return settings[0] if len(settings) == 1 else "chosen"


def chosen_text(run: ComparedRun, runs: Sequence[ComparedRun]) -> str:
    """A cell of that column: with the setting's name, unless the heading says it."""
    return choice_text(run) if heading(runs) == "chosen" else value_text(run)


def _contents(comparison: Comparison) -> dict[str, Any]:
    runs = comparison.runs
    curves = [run for run in runs if run.selection]
    return {
        "headline": f"{len(runs)} merges compared",
        "verdict": verdict(comparison),
        "heading": heading(runs),
        "runs": [(run, chosen_text(run, runs)) for run in runs],
        "groups": [
            _group([run for run in curves if run.setting == setting], place)
            for place, setting in enumerate(dict.fromkeys(run.setting for run in curves))
        ],
        "accuracy": any(run.accuracy or run.right for run in runs),
        "differing": {
            key: [_value(value) for value in values] for key, values in comparison.differing.items()
        },
        "differences": [shown(str(difference)) for difference in comparison.differences],
        "grid": comparison.grid,
        "other_prompts": comparison.other_prompts,
        "command": shlex.join(
            ["adamms", "compare", *(str(run.path) for run in runs), "--out", "compare.html"]
        ),
    }


def _group(curves: list[ComparedRun], place: int) -> dict[str, Any]:
    """The runs that searched the same setting, which alone share an axis."""
    from markupsafe import Markup

    return {
        "setting": curves[0].setting,
        "curves": curves,
        "accuracy": any(run.accuracy for run in curves),
        "swatches": [Markup(_swatch(index)) for index in range(len(curves))],
        "plots": [Markup(_plot(curves, width, place)) for width in (WIDE, NARROW)],
        "figures": _figures(curves),
    }


def _figures(curves: list[ComparedRun]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The curves as a table: the setting's value, then differences per input and accuracy of each run."""
    alphas = sorted(dict.fromkeys(scored.alpha for run in curves for scored in _candidates(run)))
    rows = []
    for alpha in alphas:
        cells = []
        for run in curves:
            candidate = next((scored for scored in _candidates(run) if scored.alpha == alpha), None)
            right = run.accuracy.get(alpha)
            cells.append(
                (
                    number(run.per_input(candidate) if candidate else None),
                    "–" if right is None else percent(right),
                )
            )
        rows.append((f"{alpha:g}", cells))
    return rows


def _candidates(run: ComparedRun) -> Any:
    return run.selection.candidates if run.selection else ()


def _plot(curves: list[ComparedRun], width: int, place: int) -> str:
    setting = curves[0].setting
    rules = list(dict.fromkeys(run.rule for run in curves))
    if len(rules) == 1 and any(y is not None for run in curves for _, y in _scores(run)):
        panels = [_panel(f"Score by the rule {rules[0]} (higher: better)", curves, _scores, None, "score")]
    else:
        title = "Differences per input (fewer: better)"
        panels = [_panel(title, curves, _differences, number, "amount")]
    if any(run.accuracy for run in curves):
        panels.append(_panel("Accuracy (not used)", curves, _accuracy, percent, "share"))
    choices = "; ".join(f"{shown(run.name)} chose {setting} {value_text(run)}" for run in curves)
    return line_plot(
        panels,
        name=f"curves-{place}-{width}",
        title=f"The candidates by {setting}, run by run",
        description=f"{choices}. The table below has every value.",
        x_label=axis_title(setting),
        width=width,
    )


def _panel(
    title: str,
    curves: list[ComparedRun],
    points: Callable[[ComparedRun], list[tuple[float, float | None]]],
    label: Callable[[float], str] | None,
    kind: Kind,
) -> Panel:
    series = [
        Series(
            points(run),
            index + 1,
            run.alpha,
            [candidate.alpha for candidate in _candidates(run) if candidate.disqualified],
        )
        for index, run in enumerate(curves)
    ]
    return Panel(title, series, label, kind)


def _differences(run: ComparedRun) -> list[tuple[float, float | None]]:
    return [(candidate.alpha, run.per_input(candidate)) for candidate in _candidates(run)]


def _scores(run: ComparedRun) -> list[tuple[float, float | None]]:
    """By the rule that chose; those of two rules have no common scale."""
    own = run.selection.signal(run.rule) if run.selection and shows_scores(run.selection) else None
    return [(candidate.alpha, own.score(candidate.alpha)) for candidate in _candidates(run) if own]


def _accuracy(run: ComparedRun) -> list[tuple[float, float | None]]:
    return [(candidate.alpha, run.accuracy.get(candidate.alpha)) for candidate in _candidates(run)]


def _swatch(index: int) -> str:
    """A line's beginning, for the legend."""
    style = f"s{index % SERIES + 1}"
    return (
        '<svg class="plot swatch" viewBox="0 0 44 14" aria-hidden="true" focusable="false">'
        f'<path class="line {style}" d="M2 7H42"/>'
        f'<path class="point {style}" d="{MARKS[index % SERIES].format(x=22, y=7)}"/></svg>'
    )


def _value(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return one_line(str(value), 200)
