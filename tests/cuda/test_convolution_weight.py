"""Patches of images in the kernels for CUDA devices, on sizes around their tiles' edges."""

import numpy as np
import pytest

from nngraph.ir.op import REGISTRY
from tests import compiled
from tests.cuda import simulated
from tests.kernels.test_convolution import SAME, TOLERANCE, graph_of
from tests.ops.cases import assert_close

# Images, rows and columns of the window, filters, attributes, pieces of the filters' gradient.
CASES = (
    ((2, 4, 5, 2), (3, 3), 6, {"padding": SAME}, 3),  # several tiles
    ((1, 3, 4, 5), (3, 3), 9, {"padding": SAME, "stride": (2, 1)}, 2),
    ((1, 7, 6, 1), (2, 3), 3, {"dilation": (3, 2)}, 1),  # runs of one pixel
    ((2, 2, 3, 6), (2, 2), 4, {"groups": 2, "padding": ((1, 0), (0, 2))}, 2),
    ((1, 2, 2, 3), (2, 2), 2, {}, 4),  # fewer pixels than pieces
    ((1, 3, 3, 1), (5, 7), 1, {"padding": ((4, 3), (6, 6))}, 3),  # windows that see next to nothing
    ((2, 5, 6, 2), (1, 2), 3, {"stride": (3, 2), "padding": ((-1, 0), (0, -2))}, 2),
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("number", range(len(CASES)))
def test_edges_of_tiles(number, dtype):
    graph, attributes = graph_of(CASES[number], dtype)
    _, kernel_size, _, _, pieces = CASES[number]
    rng = np.random.default_rng(number)
    inputs = {value.name: rng.normal(size=value.type.shape).astype(dtype) for value in graph.inputs}
    found, _ = simulated.execute(compiled.scheduled(graph), inputs)
    x, weight, dy = (array.astype("d") for array in inputs.values())
    sums = {"kernel_size": kernel_size, "pieces": pieces, **attributes}
    assert_close(found["y"], REGISTRY["convolution"].reference(x, weight, **attributes), TOLERANCE[dtype])
    assert_close(found["dw"], REGISTRY["convolution_weight_sums"].reference(x, dy, **sums), TOLERANCE[dtype])
