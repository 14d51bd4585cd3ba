"""What this machine can do at most: multiply-adds from registers, bytes to and from memory of any size, calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from nngraph.bench.timing import seconds_of
from nngraph.emit.cache import KernelCache
from nngraph.run.memory import aligned_zeros
from nngraph.run.program import Program, bind, pack_arguments
from nngraph.run.tape import Tape
from nngraph_kernels.target import lanes

CHAINS: Final = 12  # multiply-adds that do not wait for each other: more than any core has in flight
TURNS: Final = 4000
SMALLEST: Final = 4096  # bytes
CALLS: Final = 1000  # of a program of empty ones
RUNS: Final = 15  # more than of what is compared with it: a peak that is too low flatters everything
FMA_SOURCE: Final = '''"""Multiply-adds in registers, as many side by side as a core can have under way."""

from numba import {dtype}
from nngraph_kernels.simd import fma, integer, pointer, splat, store


def {name}(args, thread, threads):
    y = pointer(args, 0, "{dtype}")
    n = integer(args, 1)
    b = splat({dtype}(0.999), {lanes})
    c = splat({dtype}(0.001), {lanes})
{start}
    for i in range(n):
{body}
    store(y, thread * {lanes}, {total})
'''
TRIAD_SOURCE: Final = '''"""y = a + 3 x, shared out between threads: the triad of STREAM (J. McCalpin, 1995)."""

from numba import {dtype}
from nngraph_kernels.simd import fma, integer, load, pointer, splat, store


def {name}(args, thread, threads):
    y = pointer(args, 0, "{dtype}")
    a = pointer(args, 1, "{dtype}")
    x = pointer(args, 2, "{dtype}")
    n = integer(args, 3)
    vectors = n // {lanes}
    three = splat({dtype}(3.0), {lanes})
    for j in range(vectors * thread // threads * {lanes}, vectors * (thread + 1) // threads * {lanes}, {lanes}):
        store(y, j, fma(load(x, j, {lanes}), three, load(a, j, {lanes})))
'''
EMPTY_SOURCE: Final = '''"""Nothing: what is left is what a call costs."""


def ng_empty(args, thread, threads):
    pass
'''


@dataclass(slots=True, eq=False)
class Peaks:
    """Measures when it is first asked, and remembers.

    Parameters
    ----------
    cache : KernelCache
    tape : Tape
    threads : int
    """

    cache: KernelCache
    tape: Tape
    threads: int
    known: dict[tuple[str, str, int], float] = field(init=False, default_factory=dict[tuple[str, str, int], float])

    def flops(self, dtype: str) -> float:
        """Floating-point operations a second, a multiply-add counted as two."""
        return self.remembered(("fma", dtype, 0), lambda: self.measure_flops(dtype))

    def bandwidth(self, dtype: str, nbytes: int) -> float:
        """Bytes a second of a triad whose three arrays are together the smallest power of two from `nbytes` on."""
        size = max(SMALLEST, 1 << (nbytes - 1).bit_length())
        return self.remembered(("triad", dtype, size), lambda: self.measure_bandwidth(dtype, size))

    def call(self, shared: bool) -> float:
        """Seconds that a call takes which does nothing, if `shared` offered to all threads and waited for."""
        return self.remembered(("call", "shared" if shared else "", 0), lambda: self.measure_call(shared))

    def remembered(self, key: tuple[str, str, int], measure: Callable[[], float]) -> float:
        if key not in self.known:
            self.known[key] = measure()
        return self.known[key]

    def measure_flops(self, dtype: str) -> float:
        width = lanes(dtype)
        y = aligned_zeros(self.threads * width, dtype)
        program = self.program(f"ng_peak_fma_{dtype}", fma_source(dtype, width), (y.ctypes.data, TURNS), y)
        return 2 * width * CHAINS * TURNS * self.threads / seconds_of(self.tape, program, self.threads, RUNS)

    def measure_call(self, shared: bool) -> float:
        program = self.program("ng_empty", EMPTY_SOURCE, (), None, CALLS, shared)
        return seconds_of(self.tape, program, self.threads if shared else 1, RUNS) / CALLS

    def measure_bandwidth(self, dtype: str, size: int) -> float:
        width = lanes(dtype)
        n = size // 3 // np.dtype(dtype).itemsize // width * width
        arrays = [aligned_zeros(n, dtype) for _ in range(3)]
        name = f"ng_peak_triad_{dtype}"
        source = TRIAD_SOURCE.format(name=name, dtype=dtype, lanes=width)
        program = self.program(name, source, (*(array.ctypes.data for array in arrays), n), arrays)
        return 3 * arrays[0].nbytes / seconds_of(self.tape, program, self.threads, RUNS)

    def program(
        self, name: str, source: str, slots: tuple[int, ...], keep: object, calls: int = 1, shared: bool = True
    ) -> Program:  # fmt: skip
        """A program of equal calls, which all threads make if they are `shared`."""
        kernel = self.cache.entries({name: source})[name]
        words, addresses = pack_arguments([slots] * calls)
        return bind([kernel] * calls, addresses, [shared] * calls, keep=(words, keep))


def fma_source(dtype: str, width: int) -> str:
    chains = [f"a{k}" for k in range(CHAINS)]
    return FMA_SOURCE.format(
        name=f"ng_peak_fma_{dtype}", dtype=dtype, lanes=width, total=" + ".join(chains),
        start="\n".join(f"    {a} = splat({dtype}({k}.0), {width})" for k, a in enumerate(chains)),
        body="\n".join(f"        {a} = fma({a}, b, c)" for a in chains),
    )  # fmt: skip
