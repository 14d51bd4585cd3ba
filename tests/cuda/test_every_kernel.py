"""Every sample of every op through the compiler and CUDA's simulator: what the kernels leave is the reference."""

import numpy as np
import pytest

from tests import compiled
from tests.cuda import simulated
from tests.ops import cases
from tests.ops.test_every_kernel import SAMPLES, TOLERANCE, case_graph, dtypes


@dtypes
@pytest.mark.parametrize(("op", "sample"), SAMPLES)
def test_kernel_is_the_reference(op, sample, dtype):
    case, graph, inputs = case_graph(op, sample, dtype)
    made = compiled.scheduled(graph)
    states = {state.name: np.asarray(state.initial) for state in graph.states}
    found, _ = simulated.execute(made, inputs, states)
    results = cases.run(graph, inputs).values() if op.name == "dropout" else case.references()
    for name, array in zip(found, results, strict=True):
        cases.assert_close(found[name], array, TOLERANCE[dtype])
