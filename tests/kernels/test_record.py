"""Records are dataclasses: frozen, slotted, equal by value."""

import copy
import inspect
import pickle
from collections.abc import Callable
from dataclasses import KW_ONLY, FrozenInstanceError, asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any

import pytest

from nngraph_kernels.record import record


def shape(make: Callable[[type], type]) -> Any:
    class Point:
        """A point."""

        x: int
        y: int = 2
        tags: list[str] = field(default_factory=list[str], compare=False)
        _: KW_ONLY
        name: str = field(default="p", repr=False)

    return make(Point)


Recorded, Generated = shape(record), shape(dataclass(frozen=True, slots=True))


@record
class Base:
    size: int


@record
class Derived(Base):
    double: int = field(init=False)

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError("size")
        object.__setattr__(self, "double", 2 * self.size)


@record
class Counted:
    name: str
    size: int = field(default=0, hash=False)
    seen: list[str] = field(init=False, default_factory=list[str], compare=False)
    version: int = field(init=False, default=3)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counted) and self.name == other.name


@record(eq=False)
class Node:
    number: int


@pytest.mark.parametrize(
    "arguments",
    [((1,), {}), ((1, 5), {}), ((1, 5, ["a"]), {"name": "q"}), ((), {"x": 3}), ((), {}), ((1, 2, [], "n"), {})],
)
def test_is_made_as_dataclasses_make_it(arguments: tuple[tuple[Any, ...], dict[str, Any]]) -> None:
    positional, named = arguments
    made: list[Any] = []
    for kind in (Recorded, Generated):
        try:
            made.append(kind(*positional, **named))
        except TypeError as error:
            made.append(str(error))
    one, other = made
    if isinstance(one, str):
        assert one == other
    else:
        assert asdict(one) == asdict(other)
        assert repr(one) == repr(other)


def test_compares_and_hashes_by_value() -> None:
    assert Recorded(1) == Recorded(1, 2, ["not compared"])
    assert Recorded(1) != Recorded(1, 3)
    assert Recorded(1) != Generated(1)
    assert len({Recorded(1), Recorded(1), Recorded(2)}) == 2
    assert Derived(1) != Base(1)
    assert Node(1) != Node(1)
    assert len({Node(1), Node(1)}) == 2


def test_fields_that_are_no_arguments_and_an_equality_of_its_own() -> None:
    counted = Counted("a", 1)
    assert (counted.seen, counted.version) == ([], 3)
    assert counted == Counted("a", 2)
    assert hash(counted) == hash(Counted("a", 2))
    with pytest.raises(TypeError, match="version"):
        Counted("a", version=4)  # type: ignore[call-arg]


def test_each_instance_has_its_own_default() -> None:
    first, second = Recorded(1), Recorded(1)
    first.tags.append("a")
    assert second.tags == []


def test_is_frozen_and_slotted() -> None:
    point = Recorded(1)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'x'"):
        point.x = 2
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'x'"):
        del point.x
    with pytest.raises(FrozenInstanceError):
        point.unknown = 2
    assert not hasattr(point, "__dict__")


def test_is_a_dataclass() -> None:
    assert is_dataclass(Recorded)
    assert [one.name for one in fields(Recorded)] == ["x", "y", "tags", "name"]
    assert replace(Recorded(1, 4), x=7) == Recorded(7, 4)
    assert replace(Derived(1), size=4).double == 8
    named = inspect.signature(Recorded).parameters
    assert [(name, one.annotation, one.kind) for name, one in named.items()] == [
        (name, one.annotation, one.kind) for name, one in inspect.signature(Generated).parameters.items()
    ]


def test_checks_after_it_is_made() -> None:
    with pytest.raises(ValueError, match="size"):
        Derived(-1)


def test_can_be_copied() -> None:
    derived = Derived(3)
    for same in (copy.copy(derived), copy.deepcopy(derived), pickle.loads(pickle.dumps(derived))):
        assert same == derived
        assert same is not derived
        assert same.double == 6
