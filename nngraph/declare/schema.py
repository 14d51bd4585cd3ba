"""The JSON Schema of model files, made from the op registry."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import nngraph.ops  # noqa: F401  # pyright: ignore[reportUnusedImport]  (fills the registry)
from nngraph.declare.methods import declarable
from nngraph.declare.model_file import FORMAT, VERSION, AugmentDefaults, InputEntry, OutputEntry, TrainingDefaults
from nngraph.declare.names import ID
from nngraph.ir.attributes import accepted_attributes
from nngraph.ir.op import REGISTRY, Attribute, Op
from nngraph.ops.specification import FAMILIES, Specification, attributes_of

INTEGER = {"type": "integer"}
NUMBER = {"type": "number"}
STRINGS = {"type": "array", "items": {"type": "string"}}
PAIR = {"type": "array", "items": INTEGER, "minItems": 2, "maxItems": 2}
PIXELS = {"type": "integer", "minimum": 0}
TWO_PIXELS = {**PAIR, "items": PIXELS}
NODE_ID = {"$ref": "#/$defs/id"}
CHOICES = ("loss", "optimizer", "regularizer", "initializer", "schedule", "wiring")
TYPES: Mapping[str, Mapping[str, Any]] = {
    "int": INTEGER,
    "axis": INTEGER,
    "float": NUMBER,
    "bool": {"type": "boolean"},
    "string": {"type": "string"},
    "strings": {"anyOf": [{"type": "string"}, STRINGS]},
    "node": NODE_ID,
    "shape": {"type": "array", "items": INTEGER},
    "axes": {"anyOf": [INTEGER, {"type": "array", "items": INTEGER}]},
    "integers": {"type": "array", "items": INTEGER},
    "pairs": {"type": "array", "items": PAIR},
    "pair": {"anyOf": [INTEGER, PAIR]},
    "padding": {"anyOf": [{"enum": ["same", "valid"]}, PIXELS, TWO_PIXELS, {**TWO_PIXELS, "items": TWO_PIXELS}]},
    "array": {"$ref": "#/$defs/array"},
    "wiring": {"anyOf": [{"$ref": "#/$defs/wiring"}, {"type": "array", "items": PAIR}]},
    "rate": {"anyOf": [NUMBER, {"$ref": "#/$defs/schedule"}]},
    "any": {},
}


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of model files, with all ops that are registered now.

    Returns
    -------
    dict
    """
    output = OutputEntry.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "nngraph model",
        "type": "object",
        "properties": {
            "format": {"const": FORMAT},
            "version": {"const": VERSION},
            "name": {"type": "string"},
            "inputs": {
                "type": "object",
                "propertyNames": NODE_ID,
                "additionalProperties": InputEntry.model_json_schema(),
            },
            "nodes": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            "outputs": {"type": "array", "minItems": 1, "items": {"anyOf": [NODE_ID, output]}},
            "training": training_schema(),
        },
        "required": ["format", "version", "inputs", "nodes", "outputs"],
        "additionalProperties": False,
        "$defs": definitions(),
    }  # fmt: skip


def definitions() -> dict[str, Any]:
    ops = [REGISTRY[name] for name in declarable()]
    return {
        "id": {"type": "string", "pattern": f"^{ID.pattern.removesuffix(chr(92) + 'Z')}$"},
        "array": {"anyOf": [NUMBER, {"type": "array", "items": {"$ref": "#/$defs/array"}}]},
        "node": {"oneOf": [{"$ref": f"#/$defs/op.{op.name}"} for op in ops]},
        **{f"op.{op.name}": op_schema(op) for op in ops},
        **{family: family_schema(family) for family in CHOICES},
    }


def op_schema(op: Op) -> dict[str, Any]:
    """The entries of the nodes of one op."""
    attributes = accepted_attributes(op)
    least = len(op.operands)
    operand = {"anyOf": [NODE_ID, NUMBER]} if op.expr and least > 1 else NODE_ID
    inputs: dict[str, Any] = {"type": "array", "items": operand, "minItems": least}
    if not op.variadic:
        inputs["maxItems"] = least
    required = ["id", "op", *(["inputs"] if least else []), *(n for n, a in attributes.items() if a.required)]
    own = {name: attribute_schema(attribute, name) for name, attribute in attributes.items()}
    return {
        "description": op.summary,
        "type": "object",
        "properties": {"id": NODE_ID, "op": {"const": op.name}, "inputs": inputs, **own},
        "required": required,
        "additionalProperties": False,
    }


def attribute_schema(attribute: Attribute, name: str = "") -> dict[str, Any]:
    if name == "initializer":
        reference = {"$ref": "#/$defs/initializer"}
        found: dict[str, Any] = {"anyOf": [reference, {"type": "object", "additionalProperties": reference}]}
    elif name == "regularizer":
        found = {"anyOf": [{"$ref": "#/$defs/regularizer"}]}
    else:
        found = dict(TYPES.get(attribute.type, {"$ref": f"#/$defs/{attribute.type}"}))
    if attribute.choices:
        found["enum"] = list(attribute.choices)
    bounds = ("exclusiveMinimum", "exclusiveMaximum") if attribute.exclusive else ("minimum", "maximum")
    found |= {k: v for k, v in zip(bounds, (attribute.minimum, attribute.maximum), strict=True) if v is not None}
    if attribute.default is None:
        found = {"anyOf": [found, {"type": "null"}]}
    found["description"] = attribute.doc
    if not attribute.required and attribute.default is not None:
        found["default"] = attribute.default
    return found


def family_schema(family: str) -> dict[str, Any]:
    """A choice of one family: its name, or an object with its type and options."""
    import_module(f"nngraph.ops.{family}")
    members = FAMILIES[family]
    objects = [choice_schema(name, *members.find(name)) for name in members.names]
    return {"anyOf": [{"enum": members.names}, *objects]}


def choice_schema(name: str, kind: type[Specification], implied: Mapping[str, Any]) -> dict[str, Any]:
    options = attributes_of(kind)
    required = [key for key, attribute in options.items() if attribute.required and key not in implied]
    return {
        "type": "object",
        "properties": {"type": {"const": name}, **{key: attribute_schema(a) for key, a in options.items()}},
        "required": ["type", *required],
        "additionalProperties": False,
    }


def training_schema() -> dict[str, Any]:
    found = TrainingDefaults.model_json_schema()
    properties = found["properties"]
    reference = {family: {"$ref": f"#/$defs/{family}"} for family in CHOICES}
    properties["loss"] = {"anyOf": [reference["loss"], {"type": "object", "additionalProperties": reference["loss"]}]}
    properties["optimizer"] = reference["optimizer"]
    properties["regularizer"] = reference["regularizer"]
    properties["augment"] = AugmentDefaults.model_json_schema()
    return found
