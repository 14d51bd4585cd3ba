"""Small datasets made on the fly: points of the plane in classes, and curves over the line."""

from __future__ import annotations

import math

import numpy as np

from nngraph.errors import OptionError
from nngraph.train.data.dataset import Dataset
from nngraph.train.data.randomness import stream


def _random(seed: int) -> np.random.Generator:
    return np.random.Generator(stream(seed, "points"))


def _shares(n: int, groups: int) -> list[int]:
    """`n` in `groups` nearly equal counts, the larger ones first."""
    return [n // groups + (k < n % groups) for k in range(groups)]


def _check(name: str, n: int, noise: float, at_least: int = 1) -> None:
    if n < at_least:
        raise OptionError(f"{name}: n is {n}, but at least {at_least} points are needed")
    if not (math.isfinite(noise) and noise >= 0):
        raise OptionError(f"{name}: noise is {noise}, but a deviation of at least 0 is expected")


def _planar(name: str, groups: list[np.ndarray], description: str) -> Dataset:
    """A group of points a class; their order is left to the shuffling."""
    labels = np.repeat(np.arange(len(groups), dtype=np.int32), [len(group) for group in groups])
    classes = tuple(str(label) for label in range(len(groups)))
    inputs, targets = {"x": np.concatenate(groups)}, {"y": labels}
    return Dataset(name, inputs, targets, "classification", classes, None, description, ("x1", "x2"))


def moons(n: int = 500, noise: float = 0.1, seed: int = 0) -> Dataset:
    """Two interleaved half circles of radius 1."""
    _check("moons", n, noise, 2)
    upper, lower = (np.linspace(0, np.pi, count) for count in _shares(n, 2))
    groups = [
        np.stack([np.cos(upper), np.sin(upper)], axis=1),
        np.stack([1 - np.cos(lower), 0.5 - np.sin(lower)], axis=1),
    ]
    return _planar("moons", _blur(groups, noise, seed), "two interleaved half circles")


def circles(n: int = 500, noise: float = 0.1, seed: int = 0, factor: float = 0.5) -> Dataset:
    """A circle of radius 1, and one of radius `factor` within it."""
    _check("circles", n, noise, 2)
    if not 0 < factor < 1:
        raise OptionError(f"circles: factor is {factor}, but the inner radius lies between 0 and 1")
    rounds = [np.linspace(0, 2 * np.pi, count, endpoint=False) for count in _shares(n, 2)]
    groups = [
        radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        for radius, angle in zip((1.0, factor), rounds, strict=True)
    ]
    return _planar("circles", _blur(groups, noise, seed), "a circle within a circle")


def spirals(n: int = 500, noise: float = 0.05, seed: int = 0, classes: int = 2, turns: float = 1.0) -> Dataset:
    """Arms that wind out from the origin to radius 1, one a class."""
    _check_classes("spirals", classes)
    _check("spirals", n, noise, classes)
    if not (math.isfinite(turns) and turns > 0):
        raise OptionError(f"spirals: turns is {turns}, but a number greater than 0 is expected")
    groups: list[np.ndarray] = []
    for arm, count in enumerate(_shares(n, classes)):
        radius = np.linspace(0.05, 1, count)
        angle = 2 * np.pi * (turns * radius + arm / classes)
        groups.append(np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1))
    return _planar("spirals", _blur(groups, noise, seed), f"{classes} spiral arms")


def xor(n: int = 500, noise: float = 0.1, seed: int = 0) -> Dataset:
    """The square [-1, 1]², its class 1 where the signs of the coordinates differ, before the noise."""
    _check("xor", n, noise)
    random = _random(seed)
    points = random.uniform(-1, 1, (n, 2))
    labels = ((points[:, 0] > 0) != (points[:, 1] > 0)).astype(np.int32)
    points += noise * random.standard_normal((n, 2))
    groups = [points[labels == label] for label in (0, 1)]
    return _planar("xor", groups, "opposite quadrants of a square")


def blobs(n: int = 500, noise: float = 0.3, seed: int = 0, classes: int = 3) -> Dataset:
    """Round clouds of deviation `noise` around points of a circle of radius 1."""
    _check_classes("blobs", classes)
    _check("blobs", n, noise, classes)
    angles = 2 * np.pi * np.arange(classes) / classes
    groups = [
        np.tile([math.cos(angle), math.sin(angle)], (count, 1))
        for angle, count in zip(angles, _shares(n, classes), strict=True)
    ]
    return _planar("blobs", _blur(groups, noise, seed), f"{classes} round clouds")


def sine(n: int = 500, noise: float = 0.05, seed: int = 0) -> Dataset:
    """``y = sin(2πx)`` over [-1, 1]."""
    _check("sine", n, noise)
    x = np.linspace(-1, 1, n)
    return _curve("sine", x, np.sin(2 * np.pi * x), noise, seed, "y = sin(2πx) over [-1, 1]")


def step(n: int = 500, noise: float = 0.05, seed: int = 0) -> Dataset:
    """``y = 1`` where ``x > 0``, else 0, over [-1, 1]."""
    _check("step", n, noise)
    x = np.linspace(-1, 1, n)
    return _curve("step", x, (x > 0).astype(np.float64), noise, seed, "y = 1 where x > 0, else 0")


def random(n: int = 64, inputs: int = 1000, outputs: int = 10, seed: int = 0) -> Dataset:
    """Standard normal numbers in and out, with nothing to be learned: for trying out sizes and speed."""
    _check("random", n, 0.0)
    if inputs < 1 or outputs < 1:
        raise OptionError(f"random: inputs is {inputs} and outputs is {outputs}, but at least 1 of each is needed")
    draws = _random(seed)
    x, y = draws.standard_normal((n, inputs)), draws.standard_normal((n, outputs))
    return Dataset("random", {"x": x}, {"y": y}, "regression", (), None, "standard normal numbers")


def images(
    n: int = 1000, size: int = 32, channels: int = 3, classes: int = 10, noise: float = 0.5, seed: int = 0
) -> Dataset:
    """Images of bytes: each a mixture of its class's pattern, of 4 x 4 colors, and of noise."""
    _check_classes("images", classes)
    _check("images", n, noise, classes)
    if noise > 1 or min(size, channels) < 1:
        given = f"noise is {noise:g}, size is {size} and channels is {channels}"
        raise OptionError(f"images: {given}, but noise up to 1 and at least 1 of the others are expected")
    random = _random(seed)
    colors = random.integers(0, 256, (classes, 4, 4, channels), np.uint16)
    place = np.arange(size) * 4 // size
    patterns = colors[:, place][:, :, place]
    labels = random.integers(0, classes, n).astype(np.int32)
    labels[:classes] = np.arange(classes)
    found = np.frombuffer(random.bytes(n * patterns[0].size), np.uint8).reshape(n, *patterns[0].shape).copy()
    share = np.uint16(round(256 * noise))
    for k in range(0, n, 256):  # some at a time: twice as many bytes are needed meanwhile
        found[k : k + 256] = (patterns[labels[k : k + 256]] * (256 - share) + found[k : k + 256] * share) >> 8
    names = tuple(str(label) for label in range(classes))
    description = f"random images, {size} x {size} x {channels}"
    return Dataset("images", {"image": found}, {"label": labels}, "classification", names, None, description)


def _curve(name: str, x: np.ndarray, y: np.ndarray, noise: float, seed: int, description: str) -> Dataset:
    noisy = y + noise * _random(seed).standard_normal(len(y))
    inputs, targets = {"x": x[:, None]}, {"y": noisy[:, None]}
    return Dataset(name, inputs, targets, "regression", (), None, description, ("x",))


def _blur(groups: list[np.ndarray], noise: float, seed: int) -> list[np.ndarray]:
    random = _random(seed)
    return [group + noise * random.standard_normal(group.shape) for group in groups]


def _check_classes(name: str, classes: int) -> None:
    if classes < 2:
        raise OptionError(f"{name}: classes is {classes}, but at least 2 are needed")
