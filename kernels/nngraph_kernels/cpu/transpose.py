"""Template of the transposition: y[batch, c, r] = x[batch, r, c], sizes known at run time.

Squares as wide as a vector are transposed in registers (`transpose_tile`). The work is shared out over the
threads in strips: as many rows of y as a vector has lanes, which are contiguous where y is.
"""

from __future__ import annotations

from nngraph_kernels.record import record
from nngraph_kernels.target import lanes

ARGUMENTS = ("y", "x", "batches", "rows", "columns", "y_batch", "y_row", "x_batch", "x_row")


@record
class TransposeSpec:
    """Which transposition.

    Attributes
    ----------
    dtype : {"float32", "float64"}
    """

    dtype: str = "float32"


def arguments(spec: TransposeSpec) -> tuple[str, ...]:
    """The names of the argument slots, in order.

    Pointers `y` and `x`. Ints: `batches`, `rows` and `columns` of x, and the strides, in elements, of the
    batches and rows of each. The elements of a row are contiguous.
    """
    return ARGUMENTS


def source(name: str, spec: TransposeSpec) -> str:
    """The source text of the kernel `name`."""
    width = lanes(spec.dtype)
    slots = [f'    {slot} = pointer(args, {i}, "{spec.dtype}")' for i, slot in enumerate(ARGUMENTS[:2])]
    slots += [f"    {slot} = integer(args, {i})" for i, slot in enumerate(ARGUMENTS) if i >= 2]
    lines = [
        "from nngraph_kernels.cpu.transpose_tile import strip_transposer",
        "from nngraph_kernels.simd import integer, offset_pointer, pointer",
        "",
        f'transpose_strip = strip_transposer("{spec.dtype}", {width})',
        "",
        "",
        f"def {name}(args, thread, threads):",
        *slots,
        f"    strips = (columns + {width - 1}) // {width}",
        "    units = batches * strips",
        "    for unit in range(units * thread // threads, units * (thread + 1) // threads):",
        "        batch = unit // strips",
        f"        left = unit % strips * {width}",
        "        x_strip = offset_pointer(x, batch * x_batch + left)",
        "        y_strip = offset_pointer(y, batch * y_batch + left * y_row)",
        "        transpose_strip(x_strip, x_row, rows, columns - left, y_strip, y_row)",
    ]
    return "\n".join(lines) + "\n"
