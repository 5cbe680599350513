"""The answers as they are published: one interview a pair, the other merges' answers, the questions.

Interviews have the format of docs/data/zoo-many, so every rule of that study can be tried on them; what is
right is worked out by each task's own scoring rule. A description counts as right by the facts it names.
"""

import bz2
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from proving_ground.many.records import CANDIDATES, Asked, Header, Interview, write_interview
from proving_ground.real_pair.asking import MODELS, Archive
from proving_ground.real_pair.scoring import right, score
from proving_ground.real_pair.settings import ALPHAS, linear
from proving_ground.real_pair.siblings import PAIRS, Pair

SEED = "real"
KEPT = ("id", "task", "topic", "half", "picture", "prompt", "answers", "choices", "facts")
"""What is published of a question."""


def publish(archive: Archive, lines: Sequence[Mapping[str, Any]], out: Path) -> list[str]:
    """Write what has been answered of every pair; returns the pairs."""
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for pair in PAIRS:
        if archive.has(pair.name, linear(ALPHAS[-1]).name) and archive.has(MODELS, pair.donor):
            write_interview(out / f"{pair.name}.jsonl.bz2", interview(archive, pair, lines))
            written.append(pair.name)
    _write(out / "questions.jsonl.bz2", ({key: line[key] for key in KEPT if key in line} for line in lines))
    merges = dict(_other_merges(archive, written))
    records = (
        {"id": line["id"], "said": {name: said[number] for name, said in merges.items()}}
        for number, line in enumerate(lines)
    )
    _write(out / "other-merges.jsonl.bz2", records)
    return written


def interview(archive: Archive, pair: Pair, lines: Sequence[Mapping[str, Any]]) -> Interview:
    """Return a pair's interview; without opinions it has no likelihoods."""
    given = [archive.read(MODELS, pair.base)]
    given += [archive.read(pair.name, linear(alpha).name) for alpha in ALPHAS[1:]]
    alone = archive.read(MODELS, pair.donor)
    opinions = archive.read(pair.name, "opinions") if archive.has(pair.name, "opinions") else None
    asked, place = [], 0
    for number, line in enumerate(lines):
        said = list(dict.fromkeys([*(answers["said"][number] for answers in given), alone["said"][number]]))
        likelihood, by_donor, by_ancestor = [], [], []
        if opinions is not None:
            heard = opinions["said"][number]
            rows = range(place, place + len(heard))
            place += len(heard)
            # Answers that only the alphas beyond the candidates gave come last: nobody was asked about them.
            said = [*heard, *(text for text in said if text not in heard)]
            likelihood = [[opinions["candidates"][alpha][row] for alpha in range(CANDIDATES)] for row in rows]
            by_donor = [opinions["donor"][row] for row in rows]
            by_ancestor = [opinions["ancestor"][row] for row in rows]
        asked.append(
            Asked(
                id=line["id"],
                task=line["task"],
                truth=line["answer"],
                said=said,
                given=[said.index(answers["said"][number]) for answers in given],
                alone=said.index(alone["said"][number]),
                confidence=[answers["confidence"][number] for answers in (*given, alone)],
                entropy=[answers["entropy"][number] for answers in given[:CANDIDATES]],
                likelihood=likelihood,
                donor_likelihood=by_donor,
                ancestor_likelihood=by_ancestor,
                correct=[index for index, text in enumerate(said) if right(score(line, text))],
            )
        )
    kinds = dict.fromkeys((line["task"] for line in lines), pair.kind)
    header = Header(pair.name, SEED, pair.base, pair.donor, "reporting", list(ALPHAS), kinds)
    return Interview(header, asked)


def _other_merges(archive: Archive, pairs: Sequence[str]) -> Iterable[tuple[str, list[str]]]:
    """Yield the answers of what is no point of a curve, as `PAIR/SETTING`."""
    curve = {linear(alpha).name for alpha in ALPHAS}
    for pair in pairs:
        for path in sorted((archive.folder / pair).glob("*.json.xz")):
            name = path.name.removesuffix(".json.xz")
            if name not in curve and name != "opinions" and not name.endswith(".refused"):
                yield f"{pair}/{name}", archive.read(pair, name)["said"]


def _write(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    text = "".join(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n" for record in records)
    partial = path.with_suffix(".partial")
    partial.write_bytes(bz2.compress(text.encode()))
    partial.replace(path)
