"""The transposition for CUDA devices: exact, whatever the sizes, and nothing written beside it."""

import numpy as np
import pytest

from nngraph.ir.program import Kernel
from nngraph_kernels.cpu.transpose import TransposeSpec
from tests.cuda.called import call


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 7), (7, 1), (2, 2), (5, 6), (4, 9), (0, 3), (3, 0)])
def test_transpose(dtype, rows, columns):
    x = np.arange(2 * rows * (columns + 3), dtype=dtype).reshape(2, rows, columns + 3)
    y = np.full((2, columns, rows + 5), 77, dtype)
    strides = (y[0].size, rows + 5, x[0].size, columns + 3)
    call(Kernel("transpose", TransposeSpec(dtype)), [y, x], [2, rows, columns, *strides])
    assert (y[:, :, :rows] == x[:, :, :columns].swapaxes(1, 2)).all()
    assert (y[:, :, rows:] == 77).all()
