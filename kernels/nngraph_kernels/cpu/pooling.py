"""Templates of pooling: of each window of an image, for each channel, the largest pixel or the mean; and the backward.

What lies outside of an image has no part in it: windows at the border are smaller. All sizes are arguments.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from nngraph_kernels.record import record
from nngraph_kernels.target import lanes

GEOMETRY = (
    "images", "height", "width", "channels", "rows", "columns", "size_y", "size_x", "stride_y", "stride_x", "top",
    "left", "counted",
)  # fmt: skip


@record
class PoolingSpec:
    """Which pooling.

    Attributes
    ----------
    kind : {"max", "average"}
    dtype : {"float32", "float64"}
    """

    kind: Literal["max", "average"]
    dtype: str = "float32"


def arguments(spec: PoolingSpec, backward: bool = False) -> tuple[str, ...]:
    """The names of the argument slots, in order.

    Pointers: `y` and `x`, or `dx`, `x` (of "max" alone) and `dy`; images (images, height, width, channels), windows
    (images, rows, columns, channels). Ints: `GEOMETRY`, where `counted` is whether a mean counts the padding.
    """
    pointers = ("dx", *(["x"] if spec.kind == "max" else []), "dy") if backward else ("y", "x")
    return (*pointers, *GEOMETRY)


def source(name: str, spec: PoolingSpec) -> str:
    """The source text of the forward kernel `name`: threads share out the rows of windows of all images."""
    lines = [
        *head(name, spec, "row_pooler", "pool_row", arguments(spec)),
        "    for unit in range(images * rows * thread // threads, images * rows * (thread + 1) // threads):",
        "        start = unit % rows * stride_y - top",
        "        first = max(start, 0)",
        "        seen = min(start + size_y, height) - first",
        "        pixels = offset_pointer(x, (unit // rows * height + first) * width * channels)",
        "        into = offset_pointer(y, unit * columns * channels)",
        "        pool_row(pixels, seen, width, channels, columns, size_y, size_x, stride_x, left, counted, into)",
    ]
    return "\n".join(lines) + "\n"


def backward_source(name: str, spec: PoolingSpec) -> str:
    """The source text of the backward kernel `name`: threads share out blocks of channels of all images."""
    slots, step = arguments(spec, backward=True), BLOCK * lanes(spec.dtype)
    images = [pointer for pointer in slots if pointer in ("dx", "x")]
    lines = [
        *head(name, spec, "image_spreader", "spread_image", slots),
        f"    blocks = (channels + {step - 1}) // {step}",
        "    for unit in range(images * blocks * thread // threads, images * blocks * (thread + 1) // threads):",
        "        image = unit // blocks",
        f"        c = unit % blocks * {step}",
        f"        part = min(channels - c, {step})",
        *(f"        {x}_part = offset_pointer({x}, image * height * width * channels + c)" for x in images),
        "        dy_part = offset_pointer(dy, image * rows * columns * channels + c)",
        f"        spread_image({', '.join(f'{x}_part' for x in (*images, 'dy'))}, part, {', '.join(GEOMETRY[1:])})",
    ]
    return "\n".join(lines) + "\n"


BLOCK = 4  # vectors of channels in a unit


def head(name: str, spec: PoolingSpec, maker: str, primitive: str, slots: tuple[str, ...]) -> Iterator[str]:
    """Imports, the primitive, and the kernel's arguments."""
    yield f"from nngraph_kernels.cpu.pooling_window import {maker}"
    yield "from nngraph_kernels.simd import integer, offset_pointer, pointer"
    yield ""
    yield f'{primitive} = {maker}("{spec.kind}", "{spec.dtype}", {lanes(spec.dtype)})'
    yield ""
    yield ""
    yield f"def {name}(args, thread, threads):"
    for k, slot in enumerate(slots):
        get = f"integer(args, {k})" if slot in GEOMETRY else f'pointer(args, {k}, "{spec.dtype}")'
        yield f"    {slot} = {get}"
