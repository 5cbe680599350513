"""Stored values made wide for arithmetic and rounded once afterwards, and which library does it for a merge.

`numpy_values` serves most merges: importing torch costs more than merging half a billion parameters.
`torch_values` is the same for methods that are written in torch, and for float16, which numpy converts
slowly, where there is no compiled code for it.
"""

from typing import TYPE_CHECKING, Any, Protocol

from adamms.merging import compiled
from adamms.merging.numpy_values import NumpyValues

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from adamms.merging.arithmetic import Arithmetic
    from adamms.merging.arrays import Array
    from adamms.merging.method import Method
    from adamms.merging.parents import Parents
    from adamms.merging.stored import Stored


class Values(Protocol):
    """A library that a method computes in; one thread's, as it keeps buffers."""

    @property
    def one_pass(self) -> bool:
        """Whether it has a `merge_stored`."""
        ...

    def merge_stored(
        self,
        arithmetic: "Arithmetic",
        *,
        models: "Mapping[int, Stored]",
        origin: "Stored | None",
        draws: "Sequence[Array]",
        out: "Stored",
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


def values_for(parents: "Parents", method: "Method") -> Values:
    """The library that a merge computes in: numpy where the method and the stored dtypes allow it."""
    models = (parents.base, *(view.checkpoint for view in parents.views_for(method)))
    halves = any(info.dtype == "F16" for model in models for info in model.tensors.values())
    if method.rule.arrays == "any" and (not halves or compiled.library()):
        return NumpyValues()
    # Late: it brings torch with it.
    from adamms.merging.torch_values import TorchValues

    return TorchValues()
