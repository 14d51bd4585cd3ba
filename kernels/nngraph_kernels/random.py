"""Philox4x32-10 on registers: random numbers that depend on counter and key alone.

`random_reference` is the same in NumPy, and cites the source.
"""

from numba import types

from nngraph_kernels.random_reference import MULTIPLIERS, ROUNDS, WEYL
from nngraph_kernels.simd.arithmetic import shift_right_logical
from nngraph_kernels.simd.primitive import literal_of, numeric, primitive
from nngraph_kernels.simd.register import Register, broadcast, constant, convert
from nngraph_kernels.simd.vector_types import FLOATS, INTEGERS, numba_type

_LOW = 0xFFFFFFFF


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


def philox4x32(counter: tuple[Register, ...], key: tuple[Register, Register]) -> tuple[Register, ...]:
    """Philox4x32-10 on int32 registers."""
    # Words travel in the lower halves of int64 lanes, whatever is above them: the instruction that
    # multiplies words reads no more, and so nothing has to be shuffled between rounds.
    c0, c1, c2, c3 = (convert(c, "int64") for c in counter)
    key0, key1 = key
    for _ in range(ROUNDS):
        product0, product1 = (c0 & _LOW) * MULTIPLIERS[0], (c2 & _LOW) * MULTIPLIERS[1]
        c0, c1 = shift_right_logical(product1, 32) ^ c1 ^ key0, product1
        c2, c3 = shift_right_logical(product0, 32) ^ c3 ^ key1, product0
        key0, key1 = key0 + WEYL[0], key1 + WEYL[1]
    return tuple(convert(c, "int32") for c in (c0, c1, c2, c3))
