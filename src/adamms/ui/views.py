"""What the app shows, as HTML: a mapping, an answer, the answers over alpha, how far a search is, a report.

Names, answers and notes are others' text: `shown` makes hidden characters visible, `escape` everything text.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from adamms.reports.answer_grid import COLOURS, letter
from adamms.reports.html import shown
from adamms.reports.wording import parameters, percent
from adamms.responses import Response

if TYPE_CHECKING:
    from adamms.mapping import Group, ParameterMapping
    from adamms.ui.searches import Stage

HEIGHT = 820
"""Pixels of a report's frame."""


def mapping_view(
    mapping: "ParameterMapping", groups: "Sequence[Group]", names: tuple[str, str], notes: Sequence[str]
) -> str:
    """What maps and what would be left.

    Args:
        mapping: of both models.
        groups: its tensors in groups.
        names: base and donor, as the visitor knows them.
        notes: what both models and the mapping have to say.
    """
    totals = mapping.totals
    share = totals.parameters_merged / totals.parameters if totals.parameters else 0.0
    base, donor = map(_text, names)
    language = "" if mapping.share is None else f" {_text(mapping.verdict)}."
    said = "".join(f"<p class='am-note'>{_text(note)}</p>" for note in notes)
    return (
        f"<div class='am'><p><b>{base}</b> ← <b>{donor}</b></p>"
        f"<div class='am-bar' role='img' aria-label='{percent(share)} of the parameters take part'>"
        f"<span style='width:{100 * share:.1f}%'></span></div>"
        f"<p>{parameters(totals.parameters_merged)} of {parameters(totals.parameters)} parameters take part "
        f"(<b>{percent(share)}</b>): {totals.merged:,} tensors merged, {totals.partly:,} in part, "
        f"{totals.kept:,} kept from the base.{language}</p>"
        f"{said}{_groups('What is merged', [group for group in groups if group.status != 'kept'])}"
        f"{_groups('What is left as it is', [group for group in groups if group.status == 'kept'])}</div>"
    )


def _groups(title: str, groups: "Sequence[Group]") -> str:
    if not groups:
        return ""
    rows = "".join(
        f"<tr><td>{_text(group.title)}</td><td class='n'>{group.tensors:,}</td>"
        f"<td class='n'>{parameters(group.parameters)}</td>"
        f"<td>{_broken(group.donor)}{'<br>' if group.donor and group.status != 'merged' else ''}"
        f"{'' if group.status == 'merged' else _text(group.reason)}</td></tr>"
        for group in groups
    )
    heads = "<th>what</th><th class='n'>tensors</th><th class='n'>parameters</th><th>with, or why not</th>"
    return (
        f"<h2>{title}</h2><div class='am-scroll' tabindex='0' role='region' aria-label='{title}'>"
        f"<table><thead><tr>{heads}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def answer_view(response: Response) -> str:
    """One answer, large."""
    sure = "" if response.confidence is None else f", {percent(response.confidence)} sure"
    cut = "" if response.finished is not False else ", cut at the length limit"
    said = _text(response.response.strip()) or "<i>nothing</i>"
    return (
        f"<div class='am'><p class='am-said' dir='auto'>{said}</p>"
        f"<p class='am-soft'>alpha {response.alpha:g}{sure}{cut}</p></div>"
    )


def strip_view(answers: Mapping[float, Response], at: float | None) -> str:
    """The answers so far over alpha; equal ones have the same letter and colour, as in the report.

    Args:
        answers: alpha -> answer, to one question.
        at: the alpha that the slider stands at.
    """
    if not answers:
        return ""
    order: dict[str, int] = {}
    rows = []
    for alpha in sorted(answers):
        said = answers[alpha].response.strip()
        index = order.setdefault(said, len(order))
        confidence = answers[alpha].confidence
        rows.append(
            f"<tr{' class=am-at' if alpha == at else ''}><th scope='row' class='n'>{alpha:g}</th>"
            f"<td><span class='am-letter am-{min(index, COLOURS - 1)}'>{letter(index)}</span> "
            f"<span dir='auto'>{_text(said) or '<i>nothing</i>'}</span></td>"
            f"<td class='n'>{'–' if confidence is None else percent(confidence)}</td></tr>"
        )
    return (
        "<div class='am am-scroll' tabindex='0' role='region' aria-label='Answers over alpha'>"
        "<table class='am-strip'><thead><tr><th class='n'>alpha</th><th>answer</th>"
        f"<th class='n'>confidence</th></tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def stage_view(stage: "Stage") -> str:
    """How far a search is."""
    share = min(1.0, stage.done / stage.total) if stage.total else 0.0
    notes = "".join(f"<p class='am-soft'>{_text(note)}</p>" for note in stage.notes[-3:])
    count = f"{stage.done:,} of {stage.total:,} {_text(stage.unit)}" if stage.total else ""
    return (
        f"<div class='am' role='status'><p><b>{_text(stage.title)}</b> {count}</p>"
        f"<div class='am-bar'><span style='width:{100 * share:.1f}%'></span></div>{notes}</div>"
    )


def sentence_view(text: str, *, bold: bool = False) -> str:
    """A sentence."""
    return f"<div class='am'><p>{'<b>' if bold else ''}{_text(text)}{'</b>' if bold else ''}</p></div>"


def report_view(page: str) -> str:
    """A run's page in a frame of its own: it may run its script, and reaches nothing around it."""
    return (
        f"<iframe class='am-report' title='The report' sandbox='allow-scripts' height='{HEIGHT}' "
        f"srcdoc='{escape(page, quote=True)}'></iframe>"
    )


def _text(text: str) -> str:
    return escape(shown(text))


def _broken(name: str) -> str:
    """A tensor's name, which may break after its dots."""
    return f"<code>{_text(name).replace('.', '.<wbr>')}</code>" if name else ""
