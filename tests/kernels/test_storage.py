"""Numbers of 16 bits: what is stored is the nearest there is, and the device's functions are the reference."""

import numpy as np
import pytest

from nngraph_kernels.cuda import storage
from nngraph_kernels.storage_reference import STORAGE, decode, encode, stored

RNG = np.random.default_rng(0)
EVERY = np.arange(2**16, dtype=np.uint16)
SPECIAL = np.array([0, -0.0, np.inf, -np.inf, np.nan, 1e-40, 65519, 65520, 3.4e38, 6e-8, 2**-25, 1 + 2**-8], "f")
storages = pytest.mark.parametrize("name", STORAGE)


@storages
def test_every_number_of_16_bits_is_itself(name):
    numbers = decode(EVERY, name)
    kept = encode(numbers, name)
    nan = np.isnan(numbers)
    np.testing.assert_array_equal(kept[~nan], EVERY[~nan])
    assert np.isnan(decode(kept[nan], name)).all()
    assert nan.sum() == (254 if name == "bfloat16" else 2046)


@storages
def test_others_become_the_nearest(name):
    """Of the two around them, and the even one halfway."""
    numbers = decode(EVERY, name)
    below = EVERY[:-1][np.isfinite(numbers[:-1]) & np.isfinite(numbers[1:]) & (numbers[1:] > numbers[:-1])]
    low, high = decode(below, name).astype("d"), decode(below + np.uint16(1), name).astype("d")
    for share in (0.25, 0.5, 0.75):
        x = (low + share * (high - low)).astype("f")
        exact = x.astype("d") == low + share * (high - low)  # smaller steps than float32 has are none
        wanted = below + (below % 2 if share == 0.5 else round(share))
        np.testing.assert_array_equal(encode(x, name)[exact], wanted[exact])
        np.testing.assert_array_equal(encode(-x, name)[exact], wanted[exact] | 0x8000)
        assert exact.mean() > 0.9


@storages
def test_the_device_rounds_alike(name):
    to, back = getattr(storage, f"to_{name}"), getattr(storage, f"from_{name}")
    any_bits = RNG.integers(0, 2**32, 3000, dtype=np.uint32).view("f")
    x = np.concatenate([SPECIAL, any_bits, RNG.normal(size=1000).astype("f")])
    with np.errstate(all="ignore"):
        bits = np.array([to(number) for number in x], np.uint16)
        np.testing.assert_array_equal(bits, encode(x, name))
        np.testing.assert_array_equal(np.array([back(b) for b in bits], "f"), stored(x, name))


@storages
def test_shapes_are_kept(name):
    assert stored(np.float32(0.1), name).shape == ()
    assert stored(np.ones((2, 0, 3), "f"), name).shape == (2, 0, 3)
