"""Find the language model inside a checkpoint, from names and shapes alone.

A decoder is `<prefix>embed_tokens.weight` beside `<prefix>layers.<number>...`, under any prefix: `model.`,
`language_model.model.`, `llm.model.`, `model.language_model.` (transformers' names in memory), none. The
head lies beside it or above it. Vision encoders have layers but no token embeddings; everything outside the
decoder is named for people and stays the base's. Nothing here knows a second model.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from adamms.errors import MappingError
from adamms.mapping.architecture import Table, fused_rows
from adamms.mapping.architectures import TABLES
from adamms.mapping.language_config import LanguageConfig, language_config
from adamms.mapping.slots import EMBED, FINAL_NORM, HEAD, Place, Slot, row_count

if TYPE_CHECKING:
    from adamms.checkpoints import Checkpoint

EMBED_NAME = "embed_tokens.weight"
LAYER_NAME = re.compile(r"layers\.(\d+)\.(.+?)(?:\.(weight|bias))?")

NOT_A_PARAMETER = "not a parameter (rotary inv_freq)"
UNKNOWN_IN_LAYER = "unknown part of the decoder"
SECOND_DECODER = "second language model"
ELSEWHERE = "outside the language model"

# What models wrap around a decoder, by the words their names are made of; first match wins.
OUTSIDE = tuple(
    (re.compile(pattern), what)
    for pattern, what in (
        (r"rotary\w*\.inv_freq$", NOT_A_PARAMETER),
        (r"image_newline|view_sep\w*|image_(begin|end|start)|(^|\.)[be]oi$", "image newline or marker"),
        (r"vision_sampler_layers\.", "sampler inside the language model"),
        (r"projector|connector|resampler|perceiver|abstractor|aligner|merger", "projector"),
        (r"(^|\.)mlp1\.|vision_sampler|vision_query|sampler", "projector"),
        (r"(^|\.)(visual|vision\w*|vit|vpm|image_encoder|img_\w+)\.", "vision encoder"),
        (r"(^|\.)(audio\w*|apm|speech\w*)\.", "audio encoder"),
    )
)


@dataclass(frozen=True)
class Decoder:
    """A checkpoint's language model: its slots and where they lie, and what else the checkpoint holds.

    Attributes:
        source: the checkpoint.
        table: the architecture table that fits.
        prefix: what the decoder's names begin with.
        places: every slot in the checkpoint's order; a fused tensor has several.
        outside: every other tensor and what it is.
        layers: how many decoder layers there are.
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

    @property
    def parameters(self) -> int:
        """The size of the language model, duplicates included."""
        return sum(prod(place.shape) for place in self.places)


def find_decoder(checkpoint: "Checkpoint") -> Decoder:
    """Find a checkpoint's language model; of several, the largest.

    Raises:
        MappingError: there is none that a table knows.
    """
    config = language_config(checkpoint.config)
    shapes = {name: info.shape for name, info in checkpoint.tensors.items()}
    found: list[tuple[str, Table, list[Place]]] = []
    for prefix in _prefixes(shapes):
        stems = dict.fromkeys(match.group(2) for _, match in _layer_names(shapes, prefix))
        table = next((table for table in TABLES if all(mark in stems for mark in table.marks)), None)
        if table:
            found.append((prefix, table, list(_places(shapes, prefix, table, config=config.values))))
    if not found:
        raise MappingError(
            f"No language model was found in {checkpoint.source}: no tensors <prefix>{EMBED_NAME} and "
            "<prefix>layers.0.self_attn... as Llama-style decoders have them. Its architecture needs a table "
            f"(there are tables for: {', '.join(table.name for table in TABLES)}); of a quantised "
            "checkpoint, use the unquantised original. By its weights, adamms map --discover finds more."
        )
    prefix, table, places = max(found, key=lambda decoder: sum(prod(place.shape) for place in decoder[2]))
    others = [other for other, *_ in found if other != prefix]
    inside = dict.fromkeys(place.tensor for place in places)
    return Decoder(
        source=checkpoint.source,
        table=table,
        prefix=prefix,
        places=tuple(places),
        outside={
            name: _what(name, table, prefix=prefix, others=others) for name in shapes if name not in inside
        },
        layers=len(dict.fromkeys(place.slot.layer for place in places if place.slot.layer is not None)),
        config=config,
    )


def _prefixes(names: Iterable[str]) -> list[str]:
    found = [name.removesuffix(EMBED_NAME) for name in names if name.endswith(EMBED_NAME)]
    return [prefix for prefix in found if not prefix or prefix.endswith(".")]


def _layer_names(names: Iterable[str], prefix: str) -> Iterable[tuple[str, re.Match[str]]]:
    start = len(prefix)
    for name in names:
        if name.startswith(f"{prefix}layers.") and (match := LAYER_NAME.fullmatch(name, start)):
            yield name, match


def _places(
    shapes: Mapping[str, tuple[int, ...]], prefix: str, table: Table, *, config: Mapping[str, Any]
) -> Iterable[Place]:
    once = {f"{prefix}{EMBED_NAME}": EMBED, f"{prefix}norm.weight": FINAL_NORM}
    if head := _head(shapes, prefix):
        once |= {f"{head}.weight": HEAD, f"{head}.bias": f"{HEAD}.bias"}
    in_layers = dict(_layer_names(shapes, prefix))
    for name, shape in shapes.items():
        if role := once.get(name):
            yield Place(Slot(role), name, (0, row_count(shape)), shape)
        elif match := in_layers.get(name):
            layer, stem, kind = match.groups()
            parts = table.parts(stem)
            suffix = ".bias" if kind == "bias" else ""
            ranges = fused_rows(parts, row_count(shape), config=config, tensor=name) if parts else ()
            for part, rows in zip(parts, ranges, strict=True):
                slot = Slot(part.role + suffix, int(layer), part.expert)
                yield Place(slot, name, rows, (rows[1] - rows[0], *shape[1:]) if shape else shape)


def _head(names: Mapping[str, object], prefix: str) -> str | None:
    """The output head beside or above a decoder, nearest first; None where it is tied and not stored."""
    folders = prefix.split(".")[:-1]
    for depth in range(len(folders), -1, -1):
        head = ".".join([*folders[:depth], "lm_head"])
        if f"{head}.weight" in names:
            return head
    return None


def what_is(name: str) -> str:
    """What a tensor outside the language model belongs to, by the words of its name."""
    return next((what for pattern, what in OUTSIDE if pattern.search(name)), ELSEWHERE)


def _what(name: str, table: Table, *, prefix: str, others: Iterable[str]) -> str:
    for pattern, what in table.outside:
        if re.search(pattern, name):
            return what
    if (what := what_is(name)) != ELSEWHERE:
        return what
    if any(name.startswith(other) for other in others):
        return SECOND_DECODER
    return UNKNOWN_IN_LAYER if name.startswith(f"{prefix}layers.") else ELSEWHERE
