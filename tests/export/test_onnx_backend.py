"""ONNX's own test suite over nngraph's compiler and kernels.

The suite's runner counts what a backend says it does not implement as passed. Ours never says so: every case that is
not excluded here by name, with a reason, is run, and what nngraph cannot read fails.
"""

import re
from pathlib import Path

import numpy as np
import onnx
import onnx.backend.test
import pytest
from onnx import TensorProto, helper

import nngraph as ng
from nngraph.export import onnx_backend
from tests.export import onnx_cases

NAMES = onnx_cases.selected()
backend_test = onnx.backend.test.BackendTest(onnx_backend.NNGraphBackend, __name__)
for name in NAMES:
    backend_test.include(rf"^{name}_cpu$")
for _kind, cases in backend_test.test_cases.items():
    for method in [each for each in vars(cases) if each.startswith("test_")]:
        if getattr(vars(cases)[method], "__unittest_skip__", False):
            delattr(cases, method)
    globals()[_kind] = cases


def test_all_cases_that_were_asked_for_are_run():
    """Of the operators that the issue names, in float32, int64 and bool, all but four."""
    left_out = []
    for name, case in onnx_cases.all_cases().items():
        graph = onnx_cases.graph_of(name)
        types = {info.type.tensor_type.elem_type for info in (*graph.input, *graph.output)}
        wanted = types <= {TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL} and len(graph.node) == 1
        if case.kind == "node" and wanted and graph.node[0].op_type in onnx_cases.NAMED and onnx_cases.reason(name):
            left_out.append(name)
    assert sorted(left_out) == [
        "test_training_dropout", "test_training_dropout_default", "test_training_dropout_default_mask",
        "test_training_dropout_mask",
    ]  # fmt: skip


def test_nothing_is_excluded_in_vain():
    reasons = set(map(onnx_cases.reason, onnx_cases.all_cases()))
    assert set(onnx_cases.EXCLUDED.values()) <= reasons


def test_the_readme_says_how_many():
    """Of the version of onnx that it names; others have other cases."""
    text = " ".join((Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").split())
    version, *numbers = re.search(
        r"of onnx ([\d.]+)'s own test suite (\d+) single-node cases, (\d+) converted from PyTorch and (\d+) of its "
        r"operators are executed and pass, ([\d,]+) are excluded", text,
    ).groups()  # fmt: skip
    if not onnx.__version__.startswith(version):
        pytest.skip(f"onnx {onnx.__version__} is installed, the README counts the cases of {version}")
    counts = onnx_cases.counts()
    executed = [counts[kind]["executed"] for kind in onnx_cases.KINDS]
    excluded = sum(counts[kind]["excluded"] for kind in onnx_cases.KINDS)
    assert [int(number.replace(",", "")) for number in numbers] == [*executed, excluded]


def model_of(*nodes, inputs, outputs, opset=17):
    infos = [[helper.make_tensor_value_info(n, t, s) for n, t, s in each] for each in (inputs, outputs)]
    graph = helper.make_graph(list(nodes), "test", *infos)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def test_a_model_is_compiled_once_for_each_shape():
    model = model_of(
        helper.make_node("Relu", ["x"], ["y"]), inputs=[("x", TensorProto.FLOAT, ["n", 3])],
        outputs=[("y", TensorProto.FLOAT, ["n", 3])],
    )  # fmt: skip
    ready = onnx_backend.prepare(model)
    for count in (2, 5, 2):
        x = np.random.default_rng(count).normal(size=(count, 3)).astype(np.float32)
        np.testing.assert_array_equal(ready.run([x])[0], np.maximum(x, 0))
    assert len(ready.prepared.programs) == 2
    np.testing.assert_array_equal(ready.run({"x": x})[0], onnx_backend.run_model(model, x)[0])


def test_what_the_backend_cannot_read_is_an_error():
    model = model_of(
        helper.make_node("Acos", ["x"], ["y"], name="arc"), inputs=[("x", TensorProto.FLOAT, [3])],
        outputs=[("y", TensorProto.FLOAT, [3])],
    )  # fmt: skip
    with pytest.raises(ng.Errors, match=r"node 'arc': operator 'Acos' \(version 7\)"):
        onnx_backend.run_model(model, [np.zeros(3, np.float32)])


def test_integers_that_do_not_fit_are_refused():
    model = model_of(
        helper.make_node("Identity", ["x"], ["y"]), inputs=[("x", TensorProto.INT64, [2])],
        outputs=[("y", TensorProto.INT64, [2])],
    )  # fmt: skip
    (found,) = onnx_backend.run_model(model, [np.array([-5, 7])])
    assert found.dtype == np.int64
    assert found.tolist() == [-5, 7]
    with pytest.raises(ng.DeclarationError, match="input 'x': integers of 32 bits expected"):
        onnx_backend.run_model(model, [np.array([0, 2**40])])
    with pytest.raises(ng.DeclarationError, match="input 'x': none given"):
        onnx_backend.run_model(model, [])
    with pytest.raises(ValueError, match="'CPU' expected"):
        onnx_backend.prepare(model, "CUDA")
