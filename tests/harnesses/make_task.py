"""Run with lmms-eval's python: makes a task of lmms-eval from labelled inputs, offline, in a parquet file.

python make_task.py INPUTS.jsonl ANSWERS.jsonl OUT [NUMBER]
"""

import json
import sys
from pathlib import Path

import datasets

YAML = """\
task: small_vqa
dataset_path: parquet
dataset_kwargs:
  data_files:
    test: {data}
test_split: test
output_type: generate_until
doc_to_visual: image
doc_to_text: "{{{{question}}}}"
doc_to_target: answer
generation_kwargs:
  max_new_tokens: 8
  temperature: 0
  do_sample: false
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
    ignore_case: true
    ignore_punctuation: true
metadata:
  version: 1.0
"""


def main(inputs: Path, answers: Path, out: Path, number: int) -> None:
    true = {each["id"]: each["answer"] for each in map(json.loads, answers.read_text().splitlines())}
    asked = [json.loads(line) for line in inputs.read_text().splitlines()][:number]
    rows = {
        "id": [each["id"] for each in asked],
        "question": [each["prompt"] for each in asked],
        "answer": [true[each["id"]] for each in asked],
        "image": [{"bytes": (inputs.parent / each["image"]).read_bytes(), "path": None} for each in asked],
    }
    data = datasets.Dataset.from_dict(rows).cast_column("image", datasets.Image())
    out.mkdir(parents=True, exist_ok=True)
    file = out / "small_vqa.parquet"
    data.to_parquet(file)
    (out / "small_vqa.yaml").write_text(YAML.format(data=file.absolute()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
