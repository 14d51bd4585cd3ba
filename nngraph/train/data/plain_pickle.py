"""Pickles of plain things, read without unpickling: nothing that a file names is looked up or called.

CIFAR-10 comes as pickles that hold a dictionary of lists, strings and one NumPy array. A pickle is a program that may
call anything; this reads its instructions (`pickletools.genops`) and carries out only those that build plain things.
The few calls that such files need are recorded instead of made; any other name ends the reading.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from nngraph_kernels.record import record

ARRAY, DTYPE = "array", "dtype"
BYTES: Final = "bytes"
NAMES: Final = {
    "numpy.core.multiarray _reconstruct": ARRAY,
    "numpy._core.multiarray _reconstruct": ARRAY,
    "numpy ndarray": "",
    "numpy dtype": DTYPE,
    "_codecs encode": BYTES,  # how Python 3 writes bytes for Python 2
}


@dataclass(slots=True, eq=False)
class Recorded:
    """A call that was not made: what would have been made, of what, and the state it would have been given."""

    kind: str
    arguments: tuple[Any, ...]
    state: Any = None


class RefusedPickle(ValueError):
    """A pickle that holds, or does, something else; the message says what."""


def read_plain(content: bytes) -> Any:
    """What a pickle holds.

    Returns
    -------
    object
        Of dictionaries, lists, tuples, numbers, None, bytes, str and `Recorded`. Strings of Python 2 are bytes.

    Raises
    ------
    RefusedPickle
        Naming the first thing that is not accepted, or saying that the pickle is malformed.
    """
    reader = _Reader([], {})
    try:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name == "STOP":
                return reader.stack.pop()
            reader.follow(opcode.name, argument)
    except RefusedPickle:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise RefusedPickle(f"malformed, {type(error).__name__}") from None
    raise RefusedPickle("it has no end")


_MARK: Final = object()
_IGNORED: Final = ("PROTO", "FRAME")
_VALUES: Final = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "BINFLOAT", "SHORT_BINBYTES",
                  "BINBYTES", "BINBYTES8", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE")  # fmt: skip
_STRINGS: Final = ("SHORT_BINSTRING", "BINSTRING")  # of Python 2
_CONSTANTS: Final[dict[str, Callable[[], Any]]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "MARK": lambda: _MARK,
}
_COUNTED: Final = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUTS: Final = ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE")
_GETS: Final = ("GET", "BINGET", "LONG_BINGET")


@dataclass(slots=True)
class _Reader:
    stack: list[Any]
    memo: dict[int, Any]

    def follow(self, name: str, argument: Any) -> None:
        """Carry out one instruction."""
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _STRINGS:
            self.stack.append(argument.encode("latin-1"))
        elif name in _PUTS:
            self.memo[len(self.memo) if name == "MEMOIZE" else argument] = self.stack[-1]
        elif name in _GETS:
            self.stack.append(self.memo[argument])
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name not in _IGNORED:
            self.build(name, argument)

    def build(self, name: str, argument: Any) -> None:
        """An instruction that makes something of what is on the stack."""
        if name in _COUNTED:
            self.stack[-_COUNTED[name] :] = [tuple(self.stack[-_COUNTED[name] :])]
        elif name in ("TUPLE", "LIST", "APPENDS", "SETITEMS"):
            self.gather(name, self.since_mark())
        elif name in ("APPEND", "SETITEM"):
            count = 1 if name == "APPEND" else 2
            items = self.stack[-count:]
            del self.stack[-count:]
            self.gather(name + "S", items)
        elif name == "GLOBAL":
            self.stack.append(_named(argument))
        elif name == "STACK_GLOBAL":
            member, module = self.stack.pop(), self.stack.pop()
            self.stack.append(_named(f"{module} {member}"))
        elif name == "REDUCE":
            arguments, function = self.stack.pop(), self.stack.pop()
            self.stack.append(_recorded(function, arguments))
        elif name == "BUILD":
            state = self.stack.pop()
            _expect(self.stack[-1], Recorded).state = state
        else:
            raise RefusedPickle(f"it holds an instruction {name}")

    def since_mark(self) -> list[Any]:
        """Take what was pushed since the last mark."""
        place = next((k for k in reversed(range(len(self.stack))) if self.stack[k] is _MARK), None)
        if place is None:
            raise RefusedPickle("malformed, it has no mark")
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    def gather(self, name: str, items: list[Any]) -> None:
        if name in ("TUPLE", "LIST"):
            self.stack.append(tuple(items) if name == "TUPLE" else items)
        elif name == "APPENDS":
            _expect(self.stack[-1], list).extend(items)
        else:
            keys = [_expect(key, str | bytes) for key in items[::2]]
            _expect(self.stack[-1], dict).update(zip(keys, items[1::2], strict=True))


@record
class _Name:
    kind: str


def _named(name: str) -> _Name:
    if name not in NAMES:
        raise RefusedPickle(f"it names {name.replace(' ', '.')!r}, which is never loaded")
    return _Name(NAMES[name])


def _recorded(function: Any, arguments: Any) -> Any:
    kind = _expect(function, _Name).kind
    given = _expect(arguments, tuple)
    if kind == BYTES:
        return _expect(given[0], str).encode("latin-1")
    return Recorded(kind, given)


def _expect(found: Any, kind: Any) -> Any:
    if not isinstance(found, kind):
        raise RefusedPickle("malformed")
    return found
