"""What a header says about one tensor: its name, shape, dtype, and where its bytes lie.

Dtypes are spelt as safetensors spells them, whatever the file's format. Nothing here knows torch.
"""

from dataclasses import dataclass
from math import prod

# Bits an element takes on disk, for every dtype the safetensors format has.
DTYPE_BITS = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "C64": 64,
    "F64": 64,
    "I64": 64,
    "U64": 64,
}

# torch's names of the same dtypes; sub-byte ones have none.
TORCH_NAMES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "I16": "int16",
    "U16": "uint16",
    "F16": "float16",
    "BF16": "bfloat16",
    "I32": "int32",
    "U32": "uint32",
    "F32": "float32",
    "C64": "complex64",
    "F64": "float64",
    "I64": "int64",
    "U64": "uint64",
}


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor as its file's header describes it.

    Attributes:
        name: the tensor's name in the checkpoint.
        shape: its dimensions; empty for a scalar.
        dtype: the element type in safetensors' spelling, such as `BF16`.
        shard: the file that holds it, relative to the checkpoint.
        offset: where its data begins in that file, in bytes; the data is contiguous and row-major.
            `UNPLACED` (-1) where no such place exists: a strided tensor of a `.bin` file, or a `.bin` file
            on a hub of which only the directory was read. `Checkpoint.read_into` serves strided ones too.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    shard: str
    offset: int

    @property
    def numel(self) -> int:
        """The number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The number of bytes its data takes, contiguous."""
        return self.numel * DTYPE_BITS[self.dtype] // 8


UNPLACED = -1
