"""The matrix product for CUDA devices against NumPy in float64: layouts, ragged sizes, results, moments."""

import numpy as np
import pytest

from nngraph.emit.cuda.matmul import layout_of
from nngraph.ir.expr import Expr
from nngraph.ir.program import FULL, UNIFORM, Kernel, MatmulEpilogueSpec, Statement
from nngraph_kernels.cpu.epilogue import PIECES
from nngraph_kernels.cpu.matmul import MatmulSpec
from nngraph_kernels.cuda.matmul import grid, slots, tiles_of
from tests.cuda.called import call
from tests.kernels.test_matmul import LAYOUTS, assert_close, draw, merged, operands, product

# M, N, K: parts of a tile, whole ones, several; large tiles where there are enough of them, and small ones.
SHAPES = [
    (1, 1, 1),
    (3, 2, 9),
    (5, 9, 2),
    (20, 7, 5),
    (8, 8, 12),
    (3, 17, 6),
    (2, 13, 6),
    (0, 3, 4),
    (3, 0, 4),
    (3, 4, 0),
]
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
layouts = pytest.mark.parametrize(("transpose_a", "transpose_b"), LAYOUTS)


def argument(k):
    return Expr("argument", (), k)


def plain(spec: MatmulSpec) -> MatmulEpilogueSpec:
    return MatmulEpilogueSpec(spec, (), (spec.dtype,), (Statement("product", FULL, spec.dtype),), (0,), 0)


def run(spec, a, b, outputs, inputs=(), numbers=(), partial=None):
    """Run on arrays of three axes."""
    batches, M, N = outputs[0].shape
    K = a.shape[1 if spec.product.transpose_a else 2]
    given = {"batches": batches, "M": M, "N": N, "K": K, "channels": N}
    for name, array in [("a", a), ("b", b), *named("y", outputs), *named("x", inputs)]:
        steps = [0 if n == 1 else s // array.itemsize for n, s in zip(array.shape, array.strides, strict=True)]
        given |= {f"{name}_batch": steps[0], f"{name}_row": steps[1]}
    integers = [given[name] for name in slots(spec.product, layout_of(spec))[1]]
    left = [] if partial is None else [partial]
    call(Kernel("matmul", spec), [*outputs, *left, a, b, *inputs, None], integers, numbers)


def named(letter, arrays):
    return [(f"{letter}{k}", array) for k, array in enumerate(arrays)]


@dtypes
@layouts
def test_product_of_any_shape(dtype, transpose_a, transpose_b):
    spec = plain(MatmulSpec(dtype, transpose_a, transpose_b))
    for number, (M, N, K) in enumerate(SHAPES):
        batches = 1 + number % 2
        a, b = operands(spec.product, batches, M, N, K)
        y = np.full((batches, M, N), 77, dtype)
        run(spec, a, b, [y])
        assert_close(y, product(spec.product, a, b), K)


def test_all_tiles_are_used():
    """Of the sizes above; a large tile where there are enough of them, and not mostly empty."""
    spec = plain(MatmulSpec())
    large, small, tiny = tiles_of("float32", moments=False)
    for (M, N), tile in (((20, 8), large), ((8, 8), small), ((3, 17), small), ((2, 13), tiny), ((3, 2), tiny)):
        blocks, threads = grid(spec.product, layout_of(spec), (1, M, N, 1, 0, 0, 0, 0, 0, 0))
        assert (blocks, threads) == (-(-M // tile.rows) * -(-N // tile.columns), tile.threads)


@dtypes
def test_results_read_every_kind_of_operand(dtype):
    """y0 = select(x4, p x1 + x2, x0 x3) + number 0; y1 = y0 > number 1."""
    kinds = tuple((access, dtype) for access in ("full", "row", "column", "scalar")) + (("full", "bool"),)
    loads = [Statement("load", UNIFORM if k == 3 else FULL, kinds[k][1], None, k) for k in range(5)]
    scaled = Expr("add", (Expr("multiply", (argument(5), argument(1))), argument(2)))
    other = Expr("multiply", (argument(0), argument(3)))
    chosen = Expr("add", (Expr("select", (argument(4), scaled, other)), Expr("number", (), 0)))
    statements = (
        *loads, Statement("product", FULL, dtype), Statement("compute", FULL, dtype, chosen),
        Statement("compute", FULL, "bool", Expr("less", (Expr("number", (), 1), argument(6)))),
    )  # fmt: skip
    spec = MatmulEpilogueSpec(MatmulSpec(dtype), kinds, (dtype, "bool"), statements, (6, 7), 2)
    for batches, M, N, K in [(1, 5, 3, 2), (2, 6, 7, 3), (1, 2, 11, 5)]:
        a, b = operands(spec.product, batches, M, N, K)
        full, row, column = draw(3, dtype, batches, M, N), draw(4, dtype, batches, M, 1), draw(5, dtype, 1, 1, N)
        scalar, mask = draw(6, dtype, 1, 1, 1), draw(7, dtype, batches, M, N) > 0
        y, positive = np.zeros((batches, M, N), dtype), np.zeros((batches, M, N), bool)
        run(spec, a, b, [y, positive], [full, row, column, scalar, mask], (0.5, -0.25))
        expected = np.where(mask, product(spec.product, a, b) * row + column, full * scalar) + 0.5
        assert_close(y, expected, K)
        assert (positive == (y > -0.25)).all()


def test_results_in_place():
    """velocity = velocity number 1 + p; weight -= number 0 velocity."""
    velocity_expr = Expr("add", (Expr("multiply", (argument(1), Expr("number", (), 1))), argument(2)))
    weight_expr = Expr("subtract", (argument(0), Expr("multiply", (Expr("number", (), 0), argument(3)))))
    statements = (
        Statement("load", FULL, "float32", None, 0), Statement("load", FULL, "float32", None, 1),
        Statement("product", FULL, "float32"), Statement("compute", FULL, "float32", velocity_expr),
        Statement("compute", FULL, "float32", weight_expr),
    )  # fmt: skip
    spec = MatmulEpilogueSpec(
        MatmulSpec(transpose_a=True), (("full", "float32"),) * 2, ("float32",) * 2, statements, (4, 3), 2
    )
    for M, N, K in [(9, 10, 7), (3, 5, 9)]:
        a, b = operands(spec.product, 1, M, N, K)
        weight, velocity = draw(3, "f", 1, M, N), draw(4, "f", 1, M, N)
        new_velocity = velocity * 0.75 + product(spec.product, a, b)
        expected = weight - 0.125 * new_velocity
        run(spec, a, b, [weight, velocity], [weight, velocity], (0.125, 0.75))
        assert_close(velocity, new_velocity, K)
        assert_close(weight, expected, K)


@dtypes
def test_moments_of_a_result(dtype):
    """Even where the mean is a thousand deviations, and most pieces are empty."""
    statements = (
        Statement("load", FULL, dtype, None, 0), Statement("product", FULL, dtype),
        Statement("compute", FULL, dtype, Expr("add", (argument(0), argument(1)))),
    )  # fmt: skip
    product_spec = MatmulSpec(dtype, transpose_b=True)
    spec = MatmulEpilogueSpec(product_spec, (("column", dtype),), (dtype,) * 2, statements, (1, 2), 0, 2)
    for M, N, K in [(1, 5, 3), (70, 3, 2), (300, 1, 1)]:
        a, b = operands(product_spec, 1, M, N, K)
        offset = 1000 + draw(3, dtype, 1, 1, N)
        y0, y1 = np.zeros((1, M, N), dtype), np.zeros((1, M, N), dtype)
        partial = np.full((PIECES, 3, N), 77, dtype)
        run(spec, a, b, [y0, y1], [offset], partial=partial)
        number, mean, variance = merged(partial)
        rows = y1[0].astype("d")
        assert (number == M).all()
        assert np.abs(mean - rows.mean(0)).max() <= 1e-7 * 1000
        assert_close(y1, product(product_spec, a, b) + offset, K)
        assert np.abs(variance - rows.var(0)).max() <= 1e-4 * max(rows.var(0).max(), 1e-6)
