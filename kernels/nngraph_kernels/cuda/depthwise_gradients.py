"""The text of a pixel's part in the gradients of a depthwise convolution: the cotangent's pixels that it met.

Seen from a pixel of the image, both gradients need the same numbers of the cotangent: times the weight they are the
pixel's own cotangent, times the pixel they belong to the gradient of the weight.
"""

from __future__ import annotations

from nngraph_kernels.cuda.depthwise_frame import clamped, each_value, inside, listed, load, masked, store
from nngraph_kernels.cuda.depthwise_layout import STRIP
from nngraph_kernels.cuda.indices import quotient
from nngraph_kernels.cuda.text import indent


def strip_gradients(size: int, stride: int, data: bool, weight: bool) -> list[str]:
    """For a constant window: `dr0`, ... of a strip's pixels, and `g00`, ..., the sums of the taps, from `r0`, ....

    The strip begins at `h`, which with the rows of zeros above is a multiple of the stride: so it is known which taps
    meet which row of the cotangent.
    """
    shift = stride.bit_length() - 1
    lines = [f"base = int32((h + top) >> {shift})", "result_at = dy + image * result_size"]
    for k in range(size):
        lines.append(f"column = int32(w + left - {k})")
        lines.append(f"seen{k} = {inside(f'column >> {shift}', 'result_width')}")
        lines += [f"seen{k} = seen{k} & (column & {stride - 1} == nought)"] if shift else []
        lines.append(f"column{k} = {clamped(f'column >> {shift}', 'result_width', 'channels + c')}")
    meetings = [(q, i) for q in range(STRIP) for i in range(size) if (q - i) % stride == 0]
    for line in sorted({(q - i) // stride for q, i in meetings}):
        place = f"base + {line}" if line >= 0 else f"base - {-line}"
        lines.append(f"inside = {inside(place, 'result_height')}")
        lines.append(f"row = result_at + {clamped(place, 'result_height', 'result_row_size')}")
        lines += [f"v{k} = {load(f'row + column{k}', 'dy')}" for k in range(size)]
        lines += [masked(f"v{k}", f"inside & seen{k}") for k in range(size)]
        met = [(q, i, j) for q, i in meetings if q - i == line * stride for j in range(size)]
        lines += [f"dr{q} += v{j} * k{i}{j}" for q, i, j in met if data]
        lines += [f"g{i}{j} += r{q} * v{j}" for q, i, j in met if weight]
    return lines


def meeting_lines() -> list[str]:
    """Set `v` to what the pixel (h, w) met at tap (ky, kx) of any window, 0 if there is nothing."""
    return [
        "v = zero",
        "reach_y = int32(h + top - ky * down_dilation)",
        "reach_x = int32(w + left - kx * across_dilation)",
        "if reach_y >= nought and reach_x >= nought:",
        *indent([
            f"oy = {quotient('reach_y', 'down')}",
            f"ox = {quotient('reach_x', 'across')}",
            "if oy * down == reach_y and ox * across == reach_x and oy < result_height and ox < result_width:",
            f"    v = {load('dy + image * result_size + int32(oy * result_row_size + ox * channels + c)', 'dy')}",
        ]),
    ]  # fmt: skip


def data_lines() -> list[str]:
    """Set `dr0` to the pixel's cotangent, for any window."""
    return [
        "dr0 = zero",
        "for ky in range(rows):",
        "    for kx in range(columns):",
        *indent(indent(meeting_lines())),
        f"        dr0 += v * {load('weight + int32((ky * columns + kx) * channels + c)')}",
    ]


def centered_lines(dtype: str, count: int, slot: str, first: str, last: str) -> list[str]:
    """Add Σ d (x_i − mean_i) over a strip to the thread's own sums in shared memory, of some values of the list."""
    return each_value([
        f"mean = {load(listed('mean', dtype) + ' + c')}",
        f"value = {listed('value', dtype)} + image_at",
        f"own = uint32(({slot}) * THREADS + thread)",
        "centered_sum = shared[own]",
        *(f"centered_sum += d{q} * ({load(f'value + row{q}', 'value')} - mean)" for q in range(count)),
        "shared[own] = centered_sum",
    ], first, last)  # fmt: skip


def clear_lines(count: str) -> list[str]:
    """The thread's own sums in shared memory become 0."""
    return [f"for i in range({count}):", "    shared[uint32(i * THREADS + thread)] = zero"]


def leave_lines(count: str, pointer: str, to: str, start: str = "nought") -> list[str]:
    """Add up the sums of a block's threads, in their order: `count` for each channel, which go to rows of channels."""
    return [
        "cuda.syncthreads()",
        f"rows_at = {pointer} + {to} * channels",
        f"for k in range(thread, int32(({count}) << exponent), THREADS):",
        *indent([
            "target = int32((chunk << exponent) + (k & (lanes - 1)))",
            "if target < channels:",
            *indent([
                "found = zero",
                f"begin = int32(((k >> exponent) + {start}) * THREADS + (k & (lanes - 1)))",
                "for t in range(workers):",
                "    found += shared[uint32(begin + (t << exponent))]",
                store("rows_at + int32((k >> exponent) * channels + target)", "found"),
            ]),
        ]),
        "cuda.syncthreads()",
    ]  # fmt: skip
