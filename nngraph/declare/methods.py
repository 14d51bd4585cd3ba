"""One method for each registered op, made from the op's record: binding, signature, documentation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from nngraph.declare.check import Problems, plural
from nngraph.errors import DeclarationError
from nngraph.ir.attributes import PARAMETER_ATTRIBUTES, accepted_attributes
from nngraph.ir.op import REGISTRY, Attribute, Op

TYPES = {
    "int": "int", "float": "float", "bool": "bool", "string": "str", "shape": "tuple of int", "axis": "int",
    "axes": "int or tuple of int or None", "integers": "tuple of int", "pairs": "tuple of pairs of int",
    "pair": "int or (int, int)", "padding": "str, int or tuple",
    "array": "number or array",
    "wiring": "str, dict, Wiring, list of pairs or networkx.Graph", "node": "Value or str", "any": "object",
}  # fmt: skip


def declarable() -> list[str]:
    """Names of the ops that graphs have methods for, in the order of their registration."""
    return [op.name for op in REGISTRY.values() if not op.internal and op.name != "input"]


@cache
def method_of(op: Op) -> Callable[..., Any]:
    """The method that declares `op`."""

    def method(self: Any, *inputs: Any, name: str | None = None, **attributes: Any) -> Any:
        try:
            return self.declare(op, inputs, attributes, name)
        except DeclarationError as error:
            # Raised anew, so that the traceback ends one frame below the line that the user wrote.
            raise error.with_traceback(None) from error.__cause__

    method.__name__ = op.name
    method.__qualname__ = f"Graph.{op.name}"
    method.__doc__ = documentation(op)
    method.__signature__ = signature(op)  # type: ignore[attr-defined]
    return method


def bind(op: Op, inputs: Sequence[Any], keywords: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Sort a call's arguments into operands and attributes.

    Operands come first, a last one that takes several as a list; then attributes in the record's order.
    """
    operands: list[Any] = []
    rest = list(inputs)
    given = dict(keywords)
    for operand in op.operands:
        key = operand.removesuffix("...")
        if not rest and key not in given:
            raise Problems(f"input '{key}' is missing; expected {call_text(op)}")
        one = rest.pop(0) if rest else given.pop(key)
        operands.extend(several(op, key, one) if operand.endswith("...") else [one])
    names = list(op.attributes)
    if len(rest) > len(names):
        raise Problems(f"{plural(len(inputs), 'positional argument')} given, expected {call_text(op)}")
    for attribute, item in zip(names, rest, strict=False):
        if attribute in given:
            raise Problems(f"{attribute} is given twice, by position and by name; expected {call_text(op)}")
        given[attribute] = item
    return operands, given


def several(op: Op, key: str, given: Any) -> list[Any]:
    if not isinstance(given, (list, tuple)):
        raise Problems(f"input '{key}' takes a list of values, {given!r} given; expected {call_text(op)}")
    return list(given)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def call_text(op: Op) -> str:
    """How the method is called, in one line."""
    operands = [f"[{x.removesuffix('...')}, ...]" if x.endswith("...") else x for x in op.operands]
    attributes = [name if a.required else f"{name}={a.default!r}" for name, a in op.attributes.items()]
    return f"{op.name}({', '.join(operands + attributes)})"


def signature(op: Op) -> inspect.Signature:
    """Operands and attributes by position or name; what every node takes, by name only."""
    either, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    found = [inspect.Parameter("self", either)]
    found += [inspect.Parameter(x.removesuffix("..."), either) for x in op.operands]
    kind = either
    for name, attribute in op.attributes.items():
        if attribute.required and found[-1].default is not inspect.Parameter.empty:
            kind = keyword
        default = inspect.Parameter.empty if attribute.required else attribute.default
        found.append(inspect.Parameter(name, kind, default=default))
    found.append(inspect.Parameter("name", keyword, default=None))
    if op.parameters:
        found += [inspect.Parameter(n, keyword, default=a.default) for n, a in PARAMETER_ATTRIBUTES.items()]
    return inspect.Signature(found)


def documentation(op: Op) -> str:
    """A numpydoc text made from the record."""
    lines = [sentence(op.summary, op.operands), "", "Parameters", "----------"]
    for operand in op.operands:
        key, many = operand.removesuffix("..."), operand.endswith("...")
        lines.append(f"{key} : list of Value" if many else f"{key} : Value{' or number' * (op.expr is not None)}")
    for name, attribute in accepted_attributes(op).items():
        lines += [f"{name} : {type_text(attribute)}", f"    {sentence(attribute.doc)}"]
    lines += ["name : str, optional", "    Id of the node; the op's name and a number by default."]
    lines += ["", "Returns", "-------", "Value"]
    return "\n".join(lines)


def type_text(attribute: Attribute) -> str:
    text = TYPES.get(attribute.type, attribute.type)
    if attribute.choices:
        text = "{" + ", ".join(map(repr, attribute.choices)) + "}"
    return text if attribute.required else f"{text}, default {attribute.default!r}"


def sentence(text: str, operands: Sequence[str] = ()) -> str:
    """`text` with a full stop, and a capital unless it begins with a formula or an operand."""
    first = text.split(maxsplit=1)[0]
    word = first.isascii() and first.isalpha() and first not in operands
    return (text[:1].upper() + text[1:] if word else text) + ("" if text.endswith(".") else ".")
