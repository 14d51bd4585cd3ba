"""Products of few tiles and long sums: the same numbers in pieces, with what is fused to them."""

import numpy as np
import pytest

import nngraph as ng
from nngraph.emit.cuda.matmul import layout_of
from nngraph.emit.cuda.source import cuda_source, grid_of
from nngraph.ir.expr import Expr
from nngraph.ir.program import FULL, UNIFORM, Kernel, MatmulEpilogueSpec, Statement
from nngraph.machines.line import Line
from nngraph.machines.lines import in_pieces
from nngraph.run.cuda.device import device
from nngraph.run.cuda.kernels import launchable
from nngraph.run.program import pack_arguments
from nngraph_kernels import tape_layout as layout
from nngraph_kernels.cpu.matmul import MatmulSpec
from nngraph_kernels.cuda.long_product import pieces_of
from nngraph_kernels.cuda.text import VIEW_DTYPES
from nngraph_kernels.storage_reference import encode, stored
from tests.cuda.test_matmul import argument, plain, slots
from tests.kernels.test_matmul import LAYOUTS, assert_close, operands, product

M, N = 2, 3
GAP = 256


def test_pieces_follow_from_sizes():
    """A tile alone has some; more tiles, shorter sums, several products or none have not."""
    spec = plain(MatmulSpec())

    def pieces(batches, m, n, k):
        return pieces_of(spec.product, layout_of(spec), (batches, m, n, k, 0, 0, 0, 0, 0, 0))

    assert pieces(1, 2, 4, 50) == pieces(1, 2, 4, 10_000) == 4
    assert pieces(1, 2, 4, 47) == pieces(1, 2, 8, 50) == pieces(2, 2, 4, 50) == 1


def fused(dtype, transpose_a, transpose_b):
    """y0 = p x3 - x0, y1 = y0 + x1 x2 number 0, from operands of every kind."""
    kinds = tuple((access, dtype) for access in ("full", "row", "column", "scalar"))
    loads = [Statement("load", UNIFORM if k == 3 else FULL, dtype, None, k) for k in range(4)]
    first = Expr("subtract", (Expr("multiply", (argument(4), argument(3))), argument(0)))
    scaled = Expr("multiply", (Expr("multiply", (argument(1), argument(2))), Expr("number", (), 0)))
    statements = (
        *loads, Statement("product", FULL, dtype), Statement("compute", FULL, dtype, first),
        Statement("compute", FULL, dtype, Expr("add", (argument(5), scaled))),
    )  # fmt: skip
    return MatmulEpilogueSpec(MatmulSpec(dtype, transpose_a, transpose_b), kinds, (dtype,) * 2, statements, (5, 6), 1)


def run(lines, arrays):
    """Run launches on arrays that lie in one block, `GAP` bytes further apart than their sizes."""
    from numba import cuda

    there = cuda.to_device(np.concatenate([np.frombuffer(padded(array), np.uint8) for array in arrays]))
    views = [there.view(np.dtype(dtype)) for dtype in VIEW_DTYPES]
    control = cuda.to_device(np.zeros(layout.CONTROL_WORDS, np.int64))
    words, _ = pack_arguments([line.slots for line in lines])
    table, at = cuda.to_device(words), 0
    for line in lines:
        name, text = cuda_source(line.kernel)
        function = launchable({name: text}, device())[name]
        function[grid_of(line.kernel, line.integers)](*views, table, table.view(np.float64), control, at)
        at += len(line.slots)
    block = there.copy_to_host()
    for place, array in zip(places(arrays), arrays, strict=True):
        array[...] = np.ndarray(array.shape, array.dtype, block.data, place)


def padded(array):
    return array.tobytes() + b"\xff" * (-array.nbytes % GAP + GAP)


def places(arrays):
    return list(np.cumsum([0, *(len(padded(array)) for array in arrays)])[:-1])


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize(("transpose_a", "transpose_b"), LAYOUTS)
@pytest.mark.parametrize("K", [48, 50])
def test_pieces_and_their_total(dtype, transpose_a, transpose_b, K):
    """The first output lies over the operand that is read where it is written; the pieces are poisoned before.

    With "bfloat16" the factors, and the operand beside each row, lie in 16 bits.
    """
    narrow = ("", "", dtype, dtype, "", dtype, "", "") if dtype == "bfloat16" else ()
    dtype = "float32" if narrow else dtype
    spec, random = fused(dtype, transpose_a, transpose_b), np.random.default_rng(K)
    a, b = operands(spec.product, 1, M, N, K)
    x = [random.normal(size=shape).astype(dtype) for shape in ((M, N), (M, 1), (1, N), (1, 1))]
    if narrow:
        a, b, x[1] = (stored(array, "bfloat16") for array in (a, b, x[1]))
    y1, scratch = np.full((M, N), np.nan, dtype), np.full((5, M, N), np.nan, dtype)
    sum_of = product(spec.product, a, b)[0]
    expected = sum_of * x[3] - x[0]
    held = [encode(array, "bfloat16") if narrow else array for array in (a, b, x[1])]
    arrays = [x[0], y1, *held, *x[2:], scratch]
    at = dict(zip(["y0", "y1", "a", "b", "x1", "x2", "x3", "partial"], map(int, places(arrays)), strict=True))
    at |= {"x0": at["y0"], "": 0}
    given = {"batches": 1, "M": M, "N": N, "K": K, "a_row": a.shape[2], "b_row": b.shape[2]}
    given |= {"y0_row": N, "y1_row": N, "x0_row": N, "x1_row": 1}
    pointers, names = slots(spec.product, layout_of(spec))
    integers = tuple(given.get(name, 0) for name in names)
    line = Line(Kernel("matmul", spec, narrow), integers, (*(at[name] for name, _ in pointers), *integers, 0.5))
    run(in_pieces(line, 4, at["partial"]), arrays)
    assert_close(x[0], expected, K)
    assert_close(y1, expected + 0.5 * x[1] * x[2], K)


def trained(device):
    g = ng.Graph("narrow")
    g.output(g.linear(g.input("x", shape=(2,)), 4))
    model = ng.compile(g, loss="mean_squared_error", optimizer=ng.Adam(0.02), seed=1, device=device)
    x = np.random.default_rng(0).normal(size=(123, 2))
    model.fit(x, np.sin(x @ np.ones((2, 4))), epochs=2, batch_size=50, progress=False)
    return model


def test_a_training_whose_gradient_is_in_pieces(monkeypatch):
    depths: list[int] = []
    monkeypatch.setattr(
        "nngraph.machines.lines.in_pieces",
        lambda line, *rest: depths.append(line.integers[3]) or in_pieces(line, *rest),
    )
    model, expected = trained("cuda"), trained("cpu").parameters()
    assert set(depths) == {50}, "the batch that is left over, 23, is too short"
    for name, array in model.parameters().items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-5, atol=1e-6, err_msg=name)
