"""report.html: one self-contained page that shows what a search did and why it chose what it chose.

Rebuilt at any time from the run directory alone. The page loads nothing: styles, drawing and thumbnails are
in it, and its content policy forbids the rest. All texts reach the template as plain strings, which jinja2
escapes; the drawing alone is markup, and escapes its own.
"""

from pathlib import Path
from typing import Any

from adamms.reports.answers import answer_rows, count_unchanged
from adamms.reports.candidate_rows import ACCURACY, candidate_rows
from adamms.reports.model_card import loading_code
from adamms.reports.parents import short_name
from adamms.reports.plots import Panel, line_plot
from adamms.reports.quantities import number, parameters, percent
from adamms.reports.run_files import RunFiles, read_run
from adamms.version import __version__

TEMPLATE = "page.html.j2"

ENDS = {
    "interior": "the first and the last alpha are not scored",
    "all": "the first and the last alpha are scored by their one neighbour",
    "all but the first": "the first alpha is not scored",
}


def build_report(run_dir: str | Path) -> Path:
    """Write report.html into a finished run directory.

    Returns:
        The file written.

    Raises:
        SearchError: the directory is not a finished search, or a file of it is damaged.
    """
    run_dir = Path(run_dir)
    page = render_page(read_run(run_dir))
    target, partial = run_dir / "report.html", run_dir / ".report.html.partial"
    # A lone surrogate in an answer has no UTF-8 form.
    partial.write_bytes(page.encode("utf-8", "replace"))
    partial.replace(target)
    return target


def render_page(run: RunFiles) -> str:
    """The page as text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "percent": percent, "parameters": parameters}
    return environment.get_template(TEMPLATE).render(plot=Markup(_plot(run)), **_contents(run))


def _contents(run: RunFiles) -> dict[str, Any]:
    selection, totals = run.selection, run.mapping.totals
    names = {role: short_name(str(run.recipe.get(role, ""))) or role for role in ("base", "donor")}
    return {
        "headline": "Do not merge"
        if selection.selected == 0
        else f"Merge with alpha = {selection.selected:g}",
        "verdict": selection.verdict,
        "names": names,
        "selection": selection,
        "ends": ENDS.get(selection.ends or "", selection.ends),
        "totals": totals,
        "share": totals.parameters_merged / totals.parameters if totals.parameters else 0.0,
        "mapping": run.mapping,
        "groups": run.groups,
        "candidates": candidate_rows(selection, run.accuracy),
        "accuracy_heading": ACCURACY,
        "accuracy": _accuracy_facts(run),
        "answers": answer_rows(run.responses, selection, run.examples),
        "unchanged": count_unchanged(run.responses, selection),
        "recipe": run.recipe_text,
        "search": run.recipe.get("search") or {},
        "loading": "\n".join(loading_code(run.config, "merged")) if run.config else None,
        "version": __version__,
    }


def _accuracy_facts(run: RunFiles) -> dict[str, Any] | None:
    """The chosen candidate's accuracy beside the best one's and the smallest alpha's, for the reader only."""
    if not run.accuracy:
        return None
    by_alpha = run.accuracy
    best = max(by_alpha, key=lambda alpha: (by_alpha[alpha], -alpha))
    lowest = min(by_alpha)
    return {
        "chosen": by_alpha.get(run.selection.selected),
        "best": by_alpha[best],
        "best_alpha": f"{best:g}",
        "lowest": by_alpha[lowest],
        "lowest_alpha": f"{lowest:g}",
    }


def _plot(run: RunFiles) -> str:
    selection = run.selection
    points = [(each.alpha, each.differences) for each in selection.candidates]
    panels = [Panel("Differences to neighbours (fewer: more consistent)", points, number, "--series-1")]
    if run.accuracy:
        panels.append(
            Panel(
                "Accuracy (not used by the search)",
                [(each.alpha, run.accuracy.get(each.alpha)) for each in selection.candidates],
                percent,
                "--series-2",
                percent=True,
            )
        )
    told = "; ".join(f"alpha {alpha:g}: {number(value)}" for alpha, value in points if value is not None)
    return line_plot(
        panels,
        title="Consistency against alpha",
        description=f"Differences to neighbours: {told}. Chosen: alpha {selection.selected:g}.",
        x_label="alpha, the donor's weight",
        chosen=selection.selected,
        crossed=[each.alpha for each in selection.candidates if each.disqualified],
    )
