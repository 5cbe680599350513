"""One block: read every parent's values, merge in float32, round once.

Every merged value of the tool comes out of `BlockMerger.merge`, whether it is written to disk or moved into
a live model, so the two are equal bit for bit. There are two kinds of blocks: of rows that a donor has, which
the backend merges, and of rows that stay the base's, which it converts to the output's dtype.
"""

from collections.abc import Mapping
from typing import Any

from adamms.errors import MergeError
from adamms.merging.backends import Backend
from adamms.merging.blocks import Block, BlockReader
from adamms.merging.cpu_kernel import cpu_backend
from adamms.merging.dtypes import RawTensor
from adamms.merging.method import BoundMethod, Method

Statistics = Mapping[str, Any]


class BlockMerger:
    """Merges blocks, for one thread.

    Peak memory is a handful of blocks, whatever the size of the model.
    """

    def __init__(
        self,
        reader: BlockReader,
        method: Method,
        *,
        statistics: Statistics | None = None,
        backend: Backend | None = None,
    ) -> None:
        """Prepare a thread's merging.

        Args:
            reader: the thread's reader of the parents.
            method: the method with its settings.
            statistics: what its reductions over the whole model gave.
            backend: what computes, where the reader's values are; the CPU's where it is left out. The results
                are the same.
        """
        self._reader = reader
        self._method = method
        self._statistics = statistics or {}
        self._backend = backend or cpu_backend()
        self._latest: tuple[str, Statistics | None, BoundMethod] | None = None

    def merge(self, block: Block, out: Any, *, dtype: str, statistics: Statistics | None = None) -> Any:
        """Write a block's values into `out`.

        Args:
            block: where.
            out: the place of the values' bytes, uint8.
            dtype: what they are stored as.
            statistics: what the method's reductions over this tensor gave.

        Returns:
            Whether they are in range, as `Backend.merge` says; where not, `fault` says why.

        Raises:
            MergeError: a tensor cannot be interpolated.
        """
        target = RawTensor(out, dtype)
        if not block.sources:
            values = self._reader.base(block)
            return self._backend.convert(values, target, double=self._reader.double(block))
        return self._backend.merge(self._reader.read(block), self._bound(block.name, statistics), target)

    def fault(self, block: Block, dtype: str) -> MergeError:
        """Why a block's values, stored as `dtype`, are not in range."""
        return self._reader.fault(block, dtype)

    def _bound(self, name: str, statistics: Statistics | None) -> BoundMethod:
        """The method at a tensor, bound once for its blocks, or for all tensors."""
        key = ("", None) if self._method.uniform else (name, statistics)
        if self._latest is None or self._latest[0] != key[0] or self._latest[1] is not key[1]:
            known = {**self._statistics, **(statistics or {})}
            arguments = self._reader.inputs.arguments(name, self._method, statistics=known)
            self._latest = *key, BoundMethod.of(self._method, arguments)
        return self._latest[2]
