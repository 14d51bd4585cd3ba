"""The transposition: exact, whatever the sizes, and nothing written beside it."""

import ctypes
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from nngraph.emit.cache import user_cache
from nngraph_kernels.cpu.transpose import TransposeSpec, arguments, source

POISON = 77.0
SHAPES = [
    (1, 1),
    (1, 40),
    (40, 1),
    (3, 50),
    (50, 3),
    (16, 16),
    (33, 40),
    (100, 128),
    (64, 10),
    (0, 5),
    (5, 0),
]


@cache
def kernel(dtype: str) -> Callable[..., None]:
    name = f"ng_transpose_{dtype}"
    address = user_cache().entries({name: source(name, TransposeSpec(dtype))})[name]
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 3])
def test_transpose(dtype, threads):
    for rows, columns in SHAPES:
        x = np.arange(2 * rows * (columns + 3), dtype=dtype).reshape(2, rows, columns + 3)
        y = np.full((2, columns, rows + 5), POISON, dtype)
        slots = {"y": y.ctypes.data, "x": x.ctypes.data, "batches": 2, "rows": rows, "columns": columns}
        slots |= {"x_batch": x[0].size, "x_row": columns + 3, "y_batch": y[0].size, "y_row": rows + 5}
        block = np.array([slots[name] for name in arguments(TransposeSpec(dtype))], np.int64)
        for thread in range(threads):
            kernel(dtype)(block.ctypes.data, thread, threads)
        assert (y[:, :, :rows] == x[:, :, :columns].swapaxes(1, 2)).all()
        assert (y[:, :, rows:] == POISON).all()
