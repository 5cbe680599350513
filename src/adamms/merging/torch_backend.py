"""As `backends`, in torch: for methods that are written in torch, and for float16, which it converts fast."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from adamms.merging.cpu_kernel import CpuKernel
from adamms.merging.dtypes import LARGEST, RawTensor
from adamms.merging.kernel_params import KernelParams

TORCH_DTYPES = {
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "F32": torch.float32,
    "F64": torch.float64,
}
FLAGS = 1024


class TorchBackend(CpuKernel):
    """As `Backend` says."""

    def widened(self, raw: np.ndarray, dtype: str, into: np.ndarray, *, double: bool) -> torch.Tensor:
        """As `Backend` says."""
        exact = torch.float64 if double else torch.float32
        stored = torch.from_numpy(raw).view(TORCH_DTYPES[dtype])
        if stored.dtype == exact:
            return stored
        return torch.from_numpy(into[: len(stored) * exact.itemsize]).view(exact).copy_(stored)

    def fits(self, values: torch.Tensor, largest: float) -> Any:
        """As `Backend` says."""
        low, high = torch.aminmax(values)
        # Written so that NaN, which compares false with everything, is caught as well.
        return float(low) >= -largest and float(high) <= largest

    def store(self, values: torch.Tensor, out: np.ndarray, dtype: str) -> None:
        """As `Backend` says."""
        torch.from_numpy(out).view(TORCH_DTYPES[dtype]).copy_(values)

    def numbers(self, drawn: Any) -> torch.Tensor:
        """As `Backend` says."""
        return torch.as_tensor(drawn)


class TorchDeviceBackend(TorchBackend):
    """As `TorchBackend`, where bytes are uint8 tensors on a device and stay there."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._lock = threading.Lock()
        self._flags: list[torch.Tensor] = []
        self._one_pass = device.type == "cuda" and _triton_works(device)

    @property
    def one_pass(self) -> bool:
        """As `Backend` says."""
        return self._one_pass

    def merge_stored(
        self,
        params: KernelParams,
        *,
        models: Mapping[int, RawTensor],
        origin: RawTensor | None,
        draws: Sequence[Any],
        out: RawTensor,
    ) -> Any:
        """As `Backend` says: a weighted sum of up to two models, none of which is float64."""
        from adamms.merging.one_pass import weighted_sum

        dtypes = (out.dtype, *(each.dtype for each in models.values()))
        if origin or len(models) > 2 or "F64" in dtypes or not params.is_weighted_sum:
            return None
        terms = [(each.raw.view(TORCH_DTYPES[each.dtype]), params.weights[at]) for at, each in models.items()]
        place, sound = out.raw.view(TORCH_DTYPES[out.dtype]), self._flag()
        weighted_sum(terms, place, largest=LARGEST[out.dtype], sound=sound)
        return sound

    def _flag(self) -> torch.Tensor:
        """A fresh truth value on the device; many are made at once, as one alone costs as much."""
        with self._lock:
            if not self._flags:
                self._flags += torch.ones(FLAGS, dtype=torch.bool, device=self._device).unbind()
            return self._flags.pop()

    def widened(self, raw: Any, dtype: str, into: np.ndarray, *, double: bool) -> torch.Tensor:
        """As `Backend` says; a copy, as the device's allocator keeps memory by itself."""
        stored: torch.Tensor = raw.view(TORCH_DTYPES[dtype])
        return stored.to(torch.float64 if double else torch.float32, copy=True)

    def fits(self, values: torch.Tensor, largest: float) -> torch.Tensor:
        """As `Backend` says."""
        low, high = torch.aminmax(values)
        return (low >= -largest) & (high <= largest)

    def store(self, values: torch.Tensor, out: Any, dtype: str) -> None:
        """As `Backend` says."""
        out.view(TORCH_DTYPES[dtype]).copy_(values)


def _triton_works(device: torch.device) -> bool:
    try:
        from adamms.merging.one_pass import works_on
    except ImportError:
        return False
    return works_on(device)
