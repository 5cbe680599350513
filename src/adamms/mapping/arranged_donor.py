"""A donor that also has the base's tensors which it stores otherwise: stacked, taken apart or transposed.

Merging reads runs of elements of one tensor. So a base tensor whose values lie scattered over the donor is a
tensor of this source, in the base's shape, put together block by block while it is read. What has to be
transposed is read in bands of a few megabytes, which the next blocks use again; nothing larger is held.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from adamms.checkpoints import TensorSource
from adamms.checkpoints.computed_tensors import ComputedTensors, read_values
from adamms.checkpoints.floats import FLOATS, Values, widened
from adamms.checkpoints.tensor_info import DTYPE_BITS, UNPLACED, TensorInfo
from adamms.mapping.areas import Area, Patch
from adamms.mapping.segments import Shape
from adamms.mapping.slots import Rows

Elements = npt.NDArray[Any]

BAND = 1 << 22
"""Elements of a transposed band, unless a block asks for more columns."""
BANDS = 4
"""Bands a thread keeps: a block may lie in a gate and in an up projection."""


@dataclass(frozen=True)
class Arrangement:
    """A base tensor's shape, and which areas of the donor its areas are."""

    shape: Shape
    patches: tuple[Patch, ...]


class ArrangedDonor(ComputedTensors):
    """A donor with further tensors that are arranged out of its own."""

    def __init__(self, donor: TensorSource, arrangements: Mapping[str, Arrangement]) -> None:
        """See a donor's tensors in other arrangements.

        Args:
            donor: the donor.
            arrangements: how the further tensors are made, by names that the donor does not have.
        """
        infos = {name: _info(name, made, donor) for name, made in arrangements.items()}
        super().__init__(donor, tensors={**donor.tensors, **infos}, own=arrangements)
        self._arrangements = arrangements
        self._exact = {
            name: _common([donor.exact_dtype(patch.donor) for patch in made.patches])
            for name, made in arrangements.items()
        }
        self._local = threading.local()

    def exact_dtype(self, name: str) -> str:
        """The dtype that all parts of a tensor have, or one that holds them all."""
        return self._exact[name] if name in self.own else self.inner.exact_dtype(name)

    def read_exact(self, name: str, buffer: memoryview, *, start: int = 0) -> None:
        """Fill `buffer` with values in the `exact_dtype` from element `start` on."""
        if name not in self.own:
            self.inner.read_exact(name, buffer, start=start)
            return
        view = buffer.cast("B")
        count = len(view) // _size(self._exact[name])
        view[:] = self._arranged(name, start, count).view(np.uint8).data

    def compute(self, name: str, start: int, count: int) -> Values:
        """So many values of an arranged tensor from element `start` on."""
        dtype = self._exact[name]
        return widened(self._arranged(name, start, count).tobytes(), dtype)

    def _arranged(self, name: str, start: int, count: int) -> Elements:
        """Elements as they lie in the base's tensor, as numbers of their size; zeros where nothing is."""
        made, dtype = self._arrangements[name], self._exact[name]
        height, width = made.shape[-2:]
        first, last = start // width, -(-(start + count) // width)
        rows = np.zeros((last - first, width), _kind(dtype))
        for patch in made.patches:
            above = patch.base.expert * height
            top = max(first, above + patch.base.rows[0])
            bottom = min(last, above + patch.base.rows[1])
            if top < bottom:
                inside = (top - above - patch.base.rows[0], bottom - above - patch.base.rows[0])
                columns = slice(*patch.base.columns)
                rows[top - first : bottom - first, columns] = self._part(patch, inside, dtype)
        return rows.reshape(-1)[start - first * width :][:count]

    def _part(self, patch: Patch, rows: Rows, dtype: str) -> Elements:
        """Some rows of a patch, counted from its first one in the base."""
        theirs = patch.theirs
        if not patch.transposed:
            taken = (theirs.rows[0] + rows[0], theirs.rows[0] + rows[1])
            return self._rows(patch.donor, theirs._replace(rows=taken), dtype)
        parts = []
        wide = max(BAND // (theirs.rows[1] - theirs.rows[0]), rows[1] - rows[0], 1)
        for number in range(rows[0] // wide, -(-rows[1] // wide)):
            begin, end = number * wide, min((number + 1) * wide, theirs.columns[1] - theirs.columns[0])
            columns = (theirs.columns[0] + begin, theirs.columns[0] + end)
            band = self._band(patch.donor, theirs._replace(columns=columns), dtype)
            parts.append(band[max(rows[0] - begin, 0) : rows[1] - begin])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _band(self, donor: str, area: Area, dtype: str) -> Elements:
        """An area transposed; the last few of a thread are kept."""
        bands: OrderedDict[tuple[str, Area], Elements] = self._local.__dict__.setdefault(
            "bands", OrderedDict()
        )
        key = (donor, area)
        if key not in bands:
            while len(bands) >= BANDS:
                bands.popitem(last=False)
            band = np.empty((area.columns[1] - area.columns[0], area.rows[1] - area.rows[0]), _kind(dtype))
            step = max(BAND // self.inner.tensors[donor].shape[-1], 1)
            for row in range(*area.rows, step):
                rows = (row, min(row + step, area.rows[1]))
                place = slice(rows[0] - area.rows[0], rows[1] - area.rows[0])
                band[:, place] = self._rows(donor, area._replace(rows=rows), dtype).T
            bands[key] = band
        bands.move_to_end(key)
        return bands[key]

    def _rows(self, donor: str, area: Area, dtype: str) -> Elements:
        """An area as it is stored, in a dtype that holds its values."""
        height, width = self.inner.tensors[donor].shape[-2:]
        start = (area.expert * height + area.rows[0]) * width
        count = (area.rows[1] - area.rows[0]) * width
        own = self.inner.exact_dtype(donor)
        if own == dtype:
            raw = np.empty(count * _size(own), np.uint8)
            self.inner.read_exact(donor, raw.data, start=start)
            elements = raw.view(_kind(own))
        else:
            exact = np.float64 if dtype == "F64" else np.float32
            elements = read_values(self.inner, donor, start, count).astype(exact).view(_kind(dtype))
        return elements.reshape(-1, width)[:, slice(*area.columns)]


def _info(name: str, made: Arrangement, donor: TensorSource) -> TensorInfo:
    dtype = _common([donor.tensors[patch.donor].dtype for patch in made.patches])
    return TensorInfo(name, made.shape, dtype, shard="", offset=UNPLACED)


def _common(dtypes: list[str]) -> str:
    """The dtype of all, or the one that holds the values of all."""
    if len(dict.fromkeys(dtypes)) == 1 or not all(dtype in FLOATS for dtype in dtypes):
        return dtypes[0]
    return "F64" if "F64" in dtypes else "F32"


def _size(dtype: str) -> int:
    return DTYPE_BITS[dtype] // 8


def _kind(dtype: str) -> str:
    """Unsigned integers of a dtype's size: what is only moved is not interpreted."""
    return f"<u{_size(dtype)}"
