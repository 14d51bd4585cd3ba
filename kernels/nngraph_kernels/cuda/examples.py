"""The kernel that gathers a batch on the device: examples by number, standardized, cropped and mirrored on the way.

It takes arrays of its own after the arguments of every kernel: `data`, all numbers of all examples as they are stored;
`order`, numbers of examples, of which the batch's begin at the cursor of the control block; `rows`, `epochs`, `mean`,
`factor` and `blank`, as `nngraph_kernels.cpu.examples` has them. Its arguments are the batch and that file's integers,
of which `picked` may also be `STREAMED`: only the examples of steps to come are there, in their order, and the first
of `rows` is how far their places are from the cursor's.
"""

from __future__ import annotations

from collections.abc import Sequence

from nngraph_kernels import tape_layout as layout
from nngraph_kernels.cpu.examples import INTEGERS, ExamplesSpec
from nngraph_kernels.cuda.shares import blocks_for
from nngraph_kernels.cuda.target import target
from nngraph_kernels.cuda.text import arguments, element, entry, indent, module
from nngraph_kernels.examples_reference import computed_in

ARRAYS = ("data", "order", "rows", "epochs", "mean", "factor", "blank")
STREAMED = 2
SHARE = 4  # numbers that a thread makes: an example's window is found once for them


def source(name: str, spec: ExamplesSpec) -> str:
    """The source text of the kernel `name`: a block makes a part of one example."""
    kind = computed_in(spec.stored, spec.dtype)
    fixed = [f"channels = {spec.channels}"] * bool(spec.channels)
    share = [
        "i = share // parts",
        "begin = (share - i * parts) * (SHARE * THREADS)",
        f"number = {entry('order', 'cursor + i')}",
        "place = number",
        f"if picked == {STREAMED}:",
        "    place = cursor + i + rows[0]",
        "elif picked != 0:",
        f"    place = {entry('rows', 'number')}",
        "down, right, mirrored = int64(0), int64(0), int64(0)",
        "if crop > 0 or flip != 0:",
        "    down, right, mirrored = window(number, epoch, key0, key1, crop)",
        "mirrored *= flip",
        "for e in range(begin + cuda.threadIdx.x, min(begin + SHARE * THREADS, size), THREADS):",
        *indent([
            "row = int64(uint32(e) // uint32(length))",
            "j = e - row * length",
            "pixel = int64(uint32(j) // uint32(channels))",
            "c = j - pixel * channels",
            "shown = row + down",
            "column = (width - 1 - pixel if mirrored != 0 else pixel) + right",
            f"value = {entry('blank', 'c')}",
            "if shown >= 0 and shown < height and column >= 0 and column < width:",
            f"    stored = {entry('data', '((place * height + shown) * width + column) * channels + c')}",
            f"    value = {spec.dtype}(({kind}(stored) - {entry('mean', 'c')}) * {entry('factor', 'c')})",
            f"{element(spec.dtype, 'y + i * size + e')} = value",
        ]),
    ]  # fmt: skip
    lines = [
        *arguments([("y", spec.dtype)], INTEGERS),
        *fixed,
        "length = width * channels",
        "size = height * length",
        "parts = (size + SHARE * THREADS - 1) // (SHARE * THREADS)",
        f"cursor = control[{layout.CURSOR}]",
        f"epoch = {entry('epochs', 'cursor // count')}",
        "for share in range(cuda.blockIdx.x, batch * parts, cuda.gridDim.x):",
        *indent(share),
    ]
    constants = [f"THREADS = {target().threads}", f"SHARE = {SHARE}"]
    return module(name, lines, constants=constants, arrays=ARRAYS)


def grid(spec: ExamplesSpec, integers: Sequence[int]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    size = target()
    batch, height, width, channels = integers[:4]
    parts = -(-height * width * channels // (SHARE * size.threads))
    return blocks_for(batch * parts), size.threads
