"""Frozen, slotted dataclasses that are made in a quarter of the time.

`dataclasses.dataclass` writes and compiles six methods for each class: half a millisecond for each of the 140
classes that are met on the way to a first step. A record is a dataclass (`dataclasses.fields`, ``replace`` and
``asdict`` read it) of which only ``__init__`` is compiled; its other methods are closures over its fields' names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform, overload

T = TypeVar("T")


@overload
def record(cls: type[T], /) -> type[T]: ...
@overload
def record(*, eq: bool) -> Callable[[type[T]], type[T]]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[Any] | None = None, /, *, eq: bool = True) -> Any:
    """Make a class a frozen dataclass with slots.

    Parameters
    ----------
    cls : type
        Its annotations are its fields, as for `dataclasses.dataclass`.
    eq : bool
        Whether instances of equal fields are equal, and hash alike; otherwise each equals itself alone.
    """
    return _record(cls, eq) if cls is not None else lambda wrapped: _record(wrapped, eq)


def _record(cls: type[Any], eq: bool) -> type[Any]:
    # A class with a method __eq__ has None for __hash__, unless it has that method too.
    own = {name for name, value in vars(cls).items() if (name, value) != ("__hash__", None)}
    made = dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    methods: dict[str, Callable[..., Any]] = {
        "__init__": _init(made),
        "__repr__": _repr(made),
        "__setattr__": _refuse_to_set,
        "__delattr__": _refuse_to_delete,
        "__getstate__": _state,
        "__setstate__": _set_state,
    }
    if eq:
        methods |= _comparison(made)
    for name, method in methods.items():
        if name not in own:
            setattr(made, name, method)
    return made


def _init(cls: type[Any]) -> Callable[..., None]:
    """The one method that is compiled: it stores each argument through the descriptor of its slot."""
    scope: dict[str, Any] = {"_unset": MISSING}
    positional, by_name, body = ["self"], ["*"], [" pass"]
    for one in fields(cls):
        name = one.name
        scope[f"_set_{name}"] = getattr(cls, name).__set__
        argument = value = name
        if one.default_factory is not MISSING:
            scope[f"_make_{name}"] = one.default_factory
            argument, value = f"{name}=_unset", f"_make_{name}() if {name} is _unset else {name}"
        elif one.default is not MISSING:
            scope[f"_default_{name}"] = one.default
            argument = f"{name}=_default_{name}"
        if one.init:
            (by_name if one.kw_only else positional).append(argument)
            body.append(f" _set_{name}(self, {value})")
        elif one.default_factory is not MISSING:
            body.append(f" _set_{name}(self, _make_{name}())")
        elif one.default is not MISSING:
            body.append(f" _set_{name}(self, _default_{name})")
    if hasattr(cls, "__post_init__"):
        body.append(" self.__post_init__()")
    arguments = ", ".join(positional + (by_name if len(by_name) > 1 else []))
    exec(f"def __init__({arguments}):\n" + "\n".join(body), scope)  # noqa: S102 the names of fields alone
    init = scope["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__annotations__ = {one.name: one.type for one in fields(cls) if one.init} | {"return": None}
    return init


def _repr(cls: type[Any]) -> Callable[..., str]:
    names = [one.name for one in fields(cls) if one.repr]

    def written(self: Any) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return written


def _comparison(cls: type[Any]) -> dict[str, Callable[..., Any]]:
    names = [one.name for one in fields(cls) if one.compare]
    hashed_names = [one.name for one in fields(cls) if (one.compare if one.hash is None else one.hash)]
    compared = attrgetter(*names) if names else lambda instance: ()
    hashes = attrgetter(*hashed_names) if hashed_names else lambda instance: ()

    def equal(self: Any, other: object) -> bool:
        return compared(self) == compared(other) if type(other) is type(self) else NotImplemented

    def hashed(self: Any) -> int:
        return hash(hashes(self))

    return {"__eq__": equal, "__hash__": hashed}


def _refuse_to_set(self: Any, name: str, value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field '{name}'")


def _refuse_to_delete(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field '{name}'")


def _state(self: Any) -> list[Any]:
    return [getattr(self, one.name) for one in fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for one, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)
