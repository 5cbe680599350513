"""A tiny run from end to end: models and answers lie where they are looked for, and nothing is made twice."""

import bz2
import dataclasses
from pathlib import Path

import pytest

from adamms.errors import AdaMMSError
from proving_ground import packages
from proving_ground.many import __main__ as command
from proving_ground.many.growing import Recipe
from proving_ground.many.making import Scale, ask_the_shipped, grow_and_ask
from proving_ground.many.pairs import ALL_TASKS
from proving_ground.many.records import (
    CANDIDATES,
    Asked,
    Header,
    Interview,
    read_interview,
    read_interviews,
    write_interview,
)
from proving_ground.pretraining import PretrainingSettings
from proving_ground.tuning import TuningSettings
from proving_ground.wording import short_form

TINY = Scale(
    recipe=Recipe(
        pretraining=PretrainingSettings(steps=2, batch=2, riddles=("home", "code")),
        tuning=TuningSettings(tagging_steps=1, alignment_steps=1, tuning_steps=1, batch=2, vision_rate=0.0),
        pictures=0.01,
        real=False,
    ),
    each=3,
    pairs=("split", "split, exchanged"),
)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    lines: list[str] = []
    grow_and_ask(folder, seed=1, scale=TINY, report=lines.append)
    assert any("theta_0 step 2/2" in line for line in lines)
    return folder


def test_the_answers_hold_what_a_signal_needs(out: Path) -> None:
    one, two = read_interviews(out / "answers")
    assert (one.header.pair, two.header.pair) == ("split, exchanged", "split")
    assert (two.header.base, two.header.donor) == (one.header.donor, one.header.base)
    assert one.header.kinds["home"] == "donor only" and two.header.kinds["home"] == "base only"
    assert one.header.seed == "1" and one.header.split == "held-out"
    assert set(one.tasks()) == set(ALL_TASKS) - {"digit"}  # digits are third parties' pictures
    for each in one.asked:
        assert len(each.given) == len(one.header.alphas)
        assert len(each.confidence) == len(one.header.alphas) + 1
        assert len(each.entropy) == CANDIDATES
        assert len(each.likelihood) == len(each.said)
        assert all(value <= 0 for row in each.likelihood for value in row)
        assert len(each.donor_likelihood) == len(each.ancestor_likelihood) == len(each.said)
        assert each.correct is None
        assert len(set(each.said)) == len(each.said)


def test_a_second_run_makes_nothing(out: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    lines: list[str] = []
    grow_and_ask(out, seed=1, scale=TINY, report=lines.append)
    assert lines == []
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()} == before


def test_answers_that_are_gone_are_given_again_by_the_same_models(out: Path) -> None:
    path = out / "answers" / "split.seed-1.jsonl.bz2"
    before = path.read_bytes()
    path.unlink()
    lines: list[str] = []
    grow_and_ask(out, seed=1, scale=TINY, report=lines.append)
    assert len(lines) == 1
    assert path.read_bytes() == before


def test_an_answer_in_a_sentence_counts_by_its_key_words(tmp_path: Path) -> None:
    scale = dataclasses.replace(TINY, each=2, pairs=("sentences",))
    grow_and_ask(tmp_path, seed=3, scale=scale, report=lambda line: None)
    (made,) = read_interviews(tmp_path / "answers")
    assert made.header.split == "development"
    for question in made.asked:
        assert question.correct == [
            number for number, text in enumerate(question.said) if short_form(text) == question.truth
        ]


def test_older_answers_without_opinions_are_read(out: Path, tmp_path: Path) -> None:
    made = read_interview(out / "answers" / "split.seed-1.jsonl.bz2")
    older = [
        dataclasses.replace(question, donor_likelihood=[], ancestor_likelihood=[]) for question in made.asked
    ]
    write_interview(tmp_path / "older.jsonl.bz2", Interview(made.header, older))
    text = bz2.decompress((tmp_path / "older.jsonl.bz2").read_bytes()).decode()
    assert "donor_likelihood" not in text and "correct" not in text
    assert read_interview(tmp_path / "older.jsonl.bz2").asked == older


def test_what_counts_as_right_decides_for_candidates_and_donor() -> None:
    question = Asked("a", "count", "one", ["it is one", "two"], given=[0, 1], alone=0, correct=[0])
    assert [question.right(0), question.right(1), question.donor_right()] == [True, False, True]
    plain = dataclasses.replace(question, correct=None)
    assert [plain.right(0), plain.right(1), plain.donor_right()] == [False, False, False]


def test_the_shipped_pairs_are_asked_as_they_are(tmp_path: Path) -> None:
    lines: list[str] = []
    scale = dataclasses.replace(TINY, each=2)
    ask_the_shipped(tmp_path, scale=scale, report=lines.append)
    made = read_interviews(tmp_path / "answers")
    assert len(made) == 8
    kinds = {each.header.pair: each.header.kinds for each in made}
    assert kinds["qwen2-vl-llava-onevision"]["price"] == "half"
    assert sorted(kinds["cogvlm-llava"].values()).count("same half") == 1


def test_what_is_written_is_read_and_anything_else_refused(out: Path, tmp_path: Path) -> None:
    path = out / "answers" / "split.seed-1.jsonl.bz2"
    made = read_interview(path)
    write_interview(tmp_path / "again.jsonl.bz2", made)
    assert (tmp_path / "again.jsonl.bz2").read_bytes() == path.read_bytes()
    assert isinstance(made.header, Header)
    (tmp_path / "torn.jsonl.bz2").write_bytes(path.read_bytes()[:200])
    with pytest.raises(AdaMMSError, match=r"torn\.jsonl\.bz2 holds no answers"):
        read_interview(tmp_path / "torn.jsonl.bz2")
    with pytest.raises(AdaMMSError, match=r"proving_ground\.many"):
        read_interviews(tmp_path / "nowhere")


def test_missing_packages_are_named_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    assert command.main(["--out", str(tmp_path / "many")]) == 2
    assert "pip install scikit-learn" in capsys.readouterr().err
    assert not (tmp_path / "many").exists()


@pytest.mark.parametrize("options", [["--stress"], ["--seeds", "4"], ["--stress", "--seeds", "3", "2"]])
def test_stress_pairs_have_seeds_of_their_own(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command.main(["--out", str(tmp_path / "many"), *options])
    assert "stress pairs (--stress) have seeds from 3 on" in capsys.readouterr().err
    assert not (tmp_path / "many").exists()
