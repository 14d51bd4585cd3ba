"""What a node of a declared graph gives: the handle that op methods take and return."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from nngraph.declare.check import FLOAT, type_text
from nngraph.errors import DeclarationError
from nngraph.ir.types import Shape, TensorType

if TYPE_CHECKING:
    from nngraph.declare.graph import Graph


def operator(op: str, *, reflected: bool = False) -> Callable[[Value, Operand], Value]:
    """A method for a binary operator; errors leave it as if raised here, one frame below the user's line."""

    def apply(self: Value, other: Operand) -> Value:
        try:
            return self.graph.apply(op, [other, self] if reflected else [self, other])
        except DeclarationError as error:
            raise error.with_traceback(None) from error.__cause__

    apply.__doc__ = f"The op `{op}`."
    return apply


def unary(op: str) -> Callable[[Value], Value]:
    def apply(self: Value) -> Value:
        try:
            return self.graph.apply(op, [self])
        except DeclarationError as error:
            raise error.with_traceback(None) from error.__cause__

    apply.__doc__ = f"The op `{op}`."
    return apply


class Value:
    """The result of a node, which other nodes take as input; arithmetic on values adds nodes.

    Attributes
    ----------
    graph : Graph
    id : str
        Of the node that makes it.
    type : TensorType
        Its shape, the batch included, and element type.
    """

    __slots__ = ("graph", "id", "type")
    __array_ufunc__ = None  # a NumPy number on the left leaves the operation to the value on the right

    def __init__(self, graph: Graph, id: str, type: TensorType) -> None:
        self.graph = graph
        self.id = id
        self.type = type

    @property
    def shape(self) -> Shape:
        """The shape, whose batch dimension prints as ``batch``."""
        return self.type.shape

    @property
    def dtype(self) -> str:
        """The element type; "float" is the one that the model will be compiled for."""
        return "float" if self.type.dtype == FLOAT else self.type.dtype

    def __repr__(self) -> str:
        return f"<{self.id}: {type_text(self.type)}>"

    def __bool__(self) -> NoReturn:
        raise DeclarationError(
            f"node '{self.id}': a value of a declared graph is neither true nor false; choose with 'where'"
        )

    __add__ = operator("add")
    __radd__ = operator("add", reflected=True)
    __sub__ = operator("subtract")
    __rsub__ = operator("subtract", reflected=True)
    __mul__ = operator("multiply")
    __rmul__ = operator("multiply", reflected=True)
    __truediv__ = operator("divide")
    __rtruediv__ = operator("divide", reflected=True)
    __pow__ = operator("power")
    __rpow__ = operator("power", reflected=True)
    __matmul__ = operator("matmul")
    __rmatmul__ = operator("matmul", reflected=True)
    __lt__ = operator("less")
    __le__ = operator("less_equal")
    __gt__ = operator("greater")
    __ge__ = operator("greater_equal")
    __neg__ = unary("negate")
    __abs__ = unary("abs")


Operand: TypeAlias = Value | int | float
