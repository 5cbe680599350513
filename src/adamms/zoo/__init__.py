"""The proving ground: small multimodal models of real architectures, and the pair that ships.

This file only says where the shipped files lie and imports nothing heavy; `python -m adamms.zoo --out DIR`
(`make zoo`) grows the models again from nothing. docs/zoo.md tells the recipe and what was measured.
"""

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

__all__ = ["Pair", "shipped_pair"]


@dataclass(frozen=True)
class Pair:
    """A base and a donor grown from one pretrained language model, with inputs neither has seen."""

    base: Path
    donor: Path
    pretrained: Path
    inputs: Path
    answers: Path
    scores: Path

    def true_answers(self) -> dict[str, str]:
        """Input id -> true answer, for an accuracy beside a search that never sees it."""
        records = map(json.loads, self.answers.read_text(encoding="utf-8").splitlines())
        return {record["id"]: record["answer"] for record in records}


def shipped_pair() -> Pair:
    """Return where the shipped pair lies: Qwen2-VL as the base, LLaVA-OneVision as the donor."""
    return pair_in(Path(str(files("adamms.zoo"))))


def pair_in(folder: Path) -> Pair:
    """Return the pair that lies in `folder`, laid out as the shipped one is."""
    models, inputs = folder / "pair", folder / "inputs"
    return Pair(
        base=models / "qwen2-vl",
        donor=models / "llava-onevision",
        pretrained=models / "pretrained",
        inputs=inputs / "inputs.jsonl",
        answers=inputs / "answers.jsonl",
        scores=models / "scores.json",
    )
