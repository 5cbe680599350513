"""Refuse pairs that cannot share a pretrained language model, before anything is mapped.

Two siblings agree in family, depth, heads and every shape (token rows aside). All differences are collected;
the message shows the first few with the tensors' names and counts the rest. Whether siblings by shape are
siblings by weight is not asked here: no tensor is read.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from adamms.errors import MappingError
from adamms.mapping.decoder import Decoder
from adamms.mapping.slots import VOCABULARY_ROLES, Place, Slot

if TYPE_CHECKING:
    from adamms.checkpoints import Checkpoint

SHOWN = 3
# A base of whose layers less than this share of parameters has a counterpart is another architecture.
LEAST_COVERED = 0.5
INTERPOLABLE = ("BF16", "F16", "F32", "F64")
VERDICT = "These models do not share a pretrained language model, so they cannot be merged."


@dataclass(frozen=True)
class _Difference:
    base: Place
    donor: Place


def refuse_strangers(base: Decoder, donor: Decoder) -> None:
    """Check that two language models can be siblings.

    Raises:
        MappingError: they cannot; the message holds every difference, or the first few with counts.
    """
    problems = [*_config_differences(base, donor), *_shape_differences(base, donor)]
    if not problems:
        problems = list(_uncovered(base, donor))
    if problems:
        raise MappingError("\n".join([*problems, VERDICT]))


def _config_differences(base: Decoder, donor: Decoder) -> Iterable[str]:
    facts = (
        ("family", base.config.family, donor.config.family),
        ("depth", base.layers, donor.layers),
        ("attention heads", base.config.heads, donor.config.heads),
        ("key/value heads", base.config.key_value_heads, donor.config.key_value_heads),
    )
    for what, ours, theirs in facts:
        if ours and theirs and ours != theirs:
            unit = " layers" if what == "depth" else ""
            yield (
                f"The language models differ in {what}: base {ours}{unit} ({base.source}), "
                f"donor {theirs}{unit} ({donor.source})."
            )


def _shape_differences(base: Decoder, donor: Decoder) -> Iterable[str]:
    theirs = {place.slot: place for place in donor.places}
    groups: dict[tuple[object, ...], list[_Difference]] = {}
    for place in base.places:
        other = theirs.get(place.slot) or theirs.get(place.slot.original)
        if other and _comparable(place) != _comparable(other):
            key = (place.slot.role, place.slot.expert, place.shape, other.shape)
            groups.setdefault(key, []).append(_Difference(place, other))
    for differences in list(groups.values())[:SHOWN]:
        first = differences[0]
        yield (
            f"The language models differ at {_where(differences)}: "
            f"base {first.base.shape}, donor {first.donor.shape}.\n"
            + _names(("base", first.base.tensor, base.source), ("donor", first.donor.tensor, donor.source))
        )
    hidden = list(groups.values())[SHOWN:]
    if hidden:
        yield f"... and {sum(map(len, hidden))} more tensors of {len(hidden)} kinds differ in shape."


def _comparable(place: Place) -> tuple[int, ...]:
    # Token rows may differ: they are paired by token.
    return place.shape[1:] if place.slot.role in VOCABULARY_ROLES else place.shape


def _where(differences: list[_Difference]) -> str:
    slots = [difference.base.slot for difference in differences]
    layers = [slot.layer for slot in slots if slot.layer is not None]
    if not layers:
        return slots[0].label
    span = f"layer {layers[0]}" if len(layers) == 1 else f"layers {min(layers)}-{max(layers)}"
    return f"{span}, {slots[0].label}"


def _names(*rows: tuple[str, str, str]) -> str:
    width = max(len(tensor) for _, tensor, _ in rows)
    return "\n".join(f"  {side:<5}  {tensor:<{width}}   {source}" for side, tensor, source in rows)


def _uncovered(base: Decoder, donor: Decoder) -> Iterable[str]:
    ours, theirs = _in_layers(base), _in_layers(donor)
    missing = [place for slot, place in ours.items() if slot not in theirs]
    total = sum(prod(place.shape) for place in ours.values())
    if sum(prod(place.shape) for place in missing) > (1 - LEAST_COVERED) * total:
        roles = ", ".join(dict.fromkeys(place.slot.role for place in missing))
        yield (
            f"Most of the base's decoder has no counterpart in the donor: {len(missing)} of {len(ours)} "
            f"weights ({roles}), the first {missing[0].tensor} in {base.source}; the donor {donor.source} "
            f"is a {donor.table.name} under {donor.prefix or 'no prefix'}."
        )
        return
    # Norms belong to a family's wiring: a decoder without one of them computes something else. (A bias that
    # only one of them has does not: the base's stays, the donor's is unused.)
    for here, there, one, other in ((ours, theirs, base, donor), (theirs, ours, donor, base)):
        lacking = [place for slot, place in here.items() if "norm" in slot.role and slot not in there]
        if lacking:
            yield (
                f"The language models differ in family: {lacking[0].tensor} ({lacking[0].slot.role}) in "
                f"{one.source} has no counterpart in {other.source}."
            )


def _in_layers(decoder: Decoder) -> dict[Slot, Place]:
    """The language model's own weights in layers; duplicates are another matter."""
    return {
        place.slot: place
        for place in decoder.places
        if place.slot.layer is not None and not place.slot.is_duplicate
    }


def refuse_quantised(checkpoint: "Checkpoint", decoder: Decoder) -> None:
    """Check that a language model is stored in numbers that can be interpolated.

    Raises:
        MappingError: it is quantised.
    """
    tensors = dict.fromkeys(place.tensor for place in decoder.places)
    odd = [name for name in tensors if checkpoint.tensors[name].dtype not in INTERPOLABLE]
    if odd:
        raise MappingError(
            f"{len(odd)} weights of the language model in {checkpoint.source} are stored as "
            f"{checkpoint.tensors[odd[0]].dtype}, the first {odd[0]}; quantised weights cannot be merged: "
            "use the unquantised original (bfloat16, float16 or float32)."
        )
