"""The grid as data: letters, order, limits, and what a click shows."""

import json
from collections.abc import Sequence

import pytest

from adamms.reports.answer_grid import CELLS, Column, Grid, answer_grid, letter
from adamms.responses import Example, Response

COLUMNS = tuple(Column(f"{alpha:g}", "alpha", alpha == 0.2) for alpha in (0.0, 0.1, 0.2, 0.3))


def grid(
    answers: dict[str, Sequence[str]],
    *,
    columns: Sequence[Column] = COLUMNS,
    examples: dict[str, Example] | None = None,
) -> Grid:
    responses = {
        id_: [Response(id_, index / 10, text, confidence=0.5) for index, text in enumerate(said)]
        for id_, said in answers.items()
    }
    return answer_grid(
        columns, responses, compared=lambda each: each.response.strip().lower(), examples=examples or {}
    )


def letters(found: Grid, row: int) -> str:
    return "".join(cell.letter for cell in found.rows[row].cells)


def test_equal_answers_have_equal_letters_and_colours() -> None:
    found = grid({"q": ["red", "blue", " Red\n", "green"]})

    assert letters(found, 0) == "ABAC"
    assert [cell.colour for cell in found.rows[0].cells] == [0, 1, 0, 2]
    assert found.rows[0].changes == 3
    assert [
        found.details["inputs"][0]["texts"][each["text"]] for each in found.details["inputs"][0]["answers"]
    ] == [
        "red",
        "blue",
        "Red",
        "green",
    ]


def test_the_most_changeable_inputs_come_first_and_equals_keep_their_order() -> None:
    found = grid({"a": ["1"] * 4, "b": ["1", "2", "2", "2"], "c": ["1"] * 4, "d": ["1", "2", "1", "2"]})

    assert [row.id for row in found.rows] == ["d", "b", "a", "c"]
    assert (found.inputs, found.unchanged) == (4, 2)


def test_a_disqualified_candidate_changes_nothing() -> None:
    columns = (*COLUMNS[:3], Column("0.3", "alpha", disqualified="empty"))

    found = grid({"a": ["1", "1", "1", ""], "b": ["1", "2", "2", "2"]}, columns=columns)

    assert [row.id for row in found.rows] == ["b", "a"]
    assert found.unchanged == 1
    assert letters(found, 1) == "AAAB"


def test_a_right_answer_is_marked_where_the_truth_is_known() -> None:
    found = grid(
        {"a": ["Red ", "no", "The red.", "x"], "b": ["1"] * 4}, examples={"a": Example("a", (), "p", "red")}
    )

    # As `adamms eval` scores: letter case, articles and the full stop aside.
    assert [cell.is_right for cell in found.rows[0].cells] == [True, False, True, False]
    assert [cell.is_right for cell in found.rows[1].cells] == [None] * 4
    assert found.details["inputs"][0]["truth"] == "red"


def test_many_candidates_leave_room_for_fewer_inputs() -> None:
    columns = [Column(str(index), "alpha") for index in range(100)]

    found = grid({str(index): ["a"] * 100 for index in range(200)}, columns=columns)

    assert len(found.rows) == CELLS // 100 == len(found.details["inputs"])
    assert found.inputs == found.unchanged == 200


def test_very_long_answers_are_cut_until_the_page_is_small_and_say_so() -> None:
    found = grid(
        {str(index): [f"{index} {place} " + "长" * 100_000 for place in range(4)] for index in range(100)}
    )

    assert len(json.dumps(found.details, ensure_ascii=False).encode()) < 1_300_000
    text = found.details["inputs"][0]["texts"][0]
    assert text.startswith("0 0 长")
    assert text.endswith("… (100,004 characters)")
    assert all(len(cell.text) <= 61 for row in found.rows for cell in row.cells)


def test_hidden_characters_are_visible_in_what_a_click_shows() -> None:
    found = grid({"i\u202e": ["nul\x00", "\ud800", "a\u2028b", ""]})

    assert found.details["inputs"][0]["id"] == "i⟨U+202E⟩"
    assert found.details["inputs"][0]["texts"] == ["nul⟨U+0000⟩", "⟨U+D800⟩", "a⟨U+2028⟩b", ""]


@pytest.mark.parametrize(
    ("index", "name"), [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (702, "AAA")]
)
def test_letters_go_on_after_z(index: int, name: str) -> None:
    assert letter(index) == name
