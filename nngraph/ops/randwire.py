"""A stage of nodes wired at random, or in any other way (Xie et al. 2019, section 3.2).

A node is the weighted sum of what it reads, ReLU, a separable convolution and batch normalization. Nodes that read no
other node read the stage's input, with the stage's stride; what the stage gives is the mean of the nodes that no other
node reads. A convolution after ReLU and before normalization does not feel the scale of its input, so that reading
the stage's input needs no weight.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from nngraph.errors import OptionError
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Value
from nngraph.ir.op import Absent, Attribute, ErrorSample, Op, Parameter, Sample, register_op
from nngraph.ir.types import Dim, TensorType
from nngraph.ops import parts
from nngraph.ops.mixing import EDGE_DROPOUT
from nngraph.ops.parts import Part, Typed
from nngraph.ops.windows import image_size
from nngraph.ops.wiring import Edge, ExplicitWiring, Wiring, edges_of, order_of, predecessors_of, wiring_from

Stride = int | tuple[int, int]
GENERATOR: Mapping[str, Any] = {"type": "ws", "nodes": 32, "k": 4, "p": 0.75, "seed": 0}


def wiring_of(generator: Any, edges: tuple[Edge, ...] | None) -> Wiring:
    """The wiring that the attributes say; ValueError where they say none."""
    if edges is not None and generator is not GENERATOR:
        raise ValueError("generator and edges given, one of them expected; leave the other out")
    try:
        return wiring_from(generator) if edges is None else ExplicitWiring(edges=edges)
    except OptionError as error:
        raise ValueError(str(error)) from None


def stage(wiring: Wiring, channels: int, stride: Stride, edge_dropout: float) -> Iterator[Part]:
    """The parts of a stage; the last one is its result."""
    before = predecessors_of(wiring.nodes, edges_of(wiring))
    read = {source for sources in before for source in sources}
    digits = max(2, len(str(wiring.nodes - 1)))
    ids = [f"n{i:0{digits}}" for i in range(wiring.nodes)]
    for i in order_of(before):
        sources = tuple(f"{ids[source]}/norm" for source in before[i])
        yield from node(ids[i], sources, channels, 1 if sources else stride, edge_dropout)
    yield Part("output", "average", tuple(f"{id}/norm" for i, id in enumerate(ids) if i not in read))


def node(id: str, sources: tuple[str, ...], channels: int, stride: Stride, edge_dropout: float) -> Iterator[Part]:
    """One that reads other nodes, or else the stage's input."""
    if sources:
        dropped = {"edge_dropout": edge_dropout} if edge_dropout else {}
        yield Part(f"{id}/sum", "weighted_sum", sources, dropped)
    moved = {"stride": stride} if stride != 1 else {}
    yield from (
        Part(f"{id}/relu", "relu", (f"{id}/sum",) if sources else (0,)),
        Part(f"{id}/depthwise", "depthwise_conv2d", (f"{id}/relu",), {"kernel_size": 3, "bias": False, **moved}),
        Part(f"{id}/pointwise", "conv2d", (f"{id}/depthwise",), {"filters": channels, "kernel_size": 1, "bias": False}),
        Part(f"{id}/norm", "batch_norm", (f"{id}/pointwise",)),
    )


@lru_cache(maxsize=64)
def typed_stage(x: TensorType, wiring: Wiring, channels: int, stride: Stride, edge_dropout: float) -> Typed:
    return parts.typed(stage(wiring, channels, stride, edge_dropout), x)


def parts_of(
    x: TensorType,
    channels: int,
    generator: Any = GENERATOR,
    stride: Stride = 2,
    edges: tuple[Edge, ...] | None = None,
    edge_dropout: float = 0.0,
) -> Typed:
    image_size(x)
    return typed_stage(x, wiring_of(generator, edges), channels, stride, edge_dropout)


def infer(x: TensorType, **given: Any) -> TensorType:
    return parts_of(x, **given)[-1].result


def parameters(x: TensorType, **given: Any) -> tuple[Parameter, ...]:
    return parts.parameters_of(parts_of(x, **given))


def expand(b: Builder, x: Value, *values: Value, **given: Any) -> Value:
    return parts.expanded(b, parts_of(x.type, **given), 1, (x, *values))


def reference(x: np.ndarray, *arrays: np.ndarray, **given: Any) -> np.ndarray:
    return parts.computed(parts_of(TensorType(x.shape, str(x.dtype)), **given), 1, (x, *arrays))


def flops(x: TensorType, **given: Any) -> Dim:
    return parts.flops_of(parts_of(x, **given))


def resolve(generator: Any = GENERATOR, edges: tuple[Edge, ...] | None = None, **others: Any) -> dict[str, Any]:
    """The edges in place of the generator that draws them."""
    return {**others, "edges": edges_of(wiring_of(generator, edges))}


SMALL = {"type": "ws", "nodes": 4, "k": 2, "p": 0.5, "seed": 1}
DIAMOND = ((0, 1), (0, 2), (1, 3), (2, 3))
IMAGE = ((2, 4, 4, 3),)
randwire = register_op(
    Op(
        "randwire", "a stage of wired nodes, each a separable convolution of the weighted sum of those that it reads",
        "randwire", ("x",), infer, reference,
        {
            "channels": Attribute("int", "of every node's result", minimum=1),
            "generator": Attribute(
                "wiring", "what draws the wiring: er (p), ba (m) or ws (k, p), each with nodes and seed, or chain, "
                "residual or dense", GENERATOR,
            ),
            "stride": Attribute("pair", "of the nodes that read the stage's input: one number, or down and right", 2,
            minimum=1),
            "edges": Attribute(
                "pairs", "in place of a generator, pairs (from, to) of nodes, counted from 0; they form no cycle", None
            ),
            "edge_dropout": EDGE_DROPOUT,
        },
        parameters=parameters, expand=expand, resolve=resolve, flops=flops,
        samples=(
            Sample(IMAGE, {"channels": 5, "generator": SMALL}),
            Sample(IMAGE, {"channels": 3, "edges": DIAMOND, "stride": 1, "edge_dropout": 0.2}),
            Sample(IMAGE, {"channels": 4, "edges": ()}),
        ),
        errors=(
            ErrorSample(IMAGE, {"channels": 5, "generator": {"type": "ws", "k": 3}}, "k=3 given, an even number"),
            ErrorSample(IMAGE, {"channels": 5, "edges": ((0, 1), (1, 0))}, "a cycle given (0 -> 1 -> 0)"),
            ErrorSample(IMAGE, {"channels": 5, "edges": ((0, 1), (2, 3))}, "several pieces"),
            ErrorSample(IMAGE, {"channels": 5, "generator": SMALL, "edges": DIAMOND}, "generator and edges given"),
            ErrorSample(((2, 5),), {"channels": 5}, "images (batch, height, width, channels)"),
            ErrorSample(IMAGE, {"channels": 0}, "at least 1"), ErrorSample(IMAGE, {}, "'channels' missing"),
        ),
        onnx=Absent("its parts are written, one by one"),
    )
)  # fmt: skip
