"""Small graphs of one kernel each, their work, and how near they come to this machine's peaks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import numpy as np

from nngraph.bench.peaks import Peaks
from nngraph.bench.timing import seconds_of
from nngraph.declare.graph import Graph
from nngraph.declare.value import Value
from nngraph.ir.op import REGISTRY
from nngraph.ir.types import ITEM_SIZE
from nngraph.programs import Programs
from nngraph_kernels.record import record

Shape = tuple[int, ...]


Step = tuple[str, Mapping[str, Any]]


@record
class Case:
    """A kernel on one shape.

    Attributes
    ----------
    family : str
    name : str
        What it computes.
    shapes : tuple of shapes
        Of its operands, the batch in front.
    steps : tuple of (op, attributes)
        The first is of the operands; each further one of the result so far, and the first operand if it takes two.
    flops : int
        Where arithmetic is what counts; 0 where bytes do.
    """

    family: str
    name: str
    shapes: tuple[Shape, ...]
    steps: tuple[Step, ...]
    flops: int = 0

    @property
    def shape(self) -> str:
        """A batch of one is left out."""
        return ", ".join("×".join(map(str, s[1:] if s[0] == 1 else s)) for s in self.shapes)

    def build(self, g: Graph, operands: list[Value]) -> Value:
        """Declare it."""
        result = operands[0]
        for k, (op, attributes) in enumerate(self.steps):
            given = operands if k == 0 else [result, operands[0]][: len(REGISTRY[op].operands)]
            result = g.apply(op, given, **attributes)
        return result


@record
class Measured:
    """A case, timed.

    Attributes
    ----------
    rate : float
        FLOP/s or bytes/s, as `unit` says.
    peak : float
        What the machine does at most: multiply-adds from registers, or a triad over as many bytes.
    """

    family: str
    name: str
    shape: str
    threads: int
    calls: int
    seconds: float
    rate: float
    unit: str
    peak: float

    @property
    def share(self) -> float:
        return self.rate / self.peak


def products() -> Iterator[Case]:
    """Matrix products: square, thin, batched, with transposed operands, and with work on the result."""
    square = [(32, 64, 128), (64, 64, 64), (128, 784, 512), (256, 256, 256), (512, 512, 512), (1024, 1024, 1024)]
    for m, k, n in [*square, (64, 1000, 100), (8192, 64, 64), (1, 512, 512)]:
        yield product("matmul", m, k, n)
    for m, k, n in [(128, 512, 512), (512, 512, 512), (64, 10, 128)]:
        yield product("matmul a·bᵀ", m, k, n, transpose_b=True)
        yield product("matmul aᵀ·b", m, k, n, transpose_a=True)
    layer: tuple[Step, ...] = (("linear", {"units": 512}), ("relu", {}))
    yield Case("matmul", "linear + relu", ((128, 512),), layer, 2 * 128 * 512 * 512)


def product(name: str, m: int, k: int, n: int, transpose_a: bool = False, transpose_b: bool = False) -> Case:
    a, b = (k, m) if transpose_a else (m, k), (n, k) if transpose_b else (k, n)
    step = ("matmul", {"transpose_a": transpose_a, "transpose_b": transpose_b})
    return Case("matmul", name, ((1, *a), (1, *b)), (step,), 2 * m * k * n)


def convolutions() -> Iterator[Case]:
    """Layers of small image networks: first ones, ordinary ones, strided, in groups."""
    for image, filters, given in [
        ((32, 32, 32, 3), 32, {}), ((32, 32, 32, 32), 32, {}), ((32, 32, 32, 64), 64, {}), ((32, 8, 8, 64), 128, {}),
        ((32, 32, 32, 64), 64, {"kernel_size": 5}), ((8, 56, 56, 39), 78, {"stride": 2}),
        ((32, 16, 16, 64), 64, {"groups": 4}),
    ]:  # fmt: skip
        yield convolution(image, filters, **given)


def convolution(image: Shape, filters: int, kernel_size: int = 3, stride: int = 1, groups: int = 1) -> Case:
    given = {"filters": filters, "kernel_size": kernel_size, "stride": stride, "groups": groups, "bias": False}
    name = f"{kernel_size}×{kernel_size}, {filters} filters" + (f", stride {stride}" if stride > 1 else "")
    places = image[0] * -(-image[1] // stride) * -(-image[2] // stride)
    flops = 2 * places * filters * kernel_size**2 * (image[3] // groups)
    return Case("conv2d", name + (f", {groups} groups" if groups > 1 else ""), (image,), (("conv2d", given),), flops)


def simple(family: str, op: str, *shapes: Shape, name: str = "", **attributes: Any) -> Case:
    """A case of one op."""
    return Case(family, name or op, shapes, ((op, attributes),))


def elementwise() -> Iterator[Case]:
    sizes = ((64, 1024), (1024, 1024), (8192, 1024))
    for op in ("relu", "exp", "tanh", "sigmoid", "gelu"):
        for shape in sizes:
            yield simple("elementwise", op, shape)
    for shape in sizes:
        yield simple("elementwise", "add", shape, shape)
    for shape in sizes:
        yield Case("elementwise", "x·y + x", (shape, shape), (("multiply", {}), ("add", {})))


def rows() -> Iterator[Case]:
    """Kernels that reduce along rows, and reductions over other axes."""
    for op in ("softmax", "log_softmax"):
        for shape in ((32, 10), (1024, 10), (1024, 1000), (8192, 512)):
            yield simple("softmax", op, shape)
    for shape in ((64, 64), (1024, 512), (8192, 512)):
        yield simple("layer_norm", "layer_norm", shape)
    for op in ("sum", "max"):
        for shape in ((64, 1024), (1024, 1024), (4096, 4096)):
            yield simple("reduction", op, shape, name=f"{op} of rows", axis=-1)
    for shape in ((8, 64, 64), (16, 1024, 256)):
        yield simple("reduction", "sum", shape, name="sum of columns", axis=1)


def depthwise() -> Iterator[Case]:
    """As in the nodes of randomly wired networks."""
    for image in ((32, 16, 16, 32), (8, 28, 28, 78)):
        for size, stride in ((3, 1), (3, 2), (5, 1)):
            given = {"kernel_size": size, "stride": stride, "bias": False}
            flops = 2 * size**2 * prod(image) // stride**2
            name = f"{size}×{size}, each channel" + (f", stride {stride}" if stride > 1 else "")
            yield Case("depthwise", name, (image,), (("depthwise_conv2d", given),), flops)


def pooling() -> Iterator[Case]:
    image = (32, 32, 32, 64)
    for op in ("max_pool", "average_pool"):
        yield simple("pooling", op, image, name=f"{op} 2×2", size=2)
    yield simple("pooling", "max_pool", image, name="max_pool 3×3, stride 2", size=3, stride=2)
    yield simple("pooling", "global_average_pool", image)


def movement() -> Iterator[Case]:
    for shape in ((1, 64, 64), (1, 512, 512), (1, 2048, 2048)):
        yield simple("transpose", "transpose", shape, axes=(0, 2, 1))
    yield simple("transpose", "transpose", (8, 128, 8, 64), name="transpose 0213", axes=(0, 2, 1, 3))
    yield simple("movement", "concat", (1024, 256), (1024, 256))
    yield simple("movement", "slice", (1024, 512), start=128, stop=384)


def cases() -> list[Case]:
    """All of them, in the order of the table."""
    return [*products(), *convolutions(), *depthwise(), *pooling(), *elementwise(), *rows(), *movement()]


def programs_of(case: Case, dtype: str, threads: int) -> Programs:
    """The compiled graph of a case; its operands stay in memory, as they do between the layers of a network."""
    g = Graph(case.family)
    operands = [g.input(f"x{k}", shape[1:]) for k, shape in enumerate(case.shapes)]
    for operand in operands:
        g.output(operand)
    g.output(case.build(g, operands), name="y")
    return Programs(g.declaration(), dtype=dtype, threads=threads)


def measure(case: Case, peaks: Peaks, dtype: str) -> Measured:
    """Time a case, and what it is to be compared with."""
    programs = programs_of(case, dtype, peaks.threads)
    batch = case.shapes[0][0]
    bound = programs.current("predict", batch)
    rng = np.random.default_rng(0)
    for view in bound.inputs.values():
        view[...] = rng.uniform(-1, 1, view.shape)
    seconds = seconds_of(peaks.tape, bound.program, peaks.threads)
    size = sum(map(prod, case.shapes)) + bound.outputs["y"].size
    nbytes = size * ITEM_SIZE[dtype]
    rate, unit, peak = (
        (case.flops / seconds, "FLOP/s", peaks.flops(dtype))
        if case.flops
        else (nbytes / seconds, "B/s", peaks.bandwidth(dtype, nbytes))
    )
    calls = len(bound.program.table)
    return Measured(case.family, case.name, case.shape, peaks.threads, calls, seconds, rate, unit, peak)
