"""A user's own op in one record: everything else follows from it."""

import numpy as np
import pytest

import nngraph.ops  # noqa: F401  (fills the registry)
from nngraph.errors import DeclarationError
from nngraph.ir import expr as e
from nngraph.ir.attributes import check_attributes
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Value
from nngraph.ir.interpret import interpret
from nngraph.ir.op import REGISTRY, Absent, Attribute, Op, Parameter, Sample, register_op
from nngraph.ir.types import BATCH, TensorType
from nngraph.ir.verify import verify


@pytest.fixture
def registry():
    """The registry, put back as it was."""
    before = dict(REGISTRY)
    yield REGISTRY
    REGISTRY.clear()
    REGISTRY.update(before)


def bent_identity_vjp(b, node, dy):
    """dx = dy (x / (2 √(x² + 1)) + bend)."""
    (x,) = node.inputs
    root = b.add("sqrt", b.add("add", b.add("square", x), 1.0))
    slope = b.add("add", b.add("divide", b.add("multiply", x, 0.5), root), node.attributes["bend"])
    return (b.add("multiply", dy, slope),)


def bent_identity() -> Op:
    return register_op(
        Op(
            "bent_identity", "(√(x² + 1) − 1) / 2 + bend · x", "own", ("x",),
            infer=lambda x, bend: x,
            reference=lambda x, bend: (np.sqrt(x**2 + 1) - 1) / 2 + bend * x,
            attributes={"bend": Attribute("float", "the slope at 0", 1.0)},
            expr=lambda x, bend: (e.sqrt(x * x + 1.0) - 1.0) * 0.5 + x * bend,
            vjp=bent_identity_vjp,
            flops=lambda x, bend: x.size, samples=(Sample(((3, 5),)),), errors=Absent("takes any float"),
        )
    )  # fmt: skip


def gated() -> Op:
    return register_op(
        Op(
            "gated", "x times the sigmoid of a learned gate", "own", ("x",),
            infer=lambda x: x, reference=lambda x, gate: x / (1 + np.exp(-gate)),
            parameters=lambda x: (Parameter("gate", (x.shape[-1],), "zeros"),),
            expand=lambda b, x, gate: b.add("multiply", x, b.add("sigmoid", gate)),
        )
    )  # fmt: skip


def test_an_elementwise_op(registry):
    op = bent_identity()
    attributes = check_attributes(op, {})
    x, dy = (Value(name, TensorType((BATCH, 3), "float64")) for name in ("x", "dy"))
    b = Builder(dtype="float64")
    y = b.add("bent_identity", x, **attributes)
    (dx,) = op.vjp(b, b.nodes[-1], dy)
    graph = Graph("g", (x, dy), tuple(b.nodes), (("y", y), ("dx", dx)))
    verify(graph)
    array = np.linspace(-2, 2, 6).reshape(2, 3)
    outputs, _ = interpret(graph, {"x": array, "dy": np.ones((2, 3))})
    np.testing.assert_allclose(outputs["y"], op.reference(array, bend=1.0), rtol=1e-15)
    slope = (op.reference(array + 1e-6, bend=1.0) - op.reference(array - 1e-6, bend=1.0)) / 2e-6
    np.testing.assert_allclose(outputs["dx"], slope, rtol=1e-8)


def test_a_composite(registry):
    op = gated()
    x, gate = Value("x", TensorType((BATCH, 3), "float64")), Value("n.gate", TensorType((3,), "float64"))
    b = Builder(dtype="float64")
    b.prefix = "n"
    graph = Graph("g", (x, gate), (), (("y", b.add("gated", x, gate)),))
    graph = Graph("g", (x, gate), tuple(b.nodes), graph.outputs)
    verify(graph)
    arrays = {"x": np.arange(6.0).reshape(2, 3), "n.gate": np.array([-1.0, 0, 1])}
    np.testing.assert_allclose(interpret(graph, arrays)[0]["y"], op.reference(*arrays.values()), rtol=1e-14)


def test_what_cannot_be_registered(registry):
    with pytest.raises(DeclarationError, match="op 'relu': already registered"):
        register_op(REGISTRY["relu"])
    with pytest.raises(DeclarationError, match="op 'mine': nothing runs it"):
        register_op(Op("mine", "", "own", ("x",), lambda x: x, lambda x: x))
