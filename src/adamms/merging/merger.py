"""One block: read every parent's values, merge in float32, round once.

Every merged value of the tool comes out of `BlockMerger.merge`, whether it is written to disk or moved into
a live model, so the two are equal bit for bit.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from adamms.errors import MergeError
from adamms.merging.blocks import BLOCK_ELEMENTS, Block, row_width
from adamms.merging.draws import Draws, SeededDraws
from adamms.merging.method import Method, Pass, as_parameters, call
from adamms.merging.parents import Parents
from adamms.merging.stored import ITEMSIZES, LARGEST, NAMES, count_not_finite, floating_dtype
from adamms.merging.values import Values, values_for

if TYPE_CHECKING:
    from adamms.checkpoints import Checkpoint
    from adamms.merging.resident import Held

Facts = Mapping[str, Any]


class BlockMerger:
    """Merges and measures blocks of a set of parents; holds the few buffers that one thread reuses.

    Peak memory is a handful of blocks, whatever the size of the model.
    """

    def __init__(
        self,
        parents: Parents,
        method: Method,
        *,
        facts: Facts | None = None,
        draws: Draws | None = None,
        values: Values | None = None,
        held: "Held | None" = None,
    ) -> None:
        """Prepare a thread's merging.

        Args:
            parents: the models.
            method: the method with its settings.
            facts: what its passes over the whole model found.
            draws: another source of random numbers, for tests.
            values: the library to compute in; chosen by method and dtypes where it is left out. The results
                are the same.
            held: where the parents are read from, on the device that `values` computes on; their files,
                in main memory, where it is left out.
        """
        views = parents.views_for(method)
        self._values_in = values or values_for(parents, method)
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
        self._given = {**as_parameters(method.settings), **(facts or {})}
        self._draws = draws or SeededDraws(method.settings.get("seed", 0))
        self._function = method.function

    def merge(
        self,
        block: Block,
        out: Any,
        *,
        dtype: str,
        facts: Facts | None = None,
        unsure: list[Any] | None = None,
    ) -> None:
        """Write a block's values into `out`.

        Args:
            block: where.
            out: the place of the values' bytes, uint8.
            dtype: what they are stored as.
            facts: what the method's passes over this tensor found.
            unsure: takes up whether the values are sound; asked here, where it is left out.

        Raises:
            MergeError: a source holds NaN or infinity, or the result does not fit the output's dtype.
        """
        if not block.sources:
            double = self._base.dtype(block.name) == "F64"
            read = self._base.read(block.name, block.start, block.count)
            self._values_in.store(self._base.widened(self._values_in, *read, double=double), out, dtype)
            return
        merged = None
        fits = self._summed(block, out, dtype) if self._values_in.one_pass else None
        if fits is None:
            merged = call(self._function, self._available(block, self._function, facts))
            fits = self._values_in.fits(merged, LARGEST[dtype])
        if unsure is not None:
            unsure.append(fits)
        elif not fits:
            raise MergeError(self._explain(block, dtype))
        if merged is not None:
            self._values_in.store(merged, out, dtype)

    def _summed(self, block: Block, out: Any, dtype: str) -> Any:
        """Write a block in one pass, where the method is a weighted sum; None where that is not possible."""
        by = self._method.rule.summed_by
        if by is None or None in block.sources:
            return None
        weights = self._parents.weights(block.name, self._method)
        weights = call(by, {**self._given, "weights": weights})
        places = [(self._base, (block.name, block.start)), *zip(self._others, block.sources, strict=True)]
        terms = [
            (operand.read(*source, block.count), weight)
            for (operand, source), weight in zip(places, weights, strict=True)
            if source is not None and weight
        ]
        return self._values_in.weighted_sum(terms, out, dtype)

    def measure(self, blocks: Iterable[Block], one: Pass, *, facts: Facts | None = None) -> np.ndarray:
        """The sum of a pass's measures of blocks that have sources; at least one block.

        Raises:
            MergeError: a source holds NaN or infinity.
        """
        total: np.ndarray | None = None
        for block in blocks:
            available = {**self._available(block, one.measure, facts), "sofar": total}
            measured = np.asarray(call(one.measure, available))
            if measured.dtype.kind == "f" and not np.isfinite(measured).all():
                raise MergeError(self._explain(block, "F32"))
            plain = total is None or one.accumulates
            total = measured if plain else np.add(total, measured, out=total)  # type: ignore[arg-type]
        assert total is not None
        return total

    def conclude(
        self, name: str | None, one: Pass, total: np.ndarray, *, count: int, facts: Facts | None = None
    ) -> dict[str, Any]:
        """What follows from a pass's measures of a tensor, or (without a name) of the whole model."""
        weights = {} if name is None else {"weights": self._parents.weights(name, self._method)}
        given = {**self._given, **self._parents.settings_at(name, self._method), **(facts or {}), **weights}
        return call(one.conclude, {**given, "total": total, "count": count})

    def _available(self, block: Block, function: Any, facts: Facts | None) -> dict[str, Any]:
        """Everything a method's function may ask for, at one block."""
        models, pretrained = self._values(block)
        given = {
            **self._given,
            **self._parents.settings_at(block.name, self._method),
            **(facts or {}),
            "models": models,
            "weights": self._parents.weights(block.name, self._method),
            "width": row_width(self._parents.base.tensors[block.name]),
        }
        if pretrained is not None:
            given["pretrained"] = pretrained
        if "seed" in self._method.settings:
            given["draws"] = [
                self._values_in.numbers(self._draws.draw(block.name, model, block.start, block.count))
                for model in range(len(models))
            ]
        if self._method.by_rows and block.count < given["width"]:
            # A part of a one-dimensional tensor, such as one bias of several in one: a row of its own.
            given["width"] = block.count
        return given

    def _values(self, block: Block) -> tuple[list[Any], Any]:
        """The models' values, widened, the base's first, and the ancestor's.

        A donor that lacks these rows while another has them counts as unchanged: it has the ancestor's
        values, or the base's where there is no ancestor.
        """
        double = self._base.dtype(block.name) == "F64"

        def read(operand: _Operand, name: str, start: int) -> Any:
            stored = operand.read(name, start, block.count)
            return operand.widened(self._values_in, *stored, double=double)

        models = [read(self._base, block.name, block.start)]
        others = [
            source and read(operand, *source)
            for operand, source in zip(self._others, block.sources, strict=True)
        ]
        donors = len(self._parents.donors)
        pretrained = others[donors] if len(others) > donors else None
        absent = models[0] if pretrained is None else pretrained
        return [*models, *(absent if each is None else each for each in others[:donors])], pretrained

    def _explain(self, block: Block, out: str) -> str:
        places = [(self._base, (block.name, block.start)), *zip(self._others, block.sources, strict=True)]
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


def on_cpu(raw: Any, dtype: str) -> tuple[np.ndarray, str]:
    """Stored values where they can be counted."""
    return np.asarray(raw.cpu() if hasattr(raw, "cpu") else raw), dtype


class _Operand:
    """One parent's values: bytes as stored and their widened copy, both in memory that is kept.

    Fresh megabytes for every block would cost more than the arithmetic (the allocator returns them to the
    system each time).
    """

    def __init__(self, source: "Checkpoint", role: str, held: "Held | None") -> None:
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
        exact = self._source.unrounded(name, start=start, count=count)
        if exact is not None:
            # With an adapter folded in: rounded at the end, with the rest, and not before.
            return exact.view(np.uint8), "F64" if exact.dtype == np.float64 else "F32"
        dtype = self.dtype(name)
        size = ITEMSIZES[dtype]
        if len(self._stored) < count * size:
            self._stored = np.empty(count * size, np.uint8)
        raw = self._stored[: count * size]
        self._source.read_into(name, raw.data, start=start * size)
        return raw, dtype

    def count_not_finite(self, name: str) -> int:
        """How many of a whole tensor's values are NaN or infinite."""
        numel = self._source.tensors[name].numel
        runs = ((start, min(BLOCK_ELEMENTS, numel - start)) for start in range(0, numel, BLOCK_ELEMENTS))
        return sum(count_not_finite(*on_cpu(*self.read(name, *run))) for run in runs)

    def widened(self, values: Values, raw: Any, dtype: str, *, double: bool) -> Any:
        needed = len(raw) // ITEMSIZES[dtype] * (8 if double else 4)
        if len(self._widened) < needed:
            self._widened = np.empty(needed, np.uint8)
        return values.widened(raw, dtype, self._widened, double=double)
