"""What is fused to products that are in memory already: operands of every kind, several products, moments."""

import numpy as np
import pytest

from nngraph.emit.cuda.matmul import layout_of
from nngraph.ir.expr import Expr
from nngraph.ir.program import FULL, UNIFORM, Kernel, MatmulEpilogueSpec, Statement
from nngraph_kernels.cpu.epilogue import PIECES
from nngraph_kernels.cpu.matmul import MatmulSpec
from nngraph_kernels.cuda.matmul import slots
from tests.cuda.called import call
from tests.cuda.test_matmul import argument, named
from tests.kernels.test_matmul import draw, merged

dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def run(spec, sums, outputs, inputs=(), numbers=(), partial=None):
    """Run on arrays of three axes."""
    batches, M, N = sums.shape
    given = {"batches": batches, "M": M, "N": N, "K": 7, "channels": N}
    for name, array in [*named("y", outputs), *named("x", inputs)]:
        steps = [0 if n == 1 else s // array.itemsize for n, s in zip(array.shape, array.strides, strict=True)]
        given |= {f"{name}_batch": steps[0], f"{name}_row": steps[1]}
    integers = [given.get(name, 0) for name in slots(spec.product, layout_of(spec))[1]]
    left = [] if partial is None else [partial]
    call(Kernel("product_epilogue", spec), [*outputs, *left, sums, None, *inputs, None], integers, numbers)


@dtypes
def test_operands_of_every_kind(dtype):
    """y0 = p x1 + x2 - x0 x3 + number 0, over x0; y1 = y0 < number 1."""
    kinds = tuple((access, dtype) for access in ("full", "row", "column", "scalar"))
    loads = [Statement("load", UNIFORM if k == 3 else FULL, dtype, None, k) for k in range(4)]
    scaled = Expr("add", (Expr("multiply", (argument(4), argument(1))), argument(2)))
    other = Expr("subtract", (scaled, Expr("multiply", (argument(0), argument(3)))))
    statements = (
        *loads, Statement("product", FULL, dtype),
        Statement("compute", FULL, dtype, Expr("add", (other, Expr("number", (), 0)))),
        Statement("compute", FULL, "bool", Expr("less", (argument(5), Expr("number", (), 1)))),
    )  # fmt: skip
    spec = MatmulEpilogueSpec(MatmulSpec(dtype), kinds, (dtype, "bool"), statements, (5, 6), 2)
    for batches, M, N in [(1, 5, 3), (2, 6, 7), (3, 1, 4), (1, 2, 1), (0, 3, 2)]:
        sums, full = draw(2, dtype, batches, M, N), draw(3, dtype, batches, M, N)
        row, column, scalar = draw(4, dtype, batches, M, 1), draw(5, dtype, 1, 1, N), draw(6, dtype, 1, 1, 1)
        expected = sums * row + column - full * scalar + 0.5
        low = np.zeros((batches, M, N), bool)
        run(spec, sums, [full, low], [full, row, column, scalar], (0.5, -0.25))
        np.testing.assert_allclose(full, expected, rtol=1e-5, atol=1e-6)
        assert (low == (full < -0.25)).all()


@dtypes
def test_moments(dtype):
    """Even where the mean is a thousand deviations, most pieces are empty, or there are several products."""
    statements = (
        Statement("load", FULL, dtype, None, 0), Statement("product", FULL, dtype),
        Statement("compute", FULL, dtype, Expr("add", (argument(0), argument(1)))),
    )  # fmt: skip
    spec = MatmulEpilogueSpec(MatmulSpec(dtype), (("column", dtype),), (dtype,) * 2, statements, (1, 2), 0, 2)
    for M, N in [(1, 5), (70, 3), (600, 1), (0, 2)]:
        sums, offset = draw(1, dtype, 1, M, N), 1000 + draw(3, dtype, 1, 1, N)
        y0, y1 = np.zeros((1, M, N), dtype), np.zeros((1, M, N), dtype)
        partial = np.full((PIECES, 3, N), 77, dtype)
        run(spec, sums, [y0, y1], [offset], partial=partial)
        np.testing.assert_array_equal(y0, sums)
        np.testing.assert_array_equal(y1, sums + offset)
        assert (partial[:, 0].sum(0) == M).all()
        if M:
            _, mean, variance = merged(partial)
            rows = y1[0].astype("d")
            assert np.abs(mean - rows.mean(0)).max() <= 1e-7 * 1000
            assert np.abs(variance - rows.var(0)).max() <= 1e-4 * max(rows.var(0).max(), 1e-6)
