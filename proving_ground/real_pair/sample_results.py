"""What was asked on a sample alone: kept as `sample.jsonl.bz2`, set beside the published answers.

Every difference is paired: the same questions, the sibling's published answers or the same merge's.
"""

import bz2
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proving_ground.real_pair.asking import MODELS, Archive
from proving_ground.real_pair.behind import ALIGNED
from proving_ground.real_pair.published import Published
from proving_ground.real_pair.scoring import score
from proving_ground.real_pair.settings import linear

FILE = "sample.jsonl.bz2"


def keep_sample(archive: Archive, lines: Sequence[Mapping[str, Any]], path: Path) -> list[str]:
    """Write what merges and language models said of a sample; returns their names, `PAIR/SETTING`."""
    said = {}
    for folder in sorted(archive.folder.iterdir()):
        for file in sorted(folder.glob("*.json.xz")):
            name = file.name.removesuffix(".json.xz")
            if folder.name != MODELS and name != "opinions" and not name.endswith(".refused"):
                said[f"{folder.name}/{name}"] = archive.read(folder.name, name)["said"]
    records = (
        {"id": line["id"], "said": {name: texts[number] for name, texts in said.items()}}
        for number, line in enumerate(lines)
    )
    text = "".join(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n" for record in records)
    path.write_bytes(bz2.compress(text.encode()))
    return list(said)


def sample_results(published: Published) -> dict[str, Any] | None:
    """Return the sample's scores, mean over tasks, against the base; None where nothing was kept."""
    path = published.folder / FILE
    if not path.exists():
        return None
    with bz2.open(path, "rt", encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    numbers = {line["id"]: number for number, line in enumerate(published.questions)}
    places = np.array([numbers[record["id"]] for record in records])
    lines = [published.questions[place] for place in places]
    tasks = np.array([line["task"] for line in lines])
    rows = {}
    for name in records[0]["said"]:
        folder, setting = name.split("/")
        said = [record["said"][name] for record in records]
        own = np.array([score(line, text) for line, text in zip(lines, said, strict=True)])
        base = folder.split("--")[0] if folder != ALIGNED else setting.split("-behind-")[0]
        against = published.scores(published.alone(base))[places]
        rows[name] = {
            "mean": 100 * mean_over_tasks(own, tasks)[0],
            "base": 100 * mean_over_tasks(against, tasks)[0],
            "over_base": [100 * value for value in mean_over_tasks(own - against, tasks)],
            "same_as_published": _same(published, folder, setting, said, places),
        }
    return {"questions": len(lines), "a_task": int((tasks == tasks[0]).sum()), "rows": rows}


def mean_over_tasks(values: NDArray[np.float64], tasks: NDArray[np.str_]) -> tuple[float, float]:
    """Return the mean over tasks of values by question, and its standard error."""
    parts = [values[tasks == task] for task in dict.fromkeys(tasks.tolist())]
    error = sum(float(part.var(ddof=1)) / len(part) for part in parts) ** 0.5 / len(parts)
    return float(np.mean([part.mean() for part in parts])), error


def _same(
    published: Published, pair: str, setting: str, said: list[str], places: NDArray[np.int64]
) -> float | None:
    """Return the share of answers that are the published ones, in percent; None if none are published."""
    if pair not in published.interviews:
        return None
    alphas = [linear(alpha).name for alpha in published.interviews[pair].header.alphas]
    if setting not in alphas:
        return None
    theirs = published.said(pair)[alphas.index(setting)]
    return 100 * float(np.mean([theirs[place] == text for place, text in zip(places, said, strict=True)]))
