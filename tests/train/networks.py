"""One small network and its data, whose kernels all tests of training share."""

import numpy as np

import nngraph as ng

INPUTS, CLASSES = 6, 3


def classifier(dropout: float = 0.2) -> ng.Graph:
    g = ng.Graph("classifier")
    x = g.relu(g.linear(g.input("x", (INPUTS,)), 8, name="hidden"))
    if dropout:
        x = g.dropout(x, rate=dropout)
    g.output(g.linear(x, CLASSES, name="logits"))
    return g


def model(dropout: float = 0.2, **options) -> ng.Model:
    return ng.compile(classifier(dropout), **({"loss": "cross_entropy", "optimizer": ng.Adam(0.01)} | options))


def examples(count: int = 100, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points and labels that can be learned."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, count)
    centers = np.random.default_rng(9).standard_normal((CLASSES, INPUTS)) * 2
    return (centers[labels] + rng.standard_normal((count, INPUTS))).astype(np.float32), labels


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    """Whether two sets of parameters are bitwise equal."""
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)
