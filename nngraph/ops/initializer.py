"""What parameters are before training: draws that depend on the seed and the parameter's name alone.

A network's other parameters, their number and their order change nothing, so that two wirings that share a
node start it alike. Arrays are float64, in the public output-first layouts.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from nngraph.errors import OptionError
from nngraph.ir.op import REQUIRED
from nngraph.ops.specification import Specification, family, from_spec, option
from nngraph_kernels.record import record


@record
class Initializer(Specification):
    """Base of the initializers: called with seed, name and public shape."""

    family: ClassVar[str] = "initializer"

    def __call__(self, seed: int, name: str, shape: tuple[int, ...]) -> np.ndarray:
        return self.draw(generator(seed, name), shape, shape)

    def blocks(self, seed: int, name: str, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
        """The same numbers in runs of rows (first axes) of about a megabyte, so that no second copy of all is made."""
        random = generator(seed, name)
        rows = max(1, BLOCK // max(1, math.prod(shape[1:])))
        for start in range(0, shape[0], rows):
            yield self.draw(random, (min(rows, shape[0] - start), *shape[1:]), shape)

    def draw(self, random: np.random.Generator, part: tuple[int, ...], whole: tuple[int, ...]) -> np.ndarray:
        """Numbers of shape `part`, for a parameter of shape `whole`."""
        raise NotImplementedError


BLOCK = 131_072  # numbers drawn at once
INITIALIZERS = family("initializer", Initializer)


def initializer_from(spec: Any) -> Initializer:
    """An initializer from a number, its name, its JSON form ``{"type": name, ...}`` or itself."""
    if isinstance(spec, (int, float)) and not isinstance(spec, bool):
        return ConstantValue(float(spec))
    return from_spec(INITIALIZERS, spec)


def generator(seed: int, name: str) -> np.random.Generator:
    """NumPy's Philox, keyed by 128 bits of BLAKE2b of the seed and the name."""
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Numbers of inputs to a unit and of units that an input reaches.

    Of (out, in), or (out, kh, kw, in // groups), where the window counts in both.
    """
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    window = math.prod(shape[1:-1])
    return shape[-1] * window, shape[0] * window


class Scaled(Initializer):
    """Draws of variance gain / fan; the fan is that of the inputs, or its mean with that of the outputs."""

    __slots__ = ()
    gain: ClassVar[float] = 1.0
    both: ClassVar[bool] = False

    def deviation(self, shape: tuple[int, ...]) -> float:
        inputs, outputs = fans(shape)
        return math.sqrt(self.gain / max(1.0, (inputs + outputs) / 2 if self.both else inputs))


class ScaledNormal(Scaled):
    """Normal draws, not truncated."""

    __slots__ = ()

    def draw(self, random: np.random.Generator, part: tuple[int, ...], whole: tuple[int, ...]) -> np.ndarray:
        return random.standard_normal(part) * self.deviation(whole)


class ScaledUniform(Scaled):
    """Uniform draws within √3 deviations."""

    __slots__ = ()

    def draw(self, random: np.random.Generator, part: tuple[int, ...], whole: tuple[int, ...]) -> np.ndarray:
        limit = math.sqrt(3) * self.deviation(whole)
        return random.uniform(-limit, limit, part)


@INITIALIZERS.register
class HeNormal(ScaledNormal):
    """Variance 2 / fan-in, for rectifiers (He et al. 2015, eq. 10)."""

    __slots__ = ()
    type: ClassVar[str] = "he_normal"
    gain: ClassVar[float] = 2.0


@INITIALIZERS.register
class HeUniform(ScaledUniform):
    """Variance 2 / fan-in (He et al. 2015, eq. 10)."""

    __slots__ = ()
    type: ClassVar[str] = "he_uniform"
    gain: ClassVar[float] = 2.0


@INITIALIZERS.register
class GlorotNormal(ScaledNormal):
    """Variance 2 / (fan-in + fan-out) (Glorot and Bengio 2010, eq. 12)."""

    __slots__ = ()
    type: ClassVar[str] = "glorot_normal"
    both: ClassVar[bool] = True


@INITIALIZERS.register
class GlorotUniform(ScaledUniform):
    """Variance 2 / (fan-in + fan-out) (Glorot and Bengio 2010, eq. 16)."""

    __slots__ = ()
    type: ClassVar[str] = "glorot_uniform"
    both: ClassVar[bool] = True


@INITIALIZERS.register
class LeCunNormal(ScaledNormal):
    """Variance 1 / fan-in (LeCun et al. 1998, section 4.6)."""

    __slots__ = ()
    type: ClassVar[str] = "lecun_normal"


@INITIALIZERS.register
class LeCunUniform(ScaledUniform):
    """Variance 1 / fan-in (LeCun et al. 1998, section 4.6)."""

    __slots__ = ()
    type: ClassVar[str] = "lecun_uniform"


@INITIALIZERS.register
@record
class Normal(Initializer):
    """Normal draws around zero."""

    type: ClassVar[str] = "normal"
    std: float = option(0.01, "their standard deviation", minimum=0.0)

    def draw(self, random: np.random.Generator, part: tuple[int, ...], whole: tuple[int, ...]) -> np.ndarray:
        return random.standard_normal(part) * self.std


@INITIALIZERS.register
@record
class Uniform(Initializer):
    """Uniform draws from low to high."""

    type: ClassVar[str] = "uniform"
    low: float = option(-0.05, "the smallest")
    high: float = option(0.05, "the largest")

    def __post_init__(self) -> None:
        Specification.__post_init__(self)
        if self.low > self.high:
            raise OptionError(f"initializer 'uniform': low {self.low:g} given, expected at most high {self.high:g}")

    def draw(self, random: np.random.Generator, part: tuple[int, ...], whole: tuple[int, ...]) -> np.ndarray:
        return random.uniform(self.low, self.high, part)


@INITIALIZERS.register
@record
class ConstantValue(Initializer):
    """One number everywhere."""

    type: ClassVar[str] = "constant"
    value: float = option(REQUIRED, "the number")

    def draw(self, random: np.random.Generator, part: tuple[int, ...], whole: tuple[int, ...]) -> np.ndarray:
        return np.full(part, self.value)


INITIALIZERS.aliases["zeros"] = (ConstantValue, {"value": 0.0})
INITIALIZERS.aliases["ones"] = (ConstantValue, {"value": 1.0})
