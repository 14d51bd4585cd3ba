"""No value is overwritten while something still reads it: random calls, and random networks that train."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nngraph.differentiate import differentiate
from nngraph.errors import CompilationError
from nngraph.ir.graph import Graph, State, Value
from nngraph.ir.program import Kernel, KernelCall, Operand, Schedule
from nngraph.ir.types import BATCH, TensorType
from nngraph.lower.lower import lower
from nngraph.ops.optimizer import optimizer_from
from nngraph.plan import plan
from tests import compiled
from tests.plan.simulation import Simulation
from tests.random_graphs import draw_recipe

TYPE = TensorType((BATCH, 40))


@st.composite
def schedules(draw) -> Schedule:
    """Calls over values of a few sizes, some in place, some with scratch; states, some of them updated."""
    integers = lambda low, high: draw(st.integers(low, high))  # noqa: E731
    types = [TensorType((BATCH, n)) for n in (1, 40, 300)]
    states = [Value(f"s{k}", TensorType((40,))) for k in range(integers(0, 3))]
    inputs = [Value(f"i{k}", types[integers(0, 2)]) for k in range(integers(1, 2))]
    known, calls, made = inputs + states, [], []
    for k in range(integers(1, 14)):
        read = [known[integers(0, len(known) - 1)] for _ in range(integers(1, 3))]
        kinds = [*types, TensorType((40,))]
        outputs = [Value(f"v{k}.{j}", kinds[integers(0, 3)]) for j in range(integers(1, 2))]
        pairs = [(o, i) for o, out in enumerate(outputs) for i, x in enumerate(read) if out.type == x.type]
        safe = tuple(pair for pair in pairs if draw(st.booleans()))
        scratch = (lambda batch: 64 * batch) if draw(st.booleans()) else None
        call = KernelCall(
            Kernel("rows", k), tuple(map(Operand, outputs)), tuple(map(Operand, read)), (), (), (f"n{k}",),
            scratch=scratch, in_place=safe,
        )  # fmt: skip
        calls.append(call)
        known = known + outputs
        made += outputs
    fitting = [value for value in made if value.type == TensorType((40,))]
    updated = {old: fitting[integers(0, len(fitting) - 1)] for old in states if fitting and draw(st.booleans())}
    named = tuple(State(old.name, "parameter", old, updated.get(old, old), 0.0) for old in states)
    # A state that is updated is no output: what it was is gone once the step is done.
    lasting = [value for value in known if value not in updated]
    outputs = tuple((f"y{k}", lasting[integers(0, len(lasting) - 1)]) for k in range(integers(1, 3)))
    return Schedule(Graph("g", tuple(inputs), (), outputs, named), tuple(calls))


@given(schedules(), st.integers(1, 9), st.integers(1, 3))
@settings(max_examples=300, deadline=None)
def test_random_calls(schedule, batch, threads):
    Simulation(schedule, plan(schedule, batch, threads)).run()


@pytest.mark.parametrize("optimizer", ["sgd", "adam", {"type": "sgd", "learning_rate": 0.1, "clip_norm": 1.0}])
@pytest.mark.parametrize("seed", range(12))
def test_training_steps_of_random_networks(seed, optimizer):
    recipe = draw_recipe(seed)
    forward = lower(recipe.graph().wiring, training=True, seed=seed)
    spec = {"type": optimizer, "learning_rate": 0.1} if isinstance(optimizer, str) else optimizer
    step = differentiate(forward, recipe.objective(), optimizer_from(spec))
    schedule = compiled.scheduled(step)
    for batch in (1, recipe.batch):
        Simulation(schedule, plan(schedule, batch, 2)).run()


def call(outputs, inputs, in_place=()):
    operands = (tuple(map(Operand, values)) for values in (outputs, inputs))
    return KernelCall(Kernel("rows", 0), *operands, (), (), ("n",), in_place=in_place)


def test_a_chain_needs_two_buffers_or_one_in_place():
    values = [Value(f"v{k}", TYPE) for k in range(6)]
    graph = Graph("g", (values[0],), (), (("y", values[-1]),))
    links = list(zip(values[1:], values, strict=False))
    apart = Schedule(graph, tuple(call([new], [old]) for new, old in links))
    over = Schedule(graph, tuple(call([new], [old], ((0, 0),)) for new, old in links))
    size = 32 * 40 * 4
    assert plan(apart, 32).nbytes == 2 * size
    assert plan(over, 32).nbytes == size


def test_a_state_is_written_in_place_where_nothing_reads_it_later():
    old, early, new = (Value(name, TensorType((8,))) for name in ("w", "w/read", "w/new"))
    graph = Graph("g", (), (), (("y", early),), (State("w", "parameter", old, new, 0.0),))
    reader, writer = call([early], [old]), call([new], [early])
    assert plan(Schedule(graph, (reader, writer)), 1).in_store == {new: old}
    late = plan(Schedule(graph, (call([new], []), reader)), 1)
    assert late.in_store == {}
    assert late.copies == ((new, old),)


def test_a_state_may_become_what_another_one_was():
    old = [Value(f"s{k}", TensorType((8,))) for k in range(3)]
    new = Value("new", TensorType((8,)))
    states = tuple(State(x.name, "parameter", x, y, 0.0) for x, y in zip(old, [new, old[0], old[1]], strict=True))
    schedule = Schedule(Graph("g", (), (), (), states), (call([new], [old[0]], ((0, 0),)),))
    planned = plan(schedule, 1)
    assert planned.copies == ((old[1], old[2]), (old[0], old[1]), (new, old[0]))
    Simulation(schedule, planned).run()


def test_states_that_change_places_are_refused():
    a, b = Value("a", TensorType((8,))), Value("b", TensorType((8,)))
    states = (State("a", "parameter", a, b, 0.0), State("b", "parameter", b, a, 0.0))
    with pytest.raises(CompilationError, match="states a, b"):
        plan(Schedule(Graph("g", (), (), (), states), ()), 1)
