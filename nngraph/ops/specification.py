"""How losses, optimizers, schedules, regularizers and initializers are named: one dataclass a kind.

Each is a frozen dataclass whose fields say type, default, bounds and meaning once. It is made by its class
(``CrossEntropy(label_smoothing=0.1)``), by its name (``"cross_entropy"``), or from the form that a model file
holds (``{"type": "cross_entropy", "label_smoothing": 0.1}``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, field, fields, replace
from typing import Any, ClassVar, Generic, TypeVar, cast

from nngraph.errors import OptionError, did_you_mean
from nngraph.ir.attributes import check_value
from nngraph.ir.op import REQUIRED, Attribute
from nngraph_kernels.record import record

S = TypeVar("S", bound="Specification")
K = TypeVar("K", bound="type[Specification]")


def option(default: Any, doc: str, type: str = "float", **bounds: Any) -> Any:
    """A dataclass field that carries its `Attribute`; `default` may be `REQUIRED`."""
    attribute = Attribute(type, doc, default, **bounds)
    given = MISSING if default is REQUIRED else default
    return field(default=given, metadata={"attribute": attribute})


@record
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


@record
class Family(Generic[S]):
    """All specifications of one sort, by name; `aliases` maps a name to another with options set."""

    name: str
    base: type[S]
    members: dict[str, type[S]] = field(default_factory=dict[str, "type[S]"])
    aliases: dict[str, tuple[type[S], Mapping[str, Any]]] = field(
        default_factory=dict[str, "tuple[type[S], Mapping[str, Any]]"]
    )

    def register(self, kind: K) -> K:
        """Class decorator: make `kind` known by its `type`."""
        if kind.type in self.members:
            raise OptionError(f"{self.name} '{kind.type}': already registered; choose another name")
        self.members[kind.type] = cast("type[S]", kind)
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
        raise OptionError(f"{self.name} '{name}': not known{suggestion(name, self.names)}")


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
            raise OptionError(f"{family.name} '{name}': no option '{key}'{suggestion(key, attributes)}")
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
    otherwise = f"; expected one of {', '.join(names)}" if names else "; it takes none"
    return did_you_mean(given, names, otherwise)


def check(where: str, name: str, value: Any, attribute: Attribute) -> Any:
    """`value`, converted where its type asks for it.

    Raises
    ------
    OptionError
        If it is of another type or out of bounds; the message names `where` and the option.
    """
    try:
        if value is not None and attribute.type in FAMILIES:
            return from_spec(FAMILIES[attribute.type], value)
        return CHECKS.get(attribute.type, check_value)(name, attribute, value)
    except ValueError as error:
        raise OptionError(f"{where}: {error}") from None


def check_strings(name: str, attribute: Attribute, value: Any) -> tuple[str, ...] | None:
    """Several names; one alone may stand without a list."""
    if value is None and attribute.default is None:
        return None
    alone = isinstance(value, str) or not hasattr(value, "__iter__")
    names = (value,) if alone else tuple(cast("Iterable[Any]", value))
    if not all(isinstance(item, str) for item in names):
        raise ValueError(f"attribute '{name}': {value!r} given, a list of strings expected")
    return cast("tuple[str, ...]", names)


def check_rate(name: str, attribute: Attribute, value: Any) -> Any:
    """A learning rate: a number, or a schedule in any of its forms."""
    if isinstance(value, (Specification, Mapping, str)):
        return from_spec(FAMILIES["schedule"], value)
    return check_value(name, replace(attribute, type="float"), value)


CHECKS: Mapping[str, Callable[[str, Attribute, Any], Any]] = {"strings": check_strings, "rate": check_rate}
