"""A reader of pickle streams that imports nothing and calls nothing but a given table of functions.

No unpickler is involved: `pickletools` splits a stream into opcodes, and this stack machine understands
those that build plain values. A stream that names anything outside the table wants to run code, and is
refused with that name. It does not know what the table's functions mean.
"""

import pickletools
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, NoReturn

from adamms.checkpoints.limits import OPCODES


class RefusedError(Exception):
    """The stream asks for something that plain values do not need."""


@dataclass(frozen=True)
class Name:
    """A class or function that the stream mentions; it is never looked up."""

    name: str


class _Mark:
    """Where a run of stacked values begins."""


class PickleMachine:
    """Reads one pickle.

    Args:
        functions: what a stream may call, by its full name; the functions here take its place.
        names: what a stream may mention without calling it.
        persistent: gives the value that a persistent id stands for.
    """

    def __init__(
        self,
        functions: Mapping[str, Callable[..., Any]],
        *,
        names: frozenset[str],
        persistent: Callable[[Any], Any],
    ) -> None:
        self._functions = functions
        self._names = names
        self._persistent = persistent
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, stream: BinaryIO) -> Any:
        """Read one pickle up to its end and give the value it describes.

        Raises:
            RefusedError: it wants to run code.
            ValueError, TypeError, LookupError, AttributeError: it is damaged.
        """
        for number, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if number > OPCODES:
                raise RefusedError(f"its pickle has more than {OPCODES:,} instructions")
            self._step(opcode.name, argument)
        (value,) = self._stack
        return value

    def call(self, function: Any, arguments: tuple[Any, ...]) -> Any:
        """Call what stands in the table for a name of the stream."""
        if not isinstance(function, Name) or function.name not in self._functions:
            wanted = function.name if isinstance(function, Name) else reprlib.repr(function)[:80]
            raise RefusedError(f"its pickle wants to call {wanted}")
        return self._functions[function.name](*arguments)

    def _step(self, opcode: str, argument: Any) -> None:
        if opcode in _CONSTANTS:
            self._stack.append(_CONSTANTS[opcode])
        elif opcode in _LITERALS:
            self._stack.append(argument)
        elif opcode not in _IGNORED:
            getattr(self, f"_on_{opcode.lower()}", _unknown(opcode))(argument)

    def _to_mark(self) -> list[Any]:
        values: list[Any] = []
        while not isinstance(value := self._stack.pop(), _Mark):
            values.append(value)
        return values[::-1]

    # Names and calls

    def _on_global(self, argument: str) -> None:
        self._mention(argument.replace(" ", "."))

    def _on_stack_global(self, _: None) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._mention(f"{module}.{name}")

    def _mention(self, name: str) -> None:
        if name not in self._functions and name not in self._names:
            raise RefusedError(f"its pickle wants to run {name if name.isprintable() else repr(name)}")
        self._stack.append(Name(name))

    def _on_reduce(self, _: None) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        self._stack.append(self.call(function, arguments))

    def _on_binpersid(self, _: None) -> None:
        self._stack.append(self._persistent(self._stack.pop()))

    def _on_build(self, _: None) -> None:
        # Attributes of a value (a state dict's module versions): of no use for reading tensors.
        self._stack.pop()

    # Containers

    def _on_empty_dict(self, _: None) -> None:
        self._stack.append({})

    def _on_empty_list(self, _: None) -> None:
        self._stack.append([])

    def _on_mark(self, _: None) -> None:
        self._stack.append(_Mark())

    def _on_pop(self, _: None) -> None:
        self._stack.pop()

    def _on_tuple(self, _: None) -> None:
        self._stack.append(tuple(self._to_mark()))

    def _on_tuple1(self, _: None) -> None:
        self._stack[-1:] = [tuple(self._stack[-1:])]

    def _on_tuple2(self, _: None) -> None:
        self._stack[-2:] = [tuple(self._stack[-2:])]

    def _on_tuple3(self, _: None) -> None:
        self._stack[-3:] = [tuple(self._stack[-3:])]

    def _on_list(self, _: None) -> None:
        self._stack.append(self._to_mark())

    def _on_append(self, _: None) -> None:
        value = self._stack.pop()
        self._stack[-1].append(value)

    def _on_appends(self, _: None) -> None:
        values = self._to_mark()
        self._stack[-1].extend(values)

    def _on_dict(self, _: None) -> None:
        self._stack.append(keyed(self._to_mark()))

    def _on_setitem(self, _: None) -> None:
        pair = self._stack[-2:]
        del self._stack[-2:]
        self._stack[-1].update(keyed(pair))

    def _on_setitems(self, _: None) -> None:
        values = self._to_mark()
        self._stack[-1].update(keyed(values))

    # Memory

    def _on_put(self, argument: int | None) -> None:
        self._memo[len(self._memo) if argument is None else int(argument)] = self._stack[-1]

    _on_binput = _on_long_binput = _on_memoize = _on_put

    def _on_get(self, argument: int) -> None:
        self._stack.append(self._memo[int(argument)])

    _on_binget = _on_long_binget = _on_get


_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_LITERALS = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING"),
)
_IGNORED = ("PROTO", "FRAME", "STOP")


def keyed(values: list[Any]) -> dict[Any, Any]:
    """Alternating keys and values as a dictionary."""
    # Keys of other types are never needed, and hashing a crafted one could take for ever.
    if not all(isinstance(key, str | int) for key in values[::2]):
        raise TypeError("a key is neither a name nor a number")
    return dict(zip(values[::2], values[1::2], strict=True))


def _unknown(opcode: str) -> Callable[[Any], NoReturn]:
    def refuse(_: Any) -> NoReturn:
        raise RefusedError(f"its pickle uses the instruction {opcode}, which tensors do not need")

    return refuse
