"""How losses, optimizers, schedules, regularizers and initializers are named: one dataclass a kind.

Each is a frozen dataclass whose fields say type, default, bounds and meaning once. It is made by its class
(``CrossEntropy(label_smoothing=0.1)``), by its name (``"cross_entropy"``), or from the form that a model file
holds (``{"type": "cross_entropy", "label_smoothing": 0.1}``).
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar, Generic, TypeVar

from nngraph.errors import OptionError
from nngraph.ir.op import REQUIRED, Attribute

S = TypeVar("S", bound="Specification")


def option(default: Any, doc: str, type: str = "float", **bounds: Any) -> Any:
    """A dataclass field that carries its `Attribute`; `default` may be `REQUIRED`."""
    attribute = Attribute(type, doc, default, **bounds)
    given = MISSING if default is REQUIRED else default
    return field(default=given, metadata={"attribute": attribute})


@dataclass(frozen=True, slots=True)
class Specification:
    """Base of everything that a user chooses by name and options.

    Attributes
    ----------
    type : str
        The name in model files and on the command line.
    """

    family: ClassVar[str] = "specification"
    type: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for name, attribute in attributes_of(type(self)).items():
            given = getattr(self, name)
            checked = check(f"{self.family} '{self.type}'", name, given, attribute)
            if checked is not given:
                object.__setattr__(self, name, checked)


def attributes_of(kind: type[Specification], base: type[Specification] = Specification) -> dict[str, Attribute]:
    """The options of `kind` that `base` does not have."""
    inherited = {f.name for f in fields(base)}
    return {f.name: f.metadata["attribute"] for f in fields(kind) if f.name not in inherited}


@dataclass(frozen=True, slots=True)
class Family(Generic[S]):
    """All specifications of one sort, by name; `aliases` maps a name to another with options set."""

    name: str
    base: type[S]
    members: dict[str, type[S]] = field(default_factory=dict[str, "type[S]"])
    aliases: dict[str, tuple[type[S], Mapping[str, Any]]] = field(
        default_factory=dict[str, "tuple[type[S], Mapping[str, Any]]"]
    )

    def register(self, kind: type[S]) -> type[S]:
        """Class decorator: make `kind` known by its `type`."""
        if kind.type in self.members:
            raise OptionError(f"{self.name} '{kind.type}': already registered; choose another name")
        self.members[kind.type] = kind
        return kind

    @property
    def names(self) -> list[str]:
        return sorted({*self.members, *self.aliases})

    def find(self, name: str) -> tuple[type[S], Mapping[str, Any]]:
        """The class of that name and the options that the name implies."""
        if name in self.members:
            return self.members[name], {}
        if name in self.aliases:
            return self.aliases[name]
        raise OptionError(f"{self.name} '{name}': not known; {suggestion(name, self.names)}")


FAMILIES: dict[str, Family[Any]] = {}


def family(name: str, base: type[S]) -> Family[S]:
    """Make the family of `base` known, so that its options may hold one another."""
    FAMILIES[name] = made = Family(name, base)
    return made


def from_spec(family: Family[S], spec: Any) -> S:
    """An instance from itself, its class, its name or its JSON form.

    Raises
    ------
    OptionError
        If the name or an option is unknown, missing or out of bounds.
    """
    if isinstance(spec, family.base):
        return spec
    if isinstance(spec, type) and issubclass(spec, family.base):
        return build(family, spec.type, spec, {})
    options: dict[str, Any] = {"type": spec} if isinstance(spec, str) else as_mapping(family.name, spec)
    name = options.pop("type", None)
    if not isinstance(name, str):
        raise OptionError(f"{family.name}: 'type' is missing; expected one of {', '.join(family.names)}")
    kind, implied = family.find(name)
    return build(family, name, kind, {**implied, **options})


def as_mapping(family: str, spec: Any) -> dict[str, Any]:
    if isinstance(spec, Mapping):
        return {str(key): value for key, value in spec.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    raise OptionError(f"{family}: a name, a mapping with 'type' or an instance expected, {spec!r} given")


def build(family: Family[S], name: str, kind: type[S], options: Mapping[str, Any]) -> S:
    attributes = attributes_of(kind)
    for key in options:
        if key not in attributes:
            raise OptionError(f"{family.name} '{name}': no option '{key}'; {suggestion(key, attributes)}")
    for key, attribute in attributes.items():
        if attribute.required and key not in options:
            raise OptionError(f"{family.name} '{name}': '{key}' is missing ({attribute.doc}); give it a value")
    return kind(**options)


def to_spec(instance: Specification) -> dict[str, Any]:
    """The JSON form of `instance`, every option written out; `from_spec` reads it back."""
    values = {f.name: getattr(instance, f.name) for f in fields(instance)}
    return {"type": instance.type} | {name: plain(value) for name, value in values.items()}


def plain(value: Any) -> Any:
    if isinstance(value, Specification):
        return to_spec(value)
    return list(value) if isinstance(value, tuple) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def suggestion(given: str, known: Iterable[str]) -> str:
    """What an error says after an unknown name."""
    names = list(known)
    close = difflib.get_close_matches(given, names, 1)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"expected one of {', '.join(names)}" if names else "it takes none"


def check(where: str, name: str, value: Any, attribute: Attribute) -> Any:
    """`value`, converted where its type asks for it.

    Raises
    ------
    OptionError
        If it is of another type or out of bounds; the message names `where` and the option.
    """
    if value is None and attribute.default is None:
        return value
    try:
        checked = CHECKS.get(attribute.type, check_member)(value, attribute)
    except (TypeError, ValueError) as error:
        raise OptionError(f"{where}: {name} {value!r} given, expected {error}") from None
    if attribute.choices and checked not in attribute.choices:
        raise OptionError(f"{where}: {name} {value!r} given, expected one of {', '.join(map(repr, attribute.choices))}")
    return checked


def check_float(value: Any, attribute: Attribute) -> float:
    if isinstance(value, (bool, str)) or not math.isfinite(value):
        raise ValueError("a finite number")
    return float(check_bounds(value, attribute))


def check_int(value: Any, attribute: Attribute) -> int:
    if isinstance(value, (bool, str)) or int(value) != value:
        raise ValueError("an integer")
    return int(check_bounds(value, attribute))


def check_bounds(value: Any, attribute: Attribute) -> Any:
    low, high = attribute.minimum, attribute.maximum
    if low is not None and (value < low or (attribute.exclusive and value == low)):
        raise ValueError(f"a number {'above' if attribute.exclusive else 'of at least'} {low:g}")
    if high is not None and (value > high or (attribute.exclusive and value == high)):
        raise ValueError(f"a number {'below' if attribute.exclusive else 'of at most'} {high:g}")
    return value


def check_bool(value: Any, attribute: Attribute) -> bool:
    if value not in (True, False):
        raise ValueError("true or false")
    return bool(value)


def check_string(value: Any, attribute: Attribute) -> str:
    if not isinstance(value, str):
        raise ValueError("a string")
    return value


def check_strings(value: Any, attribute: Attribute) -> tuple[str, ...]:
    """Several names; one alone may stand without a list."""
    names = (value,) if isinstance(value, str) else tuple(value)
    if not all(isinstance(name, str) for name in names):
        raise ValueError("a list of strings")
    return names


def check_number_or_schedule(value: Any, attribute: Attribute) -> Any:
    """A learning rate: a number, or a schedule in any of its forms."""
    if isinstance(value, (Specification, Mapping, str)):
        return from_spec(FAMILIES["schedule"], value)
    return check_float(value, attribute)


def check_member(value: Any, attribute: Attribute) -> Any:
    """An option that is itself a specification: its type names the family."""
    return from_spec(FAMILIES[attribute.type], value)


CHECKS: Mapping[str, Callable[[Any, Attribute], Any]] = {
    "float": check_float,
    "int": check_int,
    "bool": check_bool,
    "string": check_string,
    "strings": check_strings,
    "rate": check_number_or_schedule,
}
