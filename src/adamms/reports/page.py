"""report.html: one self-contained page that shows what a search did and why it chose what it chose.

Rebuilt at any time from the run directory alone; the inputs' prompts and images are taken from where the
recipe says they lie, if they are still there. Only says what goes where; how it looks is the template's
matter.
"""

from pathlib import Path
from typing import Any

from adamms.mapping.grouping import tensor_rows
from adamms.reports.answer_grid import PARENT, Column, Grid, answer_grid
from adamms.reports.curve import curve_panels, in_words
from adamms.reports.html import render, write_page
from adamms.reports.model_card import loading_code
from adamms.reports.parent_rows import donor_name, parent_rows
from adamms.reports.plots import NARROW, WIDE
from adamms.reports.reproduce import search_command
from adamms.reports.run_files import RunFiles, read_run
from adamms.reports.selection_tables import accuracy_heading, candidate_rows, meaning, shows_scores
from adamms.reports.svg import line_plot
from adamms.reports.wording import short_name
from adamms.searching import Selection
from adamms.searching.answer_table import comparable
from adamms.searching.consistency import RULES
from adamms.searching.selection import is_base

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
        OutputError: the page cannot be written there.
    """
    run_dir = Path(run_dir)
    return write_page(render_page(read_run(run_dir)), run_dir / "report.html")


def render_page(run: RunFiles) -> str:
    """The page as text."""
    return render("page.html.j2", _contents(run))


def run_grid(run: RunFiles) -> Grid:
    """A run's answers, a column a candidate that answered, and one for each donor."""
    selection = run.selection
    candidates = [candidate for candidate in selection.candidates if candidate.alpha in run.responses]
    columns = [
        Column(
            f"{candidate.alpha:g}",
            selection.setting,
            candidate.alpha == selection.selected,
            candidate.disqualified,
        )
        for candidate in candidates
    ]
    columns += [
        Column(donor_name(place, len(run.donors)), PARENT, is_parent=True)
        for place in range(1, len(run.donors) + 1)
    ]
    answered = [run.responses[candidate.alpha] for candidate in candidates]
    answered += [donor.answers for donor in run.donors]
    answers = {
        id_: [answers[id_] for answers in answered]
        for id_ in answered[0]
        if all(id_ in answers for answers in answered)
    }
    return answer_grid(
        columns,
        answers,
        compared=lambda response: comparable(response, fold_case=selection.fold_case, strip=selection.strip),
        examples=run.examples,
    )


def _contents(run: RunFiles) -> dict[str, Any]:
    from markupsafe import Markup

    selection, totals = run.selection, run.mapping.totals
    names = {role: short_name(str(run.recipe.get(role, ""))) or role for role in ("base", "donor")}
    return {
        "headline": headline(selection),
        "verdict": selection.verdict,
        "names": names,
        "selection": selection,
        # Only consistency looks at neighbours.
        "ends": ENDS.get(selection.ends or "", selection.ends) if selection.rule in RULES else None,
        "totals": totals,
        "share": totals.parameters_merged / totals.parameters if totals.parameters else 0.0,
        "mapping": run.mapping,
        "groups": run.groups,
        "tensors": tensor_rows(run.mapping),
        "meaning": meaning(selection),
        "candidates": candidate_rows(selection, run.accuracy),
        "parents": parent_rows(
            selection,
            run.donors,
            run.responses.get(selection.selected, {}),
            run.examples,
            accuracy=bool(run.accuracy),
            scored=shows_scores(selection),
        ),
        "scored": shows_scores(selection),
        # By reading, candidates give no answers to compare.
        "answered": selection.reading is None,
        "consistent": selection.rule in RULES,
        "accuracy_heading": accuracy_heading(selection),
        "accuracy": run.accuracy,
        "accuracy_facts": _accuracy_facts(run),
        "plots": [Markup(_plot(run, width)) for width in (WIDE, NARROW)],
        "grid": run_grid(run),
        # What chose is in the table of candidates; alone it has nothing beside it.
        "signals": [] if [signal.name for signal in run.signals] == [selection.rule] else run.signals,
        "repeats": run.repeats,
        "recipe": run.recipe_text,
        "command": search_command(run.recipe),
        "loading": "\n".join(loading_code(run.config, "merged")) if run.config else None,
    }


def headline(selection: Selection) -> str:
    """What to do, in a few words."""
    if is_base(selection):
        return "Do not merge"
    return f"Merge with {selection.setting} = {selection.selected:g}"


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


def _plot(run: RunFiles, width: int) -> str:
    selection = run.selection
    panels = curve_panels(selection, run.accuracy)
    return line_plot(
        panels,
        name=f"curve-{width}",
        title=f"The candidates by {selection.setting}",
        description=in_words(selection, panels),
        x_label=meaning(selection),
        marked=selection.selected,
        width=width,
    )
