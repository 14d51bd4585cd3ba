"""The works that all peers do alike: sizes, data and starting weights, from NumPy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class Work:
    """A multilayer perceptron with ReLU, trained on cross-entropy by Adam."""

    name: str
    sizes: tuple[int, ...]
    batch: int
    examples: int = 1024
    learning_rate: float = 1e-3

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(0)
        x = random.standard_normal((self.examples, self.sizes[0]), dtype=np.float32)
        return x, random.integers(0, self.sizes[-1], self.examples).astype(np.int32)

    def weights(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """(weight (inputs, outputs), bias) of each layer."""
        random = np.random.default_rng(1)
        return [
            ((random.standard_normal((m, n)) * np.sqrt(2 / m)).astype(np.float32), np.zeros(n, np.float32))
            for m, n in zip(self.sizes, self.sizes[1:], strict=False)
        ]


WORKS = {
    work.name: work
    for work in (
        Work("mlp-2-16-16-2", (2, 16, 16, 2), 64),
        Work("mlp-64-128-64-10", (64, 128, 64, 10), 32),
        Work("mlp-784-512-512-10", (784, 512, 512, 10), 128),
    )
}
