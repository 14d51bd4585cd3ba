"""Randomly wired networks, drawn as recipes like other random networks: odd channels, images and generators."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.random_graphs import Recipe, Step

GENERATORS = ("er", "ba", "ws")
CHANNELS = (1, 2, 3, 5, 7, 16, 17)


def draw_wiring(seed: int, type: str) -> Recipe:
    """A stem, one or two stages of up to 9 nodes wired by this generator, and a classifier."""
    rng = np.random.default_rng([seed, GENERATORS.index(type)])
    height, width = (int(size) for size in rng.integers(4, 10, 2))
    shape = (height, width, int(rng.choice(CHANNELS)))
    steps = [Step("image", "input", (), {"shape": shape, "dtype": "float"})]
    if rng.random() < 0.6:
        steps += stem(rng, steps[-1].id)
    for stage in range(1 + int(rng.random() < 0.4)):
        steps.append(
            Step(
                f"stage{stage}", "randwire", (steps[-1].id,),
                {
                    "channels": int(rng.choice(CHANNELS)), "generator": draw_generator(rng, type),
                    "stride": int(rng.integers(1, 3)), "edge_dropout": float(rng.choice([0.0, 0.0, 0.5])),
                },
            )
        )  # fmt: skip
    steps.append(Step("pool", "mean", (steps[-1].id,), {"axis": (1, 2)}))
    steps.append(Step("scores", "linear", ("pool",), {"units": 3}))
    batch = int(rng.integers(5, 10))
    return Recipe(tuple(steps), ("scores",), {"scores": "cross_entropy"}, None, False, batch, seed)


def stem(rng: np.random.Generator, x: str) -> list[Step]:
    """A convolution, with batch normalization or without."""
    found = [Step("stem", "conv2d", (x,), {"filters": int(rng.choice(CHANNELS)), "kernel_size": 3})]
    if rng.random() < 0.7:
        found.append(Step("norm", "batch_norm", ("stem",), {}))
    return found


def draw_generator(rng: np.random.Generator, type: str) -> dict[str, Any]:
    nodes = int(rng.integers(3, 10))
    drawn: dict[str, Any] = {
        "er": {"p": float(rng.uniform(0.3, 0.9))},
        "ba": {"m": int(rng.integers(1, nodes))},
        "ws": {"k": 2 * int(rng.integers(1, (nodes + 1) // 2)), "p": float(rng.uniform(0, 1))},
    }[type]
    return {"type": type, "nodes": nodes, "seed": int(rng.integers(1000)), **drawn}
