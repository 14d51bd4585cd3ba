"""Convolutions, with the elementwise work fused to them, as calls of kernels that gather patches of images."""

from __future__ import annotations

from functools import partial

from nngraph.ir.graph import Node, Value
from nngraph.ir.program import Kernel, KernelCall, Operand
from nngraph.ir.types import Dim, Shape, evaluate, multiply
from nngraph.ops.windows import span
from nngraph.schedule.matmul import access_of, epilogue_body, epilogue_spec, in_place, moment_operands, stored
from nngraph.schedule.region import Region, traffic
from nngraph_kernels.cpu.convolution_weight import ConvolutionWeightSpec
from nngraph_kernels.cpu.convolution_weight import scratch_bytes as weight_scratch_bytes
from nngraph_kernels.cpu.epilogue import Access
from nngraph_kernels.cpu.matmul import MatmulSpec, scratch_bytes
from nngraph_kernels.record import record


@record
class Patches:
    """What a window sees of the images, for kernels; sizes but for the batch are known.

    Attributes
    ----------
    geometry : tuple of int
        As `GEOMETRY` of `nngraph_kernels.cpu.patch_geometry` names them.
    pixels : Dim
        Places of the window, in all images.
    groups, channels, runs, depth : int
        Groups of channels, channels in one, runs and elements of a patch of it.
    """

    geometry: tuple[int, ...]
    pixels: Dim
    groups: int
    channels: int
    runs: int
    depth: int


def patches_of(x: Value, result: Shape, kernel_size: tuple[int, int], node: Node) -> Patches:
    """Pixels that are neighbors in the window and in the image, with all of their channels, are one run."""
    (_, height, width, pixel), (batch, down, across, _) = x.type.shape, result
    assert isinstance(height, int) and isinstance(width, int) and isinstance(pixel, int)  # noqa: PT018
    assert isinstance(down, int) and isinstance(across, int)  # noqa: PT018
    given, (kh, kw) = node.attributes, kernel_size
    (top, _), (left, _) = given["padding"]
    groups: int = given["groups"]
    channels = pixel // groups
    runs_x, length = (1, kw * pixel) if groups == 1 and given["dilation"][1] == 1 else (kw, channels)
    geometry = (
        height, width, pixel, down, across, *given["stride"], top, left, *given["dilation"], kh, runs_x, length,
        width - span(kw, given["dilation"][1]),
    )  # fmt: skip
    return Patches(geometry, multiply(batch, down * across), groups, channels, kh * runs_x, kh * kw * channels)


def schedule_convolution(region: Region) -> list[KernelCall]:
    """One call: a product of patches and filters, a batch of as many as there are groups."""
    node = next(node for node in region.members if node.op.name == "convolution")
    x, weight = node.inputs
    kh, kw, _, filters = (dim for dim in weight.type.shape if isinstance(dim, int))
    patches = patches_of(x, region.space, (kh, kw), node)
    body = epilogue_body(region, node)
    values, count = [*stored(region), x, weight, *body.operands], len(stored(region))
    accesses: list[Access] = [access_of(v, region.space, varies(v, region.space)) for v in body.operands]
    product = MatmulSpec(x.type.dtype, patches=True)
    spec = epilogue_spec(product, region, body, accesses)
    partial_sums, all_channels = moment_operands(region)
    n = filters // patches.groups
    sizes = (patches.groups, patches.pixels, n, patches.depth)
    steps: dict[Access, tuple[int, ...]] = {"full": (n, filters), "row": (0, 1), "column": (n,), "scalar": ()}
    strides = [n, filters] * count + [step for access in accesses for step in steps[access]]
    operands = [Operand(value) for value in values]
    return [
        KernelCall(
            Kernel("matmul", spec), (*operands[:count], *partial_sums), tuple(operands[count:]),
            (*sizes, *patches.geometry, filters, patches.channels, n, *strides, *all_channels),
            tuple(body.numbers), region.ids, scratch=partial(scratch, product, patches, n),
            in_place=in_place(values, accesses, count),
            flops=multiply(multiply(patches.pixels, filters), 2 * patches.depth), traffic=traffic(values),
            origins=tuple(body.origins),
        )
    ]  # fmt: skip


def schedule_convolution_weight(node: Node) -> list[KernelCall]:
    """One call: a product of patches and cotangents for each piece of the pixels."""
    x, dy = node.inputs
    patches = patches_of(x, dy.type.shape, node.attributes["kernel_size"], node)
    filters = dy.type.shape[-1]
    assert isinstance(filters, int)
    spec = ConvolutionWeightSpec(x.type.dtype)
    sizes = (node.attributes["pieces"], patches.groups, patches.pixels, patches.depth, filters // patches.groups)
    return [
        KernelCall(
            Kernel("convolution_weight", spec), (Operand(node.result),), (Operand(x), Operand(dy)),
            (*sizes, filters, patches.channels, *patches.geometry), (), (node.id,),
            scratch=lambda batch: weight_scratch_bytes(spec, 1),
            flops=multiply(dy.type.size, 2 * patches.depth), traffic=traffic([node.result, x, dy]),
        )
    ]  # fmt: skip


def varies(value: Value, space: Shape) -> int:
    """1 if an operand of the result's channels differs from pixel to pixel."""
    return int(value.type.shape == space)


def scratch(spec: MatmulSpec, patches: Patches, n: int, batch: int) -> int:
    """Bytes of scratch for one thread."""
    return scratch_bytes(spec, evaluate(patches.pixels, batch), n, patches.depth, 1, patches.runs)
