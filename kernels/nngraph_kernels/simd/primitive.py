"""How a Python function of registers becomes one that Numba kernels can call.

``@primitive(rule)`` registers the function itself as a Numba global. The rule maps argument types to a
signature; lowering wraps the arguments in `Register` and `Pointer` objects and runs the function. Compared
with ``@intrinsic`` this skips Numba's search through templates and the re-registration at each new
signature, which were the larger part of the time to type a call.
"""

import inspect
from collections.abc import Callable
from typing import TypeVar

from numba import types
from numba.core import errors
from numba.core.datamodel import models
from numba.core.datamodel.registry import register_default
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import Signature, infer_global, signature

from nngraph_kernels.simd.register import Pointer, Register, building
from nngraph_kernels.simd.vector_types import ELEMENTS, kind_of, numba_type

Rule = Callable[..., "tuple[types.Type, tuple[types.Type, ...]]"]
F = TypeVar("F", bound=Callable[..., object])
_DTYPES = {element: dtype for dtype, element in ELEMENTS.items()}


class Primitive(types.Callable, types.Opaque):
    """The Numba type of one function of registers."""

    def __init__(self, function: Callable[..., object], rule: Rule) -> None:
        self._function = function
        self._rule = rule
        self._parameters = inspect.signature(function)
        self._known: dict[tuple[types.Type, ...], Signature] = {}
        super().__init__(f"primitive({function.__module__}.{function.__qualname__})")

    @property
    def key(self) -> str:
        return self.name

    def get_call_type(self, context, args, kws) -> Signature:
        if args not in self._known or kws:
            self._known[args] = self._sign(args, kws)
        return self._known[args]

    def get_call_signatures(self):
        return [], True

    def get_impl_key(self, sig):
        return self._function

    def _sign(self, args, kws):
        name = self._function.__name__
        if kws:
            raise errors.TypingError(f"{name} takes its arguments by position")
        try:
            self._parameters.bind(*args)
            result, parameters = self._rule(*args)
        except (TypeError, ValueError) as error:
            given = ", ".join(str(a) for a in args)
            raise errors.TypingError(f"{name}({given}): {error}") from error
        return signature(result, *parameters)


register_default(Primitive)(models.OpaqueModel)


def primitive(rule: Rule) -> Callable[[F], F]:
    """Let Numba kernels call the decorated function of registers, typed by `rule`."""

    def register(function: F) -> F:
        def generate(context, builder, sig, args):
            operands = [operand(builder, t, a) for t, a in zip(sig.args, args, strict=True)]
            with building(builder):
                return _returned(context, builder, sig.return_type, function(*operands))

        infer_global(function, Primitive(function, rule))
        lower_builtin(function, types.VarArg(types.Any))(generate)
        return function

    return register


def _returned(context, builder, kind: types.Type, result):
    if result is None:
        return context.get_dummy_value()
    if isinstance(result, tuple):
        return context.make_tuple(builder, kind, [r.value for r in result])
    return result.value


def operand(builder, kind: types.Type, value) -> object:
    if isinstance(kind, types.Literal):
        return kind.literal_value
    if isinstance(kind, types.CPointer):
        return Pointer(builder, _DTYPES[kind.dtype], value)
    known = kind_of(kind)
    if known is None:
        raise TypeError(f"{kind} is neither a number, a vector nor a pointer")
    return Register(builder, *known, value)


def elementwise(*operands: types.Type) -> tuple[types.Type, tuple[types.Type, ...]]:
    """Rule: operands of one kind (scalars take the vectors'), a result like them."""
    kind, lanes = shape_of(*operands)
    if all(isinstance(o, types.Literal) for o in operands):
        operands = tuple(types.unliteral(o) for o in operands)
    return numba_type(kind, lanes), tuple(plain(o) for o in operands)


def shape_of(*operands: types.Type) -> tuple[str, int]:
    """Kind and lanes that operands of an elementwise function agree on."""
    known = [numeric(o) for o in operands]
    vectors = {k for k in known if k[1]}
    if len(vectors) > 1:
        raise TypeError("vectors of different kinds or lanes: cast one of them")
    if vectors:
        return vectors.pop()
    firm = [k for k, o in zip(known, operands, strict=True) if not isinstance(o, types.Literal)]
    order = ("mask", "int32", "int64", "float32", "float64")
    return max(firm or known, key=lambda k: order.index(k[0]))


def numeric(operand: types.Type) -> tuple[str, int]:
    """Kind and lanes of a number or vector."""
    known = kind_of(types.unliteral(operand))
    if known is None:
        raise TypeError(f"{operand} is neither a number nor a vector")
    return known


def plain(operand: types.Type) -> types.Type:
    """The type that a number or vector has inside: integers of other widths become int64."""
    return operand if isinstance(operand, types.Literal) else numba_type(*numeric(operand))


def literal_of(operand: types.Type, expected: type, what: str):
    """The value of an argument that has to be written out in the source."""
    if not isinstance(operand, types.Literal) or not isinstance(operand.literal_value, expected):
        raise TypeError(f"{what} must be a literal or a global constant, not {operand}")
    return operand.literal_value
