"""The op methods of `Graph`. What type checkers see of them is generated: see op_methods.pyi."""

from __future__ import annotations

from types import MethodType
from typing import Any

from nngraph.declare.methods import declarable, method_of
from nngraph.errors import did_you_mean
from nngraph.ir.op import REGISTRY


class OpMethods:
    """Gives `Graph` its op methods, those of ops registered later included."""

    def __getattr__(self, name: str) -> Any:
        op = REGISTRY.get(name)
        if op is None or op.internal:
            private = name.startswith("_")  # notebooks and copying ask for many of these
            near = "" if private else did_you_mean(name, [*declarable(), "input", "output"], "; see `dir(ng.Graph)`")
            raise AttributeError(f"a graph has no op or attribute '{name}'{near}", name=name, obj=self)
        return MethodType(method_of(op), self)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *declarable()})
