"""The gather of a batch on the device: bitwise what NumPy gives, whatever the sizes, and nothing written beside it."""

import numpy as np
import pytest

from nngraph.ir.program import Kernel
from nngraph_kernels import tape_layout as layout
from nngraph_kernels.cpu.examples import INTEGERS, ExamplesSpec
from nngraph_kernels.examples_reference import computed_in, shown, standardized, windows
from tests.cuda.calls import call, hole
from tests.kernels.test_examples import stored

SHAPES = [
    ((4, 5, 3), 3),
    ((3, 7, 1), 1),
    ((2, 3, 4), 4),
    ((3, 5, 3), 0),
    ((2, 3, 7), 0),
    ((1, 1, 1), 0),
    ((1, 1, 30), 0),
]


def gathered(spec, x, numbers, **given):
    """What the kernel makes of these examples."""
    height, width, channels = x.shape[1:]
    scale = {"mean": np.zeros(channels), "factor": np.ones(channels), **given}
    kind = computed_in(spec.stored, spec.dtype)
    mean, factor = (np.tile(scale[name], width).astype(kind) for name in ("mean", "factor"))
    blank = standardized(np.zeros(width * channels), mean, factor, spec.dtype)
    rows, epochs = given.get("rows", np.zeros(1, np.int64)), np.array([9, given.get("epoch", 0)])
    order = np.concatenate([np.zeros(9, np.int64), numbers])
    seed = given.get("seed", 0)
    integers = {
        "batch": len(numbers), "height": height, "width": width, "channels": channels, "picked": "rows" in given,
        "count": 9, "crop": given.get("crop", 0), "flip": given.get("flip", False), "key0": seed & 0xFFFFFFFF,
        "key1": seed >> 32,
    }  # fmt: skip
    control = np.zeros(layout.CONTROL_WORDS, np.int64)
    control[layout.CURSOR] = 9
    y = hole([len(numbers), height, width, channels], spec.dtype)
    arrays = [x.reshape(-1), order, rows, epochs, mean, factor, blank]
    call(Kernel("examples", spec), [y], [], [int(integers[name]) for name in INTEGERS], (), arrays, control)
    return y


@pytest.mark.parametrize(
    ("dtype", "read", "some"),
    [
        ("float32", "uint8", SHAPES),
        ("float64", "uint8", SHAPES[:1]),
        ("float32", "float32", SHAPES[4:]),
        ("float64", "float64", SHAPES[:2]),
        ("float32", "float64", SHAPES[3:4]),
    ],
)
def test_images(dtype, read, some):
    rng = np.random.default_rng(0)
    for shape, channels in some:
        spec = ExamplesSpec(dtype, read, channels)
        x, numbers = stored(rng, read, (11, *shape)), rng.integers(0, 11, 5)
        mean, factor = rng.uniform(-3, 300, shape[2]), rng.uniform(0.01, 3, shape[2])
        expected = standardized(x[numbers], mean, factor, dtype)
        np.testing.assert_array_equal(gathered(spec, x, numbers, mean=mean, factor=factor), expected)
        crop = min(2, shape[0] - 1, shape[1] - 1)
        moved = gathered(spec, x, numbers, mean=mean, factor=factor, crop=crop, flip=True, epoch=4, seed=2**40 + 5)
        seen = [shown(x[k], *w) for k, *w in zip(numbers, *windows(numbers, 4, 2**40 + 5, crop), strict=True)]
        np.testing.assert_array_equal(moved, standardized(np.stack(seen), mean, factor, dtype))


@pytest.mark.parametrize(("flip", "crop"), [(True, 2), (True, 0), (False, 2)])
def test_every_window(flip, crop):
    """Of small images all windows occur, blank to the last row, and mirrored or not."""
    x = np.arange(1, 1 + 200 * 2 * 3 * 2, dtype=np.float64).reshape(200, 2, 3, 2)
    numbers = np.arange(200)
    found = gathered(ExamplesSpec("float64", "float64", 0), x, numbers, flip=flip, crop=crop, seed=8, epoch=2**33 + 1)
    down, right, mirrored = windows(numbers, 2**33 + 1, 8, crop)
    assert len({*zip(down, right, mirrored & flip, strict=True)}) >= (2 * crop + 1) ** 2
    seen = [shown(x[k], down[k], right[k], flip and mirrored[k]) for k in numbers]
    np.testing.assert_array_equal(found, np.stack(seen))


def test_rows_of_a_larger_array():
    """A part's windows depend on the numbers within it, not on where its examples lie."""
    x = stored(np.random.default_rng(1), "uint8", (30, 3, 4, 3))
    rows = np.random.default_rng(2).permutation(30)[:12].astype(np.int64)
    numbers = np.arange(12)[::-1].astype(np.int64)
    spec = ExamplesSpec("float32", "uint8", 3)
    options = {"crop": 1, "flip": True, "seed": 3, "epoch": 1}
    found = gathered(spec, x, numbers, rows=rows, **options)
    np.testing.assert_array_equal(found, gathered(spec, x[rows], numbers, **options))
