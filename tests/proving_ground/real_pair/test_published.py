"""The published answers give the page: the figures by other means, the page by the same."""

import bz2
import json
from pathlib import Path

import pytest

from proving_ground.real_pair.markdown import reflowed
from proving_ground.real_pair.page import write_page

DATA = Path("docs/data/real-pair")
PAGE = Path("docs/real-pair.md")


def _lines(name: str) -> list[dict]:  # type: ignore[type-arg]
    with bz2.open(DATA / f"{name}.jsonl.bz2", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _results() -> dict:  # type: ignore[type-arg]
    return json.loads((DATA / "results.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def test_the_page_is_written_from_the_results(tmp_path: Path) -> None:
    names = [name for name in ("text", "log", "harness") if (DATA / f"{name}.json").exists()]
    kept = {name: json.loads((DATA / f"{name}.json").read_text(encoding="utf-8")) for name in names}
    write_page(tmp_path / "page.md", _results(), **kept)
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")
    drawn = PAGE.parent / "images" / "real-pair.svg"
    assert (tmp_path / "images" / "real-pair.svg").read_bytes() == drawn.read_bytes()


@pytest.mark.parametrize("pair", ["llava-1--internvl-2", "owl-2--llava-1"])
def test_curves_of_yes_and_no_can_be_recounted(pair: str) -> None:
    questions, (header, *asked) = _lines("questions"), _lines(pair)
    wanted = [number for number, line in enumerate(questions) if line["task"] == "existence"]
    for place in range(len(header["alphas"])):
        right = [
            asked[number]["said"][asked[number]["given"][place]]
            .lower()
            .startswith(questions[number]["answers"][0])
            for number in wanted
        ]
        share = 100 * sum(right) / len(right)
        assert share == pytest.approx(_results()["curves"][pair]["tasks"]["existence"][place])


def test_a_rule_can_be_recounted_from_what_is_marked_right() -> None:
    header, *asked = _lines("llava-1--internvl-2")
    relation = [line for line in asked if line["task"] == "relation"]
    base = sum(line["given"][0] in line["correct"] for line in relation) / len(relation)
    assert 100 * base == pytest.approx(_results()["curves"]["llava-1--internvl-2"]["tasks"]["relation"][0])
    assert header["alphas"][:7] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]


def test_prose_is_broken_and_tables_are_not() -> None:
    table = f"| {'a' * 130} |\n| --- |"
    assert reflowed(table) == table
    assert max(map(len, reflowed("word " * 60).split("\n"))) <= 110
    assert reflowed("- one\n  two\n- three") == "- one two\n- three"
