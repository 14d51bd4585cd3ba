import math

import numpy as np
import pytest

from nngraph.ops.initializer import Normal, Uniform, fans, initializer_from

LINEAR, CONVOLUTION = (300, 200), (64, 3, 3, 32)
UNIFORM = [0.7635582189930973, 0.99033016477335, 0.8792330423177293]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((), (1, 1)),
        ((7,), (7, 7)),
        (LINEAR, (200, 300)),
        (CONVOLUTION, (32 * 9, 64 * 9)),
        ((64, 5, 3, 1), (15, 64 * 15)),
    ],
)
def test_fans_of_output_first_layouts(shape, expected):
    assert fans(shape) == expected


@pytest.mark.parametrize("shape", [LINEAR, CONVOLUTION])
@pytest.mark.parametrize("distribution", ["normal", "uniform"])
@pytest.mark.parametrize("scheme", ["he", "glorot", "lecun"])
def test_deviation_of_scaled_draws(scheme, distribution, shape):
    inputs, outputs = fans(shape)
    variance = {"he": 2 / inputs, "glorot": 2 / (inputs + outputs), "lecun": 1 / inputs}[scheme]
    drawn = initializer_from(f"{scheme}_{distribution}")(0, "w", shape)
    assert drawn.shape == shape
    assert drawn.dtype == np.float64
    assert drawn.std() == pytest.approx(math.sqrt(variance), rel=0.02)
    assert abs(drawn.mean()) < 5 * math.sqrt(variance / drawn.size)
    if distribution == "uniform":
        limit = math.sqrt(3 * variance)
        assert 0.99 * limit < np.abs(drawn).max() <= limit


def test_plain_distributions():
    assert Normal(0.3)(0, "w", LINEAR).std() == pytest.approx(0.3, rel=0.02)
    drawn = Uniform(1.0, 3.0)(0, "w", LINEAR)
    assert (drawn.min(), drawn.max()) == (pytest.approx(1, abs=1e-3), pytest.approx(3, abs=1e-3))


def test_constants():
    for spec, value in (("zeros", 0), ("ones", 1), ({"type": "constant", "value": 0.5}, 0.5), (2, 2)):
        np.testing.assert_array_equal(initializer_from(spec)(0, "w", (2, 3)), np.full((2, 3), value))


def test_a_draw_depends_on_seed_and_name_alone():
    draw = initializer_from("he_normal")
    first = draw(3, "a.weight", LINEAR)
    draw(3, "b.weight", CONVOLUTION)
    np.testing.assert_array_equal(draw(3, "a.weight", LINEAR), first)
    assert not np.isclose(draw(3, "b.weight", LINEAR), first).any(axis=1).all()
    assert not np.isclose(draw(4, "a.weight", LINEAR), first).any(axis=1).all()


def test_a_draw_is_the_same_on_every_machine():
    """The key is a hash of the text "seed/name", and the bits are Philox's."""
    found = initializer_from({"type": "uniform", "low": 0, "high": 1})(0, "h1.weight", (3,))
    np.testing.assert_allclose(found, UNIFORM, rtol=1e-12)
