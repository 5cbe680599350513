"""A sample has so many questions of every task, is the same again, and part of a larger one."""

from proving_ground.real_pair.sampling import parts_of, sample_name, sampled

LINES = [{"id": f"{task}-{number}", "task": task} for task in ("choice", "naming") for number in range(30)]


def _ids(number: int, lines: list[dict[str, str]] = LINES) -> list[str]:
    return [line["id"] for line in sampled(lines, number)]


def test_every_task_has_so_many_in_their_order() -> None:
    chosen = sampled(LINES, 5)
    assert [line["task"] for line in chosen] == ["choice"] * 5 + ["naming"] * 5
    assert chosen == [line for line in LINES if line in chosen]
    assert chosen[:5] != LINES[:5]


def test_a_smaller_sample_is_part_of_a_larger_and_other_tasks_do_not_matter() -> None:
    assert set(_ids(5)) < set(_ids(9))
    assert _ids(5, LINES[30:]) == _ids(5)[5:]
    assert _ids(40) == [line["id"] for line in LINES]


def test_a_sample_s_name_says_what_it_is_of() -> None:
    assert parts_of(sample_name("text-reporting", 40)) == ("text-reporting", 40)
    assert parts_of(sample_name("reporting", None)) == ("reporting", None)
