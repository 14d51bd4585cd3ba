"""The type stub of the op methods, made from the op registry, so that editors know them."""

from __future__ import annotations

from typing import Any

import nngraph.ops  # noqa: F401  # pyright: ignore[reportUnusedImport]  (fills the registry)
from nngraph.declare.methods import declarable, sentence
from nngraph.ir.attributes import PARAMETER_ATTRIBUTES
from nngraph.ir.op import REGISTRY, Attribute, Op

HEAD = """\
# Generated from the op registry by `python -m nngraph.declare.generate`.
# ruff: noqa: PYI021  (editors show the docstrings)
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from nngraph.declare.value import Operand, Value
from nngraph.ops.specification import Specification

class OpMethods:
    def __getattr__(self, name: str) -> Callable[..., Value]: ...
"""
TYPES: dict[str, str] = {
    "int": "int", "float": "float", "bool": "bool", "string": "str", "shape": "Sequence[int]", "axis": "int",
    "axes": "int | Sequence[int]", "integers": "Sequence[int]", "pairs": "Sequence[Sequence[int]]",
    "pair": "int | Sequence[int]", "padding": "str | int | Sequence[int] | Sequence[Sequence[int]]",
    "array": "Any", "wiring": "Any", "node": "Value | str", "any": "Any",
}  # fmt: skip
SPECIFICATION = "str | Specification | Mapping[str, Any]"


def stub() -> str:
    """The text of op_methods.pyi."""
    return HEAD + "".join(method(REGISTRY[name]) for name in declarable())


def method(op: Op) -> str:
    lines = [f"        {operand(op, name)}," for name in op.operands]
    optional = False
    for name, attribute in op.attributes.items():
        if attribute.required and optional:
            lines.append("        *,")
        optional = not attribute.required
        lines.append(f"        {argument(name, attribute)},")
    if "        *," not in lines:
        lines.append("        *,")
    lines.append("        name: str | None = None,")
    if op.parameters:
        lines += [f"        {argument(name, a)}," for name, a in PARAMETER_ATTRIBUTES.items()]
    head = "\n".join([f"    def {op.name}(", "        self,", *lines, "    ) -> Value:"])
    return f'{head}\n        """{sentence(op.summary, op.operands)}"""\n'


def operand(op: Op, name: str) -> str:
    if name.endswith("..."):
        return f"{name.removesuffix('...')}: Sequence[Value]"
    return f"{name}: {'Operand' if op.expr and len(op.operands) > 1 else 'Value'}"


def argument(name: str, attribute: Attribute) -> str:
    text = SPECIFICATION if name in ("initializer", "regularizer") else TYPES.get(attribute.type, "Any")
    if attribute.choices:
        text = f"Literal[{', '.join(map(quoted, attribute.choices))}]"
    if attribute.default is None and text != "Any":
        text += " | None"
    return f"{name}: {text}" + ("" if attribute.required else f" = {quoted(attribute.default)}")


def quoted(item: Any) -> str:
    return "..." if isinstance(item, dict) else f'"{item}"' if isinstance(item, str) else repr(item)
