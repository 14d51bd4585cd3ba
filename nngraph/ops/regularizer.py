"""Regularizers: what the size of parameters adds to the loss, as ordinary nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Any, ClassVar

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Value
from nngraph.ir.op import REQUIRED
from nngraph.ops.specification import Specification, family, from_spec, option
from nngraph_kernels.record import record

WEIGHTS = ("weight", "depthwise_weight")  # the latter are those of separable_conv


@record
class Regularizer(Specification):
    """strength · Σ over parameters of `term`'s sum.

    Attributes
    ----------
    strength : float
        λ of the formulas.
    parameters : tuple of str
        Last names of the parameters that count: weights alone by default, for biases and scales only shift
        what the next layer sees.
    """

    family: ClassVar[str] = "regularizer"
    strength: float = option(REQUIRED, "λ, its factor in the loss", minimum=0.0)
    _: KW_ONLY
    parameters: tuple[str, ...] = option(WEIGHTS, "names of the parameters that count", "strings")

    def counts(self, name: str) -> bool:
        """Whether the parameter ``<node>.<name>`` counts."""
        return name.rpartition(".")[2] in self.parameters

    def term(self, b: Builder, x: Value) -> Value:
        """What each element adds, before λ."""
        raise NotImplementedError

    def penalty(self, b: Builder, values: Sequence[Value]) -> Value:
        """λ times the sum over all elements of `values`, a scalar."""
        total = b.add("sum", self.term(b, values[0]))
        for value in values[1:]:
            total = b.add("add", total, b.add("sum", self.term(b, value)))
        return b.add("multiply", total, self.strength)


REGULARIZERS = family("regularizer", Regularizer)


def regularizer_from(spec: Any) -> Regularizer:
    """A regularizer from its JSON form ``{"type": name, "strength": λ}`` or itself."""
    return from_spec(REGULARIZERS, spec)


@REGULARIZERS.register
class L1(Regularizer):
    """λ Σ|W|."""

    __slots__ = ()
    type: ClassVar[str] = "l1"

    def term(self, b: Builder, x: Value) -> Value:
        return b.add("abs", x)


@REGULARIZERS.register
class L2(Regularizer):
    """λ ΣW², without a factor of one half."""

    __slots__ = ()
    type: ClassVar[str] = "l2"

    def term(self, b: Builder, x: Value) -> Value:
        return b.add("square", x)


@REGULARIZERS.register
@record
class ElasticNet(Regularizer):
    """λ Σ(β W² + |W|)."""

    type: ClassVar[str] = "elastic_net"
    beta: float = option(1.0, "β, the factor of the squares", minimum=0.0)

    def term(self, b: Builder, x: Value) -> Value:
        return b.add("add", b.add("multiply", b.add("square", x), self.beta), b.add("abs", x))
