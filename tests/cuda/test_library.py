"""Products that a library does: routed, laid out and finished as our own are."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import nngraph as ng
from nngraph.emit.cuda.matmul import layout_of
from nngraph.errors import DeviceError, OptionError
from nngraph.ir.interpret import interpret
from nngraph.ir.types import ITEM_SIZE
from nngraph.machines.library import Routing, work_of
from nngraph.machines.line import GemmLine
from nngraph.machines.lines import in_order, scratch_bytes
from nngraph.programs import Programs, scheduled
from nngraph_kernels.cuda.matmul import slots as product_slots
from nngraph_kernels.cuda.target import target
from nngraph_kernels.storage_reference import stored
from tests.cuda.blas import NumpyBlas, tf32
from tests.cuda.test_precision import TOLERANCE, assert_near, graph_of, perceptron
from tests.kernels.test_matmul import LAYOUTS

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(21, 4)), RNG.integers(0, 3, 21)
# Batches, M, N, K: of one row or column too, no multiple of anything, all above the least size.
SHAPES = [(1, 1, 5, 9), (1, 7, 1, 4), (1, 5, 3, 2), (2, 3, 4, 5), (3, 5, 1, 7), (2, 1, 9, 3)]
layouts = pytest.mark.parametrize(("transpose_a", "transpose_b"), LAYOUTS)


@pytest.fixture
def blas(monkeypatch):
    found = NumpyBlas()
    monkeypatch.setattr("nngraph.machines.cuda.library", lambda: found)
    return found


def ran(graph, inputs, batch=1, products="cublas", **options):
    """What its only output is on the device, with large products by the library."""
    programs = Programs(graph.declaration(), device="cuda", products=products, **options)
    (found,) = programs.call("predict", inputs, batch).values()
    return found


def drawn(*shape, dtype="float32"):
    return RNG.normal(size=shape).astype(dtype)


def factors(batches, m, n, k, transpose_a, transpose_b, dtype="float32"):
    a = drawn(1, batches, *((k, m) if transpose_a else (m, k)), dtype=dtype)
    return a, drawn(1, batches, *((n, k) if transpose_b else (k, n)), dtype=dtype)


def turned(array, transposed):
    return array.swapaxes(-1, -2) if transposed else array


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@layouts
@pytest.mark.parametrize("shape", SHAPES)
def test_products_of_every_orientation(blas, dtype, transpose_a, transpose_b, shape):
    a, b = factors(*shape, transpose_a, transpose_b, dtype)
    g = ng.Graph("product")
    given = g.input("a", shape=a.shape[1:]), g.input("b", shape=b.shape[1:])
    g.output(g.matmul(*given, transpose_a=transpose_a, transpose_b=transpose_b))
    found = ran(g, {"a": a, "b": b}, dtype=dtype)
    expected = turned(a, transpose_a) @ turned(b, transpose_b)
    np.testing.assert_allclose(found, expected, rtol=1e-4 if dtype == "float32" else 1e-12, atol=1e-6)
    assert [(gemm.arithmetic, gemm.c.dtype) for gemm in blas.done] == [(dtype, dtype)]


@pytest.mark.parametrize("fixed", [False, True])
def test_products_whose_results_are_apart(blas, fixed):
    """No one stride goes through both factors: a call has two of six, and results of other calls between its own."""
    a, b = drawn(2, 3, 5, 4), drawn(1, 3, 4, 6) if fixed else drawn(2, 1, 4, 6)
    g = ng.Graph("apart")
    x = g.input("a", shape=a.shape[1:])
    g.output(g.matmul(x, g.constant(b[0]) if fixed else g.input("b", shape=b.shape[1:])))
    np.testing.assert_allclose(ran(g, {"a": a} if fixed else {"a": a, "b": b}, 2), a @ b, rtol=1e-4, atol=1e-6)
    assert [(gemm.batches, gemm.a.apart, gemm.c.apart) for gemm in blas.done] == [(2, 0 if fixed else 24, 90)] * 3


def test_the_first_call_finds_its_inputs(blas):
    """Products are done before a graph is taken down, on what lies there: the inputs' place is taken for the third."""
    g = ng.Graph("chain")
    h = g.input("x", shape=(5, 6))
    for _ in range(4):
        h = g.linear(h, 6, bias=False)
    g.output(h)
    x = drawn(2, 5, 6)
    programs = Programs(g.declaration(), device="cpu")
    (expected,) = programs.call("predict", {"x": x}, 2).values()
    np.testing.assert_allclose(ran(g, {"x": x}, 2), expected, rtol=1e-5, atol=1e-6)
    assert len(blas.done) == 4


@layouts
def test_work_that_is_fused_to_a_product(blas, transpose_a, transpose_b):
    """A bias for each column, a factor for each row, a number, another tensor, over several products."""
    for batches, m, n, k in [(1, 6, 5, 3), (2, 3, 4, 5)]:
        a, b = (array[0] for array in factors(batches, m, n, k, transpose_a, transpose_b))
        column, row, full = drawn(batches, 1, n), drawn(batches, m, 1), drawn(batches, m, n)
        g = ng.Graph("fused")
        names = {"a": a, "b": b, "column": column, "row": row, "full": full}
        given = {name: g.input(name, shape=array.shape[1:]) for name, array in names.items()}
        h = g.matmul(given["a"], given["b"], transpose_a=transpose_a, transpose_b=transpose_b)
        g.output(g.tanh(h * given["row"] + given["column"]) * 0.5 - given["full"])
        product = turned(a, transpose_a) @ turned(b, transpose_b)
        expected = np.tanh(product * row + column) * 0.5 - full
        np.testing.assert_allclose(ran(g, names, batches), expected, rtol=1e-4, atol=1e-6)
    assert [gemm.batches for gemm in blas.done] == [1, 2]


def normalized(device="cuda", products="cublas", **options):
    """A perceptron with moments in the epilogue of its first product, and a gradient that is a long sum."""
    g = ng.Graph("normalized")
    h = g.relu(g.batch_norm(g.linear(g.input("x", shape=(4,)), 6, bias=False)))
    h = h + g.tanh(g.linear(h, 6))
    g.output(g.linear(g.dropout(h, 0.25), 3))
    given = {"loss": "cross_entropy", "optimizer": ng.Adam(0.02), "seed": 3} | options
    chosen = {"products": products} if device == "cuda" else {}
    return ng.compile(g, device=device, **chosen, **given)


def fitted(**options):
    """Three steps, the last of a smaller batch."""
    model = normalized(**options)
    model.fit(X, Y, epochs=1, batch_size=8, progress=False)
    return model


def test_three_steps_are_those_of_the_processor(blas):
    found, expected = fitted(), fitted(device="cpu")
    assert len(blas.done) > 6
    for name, array in {**expected.parameters(), **expected.statistics()}.items():
        np.testing.assert_allclose(
            {**found.parameters(), **found.statistics()}[name], array, rtol=1e-5, atol=1e-6, err_msg=name
        )
    np.testing.assert_allclose(found.history["loss"], expected.history["loss"], rtol=1e-5)
    np.testing.assert_allclose(found.predict(X), expected.predict(X), rtol=1e-4, atol=1e-5)


def test_steps_are_equal_to_the_bit(blas):
    one, other = fitted().parameters(), fitted().parameters()
    for name, array in one.items():
        np.testing.assert_array_equal(other[name], array, err_msg=name)


def test_the_library_is_used_where_it_is_asked_for(blas):
    fitted(products="own")
    assert not blas.done


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_factors_of_16_bits(blas, precision):
    """Both factors go to the library in 16 bits, a weight rounded for it; sums are of float32."""
    model = perceptron(precision, products="cublas")
    model.programs.compile("train")
    given = {"x": X[:8].astype("f"), "target": Y[:8, None].astype(np.int32)}
    tolerance = 4 * TOLERANCE[precision]  # rounded weights are not the interpreter's
    graph = graph_of(model)
    for _ in range(3):
        outputs, states = interpret(graph, given, model.programs.store.arrays)
        assert_near(model.programs.call("train", given, 8), outputs, tolerance)
        assert_near(model.programs.store.arrays, states, tolerance)
    kinds = {(gemm.a.dtype, gemm.b.dtype, gemm.arithmetic) for gemm in blas.done}
    assert (precision, precision, "float32") in kinds
    assert kinds <= {(precision, precision, "float32"), ("float32", "float32", "float32")}


@layouts
def test_a_wide_factor_is_rounded_beside_a_narrow_one(blas, transpose_a, transpose_b):
    a, b = factors(2, 5, 3, 4, transpose_a, transpose_b)
    g = ng.Graph("rounded")
    x = g.tanh(g.softmax(g.input("a", shape=a.shape[1:])))  # kept in 16 bits, for other kernels read it
    h = g.matmul(x, g.input("b", shape=b.shape[1:]), transpose_a=transpose_a, transpose_b=transpose_b)
    g.output(h + g.sum(x))
    found = ran(g, {"a": a, "b": b}, precision="bfloat16")
    (gemm,) = blas.done
    assert {gemm.a.dtype, gemm.b.dtype} == {"bfloat16"}
    e = np.exp(a - a.max(-1, keepdims=True))
    narrow = stored(np.tanh(e / e.sum(-1, keepdims=True)), "bfloat16")
    expected = turned(narrow, transpose_a) @ turned(stored(b, "bfloat16"), transpose_b)
    np.testing.assert_allclose(found, expected + narrow.sum(), rtol=2e-2)


def test_tf32_is_for_those_who_ask_for_it(blas):
    a, b = factors(1, 6, 5, 7, False, False)
    g = ng.Graph("product")
    g.output(g.matmul(g.input("a", shape=a.shape[1:]), g.input("b", shape=b.shape[1:])))
    exact, rounded = (ran(g, {"a": a, "b": b}, products=given) for given in ("cublas", "cublas_tf32"))
    np.testing.assert_allclose(exact, a @ b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(rounded, tf32(a) @ tf32(b), rtol=1e-5, atol=1e-6)
    assert np.abs(rounded - a @ b).max() > 1e-4
    assert [gemm.arithmetic for gemm in blas.done] == ["float32", "tf32"]


def lines_of(model, purpose, batch):
    """The launches of a program, with a library."""
    programs, routing = model.programs, Routing(False, 300)
    made, planned = scheduled(programs.compile(purpose)), programs.plan(purpose, batch)
    programs.machine.reserve(made, planned)
    places = programs.machine.memory.places(made, planned)
    return made, planned, list(in_order(made, places, {}, routing)), places, routing


def test_sums_over_patches_are_our_own(blas):
    g = ng.Graph("images")
    h = g.relu(g.conv2d(g.input("image", shape=(4, 4, 2)), 3, 3))
    g.output(g.linear(g.flatten(h), 2))
    model = ng.compile(g, device="cuda", products="cublas")
    made, planned, lines, *_ = lines_of(model, "predict", 1)
    works = [work for call in made.calls if (work := work_of(call, planned))]
    assert [tuple(work.given[name] for name in "MNK") for work in works] == [(1, 2, 48)]
    assert sum(isinstance(line, GemmLine) for line in lines) == 1


def test_small_products_are_our_own(blas):
    for k in (target().library // 2, target().library // 2 - 1):
        a, b = factors(1, 2, 1, k, False, False)
        g = ng.Graph("small")
        g.output(g.matmul(g.input("a", shape=a.shape[1:]), g.input("b", shape=b.shape[1:])))
        ran(g, {"a": a, "b": b})
    assert [gemm.k for gemm in blas.done] == [target().library // 2]


@pytest.mark.parametrize("precision", ["full", "bfloat16"])
def test_scratch_memory_holds_all_of_it(blas, precision):
    made, planned, lines, places, routing = lines_of(normalized(precision=precision), "train", 8)
    begin, end = places.scratch + routing.workspace, places.scratch + scratch_bytes(made, planned, routing)
    rounded = {}  # where factors are rounded to, by their calls, and where they end there
    for line in lines:
        if isinstance(line, GemmLine):
            assert line.workspace == places.scratch
            gemm, own = line.gemm, rounded.get(line.origin, {})
            result = span(gemm.c, gemm.m, gemm.n, gemm.batches)
            spans = [span(gemm.a, gemm.m, gemm.k, gemm.batches), span(gemm.b, gemm.k, gemm.n, gemm.batches)]
            assert all(last <= own[first] for first, last in spans if first >= places.scratch)
            assert set(own) <= {first for first, _ in spans}
            held = sorted([*own.items(), result])
            assert all(last <= first for (_, last), (first, _) in pairwise(held))
            assert all(begin <= first and last <= end for first, last in held if first >= places.scratch)
        elif line.kernel.family == "memory" and line.slots[0] >= places.scratch:
            there, _, elements = line.slots
            rounded.setdefault(line.origin, {})[there] = there + 2 * elements
    assert any(isinstance(line, GemmLine) for line in lines)
    assert bool(rounded) == (precision != "full")


def span(matrix, rows, columns, batches):
    """The first byte of matrices, and that after the last."""
    if matrix.transposed:
        rows, columns = columns, rows
    size = (batches - 1) * matrix.apart + (columns - 1) * matrix.leading + rows
    return matrix.at, matrix.at + size * ITEM_SIZE[matrix.dtype]


def product_call(**shapes):
    """The call of a product, with its plan."""
    g = ng.Graph("product")
    g.output(g.matmul(*(g.input(name, shape=shape) for name, shape in shapes.items())))
    programs = Programs(g.declaration(), device="cuda", products="cublas")
    (call,) = scheduled(programs.compile("predict")).calls
    return call, lambda batch: programs.plan("predict", batch)


def test_a_product_is_left_in_its_place_only_if_nothing_outlives_the_step_there(blas):
    call, plan = product_call(a=(5, 4), b=(4, 6))
    (output,) = call.outputs
    assert work_of(call, plan(2)).direct == "float32"
    assert not work_of(call, replace(plan(2), in_store={output.value: output.value})).direct


@pytest.mark.parametrize(("rows", "row", "direct"), [(5, 6, True), (5, 7, False), (1, 6, True), (1, 7, True)])
def test_a_product_is_left_in_its_place_only_without_gaps(blas, rows, row, direct):
    """But for one of one row."""
    call, plan = product_call(a=(rows, 4), b=(4, 6))
    spec = call.kernel.spec
    at = product_slots(spec.product, layout_of(spec))[1].index("y0_row")
    given = replace(call, integers=(*call.integers[:at], row, *call.integers[at + 1 :]))
    assert bool(work_of(given, plan(2)).direct) == direct


def test_more_products_than_one_call_takes_are_our_own(blas):
    call, plan = product_call(a=(2, 2), b=(2, 3))
    assert work_of(call, plan(65_535)).given["batches"] == 65_535
    assert work_of(call, plan(65_536)) is None


def test_states_are_written_by_our_own_kernels_alone(blas):
    """A library does not look at the error word: after a failed step, states are as before."""
    g = ng.Graph("linear")
    g.output(g.linear(g.input("x", shape=(4,)), 3))
    model = ng.compile(g, loss="mean_squared_error", optimizer=ng.SGD(0.1), device="cuda", products="cublas")
    poor, y = X.copy(), RNG.normal(size=(21, 3))
    poor[0] = 1e30
    before = model.parameters()
    with pytest.raises(ng.ExecutionError, match="the loss is not finite"):
        model.fit(poor, y, epochs=1, batch_size=21, progress=False)
    assert len(blas.done) == 2
    for name, array in before.items():
        np.testing.assert_array_equal(model.parameters()[name], array, err_msg=name)
    for other in (model, normalized()):
        _, _, lines, places, _ = lines_of(other, "train", 8)
        assert all(line.gemm.c.at >= places.arena for line in lines if isinstance(line, GemmLine))


def test_memory_is_refused_with_what_the_library_needs(blas, monkeypatch):
    model = normalized()
    monkeypatch.setattr("nngraph.run.cuda.device.Device.memory", lambda self: (4096.0, 8192.0))
    blas.workspace = 1 << 20
    with pytest.raises(DeviceError, match=r"batch size 8 needs 1,\d{3},\d{3} bytes there"):
        model.predict(X[:8])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"products": "mkl"}, "products: 'mkl' given, one of own, cublas, cublas_tf32 expected"),
        ({"products": None}, "products: None given, one of"),
        ({"products": "cublas", "device": "cpu"}, "'cublas' given, which device 'cpu' does not have; give device"),
        ({"products": "cublas_tf32", "dtype": "float64"}, "'cublas_tf32' given with dtype 'float64'; TF32 is for"),
    ],
)
def test_products_that_cannot_be_had(options, message):
    with pytest.raises(OptionError, match=message):
        perceptron(**options)


def test_the_simulator_has_no_cublas():
    with pytest.raises(DeviceError, match="needs a CUDA device, which Numba's simulator is not; give products 'own'"):
        perceptron(products="cublas").predict(X)


def test_a_checkpoint_remembers(blas, tmp_path):
    model = fitted()
    model.save(tmp_path / "model.safetensors")
    assert ng.load_model(tmp_path / "model.safetensors", device="cuda").programs.products == "cublas"
    assert ng.load_model(tmp_path / "model.safetensors", device="cuda", products="own").programs.products == "own"
    assert ng.load_model(tmp_path / "model.safetensors").programs.products == "own"
