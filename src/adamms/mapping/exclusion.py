"""What the user wants kept from the base: by preset, by layer, or by name (`--exclude`).

A rule is one word of a small language: a preset (`norms`, `biases`, `embeddings`, `lm_head`),
`layers=0-3,30`, or a base tensor's name in which `*` and `?` stand for anything. A tensor that any rule names
is kept whole. Nothing here knows the donor or how a mapping was made.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from adamms.errors import MappingError
from adamms.mapping.decoder import Decoder, find_decoder
from adamms.mapping.parameter_mapping import ParameterMapping, count, shapes_of
from adamms.mapping.segments import TensorMapping
from adamms.mapping.slots import EMBED, HEAD, Place, Slot

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource

PRESETS: dict[str, Callable[[Slot], bool]] = {
    "norms": lambda slot: "norm" in slot.role,
    "biases": lambda slot: slot.role.endswith(".bias"),
    "embeddings": lambda slot: slot.role == EMBED,
    "lm_head": lambda slot: slot.role in (HEAD, f"{HEAD}.bias"),
}
LAYERS = "layers="
LAYER_LIST = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*")
WILD = re.compile(r"[*?\[]")


def exclude(
    mapping: ParameterMapping,
    rules: Iterable[str],
    *,
    base: "TensorSource",
    donor: "TensorSource",
    decoder: Decoder | None = None,
) -> ParameterMapping:
    """Keep every base tensor that a rule names.

    Args:
        mapping: what would be merged.
        rules: presets, `layers=...` and name patterns.
        base: the checkpoint whose tensors the rules name.
        donor: the other one, for the totals.
        decoder: the base's language model, if it is known already; otherwise it is looked for.

    Raises:
        MappingError: a rule is not understood, or names nothing in the base; all problems are in the message.
    """
    rules = tuple(dict.fromkeys(rules))
    if not rules:
        return mapping
    rulebook = _Rulebook(base, decoder)
    tensors, notes = dict(mapping.tensors), list(mapping.notes)
    for rule in rules:
        named = rulebook.names(rule)
        # A tensor that two rules name is told only once why.
        tensors |= {
            name: TensorMapping("kept", f"excluded by the user: {rule}")
            for name in named
            if tensors[name].segments
        }
        if not any(mapping.tensors[name].segments for name in named):
            notes.append(f"--exclude {rule} changes nothing: what it names is kept anyway.")
    if rulebook.problems:
        raise MappingError("\n".join(rulebook.problems))
    totals = count(
        tensors,
        shapes_of(base),
        donor_tensors=len(donor.tensors),
        language=mapping.totals.language_parameters,
    )
    return replace(mapping, tensors=tensors, totals=totals, notes=tuple(notes))


class _Rulebook:
    """Turns rules into the base tensors they name; what it cannot turn goes to `problems`."""

    def __init__(self, base: "TensorSource", decoder: Decoder | None) -> None:
        self._base = base
        self._decoder = decoder
        self.problems: list[str] = []

    def names(self, rule: str) -> list[str]:
        """The base tensors that a rule names, in the base's order; none of a rule that is not understood."""
        if rule.startswith(LAYERS):
            return self._in_layers(rule)
        if rule in PRESETS:
            return self._with_slots(rule, PRESETS[rule])
        found = [name for name in self._base.tensors if fnmatchcase(name, rule)]
        if not found:
            self._complain(rule, self._nothing(rule))
        return found

    def _nothing(self, rule: str) -> str:
        if WILD.search(rule) or "." in rule:
            return f"no tensor of {self._base.source} has such a name"
        return (
            f"it is neither a preset ({', '.join(PRESETS)}), nor {LAYERS}0-3,30, nor the name of a tensor "
            f"of {self._base.source} (a part of a name needs stars: '*{rule}*')"
        )

    def _in_layers(self, rule: str) -> list[str]:
        text = rule.removeprefix(LAYERS)
        if not LAYER_LIST.fullmatch(text):
            self._complain(rule, f"layers are numbers and ranges such as {LAYERS}0-3,30")
            return []
        spans = [_span(part) for part in text.split(",")]
        there = [place.slot.layer for place in self._places(rule) if place.slot.layer is not None]
        if there and not all(first <= last <= max(there) for first, last in spans):
            self._complain(rule, f"the layers of {self._base.source} are 0-{max(there)}, ranges ascend")
            return []
        return self._with_slots(
            rule, lambda slot: slot.layer is not None and any(a <= slot.layer <= b for a, b in spans)
        )

    def _with_slots(self, rule: str, wanted: Callable[[Slot], bool]) -> list[str]:
        return list(dict.fromkeys(place.tensor for place in self._places(rule) if wanted(place.slot)))

    def _places(self, rule: str) -> tuple[Place, ...]:
        if self._decoder is None:
            try:
                self._decoder = find_decoder(self._base)
            except MappingError:
                self._complain(
                    rule,
                    f"what the tensors of {self._base.source} do is not known, as no architecture table "
                    "fits; name them instead, for example '*norm*'",
                )
                return ()
        return self._decoder.places

    def _complain(self, rule: str, problem: str) -> None:
        sentence = f"--exclude {rule}: {problem}."
        if sentence not in self.problems:
            self.problems.append(sentence)


def _span(part: str) -> tuple[int, int]:
    first, _, last = part.partition("-")
    return int(first), int(last or first)
