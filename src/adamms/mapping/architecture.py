"""An architecture table: how one family of models spells the weights of its decoder layers.

A table maps the name of a tensor inside a layer to the slots it holds, says which are duplicates, and names
what stands outside the language model. It knows no other architecture: the mapping of a pair follows from
the two models' tables (section 3.1 of the paper). The tables themselves are in `architectures/`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

from adamms.errors import MappingError
from adamms.mapping.slots import TEXT, VISION, Rows

# What share of a fused tensor's rows a role has; every other role has one equal share.
SHARES = {
    "attention.q": "num_attention_heads",
    "attention.k": "num_key_value_heads",
    "attention.v": "num_key_value_heads",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One slot of a tensor in a layer: its role, and `vision` where it is a duplicate."""

    role: str
    expert: str = TEXT


@dataclass(frozen=True)
class Table:
    """How an architecture names its decoder.

    Attributes:
        name: what `adamms inspect` calls it.
        marks: names inside a layer (without `.weight`) that together tell this architecture from others; a
            table without any fits every decoder.
        layer: name inside a layer, without `.weight` or `.bias`, to the slots it holds in row order; a `*`
            stands for a number, which is carried into the role.
        outside: (regular expression, what it is) for tensors outside the language model, first match wins.
    """

    name: str
    marks: tuple[str, ...]
    layer: Mapping[str, tuple[Part, ...]]
    outside: tuple[tuple[str, str], ...] = ()

    def parts(self, stem: str) -> tuple[Part, ...]:
        """The slots of a tensor in a layer; none if the table does not know the name."""
        if found := self.layer.get(stem):
            return found
        for pattern, parts in self._starred:
            if match := pattern.fullmatch(stem):
                number = match.group(1)
                return tuple(Part(part.role.replace("*", number), part.expert) for part in parts)
        return ()

    def what_is(self, name: str) -> str | None:
        """What a tensor outside the language model is, if this architecture calls it by a name of its own."""
        return next((what for pattern, what in self.outside if re.search(pattern, name)), None)

    @cached_property
    def _starred(self) -> tuple[tuple[re.Pattern[str], tuple[Part, ...]], ...]:
        return tuple(
            (re.compile(re.escape(name).replace(r"\*", r"(\d+)")), parts)
            for name, parts in self.layer.items()
            if "*" in name
        )


def text(*roles: str) -> tuple[Part, ...]:
    """Language-model weights; several roles are fused along the rows, in this order."""
    return tuple(Part(role) for role in roles)


def vision(*roles: str) -> tuple[Part, ...]:
    """Duplicates of language-model weights for image tokens; several roles are fused along the rows."""
    return tuple(Part(role, VISION) for role in roles)


def fused_rows(
    parts: tuple[Part, ...], rows: int, *, config: Mapping[str, Any], tensor: str
) -> tuple[Rows, ...]:
    """The row range of each part of a fused tensor, from the numbers of heads in the language config.

    Raises:
        MappingError: config.json does not give the heads, or the rows do not divide by them.
    """
    if len(parts) == 1:
        return ((0, rows),)
    shares = [_share(part.role, config) for part in parts]
    if None in shares:
        raise MappingError(
            f"{tensor} fuses {', '.join(part.role for part in parts)}, and config.json does not say "
            "num_attention_heads, so its rows cannot be told apart; complete config.json."
        )
    known = [share for share in shares if share is not None]
    unit, rest = divmod(rows, sum(known))
    if rest:
        raise MappingError(
            f"{tensor} has {rows} rows, which do not divide into {':'.join(map(str, known))} as the heads in "
            "config.json say; config.json belongs to another model."
        )
    return tuple(pairwise(accumulate((unit * share for share in known), initial=0)))


def _share(role: str, config: Mapping[str, Any]) -> int | None:
    if role not in SHARES:
        return 1
    # Without key/value heads of its own a model gives every query head one.
    shares = (config.get(SHARES[role]), config.get("num_attention_heads"))
    return next((share for share in shares if isinstance(share, int) and share > 0), None)
