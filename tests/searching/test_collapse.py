"""The collapse guard: what it must catch, and the honest tasks that must not trip it."""

import random
from collections.abc import Sequence

import pytest

from adamms.responses import Response
from adamms.searching.collapse import base_note, disqualification, ending_notes, is_looping


def said(texts: Sequence[str], *, finished: bool | None = None) -> list[Response]:
    return [Response(str(index), 0.0, text, finished=finished) for index, text in enumerate(texts)]


def shuffled(**counts: int) -> list[str]:
    texts = [text for text, count in counts.items() for _ in range(count)]
    return random.Random(0).sample(texts, len(texts))


MANY = [f"answer {number}" for number in range(100)]


@pytest.mark.parametrize(
    ("text", "finished"),
    [
        ("red red red red", None),
        ("a dog and a dog and a dog and a dog and a", None),
        ("I see. The cat sat. The cat sat. The cat sat. The cat", False),
        ("!!!!!!!!!!!!!!!!", None),
        ("很好很好很好很好", None),
        ("yes no no yes no yes yes no no no yes yes no no yes yes no", None),
        ("blue blue blue", False),
    ],
)
def test_a_loop_is_recognised(text: str, finished: bool | None) -> None:
    assert is_looping(Response("1", 0.0, text, finished=finished))


@pytest.mark.parametrize(
    ("text", "finished"),
    [
        ("", None),
        ("no", None),
        ("no, no, no", None),
        ("1000000", None),
        ("2024-11-11", None),
        ("The dog chases the cat, the cat chases the mouse, the mouse eats the cheese.", None),
        ("blue blue blue", None),
        ("ha ha ha ha ha ha", True),
        ("0 0 0 0 0 0 0 0", True),
        ("A sign that says stop, and below it a long description of the street. No no no no.", None),
        ("1. apple 2. pear 3. plum 4. fig 5. lime 6. kiwi 7. date 8. nut 9. bean", False),
    ],
)
def test_what_people_say_is_no_loop(text: str, finished: bool | None) -> None:
    assert not is_looping(Response("1", 0.0, text, finished=finished))


def test_empty_answers_disqualify() -> None:
    reason = disqualification(said([" \n"] * 40 + MANY[40:]), said(MANY))

    assert reason == "of 100 answers 40 are empty (base: 0)"


def test_endless_answers_disqualify_and_both_kinds_add_up() -> None:
    broken = said(["the the the the the"] * 15 + [""] * 15 + MANY[30:])

    reason = disqualification(broken, said(MANY))

    assert reason == "of 100 answers 15 are empty (base: 0) and 15 repeat themselves endlessly (base: 0)"


def test_answers_that_ended_by_themselves_are_not_endless() -> None:
    assert disqualification(said(["ha ha ha ha ha"] * 100, finished=True), said(["ha ha"] * 100)) is None


def test_a_task_whose_honest_answers_are_often_blank_does_not_trip_it() -> None:
    assert disqualification(said([""] * 70 + MANY[70:]), said([""] * 60 + MANY[60:])) is None


def test_a_few_odd_answers_do_not_trip_it() -> None:
    assert disqualification(said([""] * 10 + MANY[10:]), said(MANY)) is None
    assert disqualification(said(["", "b", "c", "d"]), said(["a", "b", "c", "d"])) is None


def test_saying_nothing_at_all_disqualifies_even_beside_a_base_that_does_the_same() -> None:
    nothing = said([""] * 100)

    assert disqualification(nothing, nothing) == "of 100 answers 100 are empty (base: 100)"
    note = base_note(nothing)
    assert note is not None
    assert "100 of 100" in note


def test_one_answer_to_everything_disqualifies_where_the_base_gives_many() -> None:
    reason = disqualification(said(["cat"] * 95 + MANY[95:]), said(MANY))

    assert reason == 'answers "cat" to 95 of 100 inputs, where the base gives 100 different answers'
    assert disqualification(said(["B"] * 100), said(shuffled(A=30, B=40, C=20, D=10))) is not None


@pytest.mark.parametrize(
    ("base", "candidate"),
    [
        (shuffled(yes=60, no=40), shuffled(yes=85, no=15)),
        (shuffled(yes=60, no=40), shuffled(yes=95, no=5)),
        (shuffled(yes=50, no=50), ["yes"] * 100),
        (shuffled(yes=45, no=45) + MANY[:10], ["yes"] * 95 + ["no"] * 5),
        (
            [f"Yes, there is a thing called {n}." for n in range(60)] + [f"No, no {n}." for n in range(40)],
            ["yes"] * 92 + ["no"] * 8,
        ),
        (["none"] * 80 + MANY[80:], ["none"] * 92 + MANY[92:]),
        (["same"] * 100, ["same"] * 100),
        (["a", "b", "c"], ["a", "a", "a"]),
        (MANY, MANY[::-1]),
        (MANY, ["cat"] * 80 + MANY[80:]),
    ],
)
def test_honest_tasks_do_not_trip_it(base: list[str], candidate: list[str]) -> None:
    assert disqualification(said(candidate), said(base)) is None
    assert base_note(said(base)) is None


def test_a_long_answer_is_shortened_in_the_reason() -> None:
    reason = disqualification(said(["x" * 200 + " end"] * 100), said(MANY))

    assert reason is not None
    assert len(reason) < 130


def test_a_long_answer_takes_no_long_time() -> None:
    text = "".join(random.Random(0).choices("abcde ", k=20_000))

    assert not is_looping(Response("1", 0.0, text, finished=False))


def test_models_whose_every_answer_ends_at_once_or_never_are_named() -> None:
    texts = ["red", "blue"] * 5
    assert ending_notes({"The base": said(texts, finished=True), "The donor": said(texts)}) == ()
    notes = ending_notes({"The base": said([""] * 9 + ["x"]), "The donor": said(texts, finished=False)})
    assert notes[0].startswith("The base says nothing to 9 of 10 inputs: look at the prompt")
    assert notes[1].startswith("The donor does not end 10 of 10 answers before the length limit")
    assert ending_notes({"The base": said([""] * 8 + ["x", "y"], finished=True)}) == ()
