"""Exponentials and logarithms of registers, and the functions built from them."""

from typing import Final

from llvmlite import ir

from nngraph_kernels.simd.arithmetic import (
    absolute,
    bitcast_float,
    bitcast_int,
    copy_sign,
    float_rule,
    fma,
    maximum,
    minimum,
    select,
    shift_right_logical,
)
from nngraph_kernels.simd.primitive import primitive
from nngraph_kernels.simd.register import Register, call_named, constant
from nngraph_kernels.target import target

# (exp(r) - 1 - r) / r², minimax on |r| <= ln(2)/2, highest power first. Own Remez fits; the error relative
# to exp is below 2^-33 and 2^-57.
_EXP: Final = {
    "float32": (1.991872742e-4, 1.394629179e-3, 8.33326373e-3, 4.16662669e-2, 1.666666687e-1, 0.5),
    "float64": (
        2.5118132217118562e-08,
        2.7631557816552525e-07,
        2.7557215435010857e-06,
        2.4801489216198146e-05,
        0.0001984126991836983,
        0.0013888888947660263,
        0.008333333333306738,
        0.04166666666651321,
        0.166666666666667,
        0.5000000000000013,
    ),
}
# (log(1 + f) - f + f²/2) / s - f²/2 in z = s², s = f / (2 + f): FreeBSD's k_logf.h and e_log.c.
_LOG: Final = {
    "float32": (0.24279078841, 0.28498786688, 0.40000972152, 0.66666662693),
    "float64": (
        1.479819860511658591e-01,
        1.531383769920937332e-01,
        1.818357216161805012e-01,
        2.222219843214978396e-01,
        2.857142874366239149e-01,
        3.999999999940941908e-01,
        6.666666666666735130e-01,
    ),
}
_LOG2_E: Final = 1.4426950408889634
# ln 2 in two parts, the first so short that its product with an exponent is exact.
_LN2_HIGH: Final = {"float32": 0.693359375, "float64": 6.93147180369123816490e-01}
_LN2_LOW: Final = {"float32": -2.12194440054690583e-4, "float64": 1.90821492927058770002e-10}
_EXP_RANGE: Final = {"float32": (-104.0, 89.0), "float64": (-746.0, 710.0)}
_EXPM1_LOWEST: Final = {"float32": -18.0, "float64": -38.0}
MANTISSA: Final = {"float32": 23, "float64": 52}
BIAS: Final = {"float32": 127, "float64": 1023}
_ROUNDING_BITS: Final = {"float32": 0x4B400000, "float64": 0x4338 << 48}  # of `rounding_constant`
SMALLEST_NORMAL: Final = {"float32": 2.0**-126, "float64": 2.0**-1022}
_SQRT_HALF_BITS: Final = {"float32": 0x3F3504F3, "float64": 0x3FE6A09E << 32}
INFINITY: Final = float("inf")
NAN: Final = float("nan")


def polynomial(x: Register, coefficients: tuple[float, ...]) -> Register:
    """Horner's scheme, the coefficient of the highest power first."""
    result = fma(x, coefficients[0], coefficients[1])
    for coefficient in coefficients[2:]:
        result = fma(result, x, coefficient)
    return result


def rounding_constant(kind: str) -> float:
    """What, added and taken away again, rounds a small number to an integer, halves to even."""
    return 1.5 * 2.0 ** MANTISSA[kind]


def power_of_two(exponent: Register) -> Register:
    """2**exponent for an integral float within the range of normal numbers."""
    kind = exponent.kind
    # The sum's low bits are the integer, and shifting drops the others.
    bits = bitcast_int(exponent + rounding_constant(kind)) + BIAS[kind]
    return bitcast_float(bits << MANTISSA[kind])


def scale_by_power(x: Register, exponent: Register) -> Register:
    """x * 2**exponent for an integral float, rounded once at the subnormal end."""
    width = x.lanes * (4 if x.kind == "float32" else 8)
    if width == 64 and target().vector_bytes == 64:
        return _scale_avx512(x, exponent)
    magic = rounding_constant(x.kind)
    half = fma(exponent, 0.5, magic) - magic
    return x * power_of_two(half) * power_of_two(exponent - half)


def _scale_avx512(x: Register, exponent: Register) -> Register:
    name = "llvm.x86.avx512.mask.scalef." + ("ps.512" if x.kind == "float32" else "pd.512")
    mask = ir.Constant(ir.IntType(x.lanes), -1)
    rounding = ir.Constant(ir.IntType(32), 4)  # as the processor is set
    arguments = [x.value, exponent.value, x.value, mask, rounding]
    return x.like(call_named(x.builder, name, x.value.type, arguments))


def _reduce(x: Register) -> tuple[Register, Register]:
    """n and r with x = n ln 2 + r, n integral, |r| <= ln(2)/2 and a little."""
    magic = rounding_constant(x.kind)
    n = fma(x, _LOG2_E, magic) - magic
    r = fma(n, -_LN2_HIGH[x.kind], x)
    return n, fma(n, -_LN2_LOW[x.kind], r)


@primitive(float_rule)
def exp(x: Register) -> Register:
    """e**x; at most 1 ulp, subnormal results included.

    x = n ln 2 + r (Cody and Waite, Software Manual for the Elementary Functions, 1980, chapter 6), then
    a minimax polynomial in r.
    """
    lowest, highest = _EXP_RANGE[x.kind]
    n, r = _reduce(maximum(minimum(x, highest), lowest))
    p = polynomial(r, _EXP[x.kind])
    return scale_by_power(fma(p * r, r, r) + 1.0, n)


@primitive(float_rule)
def expm1(x: Register) -> Register:
    """e**x - 1; at most 3 ulp, near zero too. The reduction and polynomial of `exp`."""
    _, highest = _EXP_RANGE[x.kind]
    n, r = _reduce(maximum(minimum(x, highest), _EXPM1_LOWEST[x.kind]))
    p = fma(polynomial(r, _EXP[x.kind]) * r, r, r)
    # Half of the result, so that 2**n does not overflow before the result does.
    half = power_of_two(n - 1.0)
    return select(n.equals(0.0), p, 2.0 * fma(half, p, half - 0.5))


@primitive(float_rule)
def log(x: Register) -> Register:
    """Natural logarithm; at most 1 ulp. -inf at 0, NaN below. After FreeBSD's e_log.c, without branches."""
    k, f = _split(x)
    return _log_limits(x, _log_of(k, f, None))


@primitive(float_rule)
def log1p(x: Register) -> Register:
    """log(1 + x); at most 1 ulp, near zero too. After FreeBSD's s_log1p.c, without branches."""
    u = x + 1.0
    k, f = _split(u)
    lost = select(k >= 2.0, 1.0 - (u - x), x - (u - 1.0)) / u
    near = (x > -0.2928) & (x < 0.4142)
    k, f, lost = select(near, 0.0, k), select(near, x, f), select(near, 0.0, lost)
    return _log_limits(u, _log_of(k, f, lost))


def _split(x: Register) -> tuple[Register, Register]:
    """k and f with x = 2**k (1 + f) and sqrt(1/2) <= 1 + f < sqrt(2), for positive finite x."""
    kind, mantissa = x.kind, MANTISSA[x.kind]
    small = x < SMALLEST_NORMAL[kind]
    bits = bitcast_int(select(small, x * 2.0 ** (mantissa + 2), x))
    bits = bits + ((BIAS[kind] << mantissa) - _SQRT_HALF_BITS[kind])
    # An integer in the low bits of a float, since AVX2 has no conversion from int64.
    magic = rounding_constant(kind)
    exponent = shift_right_logical(bits, mantissa) + _ROUNDING_BITS[kind]
    k = bitcast_float(exponent) - (magic + BIAS[kind])
    k = select(small, k - float(mantissa + 2), k)
    m = bitcast_float((bits & ((1 << mantissa) - 1)) + _SQRT_HALF_BITS[kind])
    return k, m - 1.0


def _log_of(k: Register, f: Register, lost: Register | None) -> Register:
    """k ln 2 + log(1 + f), plus what was lost in forming f."""
    kind = f.kind
    s = f / (f + 2.0)
    z = s * s
    half_square = 0.5 * f * f
    r = z * polynomial(z, _LOG[kind])
    low = fma(k, _LN2_LOW[kind], s * (half_square + r))
    if lost is not None:
        low = low + lost
    return fma(k, _LN2_HIGH[kind], f - (half_square - low))


def _log_limits(x: Register, result: Register) -> Register:
    result = select(x > 0.0, result, select(x.equals(0.0), constant(x, -INFINITY), NAN))
    return select(x.equals(INFINITY), x, result)


@primitive(float_rule)
def sigmoid(x: Register) -> Register:
    """1 / (1 + e**-x); at most 3 ulp, subnormal results included."""
    e = exp(-absolute(x))
    return select(x < 0.0, e, 1.0) / (e + 1.0)


@primitive(float_rule)
def tanh(x: Register) -> Register:
    """Hyperbolic tangent; at most 3 ulp, near zero too. -t / (t + 2) with t = expm1(-2|x|)."""
    t = expm1(-2.0 * absolute(x))
    return copy_sign(-t / (t + 2.0), x)


@primitive(float_rule)
def softplus(x: Register) -> Register:
    """log(1 + e**x), as max(x, 0) + log1p(e**-|x|); at most 2 ulp."""
    return maximum(x, 0.0) + log1p(exp(-absolute(x)))
