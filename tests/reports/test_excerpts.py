"""A long answer is shown where it differs, in the room that there is."""

import pytest

from adamms.reports.excerpts import Part, excerpt

SAID = "A man in a {} jacket stands beside a parked bicycle near the harbour, and two {} fly over it"


def test_the_difference_is_in_sight_and_marked() -> None:
    parts = excerpt(SAID.format("red", "gulls"), SAID.format("red", "birds"), 30)

    assert parts == (
        Part("…", False),
        Part("two", False),
        Part("gulls", True),
        Part("fly over it", False),
    )


def test_what_lies_between_two_differences_is_marked_with_them() -> None:
    parts = excerpt("one two three four five", "one 2 three 4 five", 60)

    assert parts == (Part("one", False), Part("two three four", True), Part("five", False))


def test_an_excerpt_ends_where_the_room_does() -> None:
    parts = excerpt(SAID.format("red", "gulls"), SAID.format("blue", "birds"), 30)

    assert parts == (Part("…", False), Part("in a", False), Part("red jacket stands besid…", True))


@pytest.mark.parametrize(
    ("text", "other", "said"),
    [
        ("lima", "tokyo", "lima"),
        ("a red square", "a blue square", "a red square"),
        ("nothing is like the other", "all of it was said", "nothing is like the other"),
        ("the only answer to this input", None, "the only answer to this input"),
        ("three words or more, here", "three words or more, here and on", "three words or more, here"),
        ("", "some words and some more", ""),
        ("w" * 50, "some words and some more", "w" * 20 + "…"),
    ],
)
def test_nothing_is_marked_where_marking_tells_nothing(text: str, other: str | None, said: str) -> None:
    parts = excerpt(text, other, 20 if len(text) == 50 else 60)

    assert [part.text for part in parts] == [said]
    assert not any(part.differs for part in parts)


def test_hidden_characters_become_visible() -> None:
    parts = excerpt("turned \u202e around it is", "turned x around it is", 60)

    assert parts[1] == Part("⟨U+202E⟩", True)
