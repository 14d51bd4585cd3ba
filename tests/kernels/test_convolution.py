"""The two kernels of convolutions on sizes around their blocks' edges, for all kinds of processors."""

import numpy as np
import pytest

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Value
from nngraph.ir.op import REGISTRY
from nngraph.ir.types import TensorType
from tests import compiled
from tests.ops.cases import assert_close

TOLERANCE = {"float32": 4e-6, "float64": 1e-13}
SAME = ((1, 1), (1, 1))
# Images, rows and columns of the window, filters, attributes, pieces of the filters' gradient.
CASES = (
    ((2, 9, 33, 3), (3, 3), 37, {"padding": SAME}, 5),  # several strips a row, parts of vectors
    ((1, 5, 4, 40), (3, 3), 130, {"padding": SAME, "stride": (2, 1)}, 7),  # several blocks of rows and columns
    ((1, 20, 21, 2), (2, 5), 3, {"dilation": (3, 2)}, 1),  # more pixels than a block, runs of one pixel
    ((3, 2, 3, 12), (2, 2), 8, {"groups": 4, "padding": ((1, 0), (0, 2))}, 2),
    ((1, 2, 2, 5), (2, 2), 2, {}, 4),  # fewer pixels than pieces
    ((1, 3, 3, 1), (5, 7), 1, {"padding": ((4, 3), (6, 6))}, 3),  # windows that see next to nothing
    ((2, 7, 9, 4), (1, 2), 6, {"stride": (3, 2), "padding": ((-1, 0), (0, -2))}, 2),
)


def graph_of(case, dtype):
    images, kernel_size, filters, given, pieces = case
    b = Builder(dtype=dtype)
    attributes = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1} | given
    shape = (*kernel_size, images[-1] // attributes["groups"], filters)
    x, weight = Value("x", TensorType(images, dtype)), Value("weight", TensorType(shape, dtype))
    y = b.add("convolution", x, weight, **attributes)
    dy = Value("dy", y.type)
    dw = b.add("convolution_weight_sums", x, dy, kernel_size=kernel_size, pieces=pieces, **attributes)
    graph = Graph("case", (x, weight, dy), tuple(b.nodes), (("y", y), ("dw", dw)), ())
    return graph, attributes


@pytest.fixture(scope="module", params=["float32", "float64"])
def schedules(request):
    found = [compiled.scheduled(graph_of(case, request.param)[0]) for case in CASES]
    compiled.compiled(found)
    return request.param, found


@pytest.mark.parametrize("number", range(len(CASES)))
def test_edges_of_blocks(schedules, number):
    dtype, made = schedules
    graph, attributes = graph_of(CASES[number], dtype)
    _, kernel_size, _, _, pieces = CASES[number]
    rng = np.random.default_rng(number)
    inputs = {value.name: rng.normal(size=value.type.shape).astype(dtype) for value in graph.inputs}
    found = compiled.execute(made[number], inputs)
    x, weight, dy = (array.astype("d") for array in inputs.values())
    sums = {"kernel_size": kernel_size, "pieces": pieces, **attributes}
    assert_close(found.outputs["y"], REGISTRY["convolution"].reference(x, weight, **attributes), TOLERANCE[dtype])
    assert_close(found.outputs["dw"], REGISTRY["convolution_weight_sums"].reference(x, dy, **sums), TOLERANCE[dtype])
    for threads in (2, 5):
        shared = compiled.execute(made[number], inputs, threads=threads)
        for name, array in found.outputs.items():
            np.testing.assert_array_equal(shared.outputs[name], array)
