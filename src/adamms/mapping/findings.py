"""What was recognised in a model by its weights, and which of several tensors alike is the original.

A finding says which slot some rows are, by similarity alone. Two tensors found for one slot are the language
model's own weight and a duplicate that was copied from it for images. Nothing here reads weights.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from adamms.mapping.slots import TEXT, VISION, VOCABULARY_ROLES, Rows, Slot

# Less apart than this, an original and its duplicate may be the other way round.
CLEAR = 0.02


@dataclass(frozen=True)
class Finding:
    """Rows of a tensor and the slot they are.

    `confidence` is the similarity less the best one with any other slot: 1 for weights that equal one
    slot's and are like no other's.
    """

    tensor: str
    rows: Rows
    slot: Slot
    similarity: float
    confidence: float

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "slot": self.slot.role,
            "layer": self.slot.layer,
            "expert": self.slot.expert,
            "rows": list(self.rows),
            "similarity": round(self.similarity, 4),
            "confidence": round(self.confidence, 4),
        }


def tell_duplicates(findings: list[Finding]) -> tuple[list[Finding], list[str]]:
    """Tell originals from duplicates: the original is more like the reference, which has no duplicate.

    Where the names of different layers differ in one part only, the layer's, all layers decide together.

    Returns:
        The findings with their experts, second token tables left out; and what a person should know.
    """
    rivals: dict[Slot, list[Finding]] = {}
    for finding in findings:
        rivals.setdefault(finding.slot, []).append(finding)
    scores = _scores(findings, rivals)
    experts: dict[tuple[str, Rows], str | None] = {}
    for slot, candidates in rivals.items():
        candidates.sort(key=lambda finding: -scores[finding.tensor])
        for place, finding in enumerate(candidates):
            experts[finding.tensor, finding.rows] = _expert(slot, place)
    kept = [
        replace(finding, slot=Slot(finding.slot.role, finding.slot.layer, expert))
        for finding in findings
        if (expert := experts[finding.tensor, finding.rows])
    ]
    return kept, list(_on_duplicates(rivals, scores))


def _expert(slot: Slot, place: int) -> str | None:
    if place == 0:
        return TEXT
    if slot.role in VOCABULARY_ROLES:
        # No duplicate: rows of token tables are merged by token.
        return None
    return VISION if place == 1 else f"{VISION} {place}"


def _scores(findings: list[Finding], rivals: dict[Slot, list[Finding]]) -> dict[str, float]:
    """How like the reference a tensor is, together with those of the same name in other layers."""
    at = _layer_part(findings)
    families = {finding.tensor: _family(finding, at) for finding in findings}
    mixed = any(
        len(dict.fromkeys(families[finding.tensor] for finding in candidates)) < len(candidates)
        for candidates in rivals.values()
    )
    if mixed:
        families = {name: name for name in families}
    similarities: dict[str, list[float]] = {}
    for finding in findings:
        similarities.setdefault(families[finding.tensor], []).append(finding.similarity)
    return {name: fmean(similarities[family]) for name, family in families.items()}


def _layer_part(findings: list[Finding]) -> int | None:
    """Which part of the dotted names stands for the layer, whatever it is called; None if none does."""
    inside = [(f.slot.layer, f.tensor.split(".")) for f in findings if f.slot.layer is not None]
    layers = len(dict.fromkeys(layer for layer, _ in inside))
    for at in range(min((len(parts) for _, parts in inside), default=0)):
        pairs = dict.fromkeys((layer, parts[at]) for layer, parts in inside)
        if len(pairs) == layers == len(dict.fromkeys(part for _, part in pairs)):
            return at
    return None


def _family(finding: Finding, at: int | None) -> str:
    """A name without its layer: its part `at`, or else the layer's number wherever it is written."""
    if at is None or finding.slot.layer is None:
        return re.sub(rf"(?<!\d){finding.slot.layer}(?!\d)", "*", finding.tensor, count=1)
    parts = finding.tensor.split(".")
    return ".".join([*parts[:at], "*", *parts[at + 1 :]])


def _on_duplicates(rivals: dict[Slot, list[Finding]], scores: dict[str, float]) -> Iterable[str]:
    alike: dict[tuple[int, bool], dict[str, list[list[Finding]]]] = {}
    for slot, candidates in rivals.items():
        if len(candidates) == 1:
            continue
        if slot.role in VOCABULARY_ROLES:
            original, other = candidates[:2]
            yield f"{other.tensor} is like the {slot.role} as well as {original.tensor}: it stays as it is."
            continue
        doubtful = scores[candidates[0].tensor] - scores[candidates[1].tensor] < CLEAR
        roles = alike.setdefault((len(candidates), doubtful), {})
        roles.setdefault(slot.role, []).append(candidates)
    for (count, doubtful), roles in alike.items():
        slots = [candidates for of_role in roles.values() for candidates in of_role]
        first, second = (fmean(candidates[at].similarity for candidates in slots) for at in (0, 1))
        doubt = "; so little apart that they may be the other way round" if doubtful else ""
        yield (
            f"{len(slots)} weights ({', '.join(roles)}) are found {count} times: the one more like the "
            f"reference is taken for the text's, on average {first:.3f} against {second:.3f}{doubt}."
        )
