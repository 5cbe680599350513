"""The pickle inside a `.bin` file: what torch.save writes about tensors, understood without torch.

The names that torch.save uses for tensors and storages stand for the few functions here, which only note a
tensor's shape, strides and storage. Whatever else a pickle names is refused: no code of it runs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

from adamms.checkpoints.limits import DIMENSIONS, TENSORS
from adamms.checkpoints.pickle_machine import Name, PickleMachine, RefusedError, keyed
from adamms.checkpoints.tensor_info import TORCH_NAMES
from adamms.errors import CheckpointError

DTYPES = {f"torch.{name}": dtype for dtype, name in TORCH_NAMES.items()}

# The class a storage was saved as says the dtype of its elements.
STORAGE_DTYPES = {
    "torch.DoubleStorage": "F64",
    "torch.FloatStorage": "F32",
    "torch.HalfStorage": "F16",
    "torch.BFloat16Storage": "BF16",
    "torch.LongStorage": "I64",
    "torch.IntStorage": "I32",
    "torch.ShortStorage": "I16",
    "torch.CharStorage": "I8",
    "torch.ByteStorage": "U8",
    "torch.BoolStorage": "BOOL",
    "torch.ComplexFloatStorage": "C64",
    # Bytes whose dtype the tensor states itself.
    "torch.storage.UntypedStorage": "U8",
}


LARGEST = 2**62
"""Of a size, a stride or a number of elements."""
PERSISTENT = 6
"""What torch.save says of a storage."""

# What reading a damaged pickle raises; pickletools warns of bad escapes, an error where warnings are errors.
DAMAGED = (ValueError, TypeError, LookupError, AttributeError, OverflowError, DeprecationWarning)


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as a pickle describes it: a strided look at a numbered storage."""

    storage: str
    storage_dtype: str
    storage_elements: int
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class _Storage:
    """What a persistent id stands for."""

    dtype: str
    key: str
    elements: int


def read_pickle(stream: BinaryIO, *, shard: str) -> Any:
    """The value that one pickle describes, up to its end; tensors come as `StoredTensor`.

    Raises:
        CheckpointError: the pickle is damaged, or wants more than to describe tensors.
    """

    def of_type(function: Name, _type: Name, arguments: tuple[Any, ...], _state: Any) -> Any:
        return machine.call(function, arguments)

    functions = {**_FUNCTIONS, "torch._tensor._rebuild_from_type_v2": of_type}
    machine = PickleMachine(functions, names=_NAMES, persistent=_storage)
    try:
        return machine.run(stream)
    except RefusedError as refusal:
        raise CheckpointError(
            f"{shard} is not a plain file of tensors: {refusal}. Nothing of it was run; "
            "use a safetensors version of the model."
        ) from None
    except DAMAGED as error:
        raise CheckpointError(
            f"{shard} cannot be read: its list of tensors is damaged ({error}); fetch it again."
        ) from None


def _storage(persistent_id: Any) -> _Storage:
    if not isinstance(persistent_id, tuple) or len(persistent_id) > PERSISTENT:
        raise ValueError("a storage is described by something else than a few values")
    kind, storage, key, _location, elements, *rest = persistent_id
    if kind != "storage" or any(view is not None for view in rest) or not isinstance(key, str | int):
        raise RefusedError("it refers to data in a way that is not known here")
    if type(elements) is not int or not 0 <= elements < LARGEST:
        raise ValueError("a storage of an impossible length")
    return _Storage(STORAGE_DTYPES[storage.name], str(key), elements)


def _tensor(
    storage: _Storage, offset: int, shape: Any, strides: Any, *_: Any, dtype: str | None = None
) -> StoredTensor:
    # Looked at before it is walked or printed: a pickle can say "a list of ten times this list" in two bytes.
    if not len(shape) == len(strides) <= DIMENSIONS:
        raise ValueError("a tensor of an impossible shape")
    if not all(type(size) is int and 0 <= size < LARGEST for size in (offset, *shape, *strides)):
        raise ValueError("a tensor of an impossible shape")
    return StoredTensor(
        storage=storage.key,
        storage_dtype=storage.dtype,
        storage_elements=storage.elements,
        dtype=dtype or storage.dtype,
        offset=offset,
        shape=tuple(shape),
        strides=tuple(strides),
    )


def _tensor_v2(storage: _Storage, offset: int, shape: Any, strides: Any, *rest: Any) -> StoredTensor:
    _require_plain(rest[2:])
    return _tensor(storage, offset, shape, strides)


def _tensor_v3(storage: _Storage, offset: int, shape: Any, strides: Any, *rest: Any) -> StoredTensor:
    _requires_grad, _hooks, dtype, *changes = rest
    _require_plain(changes)
    return _tensor(storage, offset, shape, strides, dtype=DTYPES[dtype.name])


def _require_plain(changes: Any) -> None:
    if any(changes):
        raise RefusedError("it holds a tensor whose values are to be conjugated or negated on loading")


def _first(value: Any, *_: Any) -> Any:
    return value


def _size(dimensions: Any = ()) -> tuple[Any, ...]:
    if len(dimensions) > DIMENSIONS:
        raise ValueError("a tensor of an impossible shape")
    return tuple(dimensions)


def _ordered(items: Any = ()) -> dict[Any, Any]:
    """An ordered dictionary, which torch.save writes empty, or of pairs as Python does."""
    if len(items) > TENSORS or not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in items):
        raise ValueError("a dictionary of something else than pairs")
    return keyed([value for pair in items for value in pair])


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered,
    "torch.Size": _size,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor_v2,
    "torch._utils._rebuild_tensor_v3": _tensor_v3,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
}
_NAMES = frozenset([*STORAGE_DTYPES, *DTYPES, "torch.Tensor", "torch.nn.parameter.Parameter"])
