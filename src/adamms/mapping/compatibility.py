"""Refuse pairs that cannot share a pretrained language model, before anything is mapped.

Two siblings agree in depth, heads, every shape (token rows aside) and in what gives equal shapes one
meaning: the convention of the norms, the activation, the scalings. All differences are collected; the message
shows the first few with the tensors' names and counts the rest. What siblings may differ in (a family's name,
the base of the rotary frequencies, an epsilon) is said. Whether siblings by shape are siblings by weight is
not asked here: no tensor is read.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from adamms.checkpoints.saved_forms import scheme_name
from adamms.errors import MappingError
from adamms.mapping.decoder import Decoder
from adamms.mapping.slots import VOCABULARY_ROLES, Place, Slot

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource

SHOWN = 3
# A base of whose layers less than this share of parameters has a counterpart is another architecture.
LEAST_COVERED = 0.5
# More of a language model than this without a counterpart is refused unless a person allows it.
LARGEST_GAP = 0.01
ROLES_SHOWN = 8
NORM = re.compile(r"norm|(^|[._])ln(_|\.|\d|$)")
INTERPOLABLE = ("BF16", "F16", "F32", "F64")
WAY_OUT = "To merge the rest all the same: --allow-partial (allow_partial: true in a recipe's mapping)."
OTHER_FUNCTION = (
    "The same weights compute something else in the one than in the other, so they cannot be merged; if a "
    "config.json is wrong, correct it."
)
INCOMPLETE = (
    "What the one computes the other does not, by the names of their weights, so they are not merged."
)
VERDICT = "These models do not share a pretrained language model, so they cannot be merged."


@dataclass(frozen=True)
class _Difference:
    base: Place
    donor: Place


def refuse_incompatible(base: Decoder, donor: Decoder, *, allow_partial: bool = False) -> None:
    """Check that two language models can be siblings.

    Args:
        base: the one.
        donor: the other.
        allow_partial: accept that a part of either has no counterpart.

    Raises:
        MappingError: they cannot; the message holds every difference, or the first few with counts.
    """
    if problems := [*_config_differences(base, donor), *_shape_differences(base, donor)]:
        raise MappingError("\n".join([*problems, VERDICT]))
    if problems := list(_uncovered(base, donor)):
        raise MappingError("\n".join([*problems, INCOMPLETE]))
    if arithmetic := list(_other_arithmetic(base, donor)):
        raise MappingError("\n".join([*arithmetic, *differences_to_say(base, donor), OTHER_FUNCTION]))
    if not allow_partial and (parts := list(_partial(base, donor))):
        raise MappingError("\n".join([*parts, WAY_OUT]))


def _config_differences(base: Decoder, donor: Decoder) -> Iterable[str]:
    facts: list[tuple[str, object, object]] = [
        ("depth", f"{base.layers} layers", f"{donor.layers} layers"),
        ("attention heads", base.config.heads, donor.config.heads),
        ("key/value heads", base.config.key_value_heads, donor.config.key_value_heads),
    ]
    yield from _differing(facts, base, donor)


def _other_arithmetic(base: Decoder, donor: Decoder) -> Iterable[str]:
    """What makes another function of the same weights."""
    theirs = donor.config.numerics
    yield from _differing(
        [(what, ours, theirs.get(what)) for what, ours in base.config.numerics.items()], base, donor
    )


def _differing(facts: Iterable[tuple[str, object, object]], base: Decoder, donor: Decoder) -> Iterable[str]:
    for what, ours, theirs in facts:
        if ours and theirs and ours != theirs:
            yield (
                f"The language models differ in {what}: base {ours} ({base.source}), "
                f"donor {theirs} ({donor.source})."
            )


def differences_to_say(base: Decoder, donor: Decoder) -> Iterable[str]:
    """What relatives may differ in, and a person should know: a sentence for all of it."""
    theirs = donor.config.positions
    facts: list[tuple[str, object, object]] = [("family", base.config.family, donor.config.family)]
    facts += [(what, ours, theirs.get(what)) for what, ours in base.config.positions.items()]
    differing = [
        f"{what} (base {ours}, donor {other})"
        for what, ours, other in facts
        if ours and other and ours != other
    ]
    if differing:
        yield (
            f"By their config.json the language models differ in {', '.join(differing)}: whether they are "
            "relatives is decided by their weights, and the merged model keeps the base's settings."
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
    ours, theirs = _own(base), _own(donor)
    missing = [place for slot, place in ours.items() if slot not in theirs]
    if _size(missing) > (1 - LEAST_COVERED) * _size(ours.values()):
        yield (
            f"Most of the base's decoder has no counterpart in the donor: {len(missing)} of {len(ours)} "
            f"weights ({role_list(missing)}), the first {missing[0].tensor} in {base.source}; the donor "
            f"{donor.source} is a {donor.table.name} under {donor.prefix.rstrip('.') or 'no prefix'}."
        )
        return
    # Norms belong to a family's wiring: a decoder without one of them computes something else. (A bias that
    # only one of them has does not: the base's stays, the donor's is unused.)
    for here, there, one, other in ((ours, theirs, base, donor), (theirs, ours, donor, base)):
        lacking = [place for slot, place in here.items() if _is_norm(place) and slot not in there]
        if lacking:
            yield (
                f"The language models differ in family: {lacking[0].tensor} ({lacking[0].slot.role}) in "
                f"{one.source} has no counterpart in {other.source}."
            )


def _is_norm(place: Place) -> bool:
    # Under any name, a `weight` that is a vector is a norm's.
    unknown = len(place.shape) == 1 and place.tensor.endswith(".weight")
    return unknown or NORM.search(place.slot.role) is not None


def _partial(base: Decoder, donor: Decoder) -> Iterable[str]:
    for one, other, fate in ((base, donor, "would stay as it is"), (donor, base, "would be lost")):
        ours, theirs = _own(one), _own(other)
        missing = [
            place for slot, place in ours.items() if slot not in theirs and not slot.role.endswith(".bias")
        ]
        share = _size(missing) / max(_size(ours.values()), 1)
        if share > LARGEST_GAP:
            yield (
                f"{share:.1%} of the language model of {one.source} ({_size(missing):,} parameters: "
                f"{role_list(missing)}) has no counterpart in {other.source} and {fate}, the first "
                f"{missing[0].tensor}."
            )


def _own(decoder: Decoder) -> dict[Slot, Place]:
    """The language model's own weights: no token rows, no duplicates, nothing that a wrapper inserted."""
    return {
        place.slot: place
        for place in decoder.places
        if place.slot.role not in VOCABULARY_ROLES and not place.slot.is_duplicate and not place.slot.inserted
    }


def _size(places: Iterable[Place]) -> int:
    return sum(prod(place.shape) for place in places)


def role_list(places: Iterable[Place]) -> str:
    """What places are, experts and layers aside, the first few."""
    roles = list(dict.fromkeys(re.sub(r"\b\d+\b", "*", place.slot.role) for place in places))
    return ", ".join(roles[:ROLES_SHOWN]) + (
        f" and {len(roles) - ROLES_SHOWN} more" * (len(roles) > ROLES_SHOWN)
    )


def refuse_quantised(checkpoint: "TensorSource", decoder: Decoder) -> None:
    """Check that a language model is stored in numbers that can be interpolated.

    Raises:
        MappingError: it is quantised.
    """
    tensors = dict.fromkeys(place.tensor for place in decoder.places)
    odd = [name for name in tensors if checkpoint.tensors[name].dtype not in INTERPOLABLE]
    if odd:
        raise MappingError(
            f"{len(odd)} weights of the language model in {checkpoint.source} are stored as "
            f"{checkpoint.tensors[odd[0]].dtype}, the first {odd[0]}; weights quantised in this way"
            f"{f' ({scheme})' if (scheme := scheme_name(checkpoint.config)) else ''} cannot be merged: "
            "use the unquantised original (bfloat16, float16 or float32)."
        )
