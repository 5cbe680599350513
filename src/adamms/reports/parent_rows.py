"""The donors in the table of candidates: what they say by themselves, beside what candidates say.

A donor is no candidate and has no score. What a reader asks is how often the chosen candidate says the same,
and how often the donor is right where that is known.
"""

from collections.abc import Mapping, Sequence

from adamms.reports.selection_tables import CandidateRow
from adamms.reports.wording import percent
from adamms.responses import DonorAnswers, Example, Response
from adamms.searching import Selection
from adamms.searching.answer_table import comparable

DASH = "–"


def parent_rows(
    selection: Selection,
    donors: Sequence[DonorAnswers],
    chosen: Mapping[str, Response],
    examples: Mapping[str, Example],
    *,
    accuracy: bool = False,
    scored: bool = False,
) -> list[CandidateRow]:
    """One row a donor that was asked.

    Args:
        selection: the choice.
        donors: their answers.
        chosen: the chosen candidate's answers by input id.
        examples: the inputs by id, as far as they are known.
        accuracy: whether the table has a column of accuracies.
        scored: whether it has one of scores.
    """
    rows = []
    for number, donor in enumerate(donors, start=1):
        shared = [id_ for id_ in donor.answers if id_ in chosen]
        alike = sum(_text(selection, donor.answers[id_]) == _text(selection, chosen[id_]) for id_ in shared)
        name = donor_name(number, len(donors))
        who = "alpha 1 in its stead" if donor.stand_in else "by itself"
        says = f"; says what the chosen one says on {alike:,} of {len(shared):,} inputs" if shared else ""
        rows.append(
            CandidateRow(
                alpha=name,
                score=DASH if scored else "",
                differences=DASH,
                previous=DASH,
                next=DASH,
                accuracy=_accuracy(donor, examples) if accuracy else "",
                status=f"{who}{says}",
                kind="parent",
            )
        )
    return rows


def donor_name(number: int, donors: int) -> str:
    """A donor as tables and the grid call it."""
    return f"donor {number}" if donors > 1 else "donor"


def _text(selection: Selection, response: Response) -> str:
    return comparable(response, fold_case=selection.fold_case, strip=selection.strip)


def _accuracy(donor: DonorAnswers, examples: Mapping[str, Example]) -> str:
    from adamms.evaluation.labels import Label
    from adamms.evaluation.metrics import exact

    known = {id_: examples[id_].answer for id_ in donor.answers if id_ in examples}
    scores = [
        exact(donor.answers[id_].response, Label((answer,)))
        for id_, answer in known.items()
        if answer is not None
    ]
    return percent(sum(scores) / len(scores)) if scores else DASH
