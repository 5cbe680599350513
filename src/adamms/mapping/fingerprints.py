"""Fingerprints of weights: short vectors whose products tell how alike row ranges of two models are.

A fingerprint is a sample of a range's rows, folded with random signs to a fixed length (a random projection
that keeps cosines) and of length one. `SlotIndex` holds those of a reference's slots and finds the slot a
tensor's rows are most alike. It knows no names and decides nothing about duplicates.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from adamms.mapping.decoder import Decoder
from adamms.mapping.slots import VOCABULARY_ROLES, Place, Slot, row_count
from adamms.mapping.weight_samples import READABLE, Values, read_rows, sample_runs, width_of

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource

# Of each range: sixteen rows of a 7B model, or all of a small one.
ELEMENTS = 65_536
LENGTH = 8_192
# Below half a cosine is no relative of ours; and never trust less than five deviations of chance.
LEAST = 0.5
DEVIATIONS = 5


@dataclass(frozen=True)
class Likeness:
    """The slot that rows are most alike.

    Attributes:
        slot: the reference's slot.
        rows: how many rows of the tensor it takes.
        similarity: the cosine of the two samples, 1 for equal weights.
        runner_up: the best similarity with any other slot.
        certain: whether it is beyond chance.
    """

    slot: Slot
    rows: int
    similarity: float
    runner_up: float
    certain: bool


@dataclass(frozen=True)
class _Kind:
    """What can be compared at all: so many rows, so wide, of matrices, of vectors or of token tables."""

    rows: int
    width: int
    vector: bool
    table: bool

    @classmethod
    def of(cls, place: Place) -> "_Kind":
        rows = place.rows[1] - place.rows[0]
        table = place.slot.role in VOCABULARY_ROLES
        # Tables of relatives differ in their last rows: padding and special tokens.
        seen = max(rows // 2, 1) if table else rows
        return cls(seen, width_of(place.shape), len(place.shape) == 1, table)

    def fits(self, shape: tuple[int, ...], *, start: int) -> bool:
        """Whether a tensor's rows from `start` on could be of this kind."""
        return (
            (len(shape) == 1) == self.vector
            and width_of(shape) == self.width
            and row_count(shape) - start >= self.rows
            and not (self.table and start)
        )


class SlotIndex:
    """The fingerprints of a reference's language-model weights, duplicates left out."""

    def __init__(self, reference: "TensorSource", decoder: Decoder) -> None:
        slots: dict[_Kind, list[Slot]] = {}
        prints: dict[_Kind, list[Values]] = {}
        for place in decoder.places:
            kind = _Kind.of(place)
            found = (
                None
                # Of a stack of experts no model of unknown layout has such rows: not looked for, and said so.
                if place.slot.is_duplicate or place.expert is not None
                else _fingerprint(reference, place.tensor, start=place.rows[0], kind=kind)
            )
            if found is not None:
                slots.setdefault(kind, []).append(place.slot)
                prints.setdefault(kind, []).append(found)
        self._slots = slots
        self._prints = {kind: np.stack(of_kind) for kind, of_kind in prints.items()}

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Every slot that has a fingerprint."""
        return tuple(slot for of_kind in self._slots.values() for slot in of_kind)

    def most_alike(self, checkpoint: "TensorSource", name: str, *, start: int = 0) -> Likeness | None:
        """The slot that a tensor's rows from `start` on are most alike; None if none has such a shape."""
        shape = checkpoint.tensors[name].shape
        found: list[tuple[float, int, Slot, int, float]] = []
        for kind, slots in self._slots.items():
            if len(shape) not in (1, 2) or not kind.fits(shape, start=start):
                continue
            fingerprint = _fingerprint(checkpoint, name, start=start, kind=kind)
            if fingerprint is None:
                continue
            similarities = self._prints[kind] @ fingerprint
            least = max(LEAST, DEVIATIONS / len(fingerprint) ** 0.5)
            rows = row_count(shape) if kind.table else kind.rows
            # The number in front of the slot settles equal similarities: the reference's order.
            found += [(float(similarities[at]), -at, slots[at], rows, least) for at in range(len(slots))]
        found.sort(key=lambda one: one[:2], reverse=True)
        if not found:
            return None
        similarity, _, slot, rows, least = found[0]
        runner_up = found[1][0] if len(found) > 1 else 0.0
        return Likeness(slot, rows, similarity, runner_up, similarity >= least)


def _fingerprint(checkpoint: "TensorSource", name: str, *, start: int, kind: _Kind) -> Values | None:
    """The fingerprint of a tensor's rows from `start` on; None of zeros, and of what is not finite."""
    if checkpoint.tensors[name].dtype not in READABLE:
        return None
    runs = sample_runs(kind.rows, kind.width, elements=ELEMENTS)
    values = read_rows(checkpoint, name, runs, first=start)
    with np.errstate(all="ignore"):
        if kind.vector:
            # Norms are all near one: what tells them apart is how they differ from their mean.
            values = values - values.mean()
        folded = _folded(values)
        length = float(np.sqrt(folded.astype(np.float64) @ folded))
    return folded / np.float32(length) if np.isfinite(length) and length > 0 else None


def _folded(values: Values) -> Values:
    """A random projection: signs drawn by a fixed seed, then every `LENGTH`-th element added up."""
    if len(values) <= LENGTH:
        return values
    signs = np.random.default_rng(len(values)).integers(0, 2, len(values), dtype=np.int8)
    padded = np.zeros(-(-len(values) // LENGTH) * LENGTH, dtype=np.float32)
    padded[: len(values)] = np.where(signs, values, -values)
    return padded.reshape(-1, LENGTH).sum(axis=0)
