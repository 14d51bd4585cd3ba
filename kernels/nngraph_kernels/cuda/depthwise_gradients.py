"""The text of a pixel's part in the gradients of a depthwise convolution: the cotangent's pixels that it met.

Seen from a pixel of the image, both gradients need the same numbers of the cotangent: times the weight they are the
pixel's own cotangent, times the pixel they belong to the gradient of the weight.
"""

from __future__ import annotations

from nngraph_kernels.cuda.depthwise_frame import each_value, listed, load
from nngraph_kernels.cuda.depthwise_layout import STRIP
from nngraph_kernels.cuda.indices import quotient
from nngraph_kernels.cuda.text import indent


def weight_lines(size: int) -> list[str]:
    """The window's weights in registers."""
    return [f"k{i}{j} = {load(f'weight + {i * size + j} * channels + c')}" for i in range(size) for j in range(size)]


def strip_gradients(size: int, stride: int, data: bool, weight: bool) -> list[str]:
    """For a constant window: `dr0`, ... of a strip's pixels, and `g00`, ..., the sums of the taps, from `r0`, ....

    The strip begins at `h`, which with the rows of zeros above is a multiple of the stride: so it is known which taps
    meet which row of the cotangent.
    """
    shift = stride.bit_length() - 1
    lines = [f"base = (h + top) >> {shift}"]
    for k in range(size):
        lines.append(f"column = w + left - {k}")
        lines.append(f"seen{k} = column >= 0 and column & {stride - 1} == 0 and column >> {shift} < result_width")
        lines.append(f"column{k} = min(max(column >> {shift}, 0), result_width - 1) * channels + c")
    meetings = [(q, i) for q in range(STRIP) for i in range(size) if (q - i) % stride == 0]
    for line in sorted({(q - i) // stride for q, i in meetings}):
        lines.append(f"line = base + {line}")
        lines.append("inside = line >= 0 and line < result_height")
        lines.append(
            "row = dy + (image * result_height + min(max(line, 0), result_height - 1)) * result_width * channels"
        )
        lines += [f"v{k} = {load(f'row + column{k}')} if inside and seen{k} else zero" for k in range(size)]
        met = [(q, i, j) for q, i in meetings if q - i == line * stride for j in range(size)]
        lines += [f"dr{q} += v{j} * k{i}{j}" for q, i, j in met if data]
        lines += [f"g{i}{j} += r{q} * v{j}" for q, i, j in met if weight]
    return lines


def meeting_lines() -> list[str]:
    """Set `v` to what the pixel (h, w) met at tap (ky, kx) of any window, 0 if there is nothing."""
    return [
        "v = zero",
        "reach_y = h + top - ky * down_dilation",
        "reach_x = w + left - kx * across_dilation",
        "if reach_y >= 0 and reach_x >= 0:",
        *indent([
            f"oy = {quotient('reach_y', 'down')}",
            f"ox = {quotient('reach_x', 'across')}",
            "if oy * down == reach_y and ox * across == reach_x and oy < result_height and ox < result_width:",
            f"    v = {load('dy + ((image * result_height + oy) * result_width + ox) * channels + c')}",
        ]),
    ]  # fmt: skip


def data_lines() -> list[str]:
    """Set `dr0` to the pixel's cotangent, for any window."""
    return [
        "dr0 = zero",
        "for ky in range(rows):",
        "    for kx in range(columns):",
        *indent(indent(meeting_lines())),
        f"        dr0 += v * {load('weight + (ky * columns + kx) * channels + c')}",
    ]


def centered_lines(dtype: str, count: int, slot: str, first: str, last: str) -> list[str]:
    """Add Σ d (x_i − mean_i) over a strip to the thread's own sums in shared memory, of some values of the list."""
    return each_value([
        f"mean = {listed('mean', dtype)}",
        f"value = (words[uint64(slot)] >> {2 if dtype == 'float32' else 3}) + place",
        f"own = uint64(({slot}) * THREADS + cuda.threadIdx.x)",
        "centered_sum = shared[own]",
        *(f"centered_sum += d{q} * ({load(f'value + row{q}')} - mean)" for q in range(count)),
        "shared[own] = centered_sum",
    ], first, last)  # fmt: skip


def clear_lines(count: str) -> list[str]:
    """The thread's own sums in shared memory become 0."""
    return [f"for i in range({count}):", "    shared[uint64(i * THREADS + cuda.threadIdx.x)] = zero"]


def leave_lines(count: str, to: str, start: str = "0") -> list[str]:
    """Add up the sums of a block's threads, in their order: `count` for each channel, which go to rows of channels."""
    return [
        "cuda.syncthreads()",
        f"for k in range(cuda.threadIdx.x, ({count}) << exponent, THREADS):",
        *indent([
            "target = (chunk << exponent) + (k & (lanes - 1))",
            "if target < channels:",
            *indent([
                "found = zero",
                f"begin = ((k >> exponent) + {start}) * THREADS",
                "for t in range(k & (lanes - 1), THREADS, lanes):",
                "    found += shared[uint64(begin + t)]",
                f"data[uint64({to} + (k >> exponent) * channels + target)] = found",
            ]),
        ]),
        "cuda.syncthreads()",
    ]  # fmt: skip
