"""Explicit SIMD for Numba kernels: vectors in registers, and what is done with them.

A kernel is a C function of a block of 8-byte slots and its share of the work. This one writes
``y = a * x + b`` for `n` float32 numbers, whatever `n` is::

    from nngraph_kernels.simd import first, fma, integer, load, load_masked, number, pointer, splat, store
    from nngraph_kernels.simd import store_masked

    LANES = 16

    def ng_scale(args, thread, threads):
        y = pointer(args, 0, "float32")
        x = pointer(args, 1, "float32")
        n = integer(args, 2)
        a = splat(number(args, 3), LANES, "float32")
        b = splat(number(args, 4), LANES, "float32")
        for i in range(0, n - LANES + 1, LANES):
            store(y, i, fma(a, load(x, i, LANES), b))
        i = n // LANES * LANES
        tail = first(n - i, LANES)
        store_masked(y, i, fma(a, load_masked(x, i, tail), b), tail)

Vectors are of float32, float64, int32, int64 or mask. ``+ - * /``, comparisons, ``& | ^ ~ << >>`` and unary
minus work on vectors of one kind; a scalar beside a vector takes its kind and fills its lanes. Nothing is
contracted: ``a * b + c`` rounds twice, `fma` once where the target can. Numbers of lanes, kinds and lane
numbers are literals, or global constants of the kernel's module.

Under `traced` the same functions run on `Register` objects, in Python, at the time of compilation, which is
how `math` and `random` are written. Numba then sees one call, however long the function: straight-line code
compiles several times faster so, and Python's loops and lists unroll it.
"""

from nngraph_kernels.simd import operators as operators
from nngraph_kernels.simd.arguments import integer as integer
from nngraph_kernels.simd.arguments import number as number
from nngraph_kernels.simd.arguments import offset_pointer as offset_pointer
from nngraph_kernels.simd.arguments import pointer as pointer
from nngraph_kernels.simd.arithmetic import absolute as absolute
from nngraph_kernels.simd.arithmetic import bitcast_float as bitcast_float
from nngraph_kernels.simd.arithmetic import bitcast_int as bitcast_int
from nngraph_kernels.simd.arithmetic import cast as cast
from nngraph_kernels.simd.arithmetic import ceil as ceil
from nngraph_kernels.simd.arithmetic import copy_sign as copy_sign
from nngraph_kernels.simd.arithmetic import equal as equal
from nngraph_kernels.simd.arithmetic import floor as floor
from nngraph_kernels.simd.arithmetic import fma as fma
from nngraph_kernels.simd.arithmetic import maximum as maximum
from nngraph_kernels.simd.arithmetic import minimum as minimum
from nngraph_kernels.simd.arithmetic import not_equal as not_equal
from nngraph_kernels.simd.arithmetic import rint as rint
from nngraph_kernels.simd.arithmetic import select as select
from nngraph_kernels.simd.arithmetic import shift_right_logical as shift_right_logical
from nngraph_kernels.simd.arithmetic import splat as splat
from nngraph_kernels.simd.arithmetic import sqrt as sqrt
from nngraph_kernels.simd.gather import gather as gather
from nngraph_kernels.simd.gather import gather_masked as gather_masked
from nngraph_kernels.simd.gather import load_strided as load_strided
from nngraph_kernels.simd.gather import load_strided_masked as load_strided_masked
from nngraph_kernels.simd.gather import scatter as scatter
from nngraph_kernels.simd.gather import scatter_masked as scatter_masked
from nngraph_kernels.simd.gather import store_strided as store_strided
from nngraph_kernels.simd.gather import store_strided_masked as store_strided_masked
from nngraph_kernels.simd.lanes import all_lanes as all_lanes
from nngraph_kernels.simd.lanes import any_lane as any_lane
from nngraph_kernels.simd.lanes import concatenate as concatenate
from nngraph_kernels.simd.lanes import extract as extract
from nngraph_kernels.simd.lanes import first as first
from nngraph_kernels.simd.lanes import high_half as high_half
from nngraph_kernels.simd.lanes import insert as insert
from nngraph_kernels.simd.lanes import interleave_high as interleave_high
from nngraph_kernels.simd.lanes import interleave_low as interleave_low
from nngraph_kernels.simd.lanes import iota as iota
from nngraph_kernels.simd.lanes import low_half as low_half
from nngraph_kernels.simd.lanes import max_lanes as max_lanes
from nngraph_kernels.simd.lanes import min_lanes as min_lanes
from nngraph_kernels.simd.lanes import shuffle as shuffle
from nngraph_kernels.simd.lanes import sum_lanes as sum_lanes
from nngraph_kernels.simd.memory import load as load
from nngraph_kernels.simd.memory import load_masked as load_masked
from nngraph_kernels.simd.memory import load_scalar as load_scalar
from nngraph_kernels.simd.memory import load_splat as load_splat
from nngraph_kernels.simd.memory import store as store
from nngraph_kernels.simd.memory import store_masked as store_masked
from nngraph_kernels.simd.register import Pointer as Pointer
from nngraph_kernels.simd.register import Register as Register
from nngraph_kernels.simd.tracing import repeat as repeat
from nngraph_kernels.simd.tracing import traced as traced
from nngraph_kernels.simd.vector_types import Vector as Vector
