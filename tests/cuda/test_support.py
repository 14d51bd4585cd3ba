"""What runs on a CUDA device, which no op's record says: what its kernels' families say."""

import numpy as np
import pytest

import nngraph as ng
import nngraph.ops
from nngraph.emit.cuda import support
from nngraph.emit.cuda.source import FAMILIES
from nngraph.ir.op import REGISTRY
from nngraph_kernels.cuda import indices
from tests import compiled
from tests.ops.test_every_kernel import case_graph

NO_CALLS = {"fused": "stands for the ops within it", "constant": "is written once, when a program is bound"}


@pytest.fixture
def registry():
    before = dict(REGISTRY)
    yield REGISTRY
    REGISTRY.clear()
    REGISTRY.update(before)


@pytest.mark.parametrize("op", REGISTRY.values(), ids=list(REGISTRY))
def test_every_op_runs_on_the_device_or_says_why_not(op):
    families = {
        kernel.family
        for sample in op.samples
        for kernel in compiled.scheduled(case_graph(op, sample, "float32")[1]).kernels
    }
    assert op.samples or op.name in NO_CALLS, f"{op.name}: no sample says which kernels it becomes"
    assert families <= FAMILIES.keys()


def test_a_users_op_runs_there_too(registry):
    ng.register_op(
        ng.Op("twice", "2x", "own", ("x",), infer=lambda x: x, reference=lambda x: 2 * x, expr=lambda x: x + x)
    )
    g = ng.Graph("net")
    g.output(g.twice(g.input("x", shape=(3,))))
    np.testing.assert_array_equal(ng.compile(g, device="cuda").predict([[1.0, 2.0, 3.0]]), [[2.0, 4.0, 6.0]])


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_family_that_there_is_not_is_refused(registry, device):
    ng.register_op(ng.Op("odd", "as it is", "own", ("x",), infer=lambda x: x, reference=lambda x: x, kernel="nonsense"))
    g = ng.Graph("net")
    g.output(g.odd(g.input("x", shape=(3,)), name="strange"))
    with pytest.raises(ng.NNGraphError, match=r"^node 'strange' \(op 'odd'\): kernel 'nonsense' given, one of average"):
        ng.compile(g, device=device).predict([[1.0, 2.0, 3.0]])


def test_a_family_that_the_device_lacks_is_refused(monkeypatch):
    monkeypatch.delitem(FAMILIES, "rows")
    g = ng.Graph("net")
    g.output(g.relu(g.input("x", shape=(3,)), name="bent"))
    with pytest.raises(ng.NNGraphError, match=r"^node 'bent' \(op 'relu'\): .*family 'rows', which device 'cuda'"):
        ng.compile(g, device="cuda").predict([[1.0, 2.0, 3.0]])


def test_a_value_too_large_for_indices_is_refused(monkeypatch):
    g = ng.Graph("net")
    g.output(g.relu(g.input("x", shape=(3,)), name="bent"))
    model = ng.compile(g, device="cuda")
    batch = indices.LARGEST // 3 + 1
    with pytest.raises(ng.NNGraphError, match=rf"\(node 'bent'\) has 2,[\d,]+ elements at batch size {batch}, at most"):
        model.programs.bind("predict", batch)
    monkeypatch.setattr(support, "LARGEST", 3)
    assert model.predict(np.ones((1, 3))).shape == (1, 3)
