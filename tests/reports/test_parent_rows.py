"""The donor has a row of its own in the table of candidates."""

from adamms.reports.parent_rows import parent_rows
from adamms.responses import DonorAnswers, Example, Response, Responses
from adamms.searching import select


def donor(says: dict[str, str], *, stand_in: bool = False) -> DonorAnswers:
    return DonorAnswers({id_: Response(id_, 1.0, text) for id_, text in says.items()}, stand_in)


def test_a_donor_says_how_often_the_chosen_one_agrees_and_how_often_it_is_right(responses: Responses) -> None:
    selection = select(responses)
    chosen = {id_: Response(id_, 0.3, text) for id_, text in {"a": "red", "b": "blue", "c": "no"}.items()}
    examples = {id_: Example(id_, (), "?", answer) for id_, answer in {"a": "red", "b": None}.items()}

    (row,) = parent_rows(
        selection, [donor({"a": "Red ", "b": "blue", "d": "x"})], chosen, examples, accuracy=True
    )

    assert (row.alpha, row.kind, row.differences) == ("donor", "parent", "–")
    assert row.status == "by itself; says what the chosen one says on 1 of 2 inputs"
    assert row.accuracy == "100.0%"


def test_several_donors_are_numbered_and_stand_ins_said(responses: Responses) -> None:
    rows = parent_rows(select(responses), [donor({"a": "x"}), donor({"a": "y"}, stand_in=True)], {}, {})

    assert [(row.alpha, row.status, row.accuracy) for row in rows] == [
        ("donor 1", "by itself", ""),
        ("donor 2", "alpha 1 in its stead", ""),
    ]


def test_what_is_not_known_is_a_dash(responses: Responses) -> None:
    (row,) = parent_rows(select(responses), [donor({"a": "x"})], {}, {}, accuracy=True, scored=True)

    assert (row.accuracy, row.score) == ("–", "–")
