"""NumPy files: every operator, every model that comes with nngraph, and what such a file is made of."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nngraph as ng
from nngraph.declare.load import load
from nngraph.errors import Errors, OptionError
from nngraph.export.numpy_file.body import array_text, wrapped
from nngraph.export.numpy_file.functions import functions
from nngraph.export.numpy_file.write import export_python
from nngraph.ir.interpret import interpret
from nngraph.ir.types import Batch
from nngraph.lower.lower import lower
from nngraph.train.data.standardizer import Standardizer
from tests.ops.cases import draw_case, samples
from tests.random_graphs import draw_inputs, draw_recipe, draw_states

MODELS = Path(ng.__file__).parents[1] / "models"
SMALL = sorted(path for path in MODELS.rglob("*.json") if path.parent.name != "randwire")


def imported(path):
    """The module of a file, under a name of its own."""
    spec = importlib.util.spec_from_file_location(f"exported_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def drawn(model, count, seed=0):
    """Inputs by name."""
    random = np.random.default_rng(seed)
    return {
        name: random.normal(size=(count, *array.shape)).astype(array.dtype)
        for name, array in model.signature.inputs.items()
    }


def unlike_the_beginning(model):
    """Parameters and statistics that are not what they begin as, so that none goes unnoticed."""
    random = np.random.default_rng(7)
    for name, array in {**model.parameters(), **model.statistics()}.items():
        model.set_parameters({name: array + random.uniform(0.02, 0.2, array.shape)})
    return model


def equal(found, wanted, tolerance=1e-5):
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype
    assert np.abs(found - wanted).max() <= tolerance * max(np.abs(wanted).max(), 1e-30)


def is_of_examples(value):
    """Whether it has a row for each example, and is nothing of all of them together."""
    return bool(value.type.shape) and isinstance(value.type.shape[0], Batch)


def check_no_rows(predict, inputs, wanted):
    """Of no examples there are no rows, of the same shape and type otherwise."""
    none = predict(*(x[:0] for x in inputs))
    assert none.shape == (0, *wanted.shape[1:])
    assert none.dtype == wanted.dtype


@pytest.mark.parametrize(("op", "sample"), samples(lambda op: not op.internal and op.family != "loss"))
def test_every_operator(op, sample, tmp_path):
    case = draw_case(op, sample, "float32")
    if op.operands and any(x.ndim == 0 or len(x) != len(case.arrays[0]) for x in case.arrays):
        pytest.skip("inputs without a batch")
    g = ng.Graph("one")
    values = [
        g.input(f"in{k}", shape=x.shape[1:], dtype="float" if x.dtype == np.float32 else str(x.dtype))
        for k, x in enumerate(case.arrays)
    ]
    try:
        given = {name: item for name, item in sample.attributes.items() if name != "dtype" or item != "float"}
        result = g.apply(op.name, values, name="node", **given)
    except ng.DeclarationError as error:
        pytest.skip(f"not of examples: {error}")
    g.output(result)
    if not values:
        pytest.skip("no inputs")
    model = ng.compile(g)
    states = [f"node/{p}" if "." in p else f"node.{p}" for p in names_of(case)]
    model.set_parameters(dict(zip(states, case.parameters, strict=True)))
    export_python(model.trainee, tmp_path / "one.py")
    predict = imported(tmp_path / "one.py").predict
    found, wanted = predict(*case.arrays), case.reference()
    if is_of_examples(lower(g.declaration()).outputs[0][1]):
        check_no_rows(predict, case.arrays, wanted)
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    if wanted.dtype.kind == "f":
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5 * max(1.0, float(np.abs(wanted).max())))
    else:
        np.testing.assert_array_equal(found, wanted)


def names_of(case):
    return [p.name for p in case.op.parameters(*case.types, **case.attributes)] if case.op.parameters else []


@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.stem)
def test_every_model(path, tmp_path):
    model = unlike_the_beginning(ng.compile(load(path)))
    export_python(model.trainee, tmp_path / "model.py")
    x = drawn(model, 3)
    predict, wanted = imported(tmp_path / "model.py").predict, model.predict(x)
    equal(predict(*x.values()), wanted)
    check_no_rows(predict, x.values(), wanted)


def test_it_runs_where_nngraph_is_not(tmp_path):
    """In a process that finds nothing but NumPy and the standard library."""
    model = ng.compile(load(MODELS / "digits_cnn.json"))
    export_python(model.trainee, tmp_path / "digits.py")
    (x,) = drawn(model, 4).values()
    np.save(tmp_path / "x.npy", x)
    code = (
        "import sys, runpy; sys.modules.update(nngraph=None, numba=None, nngraph_kernels=None); "
        "sys.argv = ['digits.py', 'x.npy', 'y.npy']; runpy.run_path('digits.py', run_name='__main__')"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env={})
    equal(np.load(tmp_path / "y.npy"), model.predict(x))


def test_small_models_are_one_file_and_larger_ones_have_an_archive(tmp_path):
    def exported(units):
        g = ng.Graph("net")
        g.output(g.linear(g.relu(g.linear(g.input("x", shape=(4,)), units)), 2))
        path = tmp_path / f"net{units}.py"
        model = ng.compile(g)
        export_python(model.trainee, path)
        x = drawn(model, 3)["x"]
        equal(imported(path).predict(x), model.predict(x), 1e-6)
        return path

    one, two = exported(8), exported(300)
    assert not one.with_suffix(".npz").exists()
    with np.load(two.with_suffix(".npz"), allow_pickle=False) as archive:
        assert set(archive) == {"linear_1.weight", "linear_1.bias", "linear_2.weight", "linear_2.bias"}
    assert {path.name for path in tmp_path.glob("net*")} == {"net8.py", "net300.py", "net300.npz"}


def test_a_line_a_node_and_a_function_a_kind_of_layer(tmp_path):
    g = ng.Graph("block")
    h = g.relu(g.linear(g.input("x", shape=(6,)), 5, name="first"))
    h = g.leaky_relu(g.linear(h, 5, name="second"), slope=0.2, name="bent")
    g.output(g.linear(h, 2, name="scores"))
    export_python(ng.compile(g).trainee, tmp_path / "block.py")
    text = (tmp_path / "block.py").read_text()
    tree = ast.parse(text)
    assert [node.name for node in tree.body if isinstance(node, ast.FunctionDef)] == [
        "linear", "relu", "leaky_relu", "predict"
    ]  # fmt: skip
    body = text[text.index("def predict") :].splitlines()
    assert [line.rpartition("# ")[2] for line in body if "# " in line] == [
        "first", "relu_1", "second", "bent", "scores"
    ]  # fmt: skip
    assert "    leaky_relu_1 = leaky_relu(linear_2, slope=0.2)  # bent" in body
    assert "Any" not in text
    assert {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names} == {"numpy"}


def test_composites_stand_together_under_their_names(tmp_path):
    model = ng.compile(load(MODELS / "digits_randwire.json"))
    export_python(model.trainee, tmp_path / "wired.py")
    text = (tmp_path / "wired.py").read_text()
    assert "\n\n    # stage1/n00\n    " in text
    assert max(map(len, text.splitlines())) <= 140


def test_several_inputs_and_outputs(tmp_path):
    g = ng.Graph("pair")
    left, right = g.input("left", shape=(3,)), g.input("right", shape=(3,))
    g.output(g.add(left, right), name="sum")
    g.output(g.subtract(g.multiply(left, 2.5), g.multiply(right, -0.1)), name="rest")
    model = ng.compile(g)
    export_python(model.trainee, tmp_path / "pair.py")
    x = drawn(model, 4)
    found, wanted = imported(tmp_path / "pair.py").predict(x["left"], x["right"]), model.predict(x)
    assert set(found) == {"sum", "rest"}
    for name, array in wanted.items():
        equal(found[name], array, 1e-6)
    assert "* 2.5" in (tmp_path / "pair.py").read_text()


def test_a_trained_model_with_classes_and_a_standardizer(tmp_path):
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 3)) * [1, 100, 1e-3] + [5, -300, 0]
    g = ng.Graph("flowers")
    g.output(g.linear(g.dropout(g.tanh(g.linear(g.input("x", shape=(3,)), 4)), 0.3, mode="vanilla"), 2))
    model = ng.compile(g, loss="cross_entropy", optimizer="adam")
    model.fit(x, np.array(["iris", "rose"])[random.integers(2, size=60)], epochs=2, standardize=True)
    export_python(model.trainee, tmp_path / "flowers.py")
    module = imported(tmp_path / "flowers.py")
    assert module.CLASSES == ("iris", "rose")
    equal(module.predict(x), model.predict(x))


def test_data_is_standardized_whatever_its_input_is_called(tmp_path):
    """Files and tables call their only input x, models call it as they like."""
    g = ng.Graph("s")
    g.output(g.linear(g.input("point", shape=(2,)), 2))
    model = ng.compile(g)
    x = np.random.default_rng(0).normal(size=(20, 2)) * 30 + 100
    model.trainee.standardizer = Standardizer({"x": x.mean(axis=0)}, {"x": x.std(axis=0)})
    export_python(model.trainee, tmp_path / "s.py")
    equal(imported(tmp_path / "s.py").predict(x), model.predict(x))


@pytest.mark.parametrize("digits", range(7))
def test_long_lines_are_whole(digits):
    for count in range(1, 40):
        array = array_text(np.round(np.linspace(0, 1, count) + 0.123456, digits).astype(np.float32))
        for text in (f"{array} - slice_1", f"add_1 * {array}", f"np.add({array}, x)", f"x[{array}]"):
            lines = wrapped("it", text, "id")
            made, wanted = ast.parse("def f():\n" + "\n".join(lines)), ast.parse(f"def f():\n    it = {text}")
            assert ast.dump(made) == ast.dump(wanted)
            assert max(map(len, lines)) < 120


def test_an_archive_of_data_is_not_overwritten(tmp_path):
    g = ng.Graph("mnist")
    g.output(g.linear(g.input("x", shape=(30,)), 10))
    model = ng.compile(g)
    np.savez(tmp_path / "mnist.npz", x=np.arange(3))
    with pytest.raises(OptionError, match=r"its parameters go into .*mnist\.npz, which is there and would be lost"):
        export_python(model.trainee, tmp_path / "mnist.py")
    assert not (tmp_path / "mnist.py").exists()
    with np.load(tmp_path / "mnist.npz") as kept:
        assert kept.files == ["x"]
    export_python(model.trainee, tmp_path / "other.py")
    export_python(model.trainee, tmp_path / "other.py")  # its own archive is


def test_numbers_that_are_not_finite_are_written():
    array = np.array([np.nan, np.inf, -np.inf, 1.5], np.float32)
    np.testing.assert_array_equal(eval(array_text(array), {"np": np}), array)


def test_values_that_no_layer_makes(tmp_path):
    """Constants, losses and a user's own formula."""
    g = ng.Graph("odd")
    x, y = g.input("x", shape=(3,)), g.input("y", shape=(1,), dtype="int32")
    table = g.constant(np.arange(3.0))
    g.output(g.cross_entropy(g.add(g.silu(x), table), y), name="loss")
    g.output(g.softplus(g.multiply(x, 0.5)), name="soft")
    model = ng.compile(g)
    export_python(model.trainee, tmp_path / "odd.py")
    given = {"x": drawn(model, 4)["x"], "y": np.array([[0], [1], [2], [1]], np.int32)}
    found, wanted = imported(tmp_path / "odd.py").predict(given["x"], given["y"]), model.predict(given)
    for name, array in wanted.items():
        equal(found[name], array)


def test_what_a_name_says_stays_a_name(tmp_path):
    """A graph's name may hold anything; ids hold nothing that ends a string or a comment."""
    g = ng.Graph("'''; \"\"\"; import os # \\")
    g.output(g.relu(g.input("import", shape=(2,)), name="class/def.lambda-1"))
    export_python(ng.compile(g).trainee, tmp_path / "named.py")
    tree = ast.parse((tmp_path / "named.py").read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert names == {"numpy", "sys"}
    np.testing.assert_array_equal(imported(tmp_path / "named.py").predict(np.array([[-1.0, 2.0]])), [[0, 2]])


def test_what_is_refused(tmp_path):
    g = ng.Graph("own")
    x = g.input("x", shape=(3,))
    g.output(g.relu(x))
    trainee = ng.compile(g).trainee
    with pytest.raises(OptionError, match=r"own.txt given, the name of a Python file expected, as in own.py"):
        export_python(trainee, tmp_path / "own.txt")
    with pytest.raises(OptionError, match="cannot be written"):
        export_python(trainee, tmp_path / "no" / "own.py")
    assert list(tmp_path.iterdir()) == []


def test_an_operator_without_a_form_is_named(tmp_path, monkeypatch):
    from nngraph.export.numpy_file import body, write

    monkeypatch.setattr(write, "EXPRESSIONS", {})
    monkeypatch.setattr(body, "EXPRESSIONS", {})
    g = ng.Graph("own")
    x = g.input("x", shape=(3,))
    g.output(g.sum(x, axis=1, name="total"))
    g.output(g.max(x, axis=1, name="most"))
    with pytest.raises(Errors) as caught:
        export_python(ng.compile(g).trainee, tmp_path / "own.py")
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "node 'total' (sum)",
        "node 'most' (max)",
    ]
    assert list(tmp_path.iterdir()) == []


def test_functions_use_nothing_but_numpy_and_each_other():
    import builtins

    for name, function in functions().items():
        used = set(function.__code__.co_names) & set(function.__globals__)
        assert used <= {"np", "math", *functions(), *vars(builtins)}, name


def test_float64(tmp_path):
    model = unlike_the_beginning(ng.compile(load(MODELS / "digits_cnn.json"), dtype="float64"))
    export_python(model.trainee, tmp_path / "double.py")
    x = drawn(model, 3)
    equal(imported(tmp_path / "double.py").predict(*x.values()), model.predict(x), 1e-13)


@pytest.mark.parametrize("seed", range(12))
def test_random_networks(seed, tmp_path):
    """Compared with the interpreter, which says what a graph means."""
    recipe = draw_recipe(seed)
    model = ng.compile(recipe.graph())
    graph, store = lower(model.graph.declaration()), model.programs.store
    states = {name: x for name, x in draw_states(graph.states, seed).items() if name in weights_of(model)}
    store.assign(states)
    inputs = draw_inputs(recipe, graph)
    wanted, _ = interpret(graph, inputs, store.arrays)
    export_python(model.trainee, tmp_path / "random.py")
    found = imported(tmp_path / "random.py").predict(*(inputs[value.name] for value in graph.inputs))
    for name, array in wanted.items():
        equal(found[name] if len(wanted) > 1 else found, array)


def weights_of(model):
    return {**model.parameters(), **model.statistics()}
