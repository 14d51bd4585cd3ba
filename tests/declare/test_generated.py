"""The files made from the op registry are up to date, and say what the checks say."""

import ast
import json

from nngraph.declare.generate import SCHEMA, STUB, schema_text
from nngraph.declare.methods import declarable
from nngraph.declare.schema import schema
from nngraph.declare.stub import stub
from nngraph.ir.op import REGISTRY

COMMAND = "out of date: run `python -m nngraph.declare.generate`"


def test_the_schema_is_up_to_date():
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), COMMAND


def test_the_stub_is_up_to_date():
    assert STUB.read_text(encoding="utf-8") == stub(), COMMAND


def test_the_stub_has_every_op():
    (body,) = (node.body for node in ast.parse(stub()).body if isinstance(node, ast.ClassDef))
    found = [node.name for node in body if isinstance(node, ast.FunctionDef) and node.name != "__getattr__"]
    assert found == declarable()


def test_the_schema_has_every_op_and_no_dangling_reference():
    found = schema()
    assert {name.removeprefix("op.") for name in found["$defs"] if name.startswith("op.")} == set(declarable())
    text = json.dumps(found)
    for name in {part.split('"')[0] for part in text.split("#/$defs/")[1:]}:
        assert name in found["$defs"]


def test_an_entry_of_the_schema():
    found = schema()["$defs"]["op.linear"]
    assert found["required"] == ["id", "op", "inputs", "units"]
    assert found["properties"]["units"]["minimum"] == 1
    assert found["properties"]["inputs"] == {
        "type": "array", "items": {"$ref": "#/$defs/id"}, "minItems": 1, "maxItems": 1,
    }  # fmt: skip
    assert found["description"] == REGISTRY["linear"].summary
