"""x to the power y of registers."""

from typing import Final

from nngraph_kernels.exponential import (
    BIAS,
    INFINITY,
    MANTISSA,
    NAN,
    SMALLEST_NORMAL,
    exp,
    log,
    polynomial,
    rounding_constant,
    scale_by_power,
)
from nngraph_kernels.simd.arithmetic import (
    absolute,
    bitcast_float,
    bitcast_int,
    float_rule,
    floor,
    maximum,
    minimum,
    select,
    shift_right_logical,
)
from nngraph_kernels.simd.primitive import primitive
from nngraph_kernels.simd.register import Operand, Register, constant, convert, match

# FreeBSD's e_pow.c: log2(x) around 1 and 1.5, then 2**z.
_LOG2: Final = (
    2.06975017800338417784e-01,
    2.30660745775561754067e-01,
    2.72728123808534006489e-01,
    3.33333329818377432918e-01,
    4.28571428578550184252e-01,
    5.99999999999994648725e-01,
)
_EXP2: Final = (
    4.13813679705723846039e-08,
    -1.65339022054652515390e-06,
    6.61375632143793436117e-05,
    -2.77777777770155933842e-03,
    1.66666666666666019037e-01,
)
_LOG2_MIDDLE: Final = (5.84962487220764160156e-01, 1.35003920212974897128e-08)  # log2(1.5) in two parts
_CP: Final = 9.61796693925975554329e-01  # 2 / (3 ln 2), and in two parts
_CP_HIGH: Final = 9.61796700954437255859e-01
_CP_LOW: Final = -7.02846165095275826516e-09
_LN2: Final = 6.93147180559945286227e-01
_LN2_HIGH: Final = 6.93147182464599609375e-01
_LN2_LOW: Final = -1.90465429995776804525e-09
_HIGH_WORD: Final = -(1 << 32)
_SQRT_THREE_HALVES: Final = 1.2247448713915890
_SQRT_THREE: Final = 1.7320508075688772
_OVERFLOW: Final = 1100.0
_LARGEST_EXPONENT: Final = 2.0**65  # beyond it every power but those of 1 over- or underflows


@primitive(float_rule)
def power(x: Operand, y: Operand) -> Register:
    """x**y with the limits of `np.power`; at most 1 ulp.

    Float32 goes through float64's `log` and `exp`. Float64 keeps log2(x) in two parts, as FreeBSD's
    e_pow.c does.
    """
    x, y = match(x, y)
    if x.kind == "float32":
        wide = exp(convert(y, "float64") * log(convert(absolute(x), "float64")))
        size = convert(wide, "float32")
    else:
        size = _power_of_magnitude(absolute(x), y)
    return _limits(x, y, size)


def _limits(x: Register, y: Register, size: Register) -> Register:
    base = absolute(x)
    extreme = base.equals(0.0) | base.equals(INFINITY)
    grows = base.equals(0.0) ^ (y > 0.0)
    size = select(extreme, select(grows, constant(x, INFINITY), 0.0), size)
    half = y * 0.5
    whole = floor(y).equals(y)
    odd = whole & floor(half).differs(half)
    # The sign counts for -0 and -inf too, which the comparison with 0 would not show.
    negative = bitcast_int(x) < 0
    result = select(negative & odd, -size, size)
    result = select((x < 0.0) & ~whole & base.differs(INFINITY), NAN, result)
    result = select(x.differs(x) | y.differs(y), NAN, result)
    one = x.equals(1.0) | y.equals(0.0) | (x.equals(-1.0) & absolute(y).equals(INFINITY))
    return select(one, 1.0, result)


def _power_of_magnitude(x: Register, y: Register) -> Register:
    """x**y for finite positive float64 x, garbage elsewhere."""
    y = maximum(minimum(y, _LARGEST_EXPONENT), -_LARGEST_EXPONENT)
    high, low = _log2_in_parts(x)
    y_high = _high_word(y)
    p_low = (y - y_high) * high + y * low
    p_high = y_high * high
    return _exp2_of_sum(p_high, p_low)


def _log2_in_parts(x: Register) -> tuple[Register, Register]:
    """log2(x) as a number of few bits and the rest."""
    n, m = _split(x)
    middle = m >= _SQRT_THREE_HALVES
    center = select(middle, constant(x, 1.5), 1.0)
    u = m - center
    v = 1.0 / (m + center)
    s = u * v
    s_high = _high_word(s)
    t_high = _high_word(m + center)
    t_low = m - (t_high - center)
    s_low = v * ((u - s_high * t_high) - s_high * t_low)
    square = s * s
    r = square * square * polynomial(square, _LOG2) + s_low * (s_high + s)
    square = s_high * s_high
    t_high = _high_word(square + 3.0 + r)
    t_low = r - ((t_high - 3.0) - square)
    return _join(n, middle, s_high * t_high, s_low * t_high + t_low * s)


def _join(n: Register, middle: Register, u: Register, v: Register) -> tuple[Register, Register]:
    """n + log2 of the center + (u + v) 2 / (3 ln 2), in two parts."""
    p_high = _high_word(u + v)
    p_low = v - (p_high - u)
    d_high = select(middle, constant(n, _LOG2_MIDDLE[0]), 0.0)
    d_low = select(middle, constant(n, _LOG2_MIDDLE[1]), 0.0)
    z_high = _CP_HIGH * p_high
    z_low = _CP_LOW * p_high + p_low * _CP + d_low
    high = _high_word(z_high + z_low + d_high + n)
    return high, z_low - (((high - n) - d_high) - z_high)


def _exp2_of_sum(high: Register, low: Register) -> Register:
    """2**(high + low)."""
    magic = rounding_constant("float64")
    z = maximum(minimum(high + low, _OVERFLOW), -_OVERFLOW)
    far = absolute(z) >= _OVERFLOW
    high, low = select(far, z, high), select(far, 0.0, low)
    n = (z + magic) - magic
    high = high - n
    t = _high_word(low + high)
    u = t * _LN2_HIGH
    v = (low - (t - high)) * _LN2 + t * _LN2_LOW
    z = u + v
    w = v - (z - u)
    square = z * z
    t = z - square * polynomial(square, _EXP2)
    r = (z * t) / (t - 2.0) - (w + z * w)
    return scale_by_power(1.0 - (r - z), n)


def _split(x: Register) -> tuple[Register, Register]:
    """n and m with x = 2**n m and sqrt(3)/2 <= m < sqrt(3)."""
    mantissa, bias = MANTISSA["float64"], BIAS["float64"]
    small = x < SMALLEST_NORMAL["float64"]
    bits = bitcast_int(select(small, x * 2.0**53, x))
    magic = rounding_constant("float64")
    shifted = bitcast_int(constant(x, magic)) + shift_right_logical(bits, mantissa)
    n = bitcast_float(shifted) - (magic + bias)
    n = select(small, n - 53.0, n)
    m = bitcast_float((bits & ((1 << mantissa) - 1)) | (bias << mantissa))
    above = m >= _SQRT_THREE
    return select(above, n + 1.0, n), select(above, 0.5 * m, m)


def _high_word(x: Register) -> Register:
    """x with the lower half of its bits cleared, so that products of two such are exact."""
    return bitcast_float(bitcast_int(x) & _HIGH_WORD)
