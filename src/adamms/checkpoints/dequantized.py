"""A quantised model seen as what it stands for: a source of tensors around a source of tensors.

Names and shapes are those of the unquantised model, values are those that transformers gives on loading it
with `dequantize`; the config no longer says that it is quantised. Nothing is unpacked before it is asked for.
"""

import math
from dataclasses import replace
from math import prod
from typing import Any

from adamms.checkpoints.computed_tensors import ComputedTensors
from adamms.checkpoints.floats import Values
from adamms.checkpoints.quantization.bitsandbytes import four_bit_tensor
from adamms.checkpoints.quantization.mxfp4 import Mxfp4Tensor
from adamms.checkpoints.quantization.packed import PackedTensor, UnitCache, read_array
from adamms.checkpoints.quantization.packed_integers import PackedRows, TransposedIntegers
from adamms.checkpoints.quantization.scaled import INT8_SCALE, ScaledTensor
from adamms.checkpoints.saved_forms import (
    BESIDE,
    EIGHT_BITS,
    Packed,
    quantization_config,
    refusal,
    scheme_name,
)
from adamms.checkpoints.tensor_info import UNPLACED, TensorInfo
from adamms.checkpoints.tensor_source import TensorSource
from adamms.errors import CheckpointError

STORED = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}


class DequantizedModel(ComputedTensors):
    """A model whose packed tensors are unpacked while they are read.

    Attributes:
        scheme: how it is quantised, for people.
    """

    def __init__(self, model: TensorSource, packed: tuple[Packed, ...]) -> None:
        """Find out what each packed tensor stands for.

        Raises:
            CheckpointError: one is not as its scheme has it, or packed in a way that is not read.
        """
        self.scheme = scheme_name(model.config) or packed[0].scheme
        reader = _Reader(model)
        self._packed: dict[str, PackedTensor] = {}
        shown: dict[str, str] = {}
        hidden: dict[str, None] = {}
        for each in packed:
            if each.name in self._packed:
                continue
            self._packed[each.name] = reader.packed_tensor(each)
            shown[each.parts[0]] = each.name
            hidden |= dict.fromkeys(each.parts)
        tensors: dict[str, TensorInfo] = {}
        for name, info in model.tensors.items():
            if name in shown:
                tensors[shown[name]] = replace(self._packed[shown[name]].info, shard=info.shard)
            elif name not in hidden and not name.endswith(BESIDE):
                tensors[name] = info
        super().__init__(model, tensors=tensors, own=self._packed)
        self.config = without_quantization(model.config)
        self.notes = (
            *model.notes,
            f"{model.source} is quantised ({self.scheme}): {len(self._packed)} tensors are read "
            "de-quantised, as transformers does it.",
        )

    def compute(self, name: str, start: int, count: int) -> Values:
        """The unpacked values."""
        return self._packed[name].values(self.inner, start, count)

    def identity(self) -> dict[str, Any]:
        """The model's identity, with how it is quantised."""
        return {**self.inner.identity(), "dequantized": self.scheme}


def without_quantization(config: dict[str, Any]) -> dict[str, Any]:
    """A config that does not say that the model is quantised, nor do its parts."""
    return {
        name: without_quantization(value) if isinstance(value, dict) else value
        for name, value in config.items()
        if name not in ("quantization_config", "compression_config")
    }


class _Reader:
    """Makes packed tensors of what was found, each with its shape and dtype."""

    def __init__(self, model: TensorSource) -> None:
        self._model = model
        self._said = quantization_config(model.config)
        self._cache = UnitCache()
        self._dtype = _dtype(model.config)

    def packed_tensor(self, packed: Packed) -> PackedTensor:
        """The tensor that a packed one stands for."""
        kinds = {
            "mxfp4": self._mxfp4,
            "fp8": self._scaled,
            "bitsandbytes 4-bit": lambda found: four_bit_tensor(self._model, found.name),
            "bitsandbytes 8-bit": self._scaled,
            "compressed-tensors": self._compressed,
            "gptq": self._transposed,
            "awq": self._transposed,
        }
        return kinds[packed.scheme](packed)

    def _shape(self, name: str) -> tuple[int, ...]:
        return self._model.tensors[name].shape

    def _info(self, name: str, shape: tuple[int, ...], dtype: str | None = None) -> TensorInfo:
        return TensorInfo(name, shape, dtype or self._dtype or "BF16", "", UNPLACED)

    def _mxfp4(self, packed: Packed) -> PackedTensor:
        blocks, scales = packed.parts
        shape = self._shape(blocks)
        if len(shape) < 3 or shape[-1] != 16 or self._shape(scales) != shape[:-1]:
            raise self._malformed(packed)
        *experts, rows, groups, _ = shape
        info = self._info(packed.name, (*experts, groups * 32, rows))
        return Mxfp4Tensor(info, blocks, scales, self._cache)

    def _scaled(self, packed: Packed) -> PackedTensor:
        numbers, scales = packed.parts
        stored = self._model.tensors[numbers]
        if stored.dtype not in EIGHT_BITS or not stored.shape:
            raise self._malformed(packed)
        int8 = packed.scheme == "bitsandbytes 8-bit"
        shape = stored.shape
        if packed.scheme == "fp8" and stored.dtype == "I8":
            shape = (*shape[:-1], shape[-1] * 2)  # two floats of four bits a byte
        rows, columns = (shape[-2] if len(shape) > 1 else 1), shape[-1]
        stack = prod(shape[:-2])
        grid = self._grid(self._shape(scales), stack, rows)
        if grid is None:
            raise self._malformed(packed)
        info = self._info(packed.name, shape, self._dtype or self._scale_dtype(scales, int8=int8))
        block = tuple(
            self._block(size, count, asked)
            for size, count, asked in zip((rows, columns), grid, self._asked(), strict=True)
        )
        factor = INT8_SCALE if int8 else 1.0
        return ScaledTensor(info, numbers, scales, grid, (block[0], block[1]), factor)

    def _grid(self, shape: tuple[int, ...], stack: int, rows: int) -> tuple[int, int] | None:
        """Scale rows and columns of one matrix; None where the scales do not fit."""
        count = prod(shape)
        if count == 1 or count == stack:
            return (1, 1) if count == stack else None
        if len(shape) < 2 or (shape[-1] == 1 and shape[-2] == rows):
            return (rows, 1) if count == stack * rows else None
        return (shape[-2], shape[-1]) if prod(shape[:-2]) == stack else None

    def _asked(self) -> tuple[int | None, int | None]:
        size = self._said.get("weight_block_size")
        return (int(size[0]), int(size[1])) if isinstance(size, list) and len(size) == 2 else (None, None)

    @staticmethod
    def _block(size: int, count: int, asked: int | None) -> int:
        """Rows or columns that share a scale; the last block may be shorter."""
        if asked and math.ceil(size / asked) == count:
            return asked
        return math.ceil(size / count)

    def _scale_dtype(self, scales: str, *, int8: bool) -> str:
        dtype = self._model.tensors[scales].dtype
        return dtype if dtype in STORED.values() and not int8 else "BF16"

    def _compressed(self, packed: Packed) -> PackedTensor:
        if not packed.parts[0].endswith(".weight_packed"):
            return self._scaled(packed)
        stem = packed.name.removesuffix(".weight")
        scales = f"{stem}.weight_scale"
        stored = self._model.tensors[packed.parts[0]]
        if f"{stem}.weight_g_idx" in packed.parts or scales not in packed.parts or stored.dtype != "I32":
            raise refusal(self._model, scheme_name(self._model.config) or packed.scheme, packed.parts[0])
        rows, columns = self._stated_shape(f"{stem}.weight_shape") or (0, 0)
        bits = next((bits for bits in (4, 8, 2) if stored.shape == (rows, math.ceil(columns * bits / 32))), 0)
        groups, rest = divmod(self._model.tensors[scales].numel, rows) if rows else (0, 0)
        if not bits or not groups or rest:
            raise self._malformed(packed)
        info = self._info(packed.name, (rows, columns), self._dtype or self._model.tensors[scales].dtype)
        return PackedRows(info, packed.parts[0], scales, bits, math.ceil(columns / groups))

    def _stated_shape(self, name: str) -> tuple[int, int] | None:
        """The shape that a tensor of two numbers states."""
        stored = self._model.tensors.get(name)
        if stored is None or stored.dtype not in ("I64", "I32") or stored.numel != 2:
            return None
        rows, columns = map(int, read_array(self._model, name, "<i8" if stored.dtype == "I64" else "<i4"))
        return rows, columns

    def _transposed(self, packed: Packed) -> PackedTensor:
        bits = int(self._said.get("bits") or self._said.get("w_bit") or 4)
        module = packed.name.removesuffix(".weight")
        needed = [f"{module}.{part}" for part in ("qweight", "qzeros", "scales")]
        if (
            bits not in (2, 4, 8)
            or (packed.scheme == "awq" and bits != 4)
            or any(name not in self._model.tensors for name in needed)
        ):
            raise refusal(self._model, f"{packed.scheme} of {bits} bits", packed.parts[0])
        awq = packed.scheme == "awq"
        held = 32 // bits
        integers, zeros, scales = map(self._shape, needed)
        first, second = integers if len(integers) == 2 else (0, 0)
        inputs, outputs = (first, second * held) if awq else (first * held, second)
        groups = scales[0] if len(scales) == 2 else 0
        if not groups or scales != (groups, outputs) or zeros != (groups, math.ceil(outputs / held)):
            raise self._malformed(packed)
        offset = 0 if awq or self._said.get("checkpoint_format") == "gptq_v2" else 1
        info = self._info(packed.name, (outputs, inputs), self._model.tensors[needed[2]].dtype)
        return TransposedIntegers(info, module, bits, awq, offset, self._cache)

    def _malformed(self, packed: Packed) -> CheckpointError:
        shapes = ", ".join(f"{name} {self._shape(name)}" for name in packed.parts)
        return CheckpointError(
            f"In {self._model.source} these do not fit one another as {packed.scheme} has it: {shapes}; "
            "fetch or export the checkpoint again."
        )


def _dtype(config: dict[str, Any]) -> str | None:
    """What the model computes in, as the config says it, of the language model if it says it of that."""
    for part in (config, *(config.get(name) for name in ("text_config", "llm_config", "language_config"))):
        if isinstance(part, dict):
            for key in ("dtype", "torch_dtype"):
                if part.get(key) in STORED:
                    return STORED[part[key]]
    return None
