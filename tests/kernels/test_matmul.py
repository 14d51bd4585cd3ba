"""The matrix product against NumPy in float64: every layout, ragged sizes, epilogues, threads, targets."""

import ctypes
import mmap
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha1
from typing import Any

import numpy as np
import pytest

from nngraph.emit.cache import user_cache
from nngraph_kernels.cpu.epilogue import Epilogue, Operand
from nngraph_kernels.cpu.matmul import MatmulSpec, arguments, scratch_bytes, source

POISON = 77.0
# M, N, K: single, thin, ragged and tiled sizes, on both sides of packing and of the blocks' edges.
SHAPES = [
    (1, 1, 1), (1, 10, 128), (1, 129, 5), (2, 100, 33), (3, 7, 5), (4, 128, 16), (7, 33, 17), (8, 32, 64),
    (33, 100, 70), (64, 10, 32), (100, 78, 78), (17, 300, 130), (40, 257, 100), (32, 128, 64), (64, 2, 16),
    (161, 130, 520), (150, 130, 2100), (20, 40, 6700), (37, 45, 4000), (0, 3, 4), (3, 0, 4), (3, 4, 0),
]  # fmt: skip
# Sums that are done in shares: of several groups of rows, of a transposed A that is copied, of one group; the last one
# has two groups and copies with narrow vectors, SSE's among them.
DEEP = [(200, 45, 7000), (161, 130, 5000), (97, 64, 4200), (97, 40, 9000)]
LAYOUTS = [(a, b) for a in (False, True) for b in (False, True)]


@dataclass(frozen=True)
class Kernel:
    """A compiled product and what it takes to call it with arrays."""

    spec: MatmulSpec
    epilogue: Epilogue
    entry: Callable[..., None]

    def __call__(self, a: Any, b: Any, outputs: list, operands: list = (), numbers=(), threads=1, **ints) -> None:
        """Run on arrays of three axes; `ints` take precedence over what the arrays say."""
        batches, M, N = outputs[0].shape
        K = a.shape[1 if self.spec.transpose_a else 2]
        scratch = guarded(np.zeros(scratch_bytes(self.spec, M, N, K, threads) // a.itemsize, a.dtype))
        slots = {"batches": batches, "M": M, "N": N, "K": K, "a": a, "b": b, "scratch": scratch.data, "channels": N}
        for name, array in [("a", a), ("b", b), *named("y", outputs), *named("x", operands)]:
            slots[name] = array
            steps = [0 if n == 1 else s // array.itemsize for n, s in zip(array.shape, array.strides, strict=True)]
            slots |= {f"{name}_batch": steps[0], f"{name}_row": steps[1]}
        slots |= dict(named("s", numbers)) | ints
        block = np.array([word(slots[name]) for name in arguments(self.spec, self.epilogue)], np.int64)
        for thread in range(threads):
            self.entry(block.ctypes.data, thread, threads)
        scratch.check()


def named(letter: str, values) -> list:
    return [(f"{letter}{i}", value) for i, value in enumerate(values)]


def word(value) -> int:
    """What stands in an 8-byte slot."""
    if isinstance(value, np.ndarray):
        return value.ctypes.data
    return int(np.float64(value).view(np.int64)) if isinstance(value, float) else value


@dataclass(frozen=True)
class Guarded:
    """An array with poison around it."""

    whole: np.ndarray = field(repr=False)
    data: np.ndarray

    def check(self) -> None:
        margin = (self.whole.size - self.data.size) // 2
        assert (self.whole[:margin] == POISON).all()
        assert (self.whole[self.whole.size - margin :] == POISON).all()


def guarded(array: np.ndarray, margin: int = 64) -> Guarded:
    whole = np.full(array.size + 2 * margin, POISON, array.dtype)
    data = whole[margin : margin + array.size].reshape(array.shape)
    data[...] = array
    return Guarded(whole, data)


@cache
def kernel(spec: MatmulSpec, epilogue: Epilogue | None = None) -> Kernel:
    epilogue = epilogue or Epilogue(outputs=(spec.dtype,))
    name = "ng_" + sha1(source("kernel", spec, epilogue).encode()).hexdigest()[:16]
    address = user_cache().entries({name: source(name, spec, epilogue)})[name]
    entry = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)
    return Kernel(spec, epilogue, entry)


def draw(seed: int, dtype: str, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def operands(spec: MatmulSpec, batches: int, M: int, N: int, K: int) -> tuple[np.ndarray, np.ndarray]:
    a = draw(1, spec.dtype, *((batches, K, M) if spec.transpose_a else (batches, M, K)))
    b = draw(2, spec.dtype, *((batches, N, K) if spec.transpose_b else (batches, K, N)))
    return a, b


def product(spec: MatmulSpec, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = a.astype("d"), b.astype("d")
    return (a.swapaxes(1, 2) if spec.transpose_a else a) @ (b.swapaxes(1, 2) if spec.transpose_b else b)


def assert_close(got: np.ndarray, expected: np.ndarray, K: int) -> None:
    tolerance = 4 * np.finfo(got.dtype).eps * (K + 4)
    assert np.abs(got - expected).max(initial=0) <= tolerance * max(1, np.abs(expected).max(initial=0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("transpose_a", "transpose_b"), LAYOUTS)
def test_product_of_any_shape(dtype, transpose_a, transpose_b):
    spec = MatmulSpec(dtype, transpose_a, transpose_b)
    for M, N, K in SHAPES + DEEP:
        for batches in (1, 2):
            a, b = operands(spec, batches, M, N, K)
            y = guarded(np.full((batches, M, N), POISON, dtype))
            kernel(spec)(a, b, [y.data])
            assert_close(y.data, product(spec, a, b), K)
            y.check()


@pytest.mark.parametrize(("transpose_a", "transpose_b"), LAYOUTS)
def test_same_bits_at_any_number_of_threads(transpose_a, transpose_b):
    spec = MatmulSpec("float32", transpose_a, transpose_b)
    for M, N, K in [(1, 300, 40), (33, 100, 70), (100, 257, 64), (161, 130, 520), *DEEP]:
        a, b = operands(spec, 2, M, N, K)
        results = []
        for threads in (1, 2, 5):
            results.append(np.full((2, M, N), POISON, "float32"))
            kernel(spec)(a, b, [results[-1]], threads=threads)
        assert all(r.tobytes() == results[0].tobytes() for r in results)


def test_rows_apart_and_a_shared_batch():
    spec = MatmulSpec()
    wide_a, wide_b, y = draw(1, "f", 3, 20, 50), draw(2, "f", 1, 40, 90), np.full((3, 20, 99), POISON, "f")
    a, b = wide_a[:, :, :40], wide_b[:, :, 5:75]
    kernel(spec)(a, b, [y[:, :, 9:79]])
    assert_close(y[:, :, 9:79], product(spec, a, b), 40)
    assert (y[:, :, :9] == POISON).all()
    assert (y[:, :, 79:] == POISON).all()


@pytest.mark.parametrize(("transpose_a", "transpose_b"), LAYOUTS)
def test_reads_no_byte_beyond_its_operands(transpose_a, transpose_b):
    spec = MatmulSpec("float32", transpose_a, transpose_b)
    for M, N, K in [(1, 5, 7), (3, 18, 7), (9, 33, 17), (30, 40, 210), *DEEP]:
        a, b = operands(spec, 1, M, N, K)
        y = np.zeros((1, M, N), "f")
        kernel(spec)(before_a_hole(a), before_a_hole(b), [y])
        assert_close(y, product(spec, a, b), K)


def before_a_hole(array: np.ndarray) -> np.ndarray:
    """A copy whose last byte is the last of a page, before one that cannot be read."""
    page = mmap.PAGESIZE
    size = -(-array.nbytes // page) * page
    memory = mmap.mmap(-1, size + page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(start + size), ctypes.c_size_t(page), 0) == 0
    copy = np.frombuffer(memory, array.dtype, array.size, size - array.nbytes).reshape(array.shape)
    copy[...] = array
    return copy


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_epilogue_reads_every_kind_of_operand(dtype):
    kinds = tuple(Operand(access, dtype) for access in ("full", "row", "column", "scalar")) + (Operand("full", "bool"),)
    lines = ("y0 = select(x4, acc * x1 + x2, x0 * x3) + s0", "y1 = y0 > s1")
    epilogue = Epilogue(kinds, (dtype, "bool"), 2, lines, (), ("from nngraph_kernels.simd import select",))
    run = kernel(MatmulSpec(dtype), epilogue)
    for batches, M, N, K in [(1, 5, 3, 2), (2, 19, 70, 9), (1, 2, 200, 30)]:
        a, b = operands(run.spec, batches, M, N, K)
        full, row, column = (
            draw(3, dtype, batches, M, N),
            draw(4, dtype, batches, M, 1),
            draw(5, dtype, 1, 1, N),
        )
        scalar, mask = draw(6, dtype, 1, 1, 1), draw(7, dtype, batches, M, N) > 0
        y, positive = guarded(np.zeros((batches, M, N), dtype)), np.full((batches, M, N + 3), True)
        run(a, b, [y.data, positive[:, :, :N]], [full, row, column, scalar, mask], (0.5, -0.25))
        expected = np.where(mask, product(run.spec, a, b) * row + column, full * scalar) + 0.5
        assert_close(y.data, expected, K)
        assert (positive[:, :, :N] == (y.data > -0.25)).all()
        assert positive[:, :, N:].all()
        y.check()


def test_epilogue_updates_in_place():
    lines = ("y1 = fma(x1, s1, acc)", "y0 = x0 - s0 * y1")
    full = Operand("full")
    epilogue = Epilogue((full, full), ("float32",) * 2, 2, lines, (), ("from nngraph_kernels.simd import fma",))
    run = kernel(MatmulSpec(transpose_a=True), epilogue)
    for M, N, K, threads in [(64, 10, 32, 1), (30, 127, 9, 3), (33, 129, 50, 2), (5, 1, 3, 1)]:
        a, b = operands(run.spec, 1, M, N, K)
        guards = [guarded(draw(seed, "f", 1, M, N)) for seed in (3, 4)]
        weight, velocity = (g.data for g in guards)
        new_velocity = velocity * 0.75 + product(run.spec, a, b)
        expected = weight - 0.125 * new_velocity
        run(a, b, [weight, velocity], [weight, velocity], (0.125, 0.75), threads)
        assert_close(velocity, new_velocity, K)
        assert_close(weight, expected, K)
        for guard in guards:
            guard.check()


def merged(partial: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Number of rows, mean and variance, from those of pieces."""
    number, means, squares = partial.astype("d").swapaxes(0, 1)
    total = number.sum(0)
    mean = (number * means).sum(0) / total
    return total, mean, (squares + number * (means - mean) ** 2).sum(0) / total


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("transpose_a", "transpose_b"), LAYOUTS)
def test_moments_of_a_result(dtype, transpose_a, transpose_b):
    """Even where the mean is a thousand deviations; the number of threads changes nothing."""
    lines = ("y0 = acc", "y1 = acc + x0")
    epilogue = Epilogue((Operand("column", dtype),), (dtype,) * 2, 0, lines, moments="y1")
    run = kernel(MatmulSpec(dtype, transpose_a, transpose_b), epilogue)
    for M, N, K in [(1, 5, 3), (2, 40, 7), (9, 32, 5), (70, 10, 4), (300, 70, 3), (700, 130, 2)]:
        a, b = operands(run.spec, 1, M, N, K)
        offset = 1000 + draw(3, dtype, 1, 1, N)
        found = []
        for threads in (1, 2, 5):
            y0, y1 = np.zeros((1, M, N), dtype), guarded(np.zeros((1, M, N), dtype))
            partial = guarded(np.full((32, 3, N), POISON, dtype))
            run(a, b, [y0, y1.data], [offset], threads=threads, partial=partial.data)
            found.append(partial.data)
            partial.check()
            y1.check()
        assert all(other.tobytes() == found[0].tobytes() for other in found)
        number, mean, variance = merged(found[0])
        rows = y1.data[0].astype("d")
        assert (number == M).all()
        assert np.abs(mean - rows.mean(0)).max() <= 1e-7 * 1000
        assert_close(y1.data, product(run.spec, a, b) + offset, K)
        assert np.abs(variance - rows.var(0)).max() <= 1e-4 * max(rows.var(0).max(), 1e-6)


def test_moments_of_what_is_not_stored_in_a_long_epilogue():
    lines = (*(f"v{k} = acc * {k / 10}" for k in range(12)), "y0 = v11 + x0")
    epilogue = Epilogue((Operand("row"),), ("float32",), 0, lines, moments="v11")
    run = kernel(MatmulSpec(), epilogue)
    for M, N in [(40, 64), (600, 45)]:
        a, b = operands(run.spec, 1, M, N, 6)
        y, partial = np.zeros((1, M, N), "f"), np.zeros((32, 3, N), "f")
        run(a, b, [y], [draw(3, "f", 1, M, 1)], partial=partial)
        _, mean, variance = merged(partial)
        kept = 1.1 * product(run.spec, a, b)[0]
        assert np.allclose(mean, kept.mean(0), atol=1e-5)
        assert np.allclose(variance, kept.var(0), rtol=1e-4)


def test_epilogue_knows_its_place():
    lines = ("y0 = acc + cast(iota(batch * 1000000 + row * 1000 + column, LANES), 'float32')",)
    epilogue = Epilogue(lines=lines, imports=("from nngraph_kernels.simd import cast, iota",))
    y = np.zeros((2, 11, 150), "f")
    kernel(MatmulSpec(), epilogue)(np.zeros((2, 11, 3), "f"), np.zeros((2, 3, 150), "f"), [y])
    batch, row, column = np.indices(y.shape)
    assert (y == batch * 1000000 + row * 1000 + column).all()


def test_constant_sizes():
    spec = MatmulSpec(N=10, K=64)
    a, b = operands(spec, 1, 32, 10, 64)
    y = guarded(np.zeros((1, 32, 10), "f"))
    assert not {"N", "K"} & set(arguments(spec, Epilogue()))
    kernel(spec)(a, b, [y.data])
    assert_close(y.data, product(spec, a, b), 64)
    y.check()
