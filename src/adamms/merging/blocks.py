"""One tensor, block by block: read every parent's values, merge in float32, round once.

Every merged value of the tool comes out of `BlockMerger.merge`, whether it is written to disk or moved into
a live model, so the two are equal bit for bit. A block is a run of consecutive elements of one base tensor
whose sources are runs of consecutive elements too, or the base alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import torch

from adamms.errors import MergeError
from adamms.merging.draws import Draws, SeededDraws
from adamms.merging.method import Method, Pass, as_parameters, call
from adamms.merging.parents import Parents

if TYPE_CHECKING:
    from adamms.checkpoints import Checkpoint, TensorInfo

# 128 K elements: small enough for a core's cache with several operands, large enough that what a block costs
# beside its arithmetic does not show. The results do not depend on it.
BLOCK_ELEMENTS = 1 << 17

TORCH_DTYPES = {
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "F32": torch.float32,
    "F64": torch.float64,
}

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Block:
    """A run of elements of one base tensor and where the other parents' values for it lie.

    `start` counts elements from the start of the tensor (row-major). `sources` holds, for every donor and for
    the ancestor if the method reads it, a tensor's name and the first element, or None where it has none; it
    is empty where the base's own values stay.
    """

    name: str
    start: int
    count: int
    sources: tuple[tuple[str, int] | None, ...] = ()


def row_width(info: "TensorInfo") -> int:
    """Elements a row; a tensor of one dimension is one row."""
    return prod(info.shape[1:]) if len(info.shape) > 1 else max(info.numel, 1)


def blocks_of(
    info: "TensorInfo", parents: Parents, method: Method, *, size: int = BLOCK_ELEMENTS
) -> Iterator[Block]:
    """Cut one base tensor into blocks of about `size` elements at most, in order, without gaps.

    Where the method needs whole rows a block holds whole rows, and one at least.
    """
    width = prod(info.shape[1:])
    if method.by_rows:
        whole = row_width(info)
        size = max(size - size % whole, whole)
    position = 0
    for run in parents.runs(info.name, method):
        start, stop = run.start * width, run.stop * width
        yield from _cut(Block(info.name, position, start - position), size)
        sources = tuple(source and (source[0], source[1] * width) for source in run.sources)
        yield from _cut(Block(info.name, start, stop - start, sources), size)
        position = stop
    yield from _cut(Block(info.name, position, prod(info.shape) - position), size)


def _cut(block: Block, size: int) -> Iterator[Block]:
    for offset in range(0, block.count, size):
        yield Block(
            block.name,
            block.start + offset,
            min(size, block.count - offset),
            tuple(source and (source[0], source[1] + offset) for source in block.sources),
        )


class BlockMerger:
    """Merges and measures blocks of a set of parents; holds the few buffers that one thread reuses.

    Peak memory is a handful of blocks, whatever the size of the model.
    """

    def __init__(
        self, parents: Parents, method: Method, *, facts: Facts | None = None, draws: Draws | None = None
    ) -> None:
        views = parents.views_for(method)
        self._parents = parents
        self._method = method
        self._base = _Operand(parents.base, "base")
        numbered = len(parents.donors) > 1
        self._others = [
            _Operand(
                view.checkpoint,
                "pretrained model"
                if at == len(parents.donors)
                else f"donor {at + 1}"
                if numbered
                else "donor",
            )
            for at, view in enumerate(views)
        ]
        self._given = {**as_parameters(method.settings), **(facts or {})}
        self._draws = draws or SeededDraws(method.settings.get("seed", 0))
        self._function = method.function

    def merge(self, block: Block, out: torch.Tensor, *, facts: Facts | None = None) -> None:
        """Write a block's values into `out` (its dtype is the output's; `block.count` elements).

        Args:
            block: where.
            out: the values' place.
            facts: what the method's passes over this tensor found.

        Raises:
            MergeError: a source holds NaN or infinity, or the result does not fit the output's dtype.
        """
        if not block.sources:
            out.copy_(self._base.read(block.name, block.start, block.count))
            return
        merged = call(self._function, self._available(block, self._function, facts))
        low, high = torch.aminmax(merged)
        limit = torch.finfo(out.dtype).max
        # Written so that NaN, which compares false with everything, is caught as well.
        if not (low >= -limit and high <= limit):
            raise MergeError(self._explain(block, limit=limit, out=out.dtype))
        out.copy_(merged)

    def measure(self, block: Block, one: Pass, *, facts: Facts | None = None) -> torch.Tensor:
        """A pass's measure of a block that has sources.

        Raises:
            MergeError: a source holds NaN or infinity.
        """
        measured: torch.Tensor = call(one.measure, self._available(block, one.measure, facts))
        if measured.is_floating_point() and not torch.isfinite(measured).all():
            raise MergeError(self._explain(block, limit=torch.finfo(torch.float32).max, out=torch.float32))
        return measured

    def conclude(
        self, name: str | None, one: Pass, total: torch.Tensor, *, count: int, facts: Facts | None = None
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
                self._draws.draw(block.name, model, block.start, block.count) for model in range(len(models))
            ]
        if self._method.by_rows and block.count < given["width"]:
            # A part of a one-dimensional tensor, such as one bias of several in one: a row of its own.
            given["width"] = block.count
        return given

    def _values(self, block: Block) -> tuple[list[torch.Tensor], torch.Tensor | None]:
        """The models' values, widened, the base's first, and the ancestor's.

        A donor that lacks these rows while another has them counts as unchanged: it has the ancestor's
        values, or the base's where there is no ancestor.
        """
        base = self._base.read(block.name, block.start, block.count)
        exact = torch.float64 if base.dtype == torch.float64 else torch.float32
        models = [self._base.widened(base, exact)]
        others = [
            source and operand.widened(operand.read(*source, block.count), exact)
            for operand, source in zip(self._others, block.sources, strict=True)
        ]
        donors = len(self._parents.donors)
        pretrained = others[donors] if len(others) > donors else None
        absent = models[0] if pretrained is None else pretrained
        return [*models, *(absent if each is None else each for each in others[:donors])], pretrained

    def _explain(self, block: Block, *, limit: float, out: torch.dtype) -> str:
        places = [(self._base, (block.name, block.start)), *zip(self._others, block.sources, strict=True)]
        for operand, source in places:
            if source is None:
                continue
            if bool(torch.isfinite(operand.read(*source, block.count)).all()):
                continue
            # The whole tensor is counted: a block's place says nothing to people.
            return (
                f"{source[0]} in the {operand.role} holds {operand.count_unusable(source[0])} NaN or "
                "infinite values; the checkpoint is damaged, download or export it again."
            )
        return (
            f"The merged {block.name} exceeds the largest {str(out).removeprefix('torch.')} value "
            f"({limit:.4g}); store the output wider, for example with --dtype bfloat16."
        )


class _Operand:
    """One parent's values: bytes as stored and their widened copy, both in memory that is kept.

    Fresh megabytes for every block would cost more than the arithmetic (the allocator returns them to the
    system each time).
    """

    def __init__(self, source: "Checkpoint", role: str) -> None:
        self.role = role
        self._source = source
        self._stored = torch.empty(0, dtype=torch.uint8)
        self._widened = torch.empty(0, dtype=torch.uint8)

    def read(self, name: str, start: int, count: int) -> torch.Tensor:
        exact = self._source.unrounded(name, start=start, count=count)
        if exact is not None:
            # With an adapter folded in: rounded at the end, with the rest, and not before.
            return torch.from_numpy(exact)
        dtype = torch_dtype(self._source.tensors[name], self._source.source)
        self._stored = _at_least(self._stored, count * dtype.itemsize)
        raw = self._stored[: count * dtype.itemsize]
        self._source.read_into(name, raw.numpy().data, start=start * dtype.itemsize)
        return raw.view(dtype)

    def count_unusable(self, name: str) -> int:
        numel = self._source.tensors[name].numel
        runs = ((start, min(BLOCK_ELEMENTS, numel - start)) for start in range(0, numel, BLOCK_ELEMENTS))
        return sum(int((~torch.isfinite(self.read(name, *run))).sum()) for run in runs)

    def widened(self, values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        self._widened = _at_least(self._widened, values.numel() * dtype.itemsize)
        return self._widened[: values.numel() * dtype.itemsize].view(dtype).copy_(values)


def _at_least(buffer: torch.Tensor, nbytes: int) -> torch.Tensor:
    return buffer if len(buffer) >= nbytes else torch.empty(nbytes, dtype=torch.uint8)


def refuse_nan(values: torch.Tensor, name: str) -> None:
    """Insist that values that stay the base's are numbers; an infinity may be meant, as in a stored mask.

    Raises:
        MergeError: some are NaN.
    """
    bad = int(torch.isnan(values).sum())
    if bad:
        raise MergeError(
            f"{name} in the base holds {bad} NaN values; the checkpoint is damaged, download or export it "
            "again."
        )


def torch_dtype(info: "TensorInfo", source: str) -> torch.dtype:
    """The torch dtype of a tensor that takes part in arithmetic.

    Raises:
        MergeError: the tensor is stored as integers or float8, which cannot be interpolated.
    """
    try:
        return TORCH_DTYPES[info.dtype]
    except KeyError:
        raise MergeError(
            f"{info.name} in {source} is stored as {info.dtype}, which cannot be interpolated; "
            "merge an unquantised copy of the model (bfloat16, float16 or float32)."
        ) from None
