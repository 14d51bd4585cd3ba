"""Philox4x32-10 on registers: random numbers that depend on counter and key alone.

`random_reference` is the same in NumPy, and cites the source.
"""

from numba import types

from nngraph_kernels.random_reference import MULTIPLIERS, ROUNDS, WEYL
from nngraph_kernels.simd.arithmetic import shift_right_logical
from nngraph_kernels.simd.lanes import pick
from nngraph_kernels.simd.primitive import literal_of, numeric, primitive
from nngraph_kernels.simd.register import Register, broadcast, constant, convert
from nngraph_kernels.simd.vector_types import FLOATS, INTEGERS, llvm_type, numba_type


def _philox_rule(counter0, counter1, counter2, counter3, key0, key1, word):
    kind, lanes = numeric(counter0)
    if kind != "int32" or literal_of(word, int, "the word") not in range(4):
        raise TypeError("counters are int32, and the word is 0 to 3")
    counters = (counter0, counter1, counter2, counter3)
    if any(numeric(c) not in ((kind, lanes), (kind, 0)) for c in counters):
        raise TypeError("counters of different kinds or lanes")
    return counter0, (*counters, types.int32, types.int32, word)


def _uniform_rule(index, step, key0, key1, dtype):
    kind, lanes = numeric(index)
    if kind not in INTEGERS or literal_of(dtype, str, "the dtype") not in FLOATS:
        raise TypeError("the index is int32 or int64, the dtype float32 or float64")
    words = (types.int64, types.int64, types.int64)
    return numba_type(dtype.literal_value, lanes), (numba_type(kind, lanes), *words, dtype)


@primitive(_philox_rule)
def philox(
    counter0: Register,
    counter1: Register,
    counter2: Register,
    counter3: Register,
    key0: Register,
    key1: Register,
    word: int,
) -> Register:
    """Word number `word` of Philox4x32-10's output for each lane; all words are int32 bit patterns."""
    counters = tuple(broadcast(c, counter0.lanes) for c in (counter0, counter1, counter2, counter3))
    return philox4x32(counters, (key0, key1))[word]


@primitive(_uniform_rule)
def uniform(index: Register, step: Register, key0: Register, key1: Register, dtype: str) -> Register:
    """Uniform numbers in [0, 1) for the elements numbered `index`, as `random_reference.uniform`.

    The counter is (index, its upper half, step, 0), the key the lower halves of `key0` and `key1`. Float32
    takes 24 bits of the first word, float64 53 of the first two. An int32 index counts as unsigned.
    """
    low = convert(index, "int32")
    zero = constant(low, 0)
    high = convert(shift_right_logical(index, 32), "int32") if index.kind == "int64" else zero
    step = broadcast(convert(step, "int32"), index.lanes)
    key = (convert(key0, "int32"), convert(key1, "int32"))
    first, second, _, _ = philox4x32((low, high, step, zero), key)
    if dtype == "float32":
        return convert(shift_right_logical(first, 8), dtype) * 2.0**-24
    high_part = convert(shift_right_logical(first, 5), dtype)
    return (high_part * 2.0**26 + convert(shift_right_logical(second, 6), dtype)) * 2.0**-53


def philox4x32(
    counter: tuple[Register, ...], key: tuple[Register, Register]
) -> tuple[Register, Register, Register, Register]:
    """Philox4x32-10 on int32 registers."""
    c0, c1, c2, c3 = counter
    key0, key1 = key
    for _ in range(ROUNDS):
        high0, low0 = _multiply_wide(c0, MULTIPLIERS[0])
        high1, low1 = _multiply_wide(c2, MULTIPLIERS[1])
        c0, c1, c2, c3 = high1 ^ c1 ^ key0, low1, high0 ^ c3 ^ key1, low0
        key0, key1 = key0 + WEYL[0], key1 + WEYL[1]
    return c0, c1, c2, c3


def _multiply_wide(a: Register, factor: int) -> tuple[Register, Register]:
    """Upper and lower words of the unsigned products."""
    builder = a.builder
    if a.lanes % 2:
        raise TypeError("an even number of lanes is expected")
    if not a.lanes:
        wide = builder.zext(a.value, llvm_type("int64", 0))
        product = Register(builder, "int64", 0, wide) * factor
        return convert(shift_right_logical(product, 32), "int32"), convert(product, "int32")
    # Pairs of words as one int64: the instruction that multiplies words takes the even ones.
    pairs = Register(
        builder, "int64", a.lanes // 2, builder.bitcast(a.value, llvm_type("int64", a.lanes // 2))
    )
    even = a.like(builder.bitcast(((pairs & 0xFFFFFFFF) * factor).value, a.value.type))
    odd = a.like(builder.bitcast((shift_right_logical(pairs, 32) * factor).value, a.value.type))
    low = [lane for i in range(0, a.lanes, 2) for lane in (i, i + a.lanes)]
    return pick(even, odd, [lane + 1 for lane in low]), pick(even, odd, low)
