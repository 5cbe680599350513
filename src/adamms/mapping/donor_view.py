"""The donor seen through the mapping, tensor by tensor, under the base's names.

What the merging loop asks: which rows of which donor tensor go to which rows of this base tensor. It reads
headers only and knows no method.
"""

from typing import TYPE_CHECKING

from adamms.mapping.parameter_mapping import ParameterMapping, shapes_of
from adamms.mapping.segments import Piece, resolve

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource


class MappedDonor:
    """The donor under the base's names."""

    def __init__(self, mapping: ParameterMapping, base: "TensorSource", donor: "TensorSource") -> None:
        self.mapping = mapping.check(base, donor)
        self._base = shapes_of(base)
        self._donor = shapes_of(donor)

    def pieces(self, name: str) -> tuple[Piece, ...]:
        """The donor's rows for a base tensor, ranges written out, in the order of the base's rows.

        Rows of the base that no piece covers keep the base's values; pieces never overlap.
        """
        return resolve(self.mapping.tensors[name].segments, self._base[name], donor=self._donor)

    def names(self) -> tuple[str, ...]:
        """The base tensors that take anything from the donor, in the base's order."""
        return tuple(name for name, entry in self.mapping.tensors.items() if entry.segments)
