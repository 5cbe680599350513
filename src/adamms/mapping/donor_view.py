"""The donor seen through the mapping, tensor by tensor, under the base's names.

What the merging loop asks: which rows of which donor tensor go to which rows of this base tensor. What the
donor stores otherwise than the base has a tensor of its own in `checkpoint`, arranged as the base has it.
"""

from typing import TYPE_CHECKING

from adamms.mapping.areas import Patch, covered_spans, patches
from adamms.mapping.parameter_mapping import ParameterMapping, shapes_of
from adamms.mapping.segments import Piece, resolve

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource

ARRANGED = "{} (arranged as in the base)"


class MappedDonor:
    """The donor under the base's names.

    Attributes:
        mapping: which of its values go where.
        checkpoint: the donor, and in it what pieces name.
    """

    def __init__(self, mapping: ParameterMapping, base: "TensorSource", donor: "TensorSource") -> None:
        self.mapping = mapping.check(base, donor)
        self._base = shapes_of(base)
        self._donor = shapes_of(donor)
        self._patches: dict[str, tuple[Patch, ...]] = {
            name: patches(entry.segments, self._base[name], donor=self._donor)
            for name, entry in self.mapping.tensors.items()
            if not all(segment.is_plain for segment in entry.segments)
        }
        self.checkpoint = self._arranged(donor) if self._patches else donor

    def _arranged(self, donor: "TensorSource") -> "TensorSource":
        # Late: mapping reads headers, and imports numpy only where there are values to move.
        from adamms.mapping.arranged_donor import ArrangedDonor, Arrangement

        return ArrangedDonor(
            donor,
            {
                ARRANGED.format(name): Arrangement(self._base[name], found)
                for name, found in self._patches.items()
            },
        )

    def pieces(self, name: str) -> tuple[Piece, ...]:
        """The donor's rows for a base tensor, ranges written out, in the order of the base's rows.

        Rows of the base that no piece covers keep the base's values; pieces never overlap.
        """
        if found := self._patches.get(name):
            spans = covered_spans(found, self._base[name])
            return tuple(Piece(span, ARRANGED.format(name), span) for span in spans)
        return resolve(self.mapping.tensors[name].segments, self._base[name], donor=self._donor)

    def names(self) -> tuple[str, ...]:
        """The base tensors that take anything from the donor, in the base's order."""
        return tuple(name for name, entry in self.mapping.tensors.items() if entry.segments)
