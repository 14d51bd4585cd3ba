"""Template of the kernel that gathers a batch: examples by number, standardized, cropped and mirrored on the way.

Examples stay as they are stored, mostly uint8, in memory or in a mapped file, and become numbers only here. An
example is an image of `height` rows of `width` pixels; what is no image is one pixel of many channels. Which part
of an image is seen depends on (seed, epoch, the example's number) alone. Threads share the work out by examples.
"""

from __future__ import annotations

from textwrap import dedent, indent

from nngraph_kernels.examples_reference import computed_in
from nngraph_kernels.record import record
from nngraph_kernels.target import lanes

POINTERS = ("y", "x", "order", "cursor", "rows", "epochs", "mean", "factor", "blank")
INTEGERS = ("batch", "height", "width", "channels", "picked", "count", "crop", "flip", "key0", "key1")
UNROLLED = (1, 3, 4)  # channels of which mirrored pixels are shuffled in registers

LINE = 64  # bytes of a line of the cache
ITEM_SIZES = {"uint8": 1, "float32": 4, "float64": 8}


@record
class ExamplesSpec:
    """Which kernel.

    Attributes
    ----------
    dtype : {"float32", "float64"}
        Of the batch.
    stored : {"uint8", "float32", "float64"}
        Of the examples.
    channels : int
        Those of `UNROLLED`, or 0: known at run time.
    """

    dtype: str = "float32"
    stored: str = "uint8"
    channels: int = 0


def arguments() -> tuple[str, ...]:
    """The names of the argument slots, in order.

    Pointers: `y`, the batch; `x`, all examples; `order`, numbers of examples, of which the batch's begin at
    ``cursor[0]``; `rows`, where each number lies in x, read if `picked`; `epochs`, a number for each `count` places of
    the order. `mean` and `factor` (of the type that is computed in) and `blank`, what lies outside of an image, have an
    element for each of a row. Ints: `crop` is how far a window is moved at most, `flip` whether it may be mirrored;
    `key0` and `key1` are the words of the seed.
    """
    return POINTERS + INTEGERS


def source(name: str, spec: ExamplesSpec) -> str:
    """The source text of the kernel `name`."""
    width = lanes("float64" if spec.dtype == "float64" else "float32")
    kind = computed_in(spec.stored, spec.dtype)
    dtypes = {"y": spec.dtype, "x": spec.stored, "mean": kind, "factor": kind, "blank": spec.dtype}
    slots = [f'    {slot} = pointer(args, {i}, "{dtypes.get(slot, "int64")}")' for i, slot in enumerate(POINTERS)]
    slots += [f"    {slot} = integer(args, {i})" for i, slot in enumerate(INTEGERS, len(POINTERS))]
    lines = [
        "from nngraph_kernels.cpu.examples_pixels import prefetch, standardize, standardize_mirrored, window",
        "from nngraph_kernels.simd import first, integer, load_masked, pointer, store_masked",
        "",
        f"LANES = {width}",
        f"LINE = {LINE // ITEM_SIZES[spec.stored]}",
        f"CHANNELS = {spec.channels}",
        "",
        "",
        f"def {name}(args, thread, threads):",
        *slots,
        indent(BODY.replace("MIRRORED", indent(MIRRORED[bool(spec.channels)], " " * 12).lstrip()), " " * 4),
    ]
    return "\n".join(lines)


BODY = dedent("""\
    begin = cursor[0]
    epoch = epochs[begin // count]
    length = width * channels
    for i in range(batch * thread // threads, batch * (thread + 1) // threads):
        number = order[begin + i]
        place = number
        if picked != 0:
            place = rows[number]
        down, right, mirrored = 0, 0, 0
        if crop > 0 or flip != 0:
            down, right, mirrored = window(number, epoch, key0, key1, crop)
        mirrored *= flip
        n = (width - abs(right)) * channels
        before = max(0, right if mirrored != 0 else -right) * channels
        upcoming = order[begin + min(i + 1, batch - 1)]
        if picked != 0:
            upcoming = rows[upcoming]
        for row in range(height):
            for j in range(0, length, LINE):
                prefetch(x, (upcoming * height + row) * length + j)
            t = (i * height + row) * length
            shown = row + down
            inside = n
            if shown < 0 or shown >= height:
                inside = 0
            begin_blank = before + inside
            for j in range(0, before, LANES):
                mask = first(before - j, LANES)
                store_masked(y, t + j, load_masked(blank, j, mask), mask)
            for j in range(begin_blank, length, LANES):
                mask = first(length - j, LANES)
                store_masked(y, t + j, load_masked(blank, j, mask), mask)
            t += before
            s = ((place * height + shown) * width + max(0, right)) * channels
            if inside == 0:
                continue
            if mirrored != 0:
                MIRRORED
            else:
                for j in range(0, n - LANES + 1, LANES):
                    standardize(y, t + j, x, s + j, mean, factor, j, LANES)
                if n < LANES:
                    for j in range(n):
                        standardize(y, t + j, x, s + j, mean, factor, j, 0)
                elif n % LANES != 0:
                    j = n - LANES
                    standardize(y, t + j, x, s + j, mean, factor, j, LANES)
    """)

# The last vectors overlap those before them: bytes cannot be loaded under a mask everywhere.
MIRRORED = {
    True: dedent("""\
        last = n - LANES * CHANNELS
        for j in range(0, last + 1, LANES * CHANNELS):
            standardize_mirrored(y, t + j, x, s + last - j, mean, factor, j, LANES, CHANNELS)
        if last < 0:
            for j in range(n):
                k = n - CHANNELS - j + j % CHANNELS * 2
                standardize(y, t + j, x, s + k, mean, factor, j, 0)
        elif n % (LANES * CHANNELS) != 0:
            standardize_mirrored(y, t + last, x, s, mean, factor, last, LANES, CHANNELS)
    """),
    False: dedent("""\
        for pixel in range(0, n, channels):
            k = n - channels - pixel
            for c in range(0, channels - LANES + 1, LANES):
                standardize(y, t + pixel + c, x, s + k + c, mean, factor, pixel + c, LANES)
            for c in range(channels // LANES * LANES, channels):
                standardize(y, t + pixel + c, x, s + k + c, mean, factor, pixel + c, 0)
    """),
}
