"""Slots: where a language-model weight belongs, whatever it is called and wherever it is stored.

Two models are mapped by their slots (section 3.1 of the paper): a slot of the base takes the value of the
same slot of the donor. A fused tensor holds several slots, each in a row range of dimension 0, so everything
here works on row ranges. Slots know no names and no architecture.
"""

import re
from dataclasses import dataclass

Rows = tuple[int, int]
"""A half-open range of rows (dimension 0)."""

EXPERT_NUMBER = re.compile(r"\bmoe\.(\d+)\.")

TEXT = "text"
VISION = "vision"

EMBED = "embed"
HEAD = "head"
FINAL_NORM = "norm.final"
PER_LAYER_EMBED = "embed.per_layer"
VOCABULARY_ROLES = (EMBED, HEAD, f"{HEAD}.bias", PER_LAYER_EMBED)
"""Roles whose rows are tokens; their rows are paired by meaning, not by position."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a decoder: `attention.q` of layer 3, `norm.final`, ...

    `layer` is None for what exists once. `expert` is `vision` for a duplicate: a copy of a language-model
    weight that an architecture made for image tokens. `inserted` marks what a wrapper put into its ancestor's
    decoder, such as cross-attention to images: a relative without it lacks nothing.
    """

    role: str
    layer: int | None = None
    expert: str = TEXT
    inserted: bool = False

    @property
    def is_duplicate(self) -> bool:
        """Whether the architecture copied this weight from the language model for images."""
        return self.expert != TEXT

    @property
    def original(self) -> "Slot":
        """The language-model slot that a duplicate was copied from; itself otherwise."""
        return Slot(self.role, self.layer, inserted=self.inserted)

    @property
    def label(self) -> str:
        """The role for people, without layer and expert: `moe.*.gate`, `attention.q (vision duplicate)`."""
        role = EXPERT_NUMBER.sub("moe.*.", self.role)
        if self.inserted:
            return f"{role} (inserted)"
        return f"{role} ({self.expert} duplicate)" if self.is_duplicate else role


@dataclass(frozen=True, slots=True)
class Place:
    """A slot and where a checkpoint stores it: rows of one tensor. `shape` is that of these rows.

    A stack of experts holds a matrix an expert: then `rows` and `columns` are of the matrix of `expert`, and
    `shape` is the slot's own, also where the checkpoint stores it `transposed`.
    """

    slot: Slot
    tensor: str
    rows: Rows
    shape: tuple[int, ...]
    expert: int | None = None
    columns: Rows | None = None
    transposed: bool = False


def row_count(shape: tuple[int, ...]) -> int:
    """The rows of a tensor; a scalar is one row."""
    return shape[0] if shape else 1
