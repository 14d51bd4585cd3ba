"""Python's operators on vectors, in kernels."""

import operator
from collections.abc import Callable
from typing import Any

from numba import types
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, infer_global, signature

from nngraph_kernels.simd.primitive import plain, shape_of
from nngraph_kernels.simd.register import Register
from nngraph_kernels.simd.vector_types import FLOATS, INTEGERS, Vector, kind_of, numba_type

_NUMBERS = (*FLOATS, *INTEGERS)
_BITS = (*INTEGERS, "mask")
_ARITHMETIC = {
    operator.add: _NUMBERS,
    operator.sub: _NUMBERS,
    operator.mul: _NUMBERS,
    operator.truediv: FLOATS,
    operator.and_: _BITS,
    operator.or_: _BITS,
    operator.xor: _BITS,
    operator.lshift: INTEGERS,
    operator.rshift: INTEGERS,
}
_INPLACE = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
    operator.iand: operator.and_,
    operator.ior: operator.or_,
    operator.ixor: operator.xor,
}
_COMPARISONS = (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne)
# Registers keep Python's meaning of == and !=, so that they can be looked for in containers.
_ON_REGISTERS = {operator.eq: Register.equals, operator.ne: Register.differs}
_UNARY = {operator.neg: _NUMBERS, operator.invert: _BITS}


def _register(function: Callable[..., object], allowed: tuple[str, ...], result: str | None) -> None:
    """Type `function` of at least one vector of the `allowed` kinds, giving `result` or the same kind."""

    class VectorOperator(AbstractTemplate):
        def generic(self, args, kws):
            if not any(isinstance(a, Vector) for a in args):
                return None
            if any(kind_of(a) is None for a in args):
                return None
            try:
                kind, lanes = shape_of(*args)
            except TypeError:
                return None
            if kind not in allowed:
                return None
            return signature(numba_type(result or kind, lanes), *(plain(types.unliteral(a)) for a in args))

    register: Any = infer_global(function)  # untyped in Numba
    register(VectorOperator)


def _lower(function: Callable[..., object], *operands: type[types.Type]) -> None:
    emit = _ON_REGISTERS.get(function, function)

    def generate(context, builder, sig, args):
        registers = [_register_of(builder, t, a) for t, a in zip(sig.args, args, strict=True)]
        return emit(*registers).value

    lower_builtin(function, *operands)(generate)


def _register_of(builder, kind: types.Type, value) -> Register:
    return Register(builder, *kind_of(kind), value)


for _function, _allowed in _ARITHMETIC.items():
    _register(_function, _allowed, None)
for _function in _COMPARISONS:
    _register(_function, (*_NUMBERS, "mask"), "mask")
for _function, _allowed in _UNARY.items():
    _register(_function, _allowed, None)
    _lower(_function, Vector)
# Numba types ``a += b`` by its own operator and then lowers it as ``a + b``.
for _inplace, _function in _INPLACE.items():
    _register(_inplace, _ARITHMETIC[_function], None)
for _function in (*_ARITHMETIC, *_COMPARISONS):
    _lower(_function, Vector, Vector)
    _lower(_function, Vector, types.Number)
    _lower(_function, types.Number, Vector)
    _lower(_function, Vector, types.Boolean)
    _lower(_function, types.Boolean, Vector)
