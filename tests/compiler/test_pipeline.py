"""The pipeline, stage by stage."""

import pytest

import nngraph as ng
from nngraph.compiler import PIPELINE, STOPS, Compilation, compile_program
from nngraph.differentiate import objective_from
from nngraph.errors import OptionError
from nngraph.ops.optimizer import optimizer_from
from nngraph.optimize import PASSES
from nngraph.plan import plan
from nngraph.programs import Programs


def compilation(purpose="train", **given) -> Compilation:
    g = ng.Graph("net")
    x = g.input("x", shape=(4,))
    g.output(g.linear(g.softmax(g.linear(x, 5, name="hidden")), 3, name="scores"))
    objective = objective_from("cross_entropy", ["scores"])
    optimizer = optimizer_from({"type": "sgd", "learning_rate": 0.1})
    return Compilation(g.wiring, purpose, objective, optimizer, checked=True, **given)


def test_stages_in_the_order_data_flows():
    assert [stage.name for stage in PIPELINE] == ["lower", "differentiate", "optimize", "schedule", "plan", "emit"]
    assert all(stage.summary for stage in PIPELINE)
    assert set(STOPS) == {stage.name for stage in PIPELINE} | {step.name for step in PASSES}


@pytest.mark.parametrize("stop", STOPS)
def test_stopping(stop):
    c = compile_program(compilation(), stop)
    reached = STOPS.index(stop)
    assert (c.schedule is not None) == (reached >= STOPS.index("schedule"))
    assert (c.plan is not None) == (reached >= STOPS.index("plan"))
    assert bool(c.entries) == (stop == "emit")
    assert c.graph is not None
    ops = {node.op.name for node in c.graph.nodes}
    assert ("softmax" in ops) == (reached < STOPS.index("decompose"))
    assert ("fused" in ops) == (reached >= STOPS.index("fuse"))
    assert any(state.new is not state.old for state in c.graph.states) == (stop != "lower")


@pytest.mark.parametrize(
    ("purpose", "outputs", "updated"),
    [
        ("train", ["loss", "correct"], True),
        ("evaluate", ["loss", "correct"], False),
        ("predict", ["scores"], False),
        (
            "gradients",
            ["loss", "correct", *(f"gradient/{n}.{p}" for n in ("hidden", "scores") for p in ("weight", "bias"))],
            False,
        ),
    ],
)
def test_purposes(purpose, outputs, updated):
    c = compile_program(compilation(purpose), "schedule")
    assert c.graph is not None
    assert [name for name, _ in c.graph.outputs] == outputs
    assert any(state.new is not state.old for state in c.graph.states) == updated


def test_programs_are_planned_for_the_batches_that_they_run_with(monkeypatch):
    """Kernels that only a plan asks for are found when it is made: here the bias, known before the loss, is copied."""
    planned = []
    monkeypatch.setattr("nngraph.programs.plan", lambda s, batch, *rest: planned.append(batch) or plan(s, batch, *rest))
    monkeypatch.setattr("nngraph.compiler.plan", lambda *given: pytest.fail("planned by the pipeline"))
    g = ng.Graph("regression")
    g.output(g.linear(g.input("x", shape=(3,)), 1, name="y"))
    optimizer = optimizer_from({"type": "sgd", "learning_rate": 0.1})
    programs = Programs(g.declaration(), objective_from("mean_squared_error", ["y"]), optimizer)
    assert programs.compile("train").entries
    assert planned == []
    assert [old.name for _, old in programs.bind("train", 7).plan.copies] == ["y.bias"]
    programs.bind("train", 7)
    assert planned == [7]


def test_an_unknown_stop_names_the_ones_there_are():
    with pytest.raises(OptionError, match="'optimise' given, expected one of lower, differentiate, mix_into_depthwise"):
        compile_program(compilation(), "optimise")


def test_training_without_a_loss():
    c = compilation()
    c.objective = None
    with pytest.raises(OptionError, match="loss: none given"):
        compile_program(c)
