"""A program for lmms-eval's python: its tasks' questions as a file of inputs, or whether their data is there.

    python lmms_eval_tasks.py draw --tasks A,B --samples N --seed S --out DIR [--include-path DIR]
    python lmms_eval_tasks.py probe --tasks A,B [--include-path DIR]
    python lmms_eval_tasks.py alter --tasks A --name NAME --prompt TEXT --out DIR

Run by its path: it imports lmms-eval and nothing of adamms, so that environment need not have it. Questions
are those that lmms-eval would ask `--model adamms`: its own loaders, `doc_to_visual` and prompts. Labels are
not read. `probe` prints one JSON object on the last line of stdout: task -> null, or why it cannot be
loaded. `alter` writes a task that differs in its name and in the text behind a question.
"""

import argparse
import json
import random
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

NAME = "adamms"
FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
"""Of pictures that a task names by their paths: what those names end with."""


def main() -> int:
    """Do what the arguments say; what is wrong is one line on stderr and exit code 2."""
    arguments = _arguments()
    from lmms_eval.tasks import TaskManager
    from loguru import logger

    logger.remove()

    manager = TaskManager("ERROR", include_path=arguments.include_path, model_name=NAME)
    names = [name for name in arguments.tasks.split(",") if name]
    known = {name: manager.match_tasks([name]) for name in names}
    try:
        if arguments.verb == "probe":
            problems = {name: _problem(manager, known[name], name) for name in names}
            print(json.dumps(problems))
        elif arguments.verb == "alter":
            _alter(manager, names[0], name=arguments.name, prompt=arguments.prompt, out=arguments.out)
        else:
            tasks = [task for name in names for task in _tasks(manager, known[name], name)]
            _draw(tasks, arguments.out, samples=arguments.samples, seed=arguments.seed)
    except _NotThereError as error:
        print(f"adamms: {error}", file=sys.stderr)
        return 2
    return 0


class _NotThereError(Exception):
    """A task cannot be had; a sentence."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=("draw", "probe", "alter"))
    parser.add_argument("--tasks", required=True)
    parser.add_argument("--include-path")
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--name")
    parser.add_argument("--prompt")
    return parser.parse_args()


def _tasks(manager: Any, names: list[str], name: str) -> list[Any]:
    """The tasks of a name, a group's one after the other.

    Raises:
        _NotThereError: lmms-eval does not know the name, or its data cannot be loaded.
    """
    from lmms_eval.tasks import get_task_dict

    if not names:
        near = get_close_matches(name, list(manager.task_index), n=2)
        meant = f" Did you mean {' or '.join(near)}?" if near else ""
        raise _NotThereError(f"lmms-eval has no task {name}.{meant} `lmms-eval --tasks list` names them.")
    try:
        return list(_leaves(get_task_dict(names, manager, "simple")))
    except Exception as error:  # whatever a loader of somebody else's raises
        attempt = getattr(error, "last_attempt", None)  # lmms-eval tries again and hides why
        cause = error if attempt is None else attempt.exception()
        first = str(cause).strip().partition("\n")[0][:300].rstrip(".")
        raise _NotThereError(
            f"The data of {name} cannot be loaded ({type(cause).__name__}: {first})."
        ) from error


def _leaves(tasks: dict[Any, Any]) -> Iterator[Any]:
    for task in tasks.values():
        loaded = task[1] if isinstance(task, tuple) else task
        if isinstance(loaded, dict):
            yield from _leaves(loaded)
        elif loaded is not None:
            yield loaded


def _problem(manager: Any, names: list[str], name: str) -> str | None:
    try:
        _tasks(manager, names, name)
    except _NotThereError as error:
        return str(error)
    return None


def _alter(manager: Any, task: str, *, name: str, prompt: str, out: Path) -> None:
    entry = manager.task_index.get(task)
    if entry is None:
        raise _NotThereError(f"lmms-eval has no task {task}.")
    text = {"pre_prompt": "", "post_prompt": prompt}
    altered = {
        "include": str(entry["yaml_path"]),
        "task": name,
        # lmms-eval's index wants it here, not only in what is included.
        "output_type": "generate_until",
        "lmms_eval_specific_kwargs": {"default": text},
    }
    out.mkdir(parents=True, exist_ok=True)
    # JSON is YAML.
    (out / f"{name}.yaml").write_text(json.dumps(altered, indent=1) + "\n", encoding="utf-8")


def _draw(tasks: list[Any], out: Path, *, samples: int, seed: int) -> None:
    """Write so many questions of all tasks together, without replacement, in the tasks' order."""
    sizes = [len(task.eval_docs) for task in tasks]
    places = [(at, doc_id) for at, size in enumerate(sizes) for doc_id in range(size)]
    if samples < len(places):
        places = [places[index] for index in sorted(random.Random(seed).sample(range(len(places)), samples))]
    (out / "images").mkdir(parents=True, exist_ok=True)
    seen: dict[bytes, str] = {}
    lines = []
    for at, doc_id in places:
        task = tasks[at]
        name, doc = task.config.task, task.eval_docs[doc_id]
        if "generate_until" not in str(task.config.output_type):
            raise _NotThereError(
                f"{name} asks for likelihoods of given answers; a search compares generated ones."
            )
        prompt = str(task.fewshot_context(doc, 0))
        where = f"{name}, document {doc_id}"
        images = [_save(image, out, seen) for image in _pictures(task.doc_to_visual(doc), where)]
        lines.append({"id": f"{name}:{doc_id}", "image": images, "prompt": prompt})
    from importlib.metadata import version

    described = {
        "harness": f"lmms-eval {version('lmms-eval')}",
        "tasks": {task.config.task: size for task, size in zip(tasks, sizes, strict=True)},
        "samples": len(lines),
        "seed": seed,
    }
    (out / "drawn.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    # Last, and whole: where it is, everything is.
    (out / "inputs.partial").write_text(text, encoding="utf-8")
    (out / "inputs.partial").rename(out / "inputs.jsonl")


def _pictures(visuals: Any, where: str) -> Iterator[Any]:
    from PIL import Image

    for visual in visuals if isinstance(visuals, list | tuple) else [visuals]:
        if isinstance(visual, list | tuple):
            yield from _pictures(visual, where)
        elif isinstance(visual, Image.Image):
            yield visual
        elif isinstance(visual, str) and visual.lower().endswith((".png", ".jpg", ".jpeg", ".webp", ".bmp")):
            with Image.open(visual, formats=FORMATS) as image:
                yield image.convert("RGB")
        elif visual is not None:
            raise _NotThereError(
                f"{where}, shows a {type(visual).__name__} (a video or sound); a search reads pictures only."
            )


def _save(image: Any, out: Path, seen: dict[bytes, str]) -> str:
    """A picture's path; equal pictures are one file. Without metadata, so that nobody turns it."""
    import hashlib

    from PIL import Image

    rgb = image.convert("RGB")
    key = hashlib.sha256(rgb.tobytes() + str(rgb.size).encode()).digest()
    if key not in seen:
        seen[key] = f"images/{len(seen):05}.png"
        Image.frombytes("RGB", rgb.size, rgb.tobytes()).save(out / seen[key], compress_level=1)
    return seen[key]


if __name__ == "__main__":
    sys.exit(main())
