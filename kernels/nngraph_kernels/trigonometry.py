"""Sine and cosine of registers."""

from typing import Final

from llvmlite import ir
from numba.core import cgutils

from nngraph_kernels.exponential import polynomial, rounding_constant
from nngraph_kernels.simd.arithmetic import absolute, bitcast_int, float_rule, select
from nngraph_kernels.simd.lanes import any_lane, extract, insert
from nngraph_kernels.simd.primitive import primitive
from nngraph_kernels.simd.register import Register, call_named, convert

# FreeBSD's e_rem_pio2.c: pi/2 in parts of 33 bits, exact when multiplied by a number below 2**20.
_TWO_OVER_PI: Final = 6.36619772367581382433e-01
_PARTS: Final = (1.57079632673412561417e00, 6.07710050630396597660e-11, 2.02226624871116645580e-21)
_LAST_PART: Final = 8.47842766036889956997e-32
_LARGEST: Final = 2.0**20
# FreeBSD's k_sin.c and k_cos.c.
_SIN: Final = (
    1.58969099521155010221e-10,
    -2.50507602534068634195e-08,
    2.75573137070700676789e-06,
    -1.98412698298579493134e-04,
    8.33333333332248946124e-03,
)
_SIN_FIRST: Final = -1.66666666666666324348e-01
_COS: Final = (
    -1.13596475577881948265e-11,
    2.08757232129817482790e-09,
    -2.75573143513906633035e-07,
    2.48015872894767294178e-05,
    -1.38888888888741095749e-03,
    4.16666666666666019037e-02,
)


@primitive(float_rule)
def sin(x: Register) -> Register:
    """Sine; at most 1 ulp. After FreeBSD's s_sin.c; beyond 2**20 one call of the C library a lane."""
    return _through_float64(x, "sin", 0)


@primitive(float_rule)
def cos(x: Register) -> Register:
    """Cosine; at most 1 ulp. After FreeBSD's s_cos.c; beyond 2**20 one call of the C library a lane."""
    return _through_float64(x, "cos", 1)


def _through_float64(x: Register, name: str, quarter: int) -> Register:
    wide = convert(x, "float64")
    far = absolute(wide) > _LARGEST
    near = _quarter_turns(select(far, 0.0, wide), quarter)
    return convert(_replace_far(wide, far, near, name), x.kind)


def _quarter_turns(x: Register, quarter: int) -> Register:
    """sin(x + quarter pi/2)."""
    magic = rounding_constant("float64")
    shifted = x * _TWO_OVER_PI + magic
    r, tail = _remainder(x, shifted - magic)
    turn = bitcast_int(shifted) + quarter
    result = select((turn & 1).differs(0), _cos_kernel(r, tail), _sin_kernel(r, tail))
    return select((turn & 2).differs(0), -result, result)


def _remainder(x: Register, n: Register) -> tuple[Register, Register]:
    """x - n pi/2 as a number and what it rounds away."""
    r = x - n * _PARTS[0]
    w = n * _PARTS[1]
    before, r = r, r - w
    lost = (before - r) - w
    w = n * _PARTS[2] - lost
    before, r = r, r - w
    lost = (before - r) - w
    w = n * _LAST_PART - lost
    y = r - w
    return y, (r - y) - w


def _sin_kernel(x: Register, tail: Register) -> Register:
    z = x * x
    v = z * x
    r = polynomial(z, _SIN)
    return x - ((z * (0.5 * tail - v * r) - tail) - v * _SIN_FIRST)


def _cos_kernel(x: Register, tail: Register) -> Register:
    z = x * x
    r = z * z * polynomial(z, _COS)
    half = 0.5 * z
    w = 1.0 - half
    return w + (((1.0 - w) - half) + (r - x * tail))


def _replace_far(x: Register, far: Register, near: Register, name: str) -> Register:
    builder = x.builder
    result = cgutils.alloca_once_value(builder, near.value)
    some = any_lane(far) if far.lanes else far
    with builder.if_then(some.value, likely=False):
        exact = near
        for lane in range(x.lanes):
            exact = insert(exact, lane, _library(extract(x, lane), name))
        if not x.lanes:
            exact = _library(x, name)
        builder.store(select(far, exact, near).value, result)
    return near.like(builder.load(result))


def _library(x: Register, name: str) -> Register:
    return x.like(call_named(x.builder, name, ir.DoubleType(), [x.value]))
