"""Find the language model inside a checkpoint, from names and shapes alone, and what each of its tensors is.

Where it lies is `layout`'s matter. Every tensor inside it gets a slot: a role that an architecture table
knows, or else its own name, which is the same in every model of that codebase. Everything outside is named
for people and stays the base's. Nothing here knows a second model.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from adamms.errors import MappingError
from adamms.mapping.architecture import Part, Table, fused_rows
from adamms.mapping.architectures import tables
from adamms.mapping.experts import with_experts
from adamms.mapping.language_config import LanguageConfig, language_config
from adamms.mapping.layout import LayerList, Layout, find_layouts
from adamms.mapping.module_names import (
    ADAPTER,
    ADAPTERS,
    COUNTERS,
    ELSEWHERE,
    FINAL_NORMS,
    HEAD_BIASES,
    HEADS,
    INSERTED,
    NEW_TOKENS,
    NOT_A_PARAMETER,
    PREDICTION,
    SECOND_DECODER,
    SELF_ATTENTION,
    TOKEN_TABLES,
    TRANSPARENT,
    what_is,
)
from adamms.mapping.slots import EMBED, FINAL_NORM, HEAD, PER_LAYER_EMBED, Place, Slot, row_count

if TYPE_CHECKING:
    from adamms.checkpoints import TensorInfo, TensorSource

# Numbers that count or index: buffers. (Packed weights of quantised models are narrower.)
NAMES_SHOWN = 3
WHOLE_NUMBERS = ("I64", "U64", "BOOL")


@dataclass(frozen=True)
class Decoder:
    """A checkpoint's language model: its slots and where they lie, and what else the checkpoint holds.

    Attributes:
        source: the checkpoint.
        table: the architecture table that fits.
        prefix: what the decoder's names begin with.
        places: every slot in the checkpoint's order; a fused tensor has several.
        outside: every other tensor and what it is.
        layers: how many decoder layers there are, without those that a wrapper inserted.
        config: what config.json says about the language model.
    """

    source: str
    table: Table
    prefix: str
    places: tuple[Place, ...]
    outside: Mapping[str, str]
    layers: int
    config: LanguageConfig

    def place(self, role: str) -> Place | None:
        """Where a role that exists once lies."""
        return next((place for place in self.places if place.slot == Slot(role)), None)

    def not_understood(self, shapes: Mapping[str, tuple[int, ...]]) -> Iterable[str]:
        """A sentence on what lies under the decoder's own prefix and is not known to belong to it."""
        inside = self.prefix and {
            name: what
            for name, what in self.outside.items()
            if name.startswith(self.prefix) and what in (ELSEWHERE, ADAPTER)
        }
        if inside:
            size = sum(prod(shapes[name]) for name in inside)
            kinds = dict.fromkeys(re.sub(r"\.\d+(?=\.|$)", ".*", name) for name in inside)
            first = ", ".join(list(kinds)[:NAMES_SHOWN])
            yield (
                f"{len(inside)} tensors under {self.prefix} of {self.source} ({size:,} parameters, "
                f"{size / self.parameters:.1%} of the language model's number) are not understood as parts "
                f"of it and count as outside: {first}{' ...' if len(kinds) > NAMES_SHOWN else ''}."
            )

    @property
    def parameters(self) -> int:
        """The size of the language model, duplicates included."""
        return sum(prod(place.shape) for place in self.places)


def find_decoder(checkpoint: "TensorSource") -> Decoder:
    """Find a checkpoint's language model; of several, the largest.

    Raises:
        MappingError: there is none.
    """
    config = language_config(checkpoint.config)
    shapes = {name: info.shape for name, info in checkpoint.tensors.items()}
    readers = [_Reader(layout, checkpoint.tensors, config.values) for layout in find_layouts(shapes)]
    if not readers:
        raise MappingError(
            f"No language model was found in {checkpoint.source}: no numbered list of layers beside token "
            "embeddings, such as <prefix>layers.0... beside <prefix>embed_tokens.weight; of a quantised "
            "checkpoint, use the unquantised original. By its weights, adamms map --discover finds more."
        )
    chosen = max(readers, key=lambda reader: reader.parameters)
    others = [reader.layout.root for reader in readers if reader is not chosen]
    return Decoder(
        source=checkpoint.source,
        table=chosen.table,
        prefix=chosen.layout.root,
        places=tuple(with_experts(chosen.places, shapes)),
        outside={name: _what(name, chosen, others=others) for name in shapes if name not in chosen.inside},
        layers=chosen.layers,
        config=config,
    )


class _Reader:
    """Gives the tensors of one layout their slots."""

    def __init__(
        self, layout: Layout, tensors: "Mapping[str, TensorInfo]", config: Mapping[str, Any]
    ) -> None:
        self.layout = layout
        self.places: list[Place] = []
        self.skipped: dict[str, str] = {}
        self._tensors = tensors
        self._config = config
        self._taken: dict[Slot, None] = {}
        self._once = _single_roles(layout, tensors)
        # What lies under the head's own name is a part of it; of a tied head there is none.
        self._head = f"{_head(layout, tensors) or layout.embedding}."
        self._numbers = {layers.path: _Numbers(layers, tensors) for layers in layout.lists}
        own = self._numbers[layout.lists[0].path]
        self.layers = own.count
        self.table = next(table for table in tables() if all(mark in own.stems for mark in table.marks))
        for name, info in tensors.items():
            self._read(name, info)
        self.inside = dict.fromkeys(place.tensor for place in self.places)
        self.parameters = sum(prod(place.shape) for place in self.places)

    def _read(self, name: str, info: "TensorInfo") -> None:
        if role := self._once.get(name):
            self._add(name, info.shape, (Part(role),), layer=None)
            return
        for layers in self.layout.lists:
            if name.startswith(layers.path):
                number, _, rest = name[len(layers.path) :].partition(".")
                if number.isdigit():
                    self._read_in_layer(name, info, layers, int(number), rest)
                    return
        if (self.layout.holds(name) or name.startswith(self._head)) and not self._is_buffer(name, info):
            role, suffix = _split(name.removeprefix(self.layout.root))
            parts = (Part(PER_LAYER_EMBED if role in TOKEN_TABLES else role),)
            inserted = NEW_TOKENS.search(role) is not None
            self._add(name, info.shape, parts, layer=None, suffix=suffix, inserted=inserted)

    def _read_in_layer(
        self, name: str, info: "TensorInfo", layers: LayerList, number: int, rest: str
    ) -> None:
        if "inv_freq" in rest and what_is(rest) == NOT_A_PARAMETER:
            return
        stem, suffix = _split(TRANSPARENT.sub("", rest))
        known = self.table.parts(stem)
        if not known:
            if ADAPTERS.search(stem):
                self.skipped[name] = ADAPTER
                return
            if self._is_buffer(name, info):
                return
        kind, number = self._numbers[layers.path].place(number)
        parts = tuple(Part(kind + layers.role + part.role, part.expert) for part in known or (Part(stem),))
        inserted = layers.inserted or bool(kind) or (not known and INSERTED.search(stem) is not None)
        own = Part(kind + layers.role + stem)
        self._add(name, info.shape, parts, layer=number, suffix=suffix, inserted=inserted, otherwise=own)

    def _is_buffer(self, name: str, info: "TensorInfo") -> bool:
        if info.dtype in WHOLE_NUMBERS:
            self.skipped[name] = COUNTERS
        return info.dtype in WHOLE_NUMBERS

    def _add(
        self,
        name: str,
        shape: tuple[int, ...],
        parts: tuple[Part, ...],
        *,
        layer: int | None,
        suffix: str = "",
        inserted: bool = False,
        otherwise: Part | None = None,
    ) -> None:
        """Add a tensor's slots; one whose slot is another tensor's is called by its own name."""
        slots = [Slot(part.role + suffix, layer, part.expert, inserted) for part in parts]
        if any(slot in self._taken for slot in slots):
            parts = (otherwise or Part(name),)
            slots = [Slot(part.role + suffix, layer, part.expert, inserted) for part in parts]
            if slots[0] in self._taken:
                slots = [Slot(name)]
        ranges = fused_rows(parts, row_count(shape), config=self._config, tensor=name)
        for slot, rows in zip(slots, ranges, strict=True):
            self._taken[slot] = None
            self.places.append(Place(slot, name, rows, (rows[1] - rows[0], *shape[1:]) if shape else shape))


class _Numbers:
    """The layers of a list by number: which are the ancestor's own, and which place they have among them."""

    def __init__(self, layers: LayerList, names: Iterable[str]) -> None:
        stems: dict[int, dict[str, None]] = {}
        for name in names:
            if name.startswith(layers.path):
                number, _, rest = name[len(layers.path) :].partition(".")
                if number.isdigit():
                    stems.setdefault(int(number), {})[_split(rest)[0]] = None
        self.stems = dict.fromkeys(stem for held in stems.values() for stem in held)
        kinds = {number: _kind(held) for number, held in sorted(stems.items())}
        self._places = {number: (kind, number) for number, kind in kinds.items()}
        if any(kind == "cross." for kind in kinds.values()):
            for wanted in ("", "cross."):
                alike = [number for number, kind in kinds.items() if kind == wanted]
                self._places |= {number: (wanted, place) for place, number in enumerate(alike)}
        self.count = sum(kind == "" for kind in kinds.values())

    def place(self, number: int) -> tuple[str, int]:
        """What kind of layer it is, nothing for the ancestor's own, and its place among its kind."""
        return self._places[number]


def _kind(stems: Iterable[str]) -> str:
    """Whether a layer is the ancestor's, or attends to images alone, or predicts further tokens."""
    stems = tuple(stems)
    if any(PREDICTION.search(stem) for stem in stems):
        return "prediction."
    crossing = any(INSERTED.search(stem) for stem in stems)
    own = any(SELF_ATTENTION.search(stem) and not INSERTED.search(stem) for stem in stems)
    return "cross." if crossing and not own else ""


def _split(name: str) -> tuple[str, str]:
    """A name without `.weight` or `.bias`, and what is added to the role for it."""
    if name.endswith(".bias"):
        return name.removesuffix(".bias"), ".bias"
    return name.removesuffix(".weight"), ""


def _single_roles(layout: Layout, shapes: Mapping[str, object]) -> dict[str, str]:
    """The roles that a decoder has once, by tensor name."""
    roles = {layout.embedding: EMBED}
    for module in (layout.root, f"{layout.root}decoder." if len(layout.lists) > 1 else layout.root):
        norm = next((norm for norm in FINAL_NORMS if f"{module}{norm}.weight" in shapes), None)
        if norm:
            roles |= {f"{module}{norm}.weight": FINAL_NORM, f"{module}{norm}.bias": f"{FINAL_NORM}.bias"}
            break
    if head := _head(layout, shapes):
        roles |= {f"{head}.weight": HEAD, f"{head}.bias": f"{HEAD}.bias"}
    for bias in _above(layout.root, HEAD_BIASES):
        if bias in shapes:
            roles[bias] = f"{HEAD}.bias"
    return roles


def _head(layout: Layout, shapes: Mapping[str, object]) -> str | None:
    """The output head beside or above a decoder, nearest first; None where it is tied and not stored."""
    return next((head for head in _above(layout.root, HEADS) if f"{head}.weight" in shapes), None)


def _above(root: str, names: Iterable[str]) -> Iterable[str]:
    folders = root.split(".")[:-1]
    for depth in range(len(folders), -1, -1):
        yield from (".".join([*folders[:depth], name]) for name in names)


def _what(name: str, reader: _Reader, *, others: Iterable[str]) -> str:
    if name in reader.skipped:
        return reader.skipped[name]
    what = reader.table.what_is(name) or what_is(name)
    if what == ELSEWHERE and any(name.startswith(other) for other in others):
        return SECOND_DECODER
    return what
