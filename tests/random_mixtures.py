"""Networks of normalized, mixed and rectified images in arrangements that no wiring has, drawn as recipes.

Values are read by mixed convolutions and by something else, mixed twice in one sum, outputs in the middle; nodes
share their parameters or are frozen; images have one channel, or one pixel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.random_graphs import Recipe, Step


@dataclass
class Mixture:
    """The network so far: all its images, and those that have just been normalized."""

    rng: np.random.Generator
    steps: list[Step]
    images: list[str]
    normalized: list[str] = field(default_factory=list[str])
    owners: dict[tuple[Any, ...], str] = field(default_factory=dict[tuple[Any, ...], str])

    def add(self, op: str, *operands: str | float, learned: bool = False, **attributes: Any) -> str:
        id = f"{op}{len(self.steps)}"
        key = (op, len(operands), *attributes.values())
        if learned and key in self.owners and self.rng.random() < 0.15:
            attributes["shared_with"] = self.owners[key]
        elif learned:
            self.owners.setdefault(key, id)
            attributes |= {"trainable": False} if self.rng.random() < 0.15 else {}
        self.steps.append(Step(id, op, operands, attributes))
        self.images.append(id)
        return id

    def pick(self, count: int) -> list[str]:
        """Values of one kind, late ones more often."""
        found = self.normalized if self.normalized and self.rng.random() < 0.7 else self.images
        return [found[-1 - min(int(self.rng.exponential(2)), len(found) - 1)] for _ in range(count)]

    def normalize(self, x: str) -> None:
        self.normalized.append(self.add("batch_norm", x, learned=True))

    def node(self) -> None:
        """What a node of a wiring does, parts of it left out now and then."""
        sources = self.pick(int(self.rng.integers(1, 5)))
        dropped = {"edge_dropout": 0.6} if self.rng.random() < 0.3 else {}
        mixed = sources[0] if self.rng.random() < 0.2 else self.add("weighted_sum", *sources, learned=True, **dropped)
        rectified = self.add("relu", mixed)
        for _ in range(1 + int(self.rng.random() < 0.15)):
            size, dilation = int(self.rng.choice([1, 2, 3, 5])), int(self.rng.integers(1, 3))
            x = self.add("depthwise_conv2d", rectified, learned=True, kernel_size=size, dilation=dilation, bias=False)
            if self.rng.random() < 0.85:
                self.normalize(x)

    def other(self) -> None:
        """Something else that reads what is mixed."""
        kind, (one, two) = self.rng.random(), self.pick(2)
        if kind < 0.3:
            self.normalize(one)
        elif kind < 0.6:
            self.add("add", one, two)
        elif kind < 0.8:
            self.add("multiply", one, two)
        else:
            self.add("relu", one)


def draw_mixture(seed: int) -> Recipe:
    """A classifier, up to three other outputs, and losses of some of them."""
    rng = np.random.default_rng([seed, 77])
    height, width = (int(size) for size in rng.integers(1, 6, 2))
    shape = (height, width, int(rng.choice([1, 2, 3, 5, 17])))
    d = Mixture(rng, [Step("image", "input", (), {"shape": shape, "dtype": "float"})], ["image"])
    for _ in range(int(rng.integers(3, 9))):
        if rng.random() < 0.6:
            d.node()
        else:
            d.other()
    others = [
        str(id) for id in rng.choice(d.images[1:], min(len(d.images) - 1, int(rng.integers(0, 4))), replace=False)
    ]
    pool = d.add("mean", d.images[-1], axis=(1, 2))
    scores = d.add("linear", pool, units=3)
    losses = {scores: "cross_entropy"} | {id: "mean_squared_error" for id in others if rng.random() < 0.5}
    regularizer = {"type": "l2", "strength": 0.01} if rng.random() < 0.3 else None
    batch = int(rng.choice([1, 2, 3, 5, 7]))
    return Recipe(tuple(d.steps), (scores, *others), losses, regularizer, rng.random() < 0.3, batch, seed).needed()
