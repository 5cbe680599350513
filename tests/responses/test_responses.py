"""Answers as files: written line by line, read back from ours and from lmms-eval's logs."""

import json
from pathlib import Path

import pytest

from adamms.errors import SearchError
from adamms.responses import (
    Response,
    ResponseWriter,
    read_donor_answers,
    read_responses,
    response_file,
)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    answers = [
        Response("a", 0.1, "yes\nor no", 3, 0.5, 0.25, True),
        Response("b", 0.1, "", 1, None, None, False),
        Response("a", 0.0, "猫 \u2028 \ud83d half", None),
    ]
    with ResponseWriter(tmp_path) as writer:
        for answer in answers:
            writer.write(answer)

    assert read_responses(tmp_path) == {0.0: {"a": answers[2]}, 0.1: {"a": answers[0], "b": answers[1]}}
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["alpha=0.00.jsonl", "alpha=0.10.jsonl"]
    first = json.loads(response_file(tmp_path, 0.1).read_text().splitlines()[0])
    assert list(first) == ["id", "alpha", "response", "tokens", "confidence", "entropy", "finished"]
    assert "猫" in response_file(tmp_path, 0.0).read_text(encoding="utf-8")


def test_an_answer_is_on_disk_when_write_returns(tmp_path: Path) -> None:
    with ResponseWriter(tmp_path) as writer:
        writer.write(Response("a", 0.1, "yes"))
        assert read_responses(tmp_path)[0.1]["a"].response == "yes"


@pytest.mark.parametrize("cut", range(1, 45))
def test_a_torn_last_line_is_dropped_and_written_over(tmp_path: Path, cut: int) -> None:
    with ResponseWriter(tmp_path) as writer:
        writer.write(Response("a", 0.1, "yes"))
        writer.write(Response("b", 0.1, "naïve"))
    path = response_file(tmp_path, 0.1)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    survivors = read_responses(tmp_path)[0.1]
    assert "a" in survivors

    with ResponseWriter(tmp_path) as writer:
        for id_, text in (("b", "naïve"), ("c", "no")):
            if id_ not in survivors:
                writer.write(Response(id_, 0.1, text))

    assert [answer.response for answer in read_responses(tmp_path)[0.1].values()] == ["yes", "naïve", "no"]


def test_a_damaged_line_before_the_last_is_an_error_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "alpha=0.10.jsonl"
    path.write_text('{"id": "a", "alpha": 0.1, "resp\n{"id": "b", "alpha": 0.1, "response": "x"}\n')

    with pytest.raises(SearchError, match=r"alpha=0\.10\.jsonl, line 1: not a JSON object"):
        read_responses(tmp_path)


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ('{"id": "a", "response": "x", "alpha": "0.1"}', "alpha must be a number"),
        ('{"id": "a", "response": "x", "alpha": 1.5}', "alpha must be a number"),
        ('{"id": "a", "response": "x", "alpha": NaN}', "alpha must be a number"),
        ('{"id": "a", "response": "x"}', "no alpha is known"),
        ('{"id": "a", "response": null, "alpha": 0.1}', "the response must be a text"),
        ('{"id": [1], "response": "x", "alpha": 0.1}', "the id must be"),
        ('{"id": "a", "response": "x", "alpha": 0.1, "tokens": NaN}', '"tokens" must be a finite number'),
        ('{"id": "a", "response": "x", "alpha": 0.1, "tokens": "3"}', '"tokens" must be a finite number'),
        (
            '{"id": "a", "response": "x", "alpha": 0.1, "confidence": 2}',
            '"confidence" must be a number from 0',
        ),
        ('{"id": "a", "response": "x", "alpha": 0.1, "entropy": -1}', '"entropy" must be a number from 0 up'),
        ('{"question": "a", "answer": "x"}', "its keys are: question, answer"),
        ("7", "not a JSON object"),
    ],
)
def test_a_line_of_another_kind_is_named(tmp_path: Path, line: str, part: str) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(line + "\n")

    with pytest.raises(SearchError, match=r"answers\.jsonl, line 1: ") as caught:
        read_responses(path)
    assert part in str(caught.value)


def test_an_input_answered_twice_is_an_error(tmp_path: Path) -> None:
    line = '{"id": "a", "alpha": 0.1, "response": "x"}\n'
    (tmp_path / "one.jsonl").write_text(line + line)

    with pytest.raises(SearchError, match=r'line 2: the input "a" is answered for alpha 0\.1 a second time'):
        read_responses(tmp_path / "one.jsonl")


def test_alphas_come_from_names_where_lines_lack_them_and_sort_as_numbers(tmp_path: Path) -> None:
    for name in ("alpha=0.5.jsonl", "alpha_0.05.jsonl", "alpha=0.30000000000000004.jsonl"):
        (tmp_path / name).write_text('{"id": 1, "response": 42}\n')

    read = read_responses(tmp_path)

    assert list(read) == [0.05, 0.3, 0.5]
    assert read[0.3]["1"].response == "42"


def test_an_empty_file_is_a_candidate_without_answers(tmp_path: Path) -> None:
    (tmp_path / "alpha=0.20.jsonl").touch()

    assert read_responses(tmp_path) == {0.2: {}}


def test_a_run_directory_single_files_and_several_folders_are_all_read(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "responses"
    folder.mkdir(parents=True)
    with ResponseWriter(folder) as writer:
        for alpha in (0.0, 0.1, 0.2):
            writer.write(Response("a", alpha, "x"))
    whole = read_responses(tmp_path / "run")

    assert list(whole) == [0.0, 0.1, 0.2]
    assert read_responses(folder) == whole
    assert read_responses([response_file(folder, alpha) for alpha in (0.2, 0.0, 0.1)]) == whole
    assert read_responses([folder, response_file(folder, 0.1)]) == whole


def test_lmms_eval_sample_logs_join_on_doc_id(tmp_path: Path) -> None:
    for alpha in ("0.1", "0.2"):
        folder = tmp_path / f"alpha_{alpha}" / "some__model"
        folder.mkdir(parents=True)
        lines = [
            {"doc_id": 0, "target": "yes", "filtered_resps": ["yes"], "doc_hash": "same"},
            {"doc_id": 1, "target": "no", "filtered_resps": [["no"]], "resps": [["No."]], "doc_hash": "same"},
            {"doc_id": 2, "target": "x", "filtered_resps": [], "doc_hash": "same"},
        ]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / "20260101_samples_mme.jsonl").write_text(text)
        (folder / "20260101_samples_gqa.jsonl").write_text(text)
        (folder / "20260101_results.json").write_text("{}")

    read = read_responses(tmp_path)

    assert list(read) == [0.1, 0.2]
    assert {id_: answer.response for id_, answer in read[0.1].items()} == {
        "gqa:0": "yes",
        "gqa:1": "no",
        "gqa:2": "",
        "mme:0": "yes",
        "mme:1": "no",
        "mme:2": "",
    }


def test_nothing_to_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="do not exist"):
        read_responses(tmp_path / "none")
    with pytest.raises(SearchError, match="There are no responses in"):
        read_responses(tmp_path)


def test_a_number_with_bytes_that_are_no_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "alpha=0.10.jsonl").write_bytes(b'{"id": "a", "response": "\xff"}\n{}\n')

    with pytest.raises(SearchError, match="line 1: not a JSON object"):
        read_responses(tmp_path)


def test_the_donors_own_answers_need_no_alpha(tmp_path: Path) -> None:
    file = tmp_path / "donor.jsonl"
    file.write_text('{"id": "a", "response": "yes"}\n{"id": "b", "response": "no", "alpha": 0.3}\n')

    assert {id_: each.response for id_, each in read_donor_answers(file).items()} == {"a": "yes", "b": "no"}
    with pytest.raises(SearchError, match="do not exist"):
        read_donor_answers(tmp_path / "none.jsonl")
