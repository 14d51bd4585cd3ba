"""A library of products without a device: BLAS by its words, over columns, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from nngraph.ir.types import ITEM_SIZE
from nngraph.run.cuda.gemm import Gemm, Matrix
from nngraph_kernels.storage_reference import STORAGE, decode, encode

Array = np.ndarray[Any, Any]
COMBINED = {  # of factors, with what sums are made in: what results may be, as cuBLAS has it
    ("float32", "float32"): {"float32"}, ("float32", "tf32"): {"float32"}, ("float64", "float64"): {"float64"},
    ("bfloat16", "float32"): {"bfloat16", "float32"}, ("float16", "float32"): {"float16", "float32"},
}  # fmt: skip


class NumpyBlas:
    """See `nngraph.run.cuda.gemm.Library`; `done` are the products so far, in order, each once."""

    name = "NumPy"
    workspace = 300

    def __init__(self) -> None:
        self.done: dict[Gemm, None] = {}

    def product(self, gemm: Gemm, block: Any, workspace: int, stream: Any) -> None:
        self.done[gemm] = None
        memory = getattr(block, "_ary", block)  # of an array of the simulator's
        assert workspace % 256 == 0
        assert_apart(memory, gemm, slice(workspace, workspace + self.workspace))
        memory[workspace : workspace + self.workspace] = 0xFF
        assert gemm.a.dtype == gemm.b.dtype
        assert gemm.c.dtype in COMBINED[gemm.a.dtype, gemm.arithmetic]
        assert not gemm.c.transposed
        a, b = (
            factor(memory, matrix, sides, gemm)
            for matrix, sides in ((gemm.a, (gemm.m, gemm.k)), (gemm.b, (gemm.k, gemm.n)))
        )
        if gemm.arithmetic == "tf32":
            a, b = tf32(a), tf32(b)
        to = columns(memory, gemm.c, gemm.m, gemm.n, gemm.batches)
        with np.errstate(all="ignore"):  # nor does the library tell
            found = a @ b
            to[...] = encode(found, gemm.c.dtype) if gemm.c.dtype in STORAGE else found


def factor(memory: Array, matrix: Matrix, sides: tuple[int, int], gemm: Gemm) -> Array:
    """op(A) of all products."""
    rows, width = sides[::-1] if matrix.transposed else sides
    held = columns(memory, matrix, rows, width, gemm.batches)
    numbers = decode(held, matrix.dtype) if matrix.dtype in STORAGE else held
    return numbers.transpose(0, 2, 1) if matrix.transposed else numbers


def columns(memory: Array, matrix: Matrix, rows: int, width: int, batches: int) -> Array:
    """Matrices of so many rows and columns as they lie there."""
    kind = np.dtype("uint16" if matrix.dtype in STORAGE else matrix.dtype)
    assert matrix.leading >= max(1, rows)
    assert matrix.at % kind.itemsize == 0
    return bytes_of(memory, matrix, kind.itemsize, rows, width, batches).view(kind).swapaxes(1, 2)


def bytes_of(memory: Array, matrix: Matrix, item: int, rows: int, width: int, batches: int) -> Array:
    """Those of the elements of each column of each matrix."""
    strides = (matrix.apart * item, matrix.leading * item, 1)
    shape = (batches, width, rows * item)
    return np.ndarray(shape, np.uint8, memory.data, matrix.at, strides)  # refuses what is not in it


def assert_apart(memory: Array, gemm: Gemm, workspace: slice) -> None:
    """What is written, in the workspace and as the result, is written once, and none of it is a factor's."""
    c = gemm.c
    assert gemm.batches == 1 or c.apart >= (gemm.n - 1) * c.leading + gemm.m
    written = np.zeros(len(memory), np.uint8)
    written[workspace] = 1
    for matrix, rows, width in ((c, gemm.m, gemm.n), (gemm.a, gemm.m, gemm.k), (gemm.b, gemm.k, gemm.n)):
        sides = (width, rows) if matrix.transposed else (rows, width)
        found = bytes_of(written, matrix, ITEM_SIZE[matrix.dtype], *sides, gemm.batches)
        assert not found.any()
        if matrix is c:
            found[...] = 1


def tf32(x: Array) -> Array:
    """The nearest numbers of 10 bits of mantissa, of two as near the even one."""
    bits = x.copy().view(np.uint32)
    return ((bits + np.uint32(0xFFF) + ((bits >> np.uint32(13)) & np.uint32(1))) & np.uint32(0xFFFFE000)).view("f")
