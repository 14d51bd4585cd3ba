"""The error function of registers."""

from typing import Final

from nngraph_kernels.exponential import exp, polynomial
from nngraph_kernels.simd.arithmetic import absolute, copy_sign, float_rule, fma, minimum, select
from nngraph_kernels.simd.primitive import primitive
from nngraph_kernels.simd.register import Register

# Where the two approximations meet, and from where on the result rounds to 1.
_MEETING: Final = {"float32": 0.927734375, "float64": 1.0}
_SATURATED: Final = {"float32": 4.0, "float64": 5.95}
# erf(x) / x - 1 in x² below the meeting point, highest power first.
_NEAR: Final = {
    "float32": (-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1),
    "float64": (
        -7.779462971761597e-10,
        1.3710988704190523e-08,
        -1.6206318752969208e-07,
        1.6447132699786621e-06,
        -1.4924712439534814e-05,
        0.0001205529358693695,
        -0.0008548325929766244,
        0.005223977606130842,
        -0.026866170643113415,
        0.112837916709442,
        -0.3761263890318352,
        0.12837916709551256,
    ),
}
# log(erfc(x)) above it.
_FAR: Final = {
    "float32": (
        -1.72853470e-5,
        3.83197126e-4,
        -3.88396438e-3,
        2.42546219e-2,
        -1.06777877e-1,
        -6.34846687e-1,
        -1.12871751,
        0.0,
    ),
    "float64": (
        1.0795778083145421e-12,
        -4.9219988312556216e-11,
        1.0503626854572364e-09,
        -1.3925424491897247e-08,
        1.282133351698261e-07,
        -8.660801647040794e-07,
        4.400170050733503e-06,
        -1.6782974780398106e-05,
        4.5820095387798875e-05,
        -7.218093868876798e-05,
        -4.1463797403968416e-05,
        0.00063621844432852,
        -0.001763220293884984,
        0.0002752257631650539,
        0.019081813153795025,
        -0.10274912475218682,
        -0.6366278238676784,
        -1.12837747551702,
        -1.646283003119451e-07,
    ),
}


@primitive(float_rule)
def erf(x: Register) -> Register:
    """Error function; at most 2 ulp.

    x + x P(x²) near zero and 1 - exp(Q(|x|)) farther out. The scheme and the float32 coefficients are
    N. Juffa's ("A fast and accurate erff", NVIDIA developer forums); the float64 coefficients are own
    Remez fits, to 2^-56 and 2^-59 of the result.
    """
    size = minimum(absolute(x), _SATURATED[x.kind])
    near = fma(polynomial(x * x, _NEAR[x.kind]), x, x)
    far = 1.0 - exp(polynomial(size, _FAR[x.kind]))
    return select(size < _MEETING[x.kind], near, copy_sign(far, x))
