"""One block: read every parent's values, merge in float32, round once.

Every merged value of the tool comes out of `BlockMerger.merge`, whether it is written to disk or moved into
a live model, so the two are equal bit for bit.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from adamms.errors import MergeError
from adamms.merging import cpu_kernel
from adamms.merging.backends import Backend, choose_backend
from adamms.merging.blocks import BLOCK_ELEMENTS, Block, row_width
from adamms.merging.draws import Draws, SeededDraws
from adamms.merging.dtypes import (
    ITEMSIZES,
    LARGEST,
    NAMES,
    RawTaskVector,
    RawTensor,
    count_not_finite,
    floating_dtype,
)
from adamms.merging.kernel_params import KernelParams
from adamms.merging.merge_inputs import MergeInputs
from adamms.merging.method import Method, Reduction, as_parameters, call

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource
    from adamms.merging.parent_store import ParentStore

Statistics = Mapping[str, Any]


class BlockMerger:
    """Merges and measures blocks of a set of parents; holds the few buffers that one thread reuses.

    Peak memory is a handful of blocks, whatever the size of the model.
    """

    def __init__(
        self,
        parents: MergeInputs,
        method: Method,
        *,
        statistics: Statistics | None = None,
        draws: Draws | None = None,
        values: Backend | None = None,
        held: "ParentStore | None" = None,
    ) -> None:
        """Prepare a thread's merging.

        Args:
            parents: the models.
            method: the method with its settings.
            statistics: what its passes over the whole model found.
            draws: another source of random numbers, for tests.
            values: the library to compute in; chosen by method and dtypes where it is left out. The results
                are the same.
            held: where the parents are read from, on the device that `values` computes on; their files,
                in main memory, where it is left out.
        """
        views = parents.views_for(method)
        self._values_in = values or choose_backend(parents, method)
        self._parents = parents
        self._method = method
        self._base = _Operand(parents.base, "base", held)
        numbered = len(parents.donors) > 1
        self._others = [
            _Operand(
                view.checkpoint,
                "pretrained model"
                if at == len(parents.donors)
                else f"donor {at + 1}"
                if numbered
                else "donor",
                held,
            )
            for at, view in enumerate(views)
        ]
        self._given = {**as_parameters(method.settings), **(statistics or {})}
        self._draws = draws or SeededDraws(method.settings.get("seed", 0))
        self._function = method.function
        self._latest: tuple[str, Statistics | None, KernelParams] | None = None

    def merge(
        self,
        block: Block,
        out: Any,
        *,
        dtype: str,
        statistics: Statistics | None = None,
        pending_checks: list[Any] | None = None,
    ) -> None:
        """Write a block's values into `out`.

        Args:
            block: where.
            out: the place of the values' bytes, uint8.
            dtype: what they are stored as.
            statistics: what the method's passes over this tensor found.
            pending_checks: takes up whether the values are sound; asked here, where it is left out.

        Raises:
            MergeError: a source holds NaN or infinity, or the result does not fit the output's dtype.
        """
        if not block.sources:
            self._keep(block, out, dtype, ask=pending_checks is None)
            return
        merged = None
        fits = self._merge_stored(block, out, dtype=dtype, statistics=statistics)
        if fits is None:
            merged = call(self._function, self._available(block, statistics))
            fits = self._values_in.fits(merged, LARGEST[dtype])
        if pending_checks is not None:
            pending_checks.append(fits)
        elif not fits:
            raise MergeError(self._explain(block, dtype))
        if merged is not None:
            self._values_in.store(merged, out, dtype)

    def _keep(self, block: Block, out: Any, dtype: str, *, ask: bool) -> None:
        """Store the base's own values as a dtype; an infinity may be meant, as in a stored mask."""
        double = self._base.dtype(block.name) == "F64"
        read = self._base.read(block.name, block.start, block.count)
        values = self._base.widened(self._values_in, *read, double=double)
        if ask and not self._values_in.fits(values, LARGEST[dtype]):
            numbers = np.abs(on_cpu(values, dtype)[0])
            if np.isnan(numbers).any() or (numbers[np.isfinite(numbers)] > LARGEST[dtype]).any():
                raise MergeError(self._explain(block, dtype))
        self._values_in.store(values, out, dtype)

    def _merge_stored(self, block: Block, out: Any, *, dtype: str, statistics: Statistics | None) -> Any:
        """Merge in one pass, from and to values as they are stored: whether they fit, as `Backend` says.

        None where there is no such way for this method or these dtypes.
        """
        if self._method.rule.kernel is None or not self._values_in.one_pass:
            return None
        params = self._params(block.name, statistics)
        models, origin = self._places(block)
        return self._values_in.merge_stored(
            params,
            models={at: _stored(*models[at]) for at in params.used(origin=origin is not None)},
            origin=_stored(*origin) if origin else None,
            draws=self._drawn(block, len(models)),
            out=RawTensor(out, dtype),
        )

    def _params(self, name: str, statistics: Statistics | None) -> KernelParams:
        """The fused kernel's parameters at a tensor, worked out once for its blocks, or for all tensors."""
        key = ("", None) if self._method.uniform else (name, statistics)
        if self._latest is None or self._latest[0] != key[0] or self._latest[1] is not key[1]:
            assert self._method.rule.kernel is not None
            self._latest = *key, call(self._method.rule.kernel, self._known(name, statistics))
        return self._latest[2]

    def _vectors(self, block: Block, one: Reduction, statistics: Statistics | None) -> dict[str, Any] | None:
        """What a pass over stored values may ask for at one block; None where compiled code cannot do it."""
        if not one.raw or not self._values_in.one_pass:
            return None
        models, origin = self._places(block)
        vectors = [RawTaskVector(_stored(*each), _stored(*origin) if origin else None) for each in models]
        takes = all(cpu_kernel.takes(stored) for vector in vectors for stored in vector)
        return {**self._known(block.name, statistics), "raw": vectors} if takes else None

    def map_reduce(
        self,
        blocks: Iterable[Block],
        one: Reduction,
        *,
        statistics: Statistics | None = None,
        accumulated: np.ndarray | None = None,
    ) -> np.ndarray:
        """The sum of a pass's measures of blocks that have sources; at least one block.

        What a pass that accumulates has found `accumulated` is added to, in its own memory.

        Raises:
            MergeError: a source holds NaN or infinity.
        """
        total = accumulated if one.accumulator else None
        for block in blocks:
            available = {
                **(self._vectors(block, one, statistics) or self._available(block, statistics)),
                "accumulated": total,
            }
            measured = np.asarray(call(one.map, available))
            if measured.dtype.kind == "f" and not np.isfinite(measured).all():
                raise MergeError(self._explain(block, "F32"))
            plain = total is None or one.accumulator
            total = measured if plain else np.add(total, measured, out=total)  # type: ignore[arg-type]
        assert total is not None
        return total

    def finalize(
        self,
        name: str | None,
        one: Reduction,
        total: np.ndarray,
        *,
        count: int,
        statistics: Statistics | None = None,
    ) -> dict[str, Any]:
        """What follows from a pass's measures of a tensor, or (without a name) of the whole model."""
        return call(one.finalize, {**self._known(name, statistics), "total": total, "count": count})

    def _known(self, name: str | None, statistics: Statistics | None) -> dict[str, Any]:
        """The settings, weights and statistics at a tensor, or (without a name) of the whole model."""
        weights = {} if name is None else {"weights": self._parents.weights(name, self._method)}
        return {
            **self._given,
            **self._parents.settings_at(name, self._method),
            **(statistics or {}),
            **weights,
        }

    def _drawn(self, block: Block, models: int) -> list[Any]:
        """Random numbers at a block, an array a model, for a method that draws."""
        if "seed" not in self._method.settings:
            return []
        return [self._draws.draw(block.name, model, block.start, block.count) for model in range(models)]

    def _available(self, block: Block, statistics: Statistics | None) -> dict[str, Any]:
        """Everything a method's function may ask for, at one block."""
        double = self._base.dtype(block.name) == "F64"
        places, ancestor = self._places(block)
        models = [place[0].widened(self._values_in, *_stored(*place), double=double) for place in places]
        given = {
            **self._known(block.name, statistics),
            "models": models,
            "draws": [self._values_in.numbers(each) for each in self._drawn(block, len(models))],
            "width": row_width(self._parents.base.tensors[block.name]),
        }
        if ancestor is not None:
            given["pretrained"] = ancestor[0].widened(self._values_in, *_stored(*ancestor), double=double)
        if self._method.by_rows and block.count < given["width"]:
            # A part of a one-dimensional tensor, such as one bias of several in one: a row of its own.
            given["width"] = block.count
        return given

    def _places(self, block: Block) -> "tuple[list[_Place], _Place | None]":
        """Where the models' values for a block are, the base's first, and the ancestor's.

        A donor that lacks these rows while another has them counts as unchanged: it has the ancestor's
        values, or the base's where there is no ancestor.
        """
        base = (self._base, block.name, block.start, block.count)
        others = [
            source and (operand, *source, block.count)
            for operand, source in zip(self._others, block.sources, strict=True)
        ]
        donors = len(self._parents.donors)
        origin = others[donors] if len(others) > donors else None
        return [base, *(each or origin or base for each in others[:donors])], origin

    def _explain(self, block: Block, out: str) -> str:
        places = [(self._base, (block.name, block.start)), *zip(self._others, block.sources, strict=False)]
        for operand, source in places:
            if source is None:
                continue
            if not count_not_finite(*on_cpu(*operand.read(*source, block.count))):
                continue
            # The whole tensor is counted: a block's place says nothing to people.
            return (
                f"{source[0]} in the {operand.role} holds {operand.count_not_finite(source[0])} NaN or "
                "infinite values; the checkpoint is damaged, download or export it again."
            )
        return (
            f"The merged {block.name} exceeds the largest {NAMES[out]} value "
            f"({LARGEST[out]:.4g}); store the output wider, for example with --dtype bfloat16."
        )


def _stored(operand: "_Operand", name: str, start: int, count: int) -> RawTensor:
    return RawTensor(*operand.read(name, start, count))


def on_cpu(raw: Any, dtype: str) -> tuple[np.ndarray, str]:
    """Stored values where they can be counted."""
    return np.asarray(raw.cpu() if hasattr(raw, "cpu") else raw), dtype


class _Operand:
    """One parent's values: bytes as stored and their widened copy, both in memory that is kept.

    Fresh megabytes for every block would cost more than the arithmetic (the allocator returns them to the
    system each time).
    """

    def __init__(self, source: "TensorSource", role: str, held: "ParentStore | None") -> None:
        self.role = role
        self._held = held
        self._source = source
        self._stored = np.empty(0, np.uint8)
        self._widened = np.empty(0, np.uint8)

    def dtype(self, name: str) -> str:
        return floating_dtype(self._source.tensors[name], self._source.source)

    def read(self, name: str, start: int, count: int) -> tuple[Any, str]:
        """The bytes of so many elements, and what they are; on the device where they are held."""
        if self._held is not None:
            return self._held.read(self._source, name, start, count)
        self.dtype(name)
        # Wider than stored where an adapter is folded in: rounded at the end, with the rest, and not before.
        dtype = self._source.exact_dtype(name)
        size = ITEMSIZES[dtype]
        if len(self._stored) < count * size:
            self._stored = np.empty(count * size, np.uint8)
        raw = self._stored[: count * size]
        self._source.read_exact(name, raw.data, start=start)
        return raw, dtype

    def count_not_finite(self, name: str) -> int:
        """How many of a whole tensor's values are NaN or infinite."""
        numel = self._source.tensors[name].numel
        runs = ((start, min(BLOCK_ELEMENTS, numel - start)) for start in range(0, numel, BLOCK_ELEMENTS))
        return sum(count_not_finite(*on_cpu(*self.read(name, *run))) for run in runs)

    def widened(self, values: Backend, raw: Any, dtype: str, *, double: bool) -> Any:
        needed = len(raw) // ITEMSIZES[dtype] * (8 if double else 4)
        if len(self._widened) < needed:
            self._widened = np.empty(needed, np.uint8)
        return values.widened(raw, dtype, self._widened, double=double)


# A parent, a tensor's name, the first element and how many.
_Place = tuple[_Operand, str, int, int]
