"""Other shapes of the same elements."""

from __future__ import annotations

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Value
from nngraph.ir.op import Attribute, ErrorSample, Op, Sample, register_op
from nngraph.ir.types import Batch, Shape, TensorType, broadcast_shapes, format_shape, size_of
from nngraph.ops.onnx import shape as onnx_shape
from nngraph.ops.records import elementwise, expect_rank


def view_infer(x: TensorType, shape: Shape) -> TensorType:
    if size_of(shape) != x.size:
        wrong = f"{format_shape(shape)} with {size_of(shape)}"
        raise ValueError(f"a shape of {x.size} elements expected, {wrong} given")
    return TensorType(shape, x.dtype)


view = register_op(
    Op(
        "view", "the same elements in row-major order under another shape, the batch included", "shape",
        ("x",),
        view_infer, np.reshape, {"shape": Attribute("any", "the whole shape")},
        vjp=lambda b, node, dy: (b.add("view", dy, shape=node.inputs[0].type.shape),),
        view=True, internal=True, flops=lambda x, shape: 0,
        samples=(Sample(((3, 4),), {"shape": (2, 6)}), Sample(((3, 1, 5),), {"shape": (3, 5)})),
        errors=(ErrorSample(((3, 4),), {"shape": (5, 2)}, "12 elements"),),
        onnx=onnx_shape.VIEW,
    )
)  # fmt: skip


def reshaped(x: TensorType, shape: tuple[int, ...]) -> Shape:
    """`shape` behind the batch, a -1 in it replaced by the size that is left."""
    expect_rank(x, 1)
    size = size_of(x.shape[1:])
    known = size_of(tuple(dim for dim in shape if dim != -1))
    assert isinstance(known, int)
    if isinstance(size, Batch) or size % known or (-1 not in shape and size != known):
        raise ValueError(f"a shape of {size} elements an example expected, {format_shape(shape)} given")
    return (x.shape[0], *(size // known if dim == -1 else dim for dim in shape))


reshape = register_op(
    Op(
        "reshape", "each example's elements, in row-major order, under another shape", "shape", ("x",),
        lambda x, shape: TensorType(reshaped(x, shape), x.dtype),
        lambda x, shape: x.reshape(x.shape[0], *shape),
        {"shape": Attribute("shape", "the shape without the batch; one size may be -1, to be found")},
        expand=lambda b, x, shape: b.add("view", x, shape=reshaped(x.type, shape)), flops=lambda x, shape: 0,
        samples=(
            Sample(((3, 12),), {"shape": (4, 3)}), Sample(((2, 3, 4),), {"shape": (2, -1)}),
            Sample(((5, 1),), {"shape": ()}),
        ),
        errors=(
            ErrorSample(((3, 12),), {"shape": (5, 2)}, "12 elements"),
            ErrorSample(((3, 12),), {"shape": (5, -1)}, "12 elements"),
            ErrorSample(((3, 12),), {"shape": (0, 12)}, "positive integers"),
        ),
        onnx=onnx_shape.RESHAPE,
    )
)  # fmt: skip


def flat(x: TensorType) -> Shape:
    expect_rank(x, 1)
    return (x.shape[0], size_of(x.shape[1:]))


flatten = register_op(
    Op(
        "flatten", "each example's elements in one row", "shape", ("x",),
        lambda x: TensorType(flat(x), x.dtype), lambda x: x.reshape(len(x), -1),
        expand=lambda b, x: b.add("view", x, shape=flat(x.type)), flops=lambda x: 0,
        samples=(Sample(((3, 2, 4),)), Sample(((3,),)), Sample(((2, 5),))),
        errors=(ErrorSample(((),), {}, "at least 1 axes"),),
        onnx=onnx_shape.FLATTEN,
    )
)  # fmt: skip


def broadcast_to_infer(x: TensorType, shape: Shape) -> TensorType:
    if broadcast_shapes(x.shape, shape) != shape:
        raise ValueError(f"{format_shape(x.shape)} does not broadcast to {format_shape(shape)}")
    return TensorType(shape, x.dtype)


broadcast_to = elementwise(
    "broadcast_to", "x repeated until it has a shape", "shape", lambda x, shape: x, np.broadcast_to,
    attributes={"shape": Attribute("any", "the whole shape")}, infer=broadcast_to_infer, accepts="any",
    internal=True,
    samples=(
        Sample(((3, 1),), {"shape": (3, 17)}), Sample(((),), {"shape": (2, 5)}),
        Sample(((5,),), {"shape": (2, 3, 5)}),
    ),
    vjp=lambda b, node, dy: (dy,), errors=(ErrorSample(((3, 2),), {"shape": (3, 5)}, "broadcast"),),
    onnx=onnx_shape.BROADCAST_TO,
)  # fmt: skip


def broadcast_shape(x: TensorType, shape: tuple[int, ...]) -> Shape:
    """Each example of x broadcast to `shape`: new axes go behind the batch."""
    expect_rank(x, 1)
    if broadcast_shapes(x.shape[1:], shape) != shape:
        raise ValueError(f"examples of {format_shape(x.shape[1:])} do not broadcast to {format_shape(shape)}")
    return (x.shape[0], *shape)


def broadcast_expand(b: Builder, x: Value, shape: tuple[int, ...]) -> Value:
    whole = broadcast_shape(x.type, shape)
    ones = (1,) * (len(whole) - x.type.rank)
    aligned = b.add("view", x, shape=(x.type.shape[0], *ones, *x.type.shape[1:])) if ones else x
    return b.add("broadcast_to", aligned, shape=whole)


def broadcast_reference(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.stack([np.broadcast_to(example, shape) for example in x])


broadcast = register_op(
    Op(
        "broadcast", "each example repeated until it has a shape", "shape", ("x",),
        lambda x, shape: TensorType(broadcast_shape(x, shape), x.dtype), broadcast_reference,
        {"shape": Attribute("shape", "the shape without the batch")}, expand=broadcast_expand,
        flops=lambda x, shape: 0,
        samples=(Sample(((3, 1),), {"shape": (17,)}), Sample(((2, 5),), {"shape": (3, 5)}),
        Sample(((2,),), {"shape": (4,)})),
        errors=(ErrorSample(((3, 2),), {"shape": (5,)}, "broadcast"),),
        onnx=onnx_shape.BROADCAST,
    )
)  # fmt: skip
