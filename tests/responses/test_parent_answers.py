"""The files of what the parents say by themselves, written and read back."""

from pathlib import Path

import pytest

from adamms.errors import SearchError
from adamms.responses import (
    LineWriter,
    Opinion,
    Response,
    donor_file,
    parent_line,
    read_donor,
    read_donors,
    read_opinions,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "recipe.yaml").write_text("")
    (tmp_path / "responses").mkdir()
    return tmp_path / "responses"


def said(id_: str, text: str = "red") -> Response:
    return Response(id_, 1.0, text, tokens=2, confidence=0.9, entropy=0.1, finished=True)


def test_a_donors_answers_read_back_and_go_on_behind_a_torn_line(folder: Path) -> None:
    with LineWriter(donor_file(folder)) as out:
        out.lines([parent_line(said("a"))])
        out.lines([parent_line(said("b", "blue \ud800"))])
    lines = donor_file(folder).read_bytes()
    assert lines.splitlines()[0] == (
        b'{"id": "a", "response": "red", "tokens": 2, "confidence": 0.9, "entropy": 0.1, "finished": true}'
    )
    donor_file(folder).write_bytes(lines[:-20])
    with LineWriter(donor_file(folder)) as out:
        out.lines([parent_line(said("b"))])

    for source in (folder, folder.parent, [folder / "alpha=0.00.jsonl"]):
        (donor,) = read_donors(source)
        assert donor.answers == {"a": said("a"), "b": said("b")}
        assert not donor.stand_in


def test_a_stand_in_says_so(folder: Path) -> None:
    with LineWriter(donor_file(folder)) as out:
        out.lines([parent_line(said("a"), stand_in=True)])
    assert read_donors(folder)[0].stand_in


def test_donors_are_numbered_where_there_are_several(folder: Path) -> None:
    for number in (1, 2, 3):
        with LineWriter(donor_file(folder, number, donors=3)) as out:
            out.lines([parent_line(said("a", f"by {number}"))])
    assert [donor.answers["a"].response for donor in read_donors(folder)] == ["by 1", "by 2", "by 3"]
    donor_file(folder, 2, donors=3).rename(folder / "donor-5.jsonl")
    with pytest.raises(SearchError, match=r"donor-2\.jsonl is missing"):
        read_donors(folder)


def test_files_of_such_names_outside_a_run_are_somebodys_own(tmp_path: Path) -> None:
    with LineWriter(tmp_path / "donor.jsonl") as out:
        out.lines([parent_line(said("a"))])
    assert read_donors(tmp_path) == ()
    assert read_opinions(tmp_path) is None
    assert read_donor(tmp_path / "donor.jsonl").answers == {"a": said("a")}


def test_an_opinion_reads_back(folder: Path) -> None:
    assert read_opinions(folder) is None
    with LineWriter(folder / "pretrained.jsonl") as out:
        out.lines([Opinion(-1.5, (-2.0,)).to_json("a")])
        out.lines([Opinion(-0.5, (-1.0, -3.0)).to_json("b")])
    first = (folder / "pretrained.jsonl").read_text().splitlines()[0]
    assert first == '{"id": "a", "base": -1.5, "donor": -2.0}'
    assert read_opinions(folder.parent) == {"a": Opinion(-1.5, (-2.0,)), "b": Opinion(-0.5, (-1.0, -3.0))}


@pytest.mark.parametrize(
    "line", ['{"id": "a", "base": 1, "donor": -1}', '{"id": "a", "base": -1}', '{"base": -1, "donor": -1}']
)
def test_what_is_no_opinion_is_named_with_its_line(folder: Path, line: str) -> None:
    (folder / "pretrained.jsonl").write_text(line + "\n")
    with pytest.raises(SearchError, match=r"pretrained\.jsonl, line 1: not .*log-probabilities"):
        read_opinions(folder)
