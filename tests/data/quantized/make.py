"""Makes the packed weights beside this file, and what their own library unpacks them to.

    pip install bitsandbytes==0.50.2; python make.py

Small, because they are kept in the repository; the values are random.
"""

from pathlib import Path

import bitsandbytes.functional as bnb
import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
NAME = "model.layers.0.mlp.up_proj"


def main() -> None:
    """Write `<scheme>.safetensors` and `<scheme>-expected.safetensors`."""
    torch.manual_seed(0)
    for kind in ("nf4", "fp4"):
        for nested in (False, True):
            # Not a whole number of blocks of 64, nor of blocks of 256 of those.
            weight = torch.randn(33, 66, dtype=torch.bfloat16)
            packed, state = bnb.quantize_4bit(weight, quant_type=kind, compress_statistics=nested)
            statistics = {
                f"{NAME}.weight.{key}": value.contiguous()
                for key, value in state.as_dict(packed=True).items()
            }
            write(
                f"{kind}{'-nested' if nested else ''}",
                {f"{NAME}.weight": packed, **statistics},
                bnb.dequantize_4bit(packed, state),
            )
    numbers, magnitudes, _ = bnb.int8_vectorwise_quant(torch.randn(16, 32, dtype=torch.float16))
    tensors = {
        f"{NAME}.weight": numbers,
        f"{NAME}.SCB": magnitudes,
        f"{NAME}.weight_format": torch.zeros((), dtype=torch.uint8),
    }
    write("int8", tensors, bnb.int8_vectorwise_dequant(numbers, magnitudes).bfloat16())


def write(name: str, tensors: dict[str, torch.Tensor], expected: torch.Tensor) -> None:
    """A scheme's two files."""
    save_file(tensors, HERE / f"{name}.safetensors")
    save_file({f"{NAME}.weight": expected}, HERE / f"{name}-expected.safetensors")


if __name__ == "__main__":
    main()
