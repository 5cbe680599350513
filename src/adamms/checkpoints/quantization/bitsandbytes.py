"""bitsandbytes' 4-bit weights, NF4 and FP4 (QLoRA, arXiv 2305.14314), with or without nested statistics.

A value is an entry of a table of 16 times its block's largest magnitude; nested, that magnitude is itself an
entry of a table of 256 times one of a block of blocks, plus an offset.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from adamms.checkpoints.floats import Values
from adamms.checkpoints.quantization.packed import PackedTensor, read_array, round_to
from adamms.checkpoints.quantization.small_floats import read_floats
from adamms.checkpoints.tensor_info import TensorInfo
from adamms.checkpoints.tensor_source import TensorSource
from adamms.errors import CheckpointError

STATE = ".quant_state.bitsandbytes__"
DTYPES = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}


@dataclass(frozen=True)
class FourBitTensor(PackedTensor):
    """A weight of two values a byte, the upper half first, over the flattened tensor.

    Attributes:
        info: the tensor that it stands for.
        stored: the stored tensor's name, to which those of the statistics are appended.
        block: values that share a magnitude.
        nested: magnitudes that share one of the second order, and what is added to all; None where they are
            stored as they are.
    """

    info: TensorInfo
    stored: str
    block: int
    nested: tuple[int, float] | None

    def values(self, source: TensorSource, start: int, count: int) -> Values:
        """The blocks around the elements are unpacked."""
        first, last = start // self.block, -(-(start + count) // self.block)
        table = read_floats(source, f"{self.stored}.quant_map", 0, 16)
        begin, end = first * self.block, min(last * self.block, self.info.numel)
        packed = read_array(source, self.stored, "u1", start=begin // 2, count=-(-end // 2) - begin // 2)
        # Both values of a byte at once.
        pairs = np.stack([np.repeat(table, 16), np.tile(table, 16)], axis=1)
        values = pairs[packed].reshape(-1)[: end - begin]
        values *= np.repeat(self._magnitudes(source, first, last), self.block)[: len(values)]
        return round_to(values[start - begin :][:count], self.info.dtype)

    def sizes(self) -> dict[str, int]:
        """How many numbers each stored tensor must hold."""
        blocks = -(-self.info.numel // self.block)
        sizes = {"": -(-self.info.numel // 2), ".absmax": blocks, ".quant_map": 16}
        if self.nested:
            sizes |= {".nested_absmax": -(-blocks // self.nested[0]), ".nested_quant_map": 256}
        return {self.stored + part: count for part, count in sizes.items()}

    def _magnitudes(self, source: TensorSource, first: int, last: int) -> Values:
        """The largest magnitudes of some blocks."""
        name = f"{self.stored}.absmax"
        if self.nested is None:
            return read_floats(source, name, first, last - first)
        size, offset = self.nested
        table = read_floats(source, f"{self.stored}.nested_quant_map", 0, 256)
        codes = read_array(source, name, "u1", start=first, count=last - first)
        low, high = first // size, -(-last // size)
        second = read_floats(source, f"{self.stored}.nested_absmax", low, high - low)
        magnitudes = table[codes] * second[np.arange(first, last) // size - low]
        return magnitudes + np.float32(offset)


def four_bit_tensor(source: TensorSource, name: str) -> FourBitTensor:
    """The tensor that `name` packs; its state is a small JSON beside it.

    Raises:
        CheckpointError: the state cannot be read.
    """
    state_name = next(other for other in source.tensors if other.startswith(name + STATE))
    try:
        state: dict[str, Any] = json.loads(bytes(read_array(source, state_name, "u1")))
        nested = (
            (int(state["nested_blocksize"]), float(state["nested_offset"]))
            if "nested_blocksize" in state
            else None
        )
        stored = source.tensors[name]
        info = TensorInfo(name, tuple(state["shape"]), DTYPES[state["dtype"]], stored.shard, -1)
        packed = FourBitTensor(info, name, int(state["blocksize"]), nested)
        for part, count in packed.sizes().items():
            if source.tensors[part].numel != count:
                raise ValueError(f"{part} holds {source.tensors[part].numel} numbers, not {count}")
        return packed
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise CheckpointError(
            f"{state_name} in {source.source} does not say how {name} is packed ({error}); "
            "save the model again."
        ) from None
