"""Elementary functions of vectors and scalars, float32 and float64, for Numba kernels.

Each is written once, on registers, and emits its instructions where it is called: nothing is linked, and
nothing but the C library's `sin` and `cos` (for arguments beyond 2**20) is called. Bounds are in units in
the last place of the result. They hold without fused multiply-add too, and at infinities, NaN, zeros and
subnormal numbers, unless the processor flushes these to zero.
"""

from nngraph_kernels.error_function import erf as erf
from nngraph_kernels.exponential import exp as exp
from nngraph_kernels.exponential import expm1 as expm1
from nngraph_kernels.exponential import log as log
from nngraph_kernels.exponential import log1p as log1p
from nngraph_kernels.exponential import sigmoid as sigmoid
from nngraph_kernels.exponential import softplus as softplus
from nngraph_kernels.exponential import tanh as tanh
from nngraph_kernels.power import power as power
from nngraph_kernels.trigonometry import cos as cos
from nngraph_kernels.trigonometry import sin as sin
