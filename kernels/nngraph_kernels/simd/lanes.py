"""Functions across the lanes of vectors: masks, reductions and shuffles."""

from collections.abc import Callable

from llvmlite import ir
from numba import types

from nngraph_kernels.simd.arithmetic import maximum, minimum, select
from nngraph_kernels.simd.primitive import literal_of, numeric, primitive
from nngraph_kernels.simd.register import Operand, Register, convert, scalar_of
from nngraph_kernels.simd.vector_types import LLVM_KINDS, Vector, numba_type


def _first_rule(count, lanes):
    return Vector("mask", literal_of(lanes, int, "the number of lanes")), (types.int64, lanes)


def _iota_rule(start, lanes, kind=None):
    chosen = literal_of(kind, str, "the kind") if kind else "int32"
    vector = Vector(chosen, literal_of(lanes, int, "the number of lanes"))
    return vector, (types.int64, lanes, *((kind,) if kind else ()))


def _vector(value):
    kind, lanes = numeric(value)
    if not lanes:
        raise TypeError(f"a vector is expected, not {value}")
    return kind, lanes


def _reduce_rule(value):
    kind, lanes = _vector(value)
    if lanes & (lanes - 1) or kind == "mask":
        raise TypeError("numbers in a power of two of lanes are expected")
    return numba_type(kind, 0), (value,)


def _mask_rule(mask):
    if numeric(mask)[0] != "mask":
        raise TypeError(f"a mask is expected, not {mask}")
    return types.boolean, (mask,)


def _extract_rule(value, lane):
    kind, lanes = _vector(value)
    _check_lane(literal_of(lane, int, "the lane"), lanes)
    return numba_type(kind, 0), (value, lane)


def _insert_rule(value, lane, scalar):
    kind, lanes = _vector(value)
    _check_lane(literal_of(lane, int, "the lane"), lanes)
    return value, (value, lane, numba_type(kind, 0))


def _pair_rule(a, b):
    if _vector(a) != _vector(b):
        raise TypeError("vectors of different kinds or lanes")
    return a, (a, b)


def _shuffle_rule(a, b, pattern):
    kind, lanes = _vector(a)
    _pair_rule(a, b)
    chosen = lane_numbers(literal_of(pattern, str, "the pattern"))
    for lane in chosen:
        _check_lane(lane, 2 * lanes)
    return Vector(kind, len(chosen)), (a, b, pattern)


def _concatenate_rule(a, b):
    kind, lanes = _vector(a)
    _pair_rule(a, b)
    return Vector(kind, 2 * lanes), (a, b)


def _half_rule(value):
    kind, lanes = _vector(value)
    return Vector(kind, lanes // 2), (value,)


def _check_lane(lane: int, lanes: int) -> None:
    if not 0 <= lane < lanes:
        raise TypeError(f"lane {lane} of {lanes}")


def lane_numbers(pattern: str) -> list[int]:
    """The numbers in a shuffle's pattern, ``"0 16 1 17"``."""
    return [int(n) for n in pattern.split()]


@primitive(_first_rule)
def first(count: Operand, lanes: int) -> Register:
    """The mask of the first `count` lanes: none if it is negative, all if it is `lanes` or more."""
    count = scalar_of(count, "int64")
    clamped = select(count < 0, 0, select(count > lanes, lanes, count))
    return iota(0, lanes) < convert(clamped, "int32")


@primitive(_iota_rule)
def iota(start: Operand, lanes: int, kind: str = "int32") -> Register:
    """`start`, `start` + 1, ... as `kind`."""
    counting = ir.Constant(ir.VectorType(LLVM_KINDS[kind], lanes), list(range(lanes)))
    start = scalar_of(start, kind)
    return Register(start.builder, kind, lanes, counting) + start


@primitive(_reduce_rule)
def sum_lanes(value: Register) -> Register:
    """The sum of the lanes, in one order always: the upper half onto the lower until one is left."""
    return _fold(value, lambda a, b: a + b)


@primitive(_reduce_rule)
def max_lanes(value: Register) -> Register:
    """The largest lane; NaN if there is one."""
    return _fold(value, maximum)


@primitive(_reduce_rule)
def min_lanes(value: Register) -> Register:
    """The smallest lane; NaN if there is one."""
    return _fold(value, minimum)


@primitive(_mask_rule)
def any_lane(mask: Register) -> Register:
    """Whether a lane is set."""
    bits = _mask_bits(mask)
    return _scalar_mask(mask, mask.builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0)))


@primitive(_mask_rule)
def all_lanes(mask: Register) -> Register:
    """Whether every lane is set."""
    bits = _mask_bits(mask)
    return _scalar_mask(mask, mask.builder.icmp_unsigned("==", bits, ir.Constant(bits.type, -1)))


@primitive(_extract_rule)
def extract(value: Register, lane: int) -> Register:
    """One lane, as a scalar."""
    element = value.builder.extract_element(value.value, ir.Constant(ir.IntType(32), lane))
    return Register(value.builder, value.kind, 0, element)


@primitive(_insert_rule)
def insert(value: Register, lane: int, scalar: Operand) -> Register:
    """`value` with one lane replaced."""
    place = ir.Constant(ir.IntType(32), lane)
    return value.like(value.builder.insert_element(value.value, scalar_of(scalar, value.kind).value, place))


@primitive(_shuffle_rule)
def shuffle(a: Register, b: Register, pattern: str) -> Register:
    """Lanes of `a` and `b` by number, those of `b` counted on from `a`'s: ``shuffle(a, b, "0 4 1 5")``."""
    return pick(a, b, lane_numbers(pattern))


@primitive(_pair_rule)
def interleave_low(a: Register, b: Register) -> Register:
    """a0, b0, a1, b1, ... of the lower halves."""
    return pick(a, b, [lane for i in range(a.lanes // 2) for lane in (i, i + a.lanes)])


@primitive(_pair_rule)
def interleave_high(a: Register, b: Register) -> Register:
    """The same of the upper halves."""
    return pick(a, b, [lane for i in range(a.lanes // 2, a.lanes) for lane in (i, i + a.lanes)])


@primitive(_concatenate_rule)
def concatenate(a: Register, b: Register) -> Register:
    """The lanes of `a`, then those of `b`, in a vector twice as wide."""
    return pick(a, b, range(2 * a.lanes))


@primitive(_half_rule)
def low_half(value: Register) -> Register:
    """The first half of the lanes."""
    return pick(value, value, range(value.lanes // 2))


@primitive(_half_rule)
def high_half(value: Register) -> Register:
    """The second half of the lanes."""
    return pick(value, value, range(value.lanes // 2, value.lanes))


def pick(a: Register, b: Register, lanes) -> Register:
    """The shuffle that takes these lanes of `a` and `b`."""
    pattern = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), list(lanes))
    value = a.builder.shuffle_vector(a.value, b.value, pattern)
    return Register(a.builder, a.kind, len(lanes), value)


def _fold(value: Register, combine: Callable[[Register, Register], Register]) -> Register:
    while value.lanes > 1:
        value = combine(low_half(value), high_half(value))
    return extract(value, 0)


def _mask_bits(mask: Register) -> ir.Value:
    return mask.builder.bitcast(mask.value, ir.IntType(max(mask.lanes, 1)))


def _scalar_mask(mask: Register, value: ir.Value) -> Register:
    return Register(mask.builder, "mask", 0, value)
