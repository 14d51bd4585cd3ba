"""Every sample of every op, right through the compiler: what the kernels leave is what the reference says.

The arena is full of NaN and stands between pages that may not be touched. The kernels of all samples are
compiled together.
"""

import numpy as np
import pytest

from nngraph.ir.program import Schedule
from tests import compiled
from tests.ops import cases

TOLERANCE = {"float32": 4e-6, "float64": 2e-13}
SAMPLES = cases.samples(lambda op: op.name != "fused")
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def key(op, sample, dtype):
    return op.name, id(sample), dtype


def case_graph(op, sample, dtype, batched=False):
    """The op alone, on inputs whose first axis is the batch if `batched`; the case, and the arrays."""
    case = cases.draw_case(op, sample, dtype)

    def body(b, values):
        if op.expand:
            return [op.expand(b, *values, **case.attributes)]
        return cases.append_node(b, case, values).results

    graph, inputs = cases.build(case, body)
    return case, graph, inputs


@pytest.fixture(scope="module")
def schedules() -> dict[object, Schedule]:
    found = {}
    for parameters in SAMPLES:
        op, sample = parameters.values
        for dtype in ("float32", "float64"):
            found[key(op, sample, dtype)] = compiled.scheduled(case_graph(op, sample, dtype)[1])
    compiled.compiled(found.values())
    return found


@dtypes
@pytest.mark.parametrize(("op", "sample"), SAMPLES)
def test_kernel_is_the_reference(schedules, op, sample, dtype):
    case, graph, inputs = case_graph(op, sample, dtype)
    made = schedules[key(op, sample, dtype)]
    states = {state.name: np.asarray(state.initial) for state in graph.states}
    found = compiled.execute(made, inputs, states)
    shared = compiled.execute(made, inputs, states, threads=2)
    results = cases.run(graph, inputs).values() if op.name == "dropout" else case.references()
    for name, array in zip(found.outputs, results, strict=True):
        cases.assert_close(found.outputs[name], array, TOLERANCE[dtype])
        np.testing.assert_array_equal(shared.outputs[name], found.outputs[name])
