"""Searches and evaluations on inputs that are in no file of the user's own: the run keeps them."""

import base64
import json
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

import adamms
from adamms.answering.engine import EngineOptions
from adamms.evaluation.task_files import TaskFile, evaluate_model
from adamms.reports.page import build_report
from adamms.responses.inputs import InputSource, read_inputs
from adamms.zoo import shipped_pair

PAIR = shipped_pair()
SMALL = {"alphas": "0,0.3,0.6", "max_new_tokens": 3, "exhaustive": True, "rule": "any", "ends": "all"}
COUNT = 4


def chosen_from(run: Path) -> Any:
    selection = json.loads((run / "selection.json").read_text())
    return selection["candidates"]


def test_records_in_memory_are_asked_as_their_file_is(tmp_path: Path) -> None:
    examples = read_inputs(PAIR.inputs)[:COUNT]
    records = []
    for example in examples:
        with Image.open(example.images[0]) as picture:
            records.append(
                {"id": example.id, "image": picture.copy(), "question": f"<image>{example.prompt}"}
            )
    file = tmp_path / "inputs.jsonl"
    lines = [
        {"id": example.id, "image": str(example.images[0]), "prompt": example.prompt} for example in examples
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))

    plain = adamms.search(PAIR.base, PAIR.donor, file, tmp_path / "plain", **SMALL).path
    run = adamms.search(PAIR.base, PAIR.donor, records, tmp_path / "run", **SMALL).path

    assert chosen_from(run) == chosen_from(plain)
    assert not (plain / "inputs").exists()
    asked = yaml.safe_load((run / "recipe.yaml").read_text())["search"]
    assert asked["inputs"] == "inputs/inputs.jsonl"
    kept = read_inputs(run / "inputs" / "inputs.jsonl")
    assert [(example.id, example.prompt) for example in kept] == [(row.id, row.prompt) for row in examples]
    moved = run.rename(tmp_path / "moved")
    page = build_report(moved).read_text()
    assert page.count("data:image/png;base64,") >= COUNT
    assert examples[0].prompt in page
    again = adamms.recipes.recipe.read_recipe(moved / "recipe.yaml")
    assert again.search is not None
    assert again.search.inputs == str(moved / "inputs" / "inputs.jsonl")


def test_a_table_with_pictures_inside_is_evaluated_and_gone_on_with(tmp_path: Path) -> None:
    answers = {
        record["id"]: record["answer"] for record in map(json.loads, PAIR.answers.read_text().splitlines())
    }
    rows = ["index\timage\tquestion\tanswer"]
    for example in read_inputs(PAIR.inputs)[:COUNT]:
        picture = base64.b64encode(example.images[0].read_bytes()).decode()
        answer = answers[example.id]
        rows.append(
            f"{example.id}\t{picture}\t{example.prompt}\t{answer if isinstance(answer, str) else answer[0]}"
        )
    table = tmp_path / "table.tsv"
    table.write_text("\n".join(rows) + "\n")
    task, engine = TaskFile(InputSource(table)), EngineOptions(max_new_tokens=3)

    evaluation = evaluate_model(str(PAIR.base), task, engine=engine, out=tmp_path / "scores")

    assert evaluation.total.count == COUNT
    assert evaluation == evaluate_model(str(PAIR.base), task, engine=engine)
    assert json.loads((tmp_path / "scores" / "scores.json").read_text())["inputs"] == str(table)
    assert len(list((tmp_path / "scores" / "inputs" / "files").iterdir())) <= COUNT
