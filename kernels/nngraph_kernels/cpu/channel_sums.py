"""Template of sums over rows of channels, in pieces of rows: moments, and what the backward of scale and shift needs.

Threads share out the pieces, whose number and bounds do not depend on theirs. Within a piece rows are taken by the
chunk: the sums of a chunk are short and stay in registers.
"""

from __future__ import annotations

from typing import Literal

from nngraph_kernels.record import record
from nngraph_kernels.target import lanes

OPERANDS = {"moments": ("x",), "scale_shift": ("dz", "x", "mean")}
PARTS = {"moments": 3, "scale_shift": 2}


@record
class ChannelSumsSpec:
    """Which sums.

    Attributes
    ----------
    sums : {"moments", "scale_shift"}
        Number of rows, mean and Σ (x − mean)²; or Σ dz and Σ dz (x − mean), given the mean.
    dtype : {"float32", "float64"}
    """

    sums: Literal["moments", "scale_shift"]
    dtype: str = "float32"


def arguments(spec: ChannelSumsSpec) -> tuple[str, ...]:
    """The names of the argument slots, in order.

    Pointers: `partial` (pieces, 3 or 2, channels), then `x`, or `dz`, `x` (rows, channels) and `mean` (channels).
    Ints: `rows`, `channels`, `pieces`.
    """
    return ("partial", *OPERANDS[spec.sums], "rows", "channels", "pieces")


def source(name: str, spec: ChannelSumsSpec) -> str:
    """The source text of the kernel `name`."""
    operands, parts = OPERANDS[spec.sums], PARTS[spec.sums]
    slots = arguments(spec)
    pointers = len(operands) + 1
    here = [f"offset_pointer({x}, start * channels)" if x != "mean" else x for x in operands]
    lines = [
        "from nngraph_kernels.cpu.channel_sums_tile import piece_summer",
        "from nngraph_kernels.simd import integer, offset_pointer, pointer",
        "",
        f'sum_piece = piece_summer("{spec.sums}", "{spec.dtype}", {lanes(spec.dtype)})',
        "",
        "",
        f"def {name}(args, thread, threads):",
        *(f'    {slot} = pointer(args, {k}, "{spec.dtype}")' for k, slot in enumerate(slots[:pointers])),
        *(f"    {slot} = integer(args, {k})" for k, slot in enumerate(slots) if k >= pointers),
        "    for piece in range(pieces * thread // threads, pieces * (thread + 1) // threads):",
        "        start = rows * piece // pieces",
        "        height = rows * (piece + 1) // pieces - start",
        f"        into = offset_pointer(partial, piece * {parts} * channels)",
        f"        sum_piece({', '.join(here)}, height, channels, into)",
    ]
    return "\n".join(lines) + "\n"
