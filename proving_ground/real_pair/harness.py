"""The real pair's questions as local tasks of lmms-eval, and its scores beside ours.

`python -m proving_ground.real_pair.harness tasks --from RUN --out TASKS` writes parquet files and what
lmms-eval reads of them; `... scores LOGS --tasks TASKS --out harness.json` joins what it then logged with the
published answers to the same questions. Only questions with one true answer are written: lmms-eval's
`exact_match` compares with one text.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adamms.errors import AdaMMSError
from proving_ground.real_pair.published import Published
from proving_ground.real_pair.sampling import sampled

TASKS = ("existence", "choice", "relation")
"""Tasks whose rule and lmms-eval's `exact_match` mean the same where an answer is short."""
PREFIX = "real_pair_"
IDS = "ids.json"
"""Beside the tasks: whose row is whose question. lmms-eval logs no columns, only a row's number."""
YAML = """\
task: {prefix}{task}
dataset_path: parquet
dataset_kwargs:
  data_files:
    test: {data}
test_split: test
output_type: generate_until
doc_to_visual: image
doc_to_text: "{{{{prompt}}}}"
doc_to_target: answer
generation_kwargs:
  max_new_tokens: 10
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and do it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m proving_ground.real_pair.harness", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    tasks = commands.add_parser("tasks", help="write the tasks")
    tasks.add_argument("--from", dest="source", type=Path, default=Path(".zoo/real-pair"))
    tasks.add_argument("--out", type=Path, required=True)
    tasks.add_argument("--questions", type=int, default=60, help="of a task")
    scores = commands.add_parser("scores", help="put what lmms-eval logged beside the published answers")
    scores.add_argument("logs", type=Path)
    scores.add_argument("--tasks", type=Path, required=True, help="the tasks that were asked")
    scores.add_argument("--model", default="llava-1", help="the sibling that was asked")
    scores.add_argument("--data", type=Path, default=Path("docs/data/real-pair"))
    scores.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        if options.command == "tasks":
            write_tasks(options.source / "data", options.out, options.questions)
            return 0
        compared = compare(options.logs, options.tasks, options.model, Published(options.data))
    except AdaMMSError as error:
        print(error, file=sys.stderr)
        return 2
    text = json.dumps({"model": options.model, "tasks": compared}, indent=1) + "\n"
    options.out.write_text(text, encoding="utf-8")
    print(text, end="")
    return 0


def write_tasks(data: Path, out: Path, number: int) -> None:
    """Write so many reporting questions of each task as a task of lmms-eval, pictures inside.

    Args:
        data: the folder with `questions` and `pictures`.
        out: becomes lmms-eval's `--include_path`.
        number: of questions a task.

    Raises:
        AdaMMSError: there are no questions.
    """
    import datasets

    path = data / "questions" / "reporting.jsonl"
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise AdaMMSError(f"{path} holds no questions of the real pair: {error.strerror}.") from error
    able = [line for line in lines if line["task"] in TASKS and len(line["answers"]) == 1]
    chosen = sampled(able, number)
    out.mkdir(parents=True, exist_ok=True)
    ids = {task: [line["id"] for line in chosen if line["task"] == task] for task in TASKS}
    (out / IDS).write_text(json.dumps(ids) + "\n", encoding="utf-8")
    for task in TASKS:
        own = [line for line in chosen if line["task"] == task]
        rows = {key: [line[key] for line in own] for key in ("id", "prompt", "answer")}
        pictures = [
            {"bytes": (data / "pictures" / line["picture"]).read_bytes(), "path": None} for line in own
        ]
        table = datasets.Dataset.from_dict({**rows, "image": pictures}).cast_column("image", datasets.Image())
        file = out / f"{task}.parquet"
        table.to_parquet(file)
        yaml = YAML.format(prefix=PREFIX, task=task, data=file.absolute())
        (out / f"{task}.yaml").write_text(yaml, encoding="utf-8")


def compare(logs: Path, tasks: Path, model: str, published: Published) -> dict[str, dict[str, Any]]:
    """Return, by task, lmms-eval's score and ours on the same questions, and how many answers are the same.

    Args:
        logs: what lmms-eval wrote with `--log_samples`, one run.
        tasks: the folder of its tasks.
        model: the sibling that it asked.
        published: answers of the same sibling.

    Raises:
        AdaMMSError: there is no one run in `logs`.
    """
    results = sorted(logs.rglob("*_results.json"))
    if len(results) != 1:
        raise AdaMMSError(
            f"{logs} holds {len(results)} runs of lmms-eval; give the folder of one, with its samples."
        )
    measured = json.loads(results[0].read_text(encoding="utf-8"))["results"]
    ids = json.loads((tasks / IDS).read_text(encoding="utf-8"))
    places = {line["id"]: place for place, line in enumerate(published.questions)}
    ours, rights = published.alone(model), published.scores(published.alone(model))
    rows = {}
    for task in TASKS:
        theirs = _samples(logs, f"{PREFIX}{task}", ids[task])
        numbers = [places[name] for name in theirs]
        rows[task] = {
            "questions": len(numbers),
            "lmms_eval": 100 * measured[f"{PREFIX}{task}"]["exact_match,none"],
            "ours": 100 * float(rights[numbers].mean()),
            "same_answers": sum(
                theirs[published.questions[number]["id"]] == ours[number] for number in numbers
            ),
        }
    return rows


def _samples(logs: Path, task: str, ids: Sequence[str]) -> dict[str, str]:
    """Return what was answered, by the question's id."""
    (path,) = logs.rglob(f"*_samples_{task}.jsonl")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {ids[line["doc_id"]]: _text(line["filtered_resps"]) for line in lines}


def _text(responses: Any) -> str:
    return _text(responses[0]) if isinstance(responses, list) else str(responses).strip()


if __name__ == "__main__":
    sys.exit(main())
