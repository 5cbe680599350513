"""Logs that harnesses really wrote, read back: lmms-eval's of three alphas, VLMEvalKit's of two."""

import json
import shutil
from pathlib import Path

import pytest

from adamms.errors import SearchError
from adamms.responses import read_responses
from adamms.searching import select

LOGS = Path(__file__).parents[1] / "data" / "harness_logs"


def test_alpha_is_the_recorded_one(tmp_path: Path) -> None:
    logs = shutil.copytree(LOGS / "lmms-eval", tmp_path / "alpha=0.90")  # the path says otherwise

    found = read_responses(logs)

    assert list(found) == [0.0, 0.1, 0.2]
    assert all(len(answers) == 20 for answers in found.values())
    assert found[0.1]["small_vqa:0"].response == "thirty"
    assert list(found[0.0]) == list(found[0.2])
    assert select(found).selected == 0.1


def test_without_records_the_path_says_it(tmp_path: Path) -> None:
    for number in (0, 0.1, 0.2):
        folder = tmp_path / f"alpha={number}"
        shutil.copytree(LOGS / "lmms-eval" / f"run-{number}", folder)
        for file in folder.glob("*_results.json"):
            file.unlink()

    assert list(read_responses(tmp_path)) == [0.0, 0.1, 0.2]


def test_a_pattern_finds_it_in_paths_and_in_arguments(tmp_path: Path) -> None:
    shutil.copytree(LOGS / "lmms-eval", tmp_path / "logs")
    assert list(read_responses(tmp_path, alpha_pattern=r",alpha=([\d.]+)")) == [0.0, 0.1, 0.2]
    assert list(read_responses(tmp_path, alpha_pattern=r"run-([\d.]+)/")) == [0.0, 0.1, 0.2]


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("run-[", "no regular expression"),
        ("run", "no group"),
        ("(run)", "not a number"),
        ("x(1)", "no alpha"),
    ],
)
def test_a_pattern_that_does_not_fit_is_told(pattern: str, said: str) -> None:
    with pytest.raises(SearchError, match=said):
        read_responses(LOGS / "lmms-eval", alpha_pattern=pattern)


def test_of_a_task_with_several_filters_the_first_is_read(tmp_path: Path) -> None:
    lines = [
        {"doc_id": doc, "filtered_resps": [answer], "filter": name}
        for name, answer in (("strict", "yes"), ("flexible", "y"))
        for doc in range(3)
    ]
    for number in ("0.00", "0.10"):
        (tmp_path / f"alpha={number}").mkdir()
        file = tmp_path / f"alpha={number}" / "20260101_000000_samples_t.jsonl"
        file.write_text("\n".join(map(json.dumps, lines)) + "\n")
    found = read_responses(tmp_path)
    assert {answer.response for answers in found.values() for answer in answers.values()} == {"yes"}
    assert list(found[0.1]) == ["t:0", "t:1", "t:2"]


def test_a_merged_model_says_what_it_was_merged_with(tmp_path: Path) -> None:
    merged = tmp_path / "merged"
    merged.mkdir()
    (merged / "adamms.json").write_text('{"alpha": 0.25}')
    logs = shutil.copytree(LOGS / "lmms-eval" / "run-0.1", tmp_path / "logs")
    (results,) = logs.glob("*_results.json")
    data = json.loads(results.read_text())
    data["config"]["model_args"] = f"pretrained={merged},device_map=auto"
    results.write_text(json.dumps(data))

    assert list(read_responses(logs)) == [0.25]


def test_resps_stand_in_for_filtered_ones(tmp_path: Path) -> None:
    log = tmp_path / "20250101_000000_samples_mme.jsonl"
    lines = [{"doc_id": 0, "resps": [["Yes"]]}, {"doc_id": 1, "filtered_resps": ["No"], "resps": [["No."]]}]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))

    answers = read_responses(log, alpha=0.3)[0.3]
    assert [answer.response for answer in answers.values()] == ["Yes", "No"]


ROWS = [
    {"index": 1, "question": "How many?\ntwo lines", "answer": "2", "prediction": "two"},
    {"index": 2, "question": "Is it?", "answer": "Yes", "prediction": None},
    {"index": 3, "question": "Which?", "answer": "B", "prediction": "tab\there"},
]


def write(file: Path, rows: list[dict[str, object]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".json":
        file.write_text(json.dumps(rows))
    elif file.suffix == ".tsv":
        import csv

        with file.open("w", newline="") as lines:
            table = csv.DictWriter(lines, list(rows[0]), delimiter="\t", quoting=csv.QUOTE_ALL)
            table.writeheader()
            table.writerows(rows)
    else:
        openpyxl = pytest.importorskip("openpyxl")
        book = openpyxl.Workbook()
        book.active.append(list(rows[0]))
        for row in rows:
            book.active.append(list(row.values()))
        book.save(file)


@pytest.mark.parametrize("kind", ["json", "tsv", "xlsx"])
def test_vlmevalkits_predictions(tmp_path: Path, kind: str) -> None:
    for alpha in ("0.1", "0.2"):
        folder = tmp_path / f"alpha={alpha}" / "merged"
        write(folder / f"merged_MMMU_DEV_VAL.{kind}", ROWS)
        # What a judge makes of the predictions holds them too, and is not a second answer.
        write(folder / f"merged_MMMU_DEV_VAL_exact_matching_result.{kind}", ROWS)
        (folder / "merged_MMMU_DEV_VAL_acc.csv").write_text('"split","Overall"\n"none","0.5"\n')
        (folder / "T20250101").mkdir()
        (folder / "T20250101" / f"merged_MMMU_DEV_VAL.{kind}").symlink_to(
            folder / f"merged_MMMU_DEV_VAL.{kind}"
        )

    found = read_responses(tmp_path)

    assert list(found) == [0.1, 0.2]
    answers = {id_: answer.response for id_, answer in found[0.1].items()}
    assert answers == {
        "MMMU_DEV_VAL:1": "two",
        "MMMU_DEV_VAL:2": "",
        "MMMU_DEV_VAL:3": "tab\there",
    }


def test_the_alpha_in_a_models_name_does_not_part_the_candidates(tmp_path: Path) -> None:
    for alpha in ("0.1", "0.2"):
        write(tmp_path / f"merged-alpha{alpha}_MME.tsv", ROWS)

    first, second = read_responses(tmp_path).values()
    assert list(first) == list(second)


def test_a_table_of_something_else_is_told(tmp_path: Path) -> None:
    write(tmp_path / "alpha=0.1.tsv", [{"index": 1, "text": "x"}])
    with pytest.raises(SearchError, match='columns "index" and "prediction"; here are: index, text'):
        read_responses(tmp_path / "alpha=0.1.tsv")
    (tmp_path / "alpha=0.1.json").write_text("{")
    with pytest.raises(SearchError, match=r"alpha=0\.1\.json cannot be read"):
        read_responses(tmp_path / "alpha=0.1.json")


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "cannot be read"), ("[]", "are empty"), ('[{"index": 1, "text": "x"}]', "columns")],
)
def test_a_candidate_is_not_lost_in_silence(tmp_path: Path, text: str, said: str) -> None:
    for alpha in ("0.1", "0.2", "0.3"):
        write(tmp_path / f"merged-alpha{alpha}_MME.json", ROWS)
    (tmp_path / "notes.json").write_text("{")
    assert list(read_responses(tmp_path)) == [0.1, 0.2, 0.3]
    (tmp_path / "merged-alpha0.2_MME.json").write_text(text)
    with pytest.raises(SearchError, match=rf"merged-alpha0\.2_MME\.json.* {said}"):
        read_responses(tmp_path)


def test_what_is_no_candidate_may_be_of_any_kind(tmp_path: Path) -> None:
    for alpha in ("0.1", "0.2"):
        folder = tmp_path / f"alpha={alpha}"
        write(folder / "T2" / "merged_MME.json", ROWS)
        (folder / "T1").mkdir()
        (folder / "T1" / "merged_MME.tsv").write_text("")  # a run that was stopped, and begun again
        (folder / "merged_MME.tsv").write_text("a summary")
    (tmp_path / "LMUData").mkdir()
    (tmp_path / "LMUData" / "MME.tsv").write_text("index\tquestion\n1\tWhat?\n")
    (tmp_path / "LLaVA_MME.tsv").write_text("")
    assert list(read_responses(tmp_path)) == [0.1, 0.2]
