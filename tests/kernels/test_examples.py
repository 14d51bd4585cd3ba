"""The gather of images: bitwise what NumPy gives, whatever the sizes, and nothing written beside it."""

import ctypes
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from nngraph.emit.cache import user_cache
from nngraph_kernels.cpu.examples import ExamplesSpec, arguments, source
from nngraph_kernels.examples_reference import computed_in, shown, standardized, windows

POISON = 77.0
SHAPES = [  # of an image, with channels that the kernel knows or not
    ((32, 32, 3), 3),
    ((5, 20, 3), 3),
    ((3, 7, 3), 3),
    ((9, 37, 1), 1),
    ((4, 18, 4), 4),
    ((32, 32, 3), 0),
    ((3, 5, 21), 0),
    ((1, 1, 1), 0),
    ((1, 1, 100), 0),
]


@cache
def kernel(spec: ExamplesSpec) -> Callable[..., None]:
    name = f"ng_examples_{spec.dtype}_{spec.stored}_{spec.channels}"
    address = user_cache().entries({name: source(name, spec)})[name]
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)


def stored(rng: np.random.Generator, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    if dtype == "uint8":
        return rng.integers(0, 256, shape, dtype=np.uint8)
    return (rng.standard_normal(shape) * 50 + 1000).astype(dtype)


def gathered(spec: ExamplesSpec, x: np.ndarray, numbers: np.ndarray, threads: int = 1, **given) -> np.ndarray:
    """What the kernel makes of these examples, checked for writes beside the batch."""
    height, width, channels = x.shape[1:]
    scale = {"mean": np.zeros(channels), "factor": np.ones(channels), **given}
    kind = computed_in(spec.stored, spec.dtype)
    mean, factor = (np.tile(scale.pop(name), width).astype(kind) for name in ("mean", "factor"))
    blank = standardized(np.zeros(width * channels), mean, factor, spec.dtype)
    whole = np.full((len(numbers) + 2, height, width, channels), POISON, spec.dtype)
    rows, epochs, cursor = given.get("rows", np.zeros(1, np.int64)), np.array([9, given.get("epoch", 0)]), np.array([9])
    order = np.concatenate([np.zeros(9, np.int64), numbers])
    seed = given.get("seed", 0)
    slots = {
        "y": whole[1:].ctypes.data, "x": x.ctypes.data, "order": order.ctypes.data, "cursor": cursor.ctypes.data,
        "rows": rows.ctypes.data, "epochs": epochs.ctypes.data, "mean": mean.ctypes.data,
        "factor": factor.ctypes.data, "blank": blank.ctypes.data, "batch": len(numbers), "height": height,
        "width": width, "channels": channels, "picked": "rows" in given, "count": 9, "crop": given.get("crop", 0),
        "flip": given.get("flip", False), "key0": seed & 0xFFFFFFFF, "key1": seed >> 32,
    }  # fmt: skip
    block = np.array([slots[name] for name in arguments()], np.int64)
    for thread in range(threads):
        kernel(spec)(block.ctypes.data, thread, threads)
    assert (whole[0] == POISON).all()
    assert (whole[-1] == POISON).all()
    return whole[1:-1]


@pytest.mark.parametrize(
    ("dtype", "read", "some"),
    [
        ("float32", "uint8", SHAPES),
        ("float64", "uint8", SHAPES[:3]),
        ("float32", "float32", SHAPES[5:]),
        ("float64", "float64", SHAPES[:3]),
        ("float32", "float64", SHAPES[3:4]),
    ],
)
def test_images(dtype: str, read: str, some: list[tuple[tuple[int, int, int], int]]):
    rng = np.random.default_rng(0)
    for shape, channels in some:
        spec = ExamplesSpec(dtype, read, channels)
        x, numbers = stored(rng, read, (11, *shape)), rng.integers(0, 11, 7)
        mean, factor = rng.uniform(-3, 300, shape[2]), rng.uniform(0.01, 3, shape[2])
        expected = standardized(x[numbers], mean, factor, dtype)
        assert np.array_equal(gathered(spec, x, numbers, mean=mean, factor=factor), expected)
        crop = min(2, shape[0] - 1, shape[1] - 1)
        moved = gathered(spec, x, numbers, 3, mean=mean, factor=factor, crop=crop, flip=True, epoch=4, seed=2**40 + 5)
        seen = [shown(x[k], *w) for k, *w in zip(numbers, *windows(numbers, 4, 2**40 + 5, crop), strict=True)]
        assert np.array_equal(moved, standardized(np.stack(seen), mean, factor, dtype))


def test_every_window():
    """Of small images all windows occur, blank to the last row, and mirrored or not."""
    x = np.arange(1, 1 + 2000 * 2 * 3 * 3, dtype=np.float64).reshape(2000, 2, 3, 3)
    numbers = np.arange(2000)
    spec = ExamplesSpec("float64", "float64", 3)
    found = gathered(spec, x, numbers, crop=2, flip=True)
    down, right, mirrored = windows(numbers, 0, 0, 2)
    assert len({*zip(down, right, mirrored, strict=True)}) == 50
    for k in numbers:
        assert np.array_equal(found[k], shown(x[k], down[k], right[k], mirrored[k]))
    for flip, crop in ((True, 0), (False, 2)):
        found = gathered(spec, x, numbers, crop=crop, flip=flip)
        down, right, mirrored = windows(numbers, 0, 0, crop)
        seen = [shown(x[k], down[k], right[k], flip and mirrored[k]) for k in numbers]
        assert np.array_equal(found, np.stack(seen))


def test_rows_of_a_larger_array():
    """A part's windows depend on the numbers within it, not on where its examples lie."""
    x = stored(np.random.default_rng(1), "uint8", (30, 6, 16, 3))
    rows = np.random.default_rng(2).permutation(30)[:12].astype(np.int64)
    numbers = np.arange(12)[::-1].astype(np.int64)
    spec = ExamplesSpec("float32", "uint8", 3)
    options = {"crop": 1, "flip": True, "seed": 3, "epoch": 1}
    assert np.array_equal(gathered(spec, x, numbers, rows=rows, **options), gathered(spec, x[rows], numbers, **options))


def test_windows_are_spread_evenly():
    down, right, mirrored = windows(np.arange(81_000), 0, 1, 4)
    for moved in (down, right):
        counts = np.bincount(moved + 4, minlength=9)
        assert len(counts) == 9
        assert ((counts - 9000) ** 2 / 9000).sum() < 26.1  # 8 degrees of freedom, p < 1e-3
    assert abs(mirrored.mean() - 0.5) < 0.006
    assert abs(np.corrcoef(np.stack([down, right, mirrored])) - np.eye(3)).max() < 0.012
    for epoch, seed in ((1, 1), (0, 2), (0, 1 + 2**32)):
        assert abs(np.corrcoef(down, windows(np.arange(81_000), epoch, seed, 4)[0])[0, 1]) < 0.012
