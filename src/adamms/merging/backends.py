"""Stored values made wide for arithmetic and rounded once afterwards, and which library does it for a merge.

`numpy_backend` serves most merges: importing torch costs more than merging half a billion parameters.
`torch_backend` is the same for methods that are written in torch, and for float16, which numpy converts
slowly, where there is no compiled code for it.
"""

from typing import TYPE_CHECKING, Any, Protocol

from adamms.merging import cpu_kernel
from adamms.merging.numpy_backend import NumpyBackend

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from adamms.merging.arrays import Array
    from adamms.merging.dtypes import RawTensor
    from adamms.merging.kernel_params import KernelParams
    from adamms.merging.merge_inputs import MergeInputs
    from adamms.merging.method import Method


class Backend(Protocol):
    """A library that a method computes in; one thread's, as it keeps buffers."""

    @property
    def one_pass(self) -> bool:
        """Whether it has a `merge_stored`."""
        ...

    def merge_stored(
        self,
        params: "KernelParams",
        *,
        models: "Mapping[int, RawTensor]",
        origin: "RawTensor | None",
        draws: "Sequence[Array]",
        out: "RawTensor",
    ) -> Any:
        """Merge in one pass, with the bits of the method's function and `store`; see `compiled.merge`.

        Returns:
            As `fits`; None where it is not able to, and has written nothing.
        """
        ...

    def widened(self, raw: "np.ndarray", dtype: str, into: "np.ndarray", *, double: bool) -> Any:
        """Stored values as float32 (or float64 where `double`), in place of `raw` or in the memory `into`.

        Args:
            raw: the bytes, uint8.
            dtype: what they are.
            into: bytes enough for the result.
            double: whether the base is stored as float64.
        """
        ...

    def fits(self, values: Any, largest: float) -> Any:
        """Whether no magnitude exceeds `largest` and none is NaN.

        On a device a tensor of one truth value: asking for it waits for all that is computed there.
        """
        ...

    def store(self, values: Any, out: "np.ndarray", dtype: str) -> None:
        """Round values to a dtype, to the nearest and ties to even, and lay them as bytes into `out`."""
        ...

    def numbers(self, drawn: Any) -> Any:
        """Random numbers in this library's arrays."""
        ...


def choose_backend(parents: "MergeInputs", method: "Method") -> Backend:
    """The library that a merge computes in: numpy where the method and the stored dtypes allow it."""
    models = (parents.base, *(view.checkpoint for view in parents.views_for(method)))
    halves = any(info.dtype == "F16" for model in models for info in model.tensors.values())
    if method.rule.arrays == "any" and (not halves or cpu_kernel.library()):
        return NumpyBackend()
    # Late: it brings torch with it.
    from adamms.merging.torch_backend import TorchBackend

    return TorchBackend()
