"""nngraph: neural networks declared as graphs, compiled into native programs of fused Numba kernels.

The public names are loaded when they are first used (PEP 562), so that ``import nngraph`` and the command
line's ``--help`` import neither NumPy, networkx, Numba nor ONNX.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from nngraph.declare.graph import Graph as Graph
    from nngraph.declare.load import load as load
    from nngraph.declare.networkx_graph import from_networkx as from_networkx
    from nngraph.declare.schema import schema as schema
    from nngraph.declare.unroll import unroll as unroll
    from nngraph.declare.value import Value as Value
    from nngraph.ir.op import Op as Op
    from nngraph.ir.op import register_op as register_op

PUBLIC = {
    "Graph": "nngraph.declare.graph",
    "Op": "nngraph.ir.op",
    "Value": "nngraph.declare.value",
    "from_networkx": "nngraph.declare.networkx_graph",
    "load": "nngraph.declare.load",
    "register_op": "nngraph.ir.op",
    "schema": "nngraph.declare.schema",
    "unroll": "nngraph.declare.unroll",
}

__all__ = [
    "Graph", "Op", "Value", "from_networkx", "load", "register_op", "schema", "unroll",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    module = PUBLIC.get(name)
    if module is None:
        raise AttributeError(f"module 'nngraph' has no attribute '{name}'")
    found = globals()[name] = getattr(importlib.import_module(module), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *PUBLIC})
