"""The experts of mixtures, whichever way they are stored: one tensor an expert, or a stack of all of them.

A stack is `[experts, out, in]`, as `nn.Linear` has its weights, or `[experts, in, out]`: which of the two
follows from the width of the language model. Gate and up projection may be one tensor. Every expert gets
slots of its own, so that models map whose experts are stored differently. A stack of another kind (gpt-oss
interleaves gate and up) stays a slot under its own name.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from adamms.mapping.slots import EMBED, EXPERT_NUMBER, Place, Rows, Slot

MIXTURE = r"\.(?P<block>\w+)\."
EXPERTS = re.compile(
    MIXTURE + r"experts\.(?:(?P<number>\d+)\.)?"
    r"(?P<name>gate_proj|up_proj|down_proj|gate_up_proj|w1|w2|w3)(?:\.weight)?$"
)
PARTS: Mapping[str, tuple[str, ...]] = {
    "gate_proj": ("gate",),
    "up_proj": ("up",),
    "down_proj": ("down",),
    "gate_up_proj": ("gate", "up"),
    # Mixtral
    "w1": ("gate",),
    "w3": ("up",),
    "w2": ("down",),
}
BLOCKS = re.compile(r"\d+|mlp|feed_forward|block_sparse_moe|moe|ffn")
"""What the only mixture of a layer is called; the name of another is part of its roles."""
# Biases of a stack go with gate and up projections that alternate, as gpt-oss stores them.
INTERLEAVED = re.compile(MIXTURE + r"experts\.gate_up_proj_bias$")
BESIDE = tuple(
    (re.compile(pattern), role)
    for pattern, role in (
        (MIXTURE + r"(?:gate|router)\.weight$", "moe.router"),
        (MIXTURE + r"(?:gate|router)\.bias$", "moe.router.bias"),
        # ERNIE's lies two modules deep: the block is then one that is known, not the list of layers.
        (
            rf"\.(?P<block>{BLOCKS.pattern})\.(?:\w+\.){{0,2}}e_score_correction_bias$",
            "moe.router.correction",
        ),
        (MIXTURE + r"shared_experts?\.(?P<part>gate|up|down)_proj\.weight$", "moe.shared."),
    )
)
"""What stands beside the experts, by the end of its name."""
SECOND = re.compile(MIXTURE + r"gate\.weight_1$")
"""The router of ERNIE-VL's second mixture, for images; its experts are counted on from the first's."""
KIND = re.compile(r"(?:(?:encoder|cross|prediction)\.)*")


class _Held(NamedTuple):
    """A tensor of experts: its place, the mixture's name if it needs one, its expert if it has one only."""

    place: Place
    block: str
    number: int | None
    parts: tuple[str, ...]

    def slot(self, number: int, part: str) -> Slot:
        slot = self.place.slot
        kind = KIND.match(slot.role)
        return replace(slot, role=f"{kind.group() if kind else ''}{self.block}moe.{number}.{part}")


def with_experts(places: Sequence[Place], shapes: Mapping[str, tuple[int, ...]]) -> Iterator[Place]:
    """A decoder's places, those of experts by expert and projection.

    Args:
        places: the places, a tensor of experts being one.
        shapes: the checkpoint's shapes by tensor name.
    """
    width = next((place.shape[1] for place in places if place.slot.role == EMBED), 0)
    mixtures: dict[tuple[Slot, str], list[_Held]] = {}
    odd: dict[tuple[Slot, str], None] = {}
    for place in places:
        held = _held(place)
        layer = replace(place.slot, role="")
        if held:
            mixtures.setdefault((layer, held.block), []).append(held)
        elif match := INTERLEAVED.search(place.tensor):
            odd[layer, _block(match)] = None
    own = {
        replace(place.slot, role=""): next((size for size in place.shape if size != width), width)
        for place in places
        if SECOND.search(place.tensor)
    }
    taken: dict[Slot, None] = {}
    split: dict[str, tuple[Place, ...]] = {}
    layers = dict.fromkeys(layer for layer, _ in mixtures)
    for key, members in mixtures.items():
        transposed = None if key in odd else _transposed(members, shapes, width=width)
        for held in members:
            if held.number is not None or transposed is not None:
                split[held.place.tensor] = tuple(_places(held, shapes, transposed=transposed is True))
    done: dict[str, None] = {}
    for place in places:
        if place.tensor not in split:
            layer = replace(place.slot, role="")
            slot = _beside(place) if layer in layers else place.slot
            slot = place.slot if slot in taken else slot
            taken[slot] = None
            yield from _rows(replace(place, slot=slot), width=width, second=layer in own)
        elif place.tensor not in done:
            done[place.tensor] = None
            for part in split[place.tensor]:
                number = EXPERT_NUMBER.search(part.slot.role)
                layer = replace(part.slot, role="")
                further = layer in own and number is not None and int(number.group(1)) >= own[layer]
                yield replace(part, slot=replace(part.slot, inserted=True)) if further else part


def _rows(place: Place, *, width: int, second: bool) -> Iterator[Place]:
    """What stands beside the experts: a router stored `[in, experts]`, a second mixture's parts."""
    role = place.slot.role
    if role.endswith("moe.router") and len(place.shape) == 2:
        transposed = place.shape[0] == width != place.shape[1]
        shape = place.shape[::-1] if transposed else place.shape
        yield replace(place, shape=shape, columns=(0, place.shape[1]), transposed=transposed)
    elif second and SECOND.search(place.tensor):
        yield replace(place, slot=replace(place.slot, inserted=True))
    elif second and role.endswith("moe.router.correction") and place.shape[0] == 2:
        further = replace(place.slot, role=f"{role}.second", inserted=True)
        for slot, rows in ((place.slot, (0, 1)), (further, (1, 2))):
            yield replace(place, slot=slot, rows=rows, shape=(1, *place.shape[1:]))
    else:
        yield place


def _held(place: Place) -> _Held | None:
    match = EXPERTS.search(place.tensor)
    if match is None or place.slot.is_duplicate:
        return None
    number = match["number"]
    return _Held(place, _block(match), None if number is None else int(number), PARTS[match["name"]])


def _block(match: re.Match[str]) -> str:
    return "" if BLOCKS.fullmatch(match["block"]) else f"{match['block']}."


def _transposed(
    members: Iterable[_Held], shapes: Mapping[str, tuple[int, ...]], *, width: int
) -> bool | None:
    """Whether a layer's stacks are `[experts, in, out]`; None where shapes do not tell.

    One that is as wide as it is high tells nothing; another of the same layer does.
    """
    verdicts = []
    for held in members:
        shape = shapes[held.place.tensor]
        if held.number is not None or len(shape) != 3:
            continue
        inputs, outputs = (2, 1) if held.parts != ("down",) else (1, 2)
        verdicts.append((shape[inputs] == width, shape[outputs] == width))
    if not verdicts or not all(any(fits) for fits in verdicts):
        return None
    decisive = list(dict.fromkeys(fits for fits in verdicts if fits != (True, True)))
    return None if len(decisive) != 1 else decisive[0] == (False, True)


def _places(held: _Held, shapes: Mapping[str, tuple[int, ...]], *, transposed: bool) -> Iterator[Place]:
    """One place an expert and projection; its shape is `(out, in)`."""
    shape = shapes[held.place.tensor]
    stacked = held.number is None
    height, width = shape[-2:]
    outputs = (width if stacked and transposed else height) // len(held.parts)
    inputs = height if stacked and transposed else width
    for number in range(shape[0]) if stacked else (held.number or 0,):
        for position, part in enumerate(held.parts):
            span: Rows = (position * outputs, (position + 1) * outputs)
            yield Place(
                held.slot(number, part),
                held.place.tensor,
                rows=(0, height) if stacked and transposed else span,
                shape=(outputs, inputs),
                expert=number if stacked else None,
                columns=span if stacked and transposed else (0, width),
                transposed=stacked and transposed,
            )


def _beside(place: Place) -> Slot:
    for pattern, role in BESIDE:
        match = pattern.search(place.tensor)
        own = "vision" not in place.tensor and not place.slot.is_duplicate
        if match and BLOCKS.fullmatch(match["block"]) and own:
            kind = KIND.match(place.slot.role)
            part = match.groupdict().get("part") or ""
            return replace(place.slot, role=f"{kind.group() if kind else ''}{role}{part}")
    return place.slot
