"""``python -m nngraph.declare.generate``: write the files that are made from the op registry."""

from __future__ import annotations

import json
from pathlib import Path

from nngraph.declare.schema import schema
from nngraph.declare.stub import stub

FOLDER = Path(__file__).parent
SCHEMA = FOLDER / "model.schema.json"
STUB = FOLDER / "op_methods.pyi"


def schema_text() -> str:
    """JSON with one line for each definition."""
    found = schema()
    definitions = found.pop("$defs")
    head = json.dumps(found, indent=2, ensure_ascii=False).removesuffix("\n}")
    lines = [f"    {json.dumps(name)}: {json.dumps(item, ensure_ascii=False)}" for name, item in definitions.items()]
    return head + ',\n  "$defs": {\n' + ",\n".join(lines) + "\n  }\n}\n"


if __name__ == "__main__":
    SCHEMA.write_text(schema_text(), encoding="utf-8")
    STUB.write_text(stub(), encoding="utf-8")
