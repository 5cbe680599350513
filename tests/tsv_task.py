"""A data set of VLMEvalKit's in a TSV file, from labelled inputs: yes or no, pictures as base64."""

import base64
import csv
import json
from pathlib import Path


def write_tsv(inputs: Path, answers: Path, file: Path, number: int) -> list[dict[str, str]]:
    """Write `number` yes-no questions and return their rows."""
    true = {each["id"]: each["answer"] for each in map(json.loads, answers.read_text().splitlines())}
    asked = [json.loads(line) for line in inputs.read_text().splitlines()]
    asked = [each for each in asked if true[each["id"]] in ("yes", "no")][:number]
    rows = []
    for index, each in enumerate(asked):
        picture = base64.b64encode((inputs.parent / each["image"]).read_bytes()).decode()
        letter = "A" if true[each["id"]] == "yes" else "B"
        rows.append(
            {
                "index": str(index),
                "question": each["prompt"],
                "answer": letter,
                "image": picture,
                "A": "yes",
                "B": "no",
            }
        )
    with file.open("w", newline="", encoding="utf-8") as lines:
        table = csv.DictWriter(lines, list(rows[0]), delimiter="\t", quoting=csv.QUOTE_ALL)
        table.writeheader()
        table.writerows(rows)
    return rows
