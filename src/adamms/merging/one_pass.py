"""A weighted sum of two models in one pass over a GPU's memory, in Triton.

torch widens, multiplies, adds, compares and rounds in passes of their own, which move about eight times the
bytes. The arithmetic is the same, product by product and sum by sum: nothing is fused into a multiply-add.
Only `torch_values` imports this file, and only where Triton is installed: it comes with torch's builds for
GPUs.
"""

import threading
from functools import cache

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 4096

_LAUNCH = threading.Lock()
"""Triton compiles at the first call, which is not made for several threads at once."""


@triton.jit  # type: ignore[untyped-decorator]
def _kernel(  # type: ignore[no-untyped-def]
    first, second, out, sound, first_weight, second_weight, largest, count,
    pair: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    inside = at < count
    total = tl.load(first + at, mask=inside, other=0.0).to(tl.float32) * first_weight
    if pair:
        total += tl.load(second + at, mask=inside, other=0.0).to(tl.float32) * second_weight
    tl.store(out + at, total.to(out.dtype.element_ty), mask=inside)
    # NaN compares false with everything.
    fits = (tl.abs(total) <= largest).to(tl.int32)
    tl.store(sound, 0, mask=tl.min(fits, axis=0) == 0)


def weighted_sum(terms: list[tuple[Tensor, float]], out: Tensor, *, largest: float, sound: Tensor) -> None:
    """Write one or two terms' sum, rounded once, into `out`, and tell where a magnitude exceeds `largest`.

    Args:
        terms: flat tensors of 16 or 32 bits an element, each with its weight.
        out: as long.
        largest: the largest value that `out` can hold.
        sound: one truth value, which becomes false where a magnitude exceeds it or is NaN.
    """
    (first, first_weight), (second, second_weight) = terms[0], terms[-1]
    count = out.numel()
    with _LAUNCH, torch.cuda.device_of(out):
        _kernel[(triton.cdiv(count, BLOCK),)](
            first, second, out, sound.view(torch.uint8), first_weight, second_weight, largest, count,
            pair=len(terms) == 2, block=BLOCK, num_warps=8, enable_fp_fusion=False,
        )  # fmt: skip


@cache
def works_on(device: torch.device) -> bool:
    """Whether it compiles there and gives the bits of torch's own steps."""
    base = torch.linspace(-3, 3, 10_001, device=device).pow(3).bfloat16()
    donor = torch.linspace(2, -2, 10_001, device=device).pow(5).half()
    out = torch.empty_like(base)
    try:
        sound, wrong = torch.ones(2, dtype=torch.bool, device=device).unbind()
        weighted_sum([(base, 0.7), (donor, 0.3)], out, largest=27.0, sound=sound)
        weighted_sum([(base, 1.0)], torch.empty_like(base), largest=26.0, sound=wrong)
        return (
            bool(sound)
            and not bool(wrong)
            and torch.equal(out, (base.float() * 0.7 + donor.float() * 0.3).bfloat16())
        )
    except Exception:  # a compiler that is not there, a GPU that Triton does not know
        return False
