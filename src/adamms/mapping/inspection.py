"""What a checkpoint holds, from its headers: the language model's slots, and what stands around it.

For `adamms inspect`: plain data that knows no second model and reads no tensor.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from adamms.errors import MappingError
from adamms.mapping.decoder import Decoder, find_decoder
from adamms.mapping.grouping import layer_ranges
from adamms.mapping.heads import Head, head_of
from adamms.mapping.module_names import what_is
from adamms.mapping.slots import EMBED, EXPERT_NUMBER, Place

if TYPE_CHECKING:
    from adamms.checkpoints import TensorInfo, TensorSource


@dataclass(frozen=True)
class LanguageModel:
    """The decoder found in a checkpoint; None stands for what config.json does not say."""

    table: str
    prefix: str
    family: str | None
    layers: int
    hidden: int
    heads: int | None
    key_value_heads: int | None
    vocabulary_rows: int
    tied_head: bool
    head: Head
    parameters: int


@dataclass(frozen=True)
class SlotGroup:
    """One role in all its layers: how many, of what shape, and whether they are duplicates for images."""

    role: str
    duplicate: bool
    layers: str
    count: int
    shape: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class Share:
    """Part of a checkpoint: a dtype, or what stands outside the language model."""

    name: str
    tensors: int
    parameters: int
    bytes: int


@dataclass(frozen=True, repr=False)
class Inspection:
    """A checkpoint described from its headers."""

    source: str
    revision: str | None
    architecture: str | None
    model_type: str | None
    format: str
    shards: int
    tensors: int
    parameters: int
    bytes: int
    language_model: LanguageModel | None
    slots: tuple[SlotGroup, ...]
    outside: tuple[Share, ...]
    dtypes: tuple[Share, ...]
    notes: tuple[str, ...]

    @property
    def duplicates(self) -> tuple[SlotGroup, ...]:
        """The slots that the architecture copied from the language model for images."""
        return tuple(slot for slot in self.slots if slot.duplicate)

    def to_json(self) -> dict[str, Any]:
        """Plain data for `adamms inspect --json`."""
        return asdict(self)

    def __repr__(self) -> str:
        language = self.language_model
        decoder = (
            f"{language.layers} layers of {language.family or language.table}" if language else "no decoder"
        )
        return (
            f"Inspection({self.source!r}: {self.architecture or self.model_type}, {decoder}, "
            f"{self.parameters:,} parameters)"
        )


def inspect_checkpoint(checkpoint: "TensorSource") -> Inspection:
    """Describe a checkpoint; one without a known language model is described as well, with a note."""
    infos = checkpoint.tensors
    decoder, notes = _decoder(checkpoint)
    outside = decoder.outside if decoder else {name: what_is(name) for name in infos}
    total = _share("all", infos.values())
    architectures = checkpoint.config.get("architectures") or [None]
    return Inspection(
        source=checkpoint.source,
        revision=checkpoint.revision,
        architecture=architectures[0],
        model_type=checkpoint.config.get("model_type"),
        format=checkpoint.format,
        shards=len(checkpoint.shards),
        tensors=total.tensors,
        parameters=total.parameters,
        bytes=total.bytes,
        language_model=_language_model(decoder, head_of(checkpoint, decoder)) if decoder else None,
        slots=tuple(_slot_groups(decoder.places)) if decoder else (),
        outside=_shares(infos, outside),
        dtypes=_shares(infos, {name: info.dtype for name, info in infos.items()}),
        notes=(*notes, *_not_understood(checkpoint, decoder), *checkpoint.notes),
    )


def _decoder(checkpoint: "TensorSource") -> tuple[Decoder | None, tuple[str, ...]]:
    try:
        return find_decoder(checkpoint), ()
    except MappingError as error:
        return None, (str(error),)


def _not_understood(checkpoint: "TensorSource", decoder: Decoder | None) -> tuple[str, ...]:
    shapes = {name: info.shape for name, info in checkpoint.tensors.items()}
    return tuple(decoder.not_understood(shapes)) if decoder else ()


def _language_model(decoder: Decoder, head: Head) -> LanguageModel:
    rows, hidden = next(place.shape for place in decoder.places if place.slot.role == EMBED)
    return LanguageModel(
        table=decoder.table.name,
        prefix=decoder.prefix,
        family=decoder.config.family,
        layers=decoder.layers,
        hidden=hidden,
        heads=decoder.config.heads,
        key_value_heads=decoder.config.key_value_heads,
        vocabulary_rows=rows,
        tied_head=head == "tied",
        head=head,
        parameters=decoder.parameters,
    )


def _slot_groups(places: Iterable[Place]) -> Iterable[SlotGroup]:
    groups: dict[tuple[str, bool, tuple[int, ...]], list[Place]] = {}
    for place in places:
        role = EXPERT_NUMBER.sub("moe.*.", place.slot.role)
        groups.setdefault((role, place.slot.is_duplicate, place.shape), []).append(place)
    for (role, duplicate, shape), members in sorted(groups.items(), key=_order):
        layers = layer_ranges(place.slot.layer for place in members if place.slot.layer is not None)
        yield SlotGroup(role, duplicate, layers, len(members), shape, len(members) * prod(shape))


def _order(group: tuple[tuple[str, bool, tuple[int, ...]], list[Place]]) -> tuple[bool, bool, str]:
    (role, duplicate, _), members = group
    return members[0].slot.layer is not None, duplicate, role


def _shares(infos: Mapping[str, "TensorInfo"], names: Mapping[str, str]) -> tuple[Share, ...]:
    groups: dict[str, list[TensorInfo]] = {}
    for tensor, name in names.items():
        groups.setdefault(name, []).append(infos[tensor])
    return tuple(_share(name, members) for name, members in groups.items())


def _share(name: str, infos: "Iterable[TensorInfo]") -> Share:
    members = list(infos)
    return Share(
        name, len(members), sum(info.numel for info in members), sum(info.nbytes for info in members)
    )
