"""`python -m proving_ground.real_pair.report [--from DIR]`: publish answers, write docs/real-pair.md.

Without `--from` the page is written again from the published answers alone.
"""

import argparse
import bz2
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adamms.errors import AdaMMSError
from proving_ground.real_pair.accuracy import by_task
from proving_ground.real_pair.asking import MODELS, Archive
from proving_ground.real_pair.page import write_page
from proving_ground.real_pair.published import Published
from proving_ground.real_pair.publishing import publish
from proving_ground.real_pair.results import work_out
from proving_ground.real_pair.sample_results import FILE, keep_sample
from proving_ground.real_pair.settings import ALPHAS, linear
from proving_ground.real_pair.siblings import PAIRS, SIBLINGS
from proving_ground.real_pair.workshop import Workshop

DATA = Path("docs/data/real-pair")
PAGE = Path("docs/real-pair.md")
CPU_TOKENS = 300
"""Tokens a second forward and backward on two cores, as measured for the issue."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and do it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m proving_ground.real_pair.report", description=__doc__)
    parser.add_argument(
        "--from", dest="source", type=Path, help="folder of a run, to publish its answers first"
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--no-embedding", action="store_true", help="leave Table 3 out")
    options = parser.parse_args(arguments)
    try:
        if options.source is not None:
            _publish(options.source, options.data)
        results = work_out(Published(options.data), embedding=not options.no_embedding)
        kept = {
            name: json.loads((options.data / f"{name}.json").read_text("utf-8"))
            for name in ("text", "log", "harness")
            if name != "harness" or (options.data / "harness.json").exists()
        }
    except AdaMMSError as error:
        print(error, file=sys.stderr)
        return 2
    (options.data / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    write_page(options.page, results, **kept)
    print(f"{options.page}: written")
    return 0


def _publish(source: Path, data: Path) -> None:
    shop = Workshop(source)
    publish(Archive(source / "answers" / "reporting"), shop.lines("reporting"), data)
    for folder in sorted((source / "answers").glob("reporting-*")):
        keep_sample(Archive(folder), shop.lines(folder.name), data / FILE)
    for name, values in (("text", _text(shop, data)), ("log", _log(shop))):
        (data / f"{name}.json").write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def _text(shop: Workshop, data: Path) -> dict[str, Any]:
    """Return the language models' scores along alpha, and keep their answers."""
    archive, lines = Archive(shop.folder / "answers" / "text-reporting"), shop.lines("text-reporting")
    rows, said = [], dict[str, list[str]]()
    for pair in PAIRS:
        if not archive.has(pair.name, linear(ALPHAS[-1]).name):
            continue
        given = [archive.read(MODELS, pair.base)]
        given += [archive.read(pair.name, linear(alpha).name) for alpha in ALPHAS[1:]]
        given.append(archive.read(MODELS, pair.donor))
        columns = [by_task(lines, answers["said"]) for answers in given]
        for alpha, answers in zip(ALPHAS, given, strict=False):
            said[f"{pair.name}/{alpha:g}"] = answers["said"]
        rows += [[pair.name, [task, *(f"{column[task]:.1f}" for column in columns)]] for task in columns[0]]
    records = [
        {
            "id": line["id"],
            "answer": line["answer"],
            "said": {name: its[number] for name, its in said.items()},
        }
        for number, line in enumerate(lines)
    ]
    text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    (data / "text-answers.jsonl.bz2").write_bytes(bz2.compress(text.encode()))
    return {"alphas": [*(f"{alpha:g}" for alpha in ALPHAS), "donor"], "rows": rows}


def _log(shop: Workshop) -> dict[str, Any]:
    """Return what the trainings took, from their logs."""
    rows = []
    for path in sorted((shop.folder / "log").glob("*.jsonl")):
        last = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()][-1]
        kind, name = path.stem.split("-", 1)
        what = "projector alone" if kind == "projectors" else _taught(name)
        rows.append(
            {
                "name": name,
                "what": what,
                "steps": last["step"],
                **{k: last[k] for k in ("tokens", "seconds", "loss")},
            }
        )
    tokens = sum(row["tokens"] for row in rows)
    return {
        "rows": rows,
        "cpu_hours": tokens / CPU_TOKENS / 3600,
        "machine": "on one H200: features 27 s, projectors 65 s, siblings 169 s, answers 34 s",
    }


def _taught(name: str) -> str:
    sibling = SIBLINGS[name]
    if sibling.text is not None:
        return f"{sibling.text}, text alone"
    return f"language model at {sibling.rate:g}, projector at {sibling.projector:g}"


if __name__ == "__main__":
    sys.exit(main())
