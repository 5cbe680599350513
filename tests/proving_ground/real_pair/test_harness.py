"""The real pair's questions as tasks of lmms-eval, and the comparison of what it logged."""

import json
from pathlib import Path

import pytest
from PIL import Image

from adamms.errors import AdaMMSError
from proving_ground.real_pair.harness import PREFIX, TASKS, compare, write_tasks
from proving_ground.real_pair.published import Published

DATA = Path("docs/data/real-pair")


def test_questions_with_one_answer_become_parquet_with_their_pictures(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    (tmp_path / "data" / "pictures").mkdir(parents=True)
    (tmp_path / "data" / "questions").mkdir()
    Image.new("RGB", (8, 8), "red").save(tmp_path / "data" / "pictures" / "a.webp", lossless=True)
    lines = [
        {
            "id": f"{task}-{n}",
            "task": task,
            "picture": "a.webp",
            "prompt": "What?",
            "answer": "x",
            "answers": said,
        }
        for task in TASKS
        for n, said in enumerate((["x"], ["x", "y"]))
    ]
    text = "\n".join(map(json.dumps, lines))
    (tmp_path / "data" / "questions" / "reporting.jsonl").write_text(text)
    write_tasks(tmp_path / "data", tmp_path / "tasks", 5)
    rows = datasets.load_dataset(
        "parquet", data_files=str(tmp_path / "tasks" / "choice.parquet"), cache_dir=str(tmp_path / "hub")
    )["train"]
    assert rows["id"] == ["choice-0"]
    assert rows[0]["image"].size == (8, 8)
    assert f"task: {PREFIX}choice" in (tmp_path / "tasks" / "choice.yaml").read_text()


def test_no_questions_is_said(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    with pytest.raises(AdaMMSError, match="no questions of the real pair"):
        write_tasks(tmp_path, tmp_path / "tasks", 5)


def test_its_scores_stand_beside_ours_on_the_same_questions(tmp_path: Path) -> None:
    published = Published(DATA)
    said = dict(zip((line["id"] for line in published.questions), published.alone("llava-1"), strict=True))
    results, ids = {}, {}
    for task in TASKS:
        first = [line for line in published.questions if line["task"] == task][:4]
        results[f"{PREFIX}{task}"] = {"exact_match,none": 0.25}
        ids[task] = [line["id"] for line in first]
        answers = [said[line["id"]] for line in first[:3]] + ["something else"]
        lines = [{"doc_id": number, "filtered_resps": [text]} for number, text in enumerate(answers)]
        (tmp_path / f"1_samples_{PREFIX}{task}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "1_results.json").write_text(json.dumps({"results": results}))
    (tmp_path / "ids.json").write_text(json.dumps(ids))
    rows = compare(tmp_path, tmp_path, "llava-1", published)
    assert set(rows) == set(TASKS)
    assert all(row["questions"] == 4 and row["lmms_eval"] == 25 for row in rows.values())
    assert all(row["same_answers"] == 3 for row in rows.values())


def test_logs_of_no_run_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AdaMMSError, match="0 runs"):
        compare(tmp_path, tmp_path, "llava-1", Published(DATA))
