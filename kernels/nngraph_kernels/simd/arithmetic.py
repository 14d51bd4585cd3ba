"""Functions of vectors and scalars, element by element."""

from numba import types

from nngraph_kernels.simd.primitive import elementwise, literal_of, numeric, plain, primitive, shape_of
from nngraph_kernels.simd.register import (
    Operand,
    Register,
    broadcast,
    call,
    constant,
    match,
    reinterpret,
    scalar_of,
)
from nngraph_kernels.simd.vector_types import FLOATS, LLVM_KINDS, numba_type
from nngraph_kernels.target import has_fma

_BITS = {"float32": "int32", "float64": "int64"}
_FLOAT_OF = {bits: kind for kind, bits in _BITS.items()}


def _splat_rule(value, lanes, kind=None):
    chosen = literal_of(kind, str, "the kind") if kind else numeric(value)[0]
    return numba_type(chosen, literal_of(lanes, int, "the number of lanes")), (
        plain(types.unliteral(value)),
        lanes,
        *((kind,) if kind else ()),
    )


def _cast_rule(value, kind):
    chosen = literal_of(kind, str, "the kind")
    if chosen not in LLVM_KINDS:
        raise TypeError(f"no kind {chosen!r}")
    return numba_type(chosen, numeric(value)[1]), (plain(types.unliteral(value)), kind)


def float_rule(*operands):
    result, parameters = elementwise(*operands)
    if shape_of(*operands)[0] not in FLOATS:
        raise TypeError("floats are expected")
    return result, parameters


def _select_rule(mask, a, b):
    kind, lanes = shape_of(a, b)
    chosen_by, mask_lanes = numeric(mask)
    if chosen_by != "mask" or (mask_lanes and lanes and mask_lanes != lanes):
        raise TypeError("the first operand must be a mask of as many lanes as the others")
    lanes = lanes or mask_lanes
    return numba_type(kind, lanes), (plain(mask), plain(a), plain(b))


def _bits_rule(table):
    def rule(value):
        kind, lanes = numeric(value)
        if kind not in table:
            raise TypeError(f"{kind} has no such bits")
        return numba_type(table[kind], lanes), (plain(types.unliteral(value)),)

    return rule


def _compare_rule(a, b):
    return numba_type("mask", shape_of(a, b)[1]), (plain(a), plain(b))


@primitive(_splat_rule)
def splat(value: Operand, lanes: int, kind: str | None = None) -> Register:
    """`value` in each of `lanes` lanes, as `kind` where one is given."""
    return broadcast(scalar_of(value, kind), lanes)


@primitive(_cast_rule)
def cast(value: Operand, kind: str) -> Register:
    """The same numbers as `kind`.

    Between floats rounded to nearest; to integers toward zero, undefined where they do not fit;
    to a mask "is not zero"; from a mask 0 or 1.
    """
    return scalar_of(value, kind)


@primitive(_bits_rule(_BITS))
def bitcast_int(value: Register) -> Register:
    """The bits of floats, as integers of the same width."""
    return reinterpret(value, _BITS[value.kind])


@primitive(_bits_rule(_FLOAT_OF))
def bitcast_float(value: Register) -> Register:
    """Bits as floats of the same width."""
    return reinterpret(value, _FLOAT_OF[value.kind])


@primitive(float_rule)
def fma(a: Operand, b: Operand, c: Operand) -> Register:
    """a * b + c, in one rounding where the target has the instruction and in two elsewhere."""
    a, b, c = match(a, b, c)
    return call("fma", a, b, c) if has_fma() else a * b + c


@primitive(elementwise)
def minimum(a: Operand, b: Operand) -> Register:
    """The smaller; NaN where either is NaN, as `np.minimum`. One instruction if `b` is a constant."""
    a, b = match(a, b)
    return _nan_wins(b, select(b < a, b, a))


@primitive(elementwise)
def maximum(a: Operand, b: Operand) -> Register:
    """The larger; NaN where either is NaN, as `np.maximum`. One instruction if `b` is a constant."""
    a, b = match(a, b)
    return _nan_wins(b, select(b > a, b, a))


def _nan_wins(b: Register, chosen: Register) -> Register:
    # The comparison already keeps a NaN of the first operand; LLVM drops this one for constants.
    return select(b.differs(b), b, chosen) if b.kind in FLOATS else chosen


@primitive(_select_rule)
def select(mask: Operand, a: Operand, b: Operand) -> Register:
    """`a` where the mask is set, `b` elsewhere."""
    assert isinstance(mask, Register)
    like = [o for o in (a, b) if isinstance(o, Register)]
    if not like:
        kind = "float64" if isinstance(a, float) or isinstance(b, float) else "int64"
        a = constant(Register(mask.builder, kind, mask.lanes, mask.value), a)
    a, b = match(a, b)
    lanes = max(a.lanes, mask.lanes)
    a, b = broadcast(a, lanes), broadcast(b, lanes)
    return a.like(a.builder.select(mask.value, a.value, b.value))


@primitive(float_rule)
def sqrt(x: Register) -> Register:
    """Square root, correctly rounded; NaN below zero."""
    return call("sqrt", x)


@primitive(float_rule)
def floor(x: Register) -> Register:
    """The largest integral float not above `x`."""
    return call("floor", x)


@primitive(float_rule)
def ceil(x: Register) -> Register:
    """The smallest integral float not below `x`."""
    return call("ceil", x)


@primitive(float_rule)
def rint(x: Register) -> Register:
    """The nearest integral float, halves to even."""
    return call("rint", x)


@primitive(elementwise)
def absolute(x: Register) -> Register:
    """The magnitude."""
    return call("fabs", x) if x.kind in FLOATS else select(x < 0, -x, x)


@primitive(float_rule)
def copy_sign(magnitude: Operand, sign: Operand) -> Register:
    """`magnitude` with the sign of `sign`."""
    return call("copysign", *match(magnitude, sign))


@primitive(elementwise)
def shift_right_logical(x: Operand, count: Operand) -> Register:
    """Integers shifted right, zeros coming in; ``>>`` copies the sign instead."""
    a, b = match(x, count)
    return a.like(a.builder.lshr(a.value, b.value))


@primitive(_compare_rule)
def equal(a: Operand, b: Operand) -> Register:
    """Lanes that are equal; in kernels also written ``==``."""
    a, b = match(a, b)
    return a.equals(b)


@primitive(_compare_rule)
def not_equal(a: Operand, b: Operand) -> Register:
    """Lanes that differ; in kernels also written ``!=``."""
    a, b = match(a, b)
    return a.differs(b)
