"""Universal approximation: four ReLU units make a bump, so 4K of them make K bumps, enough for any curve.

The weights are built by hand, not learned; beside them a net of the same size is trained, whose units turn out to
be nothing like bumps.

    python models/universal_approximation.py
"""

from __future__ import annotations

import numpy as np

import nngraph as ng

BUMPS = 16


def graph(bumps: int = BUMPS) -> ng.Graph:
    g = ng.Graph("universal-approximation")
    spread = {"bias": {"type": "uniform", "low": -1.0, "high": 1.0}}  # so that the units bend at different places
    h = g.relu(g.linear(g.input("x", shape=(1,)), 4 * bumps, name="hidden", initializer=spread))
    g.output(g.linear(h, 1, name="y"))
    g.training = {
        "loss": "mean_squared_error",
        "optimizer": {"type": "adam", "learning_rate": 0.01},
        "epochs": 400,
        "batch_size": 64,
        "data": "sine:n=512,noise=0,seed=0",
    }
    return g


def curve(x: np.ndarray) -> np.ndarray:
    """What is to be approximated, on [0, 1]."""
    return np.sin(2 * np.pi * x) + 0.5 * np.sin(6 * np.pi * x)


def bump_weights(bumps: int = BUMPS) -> dict[str, np.ndarray]:
    """Parameters of K bumps side by side on [0, 1].

    Bump k rises from 0 to 1 over [t1, t2], stays until t3 and falls to 0 at t4, as
    (relu(x − t1) − relu(x − t2) − relu(x − t3) + relu(x − t4)) / (t2 − t1); each falls where the next one rises, so
    that their sum, with the curve's values as heights, is stairs with sloping risers.
    """
    width = 1.0 / bumps
    slope = width / 2
    left = np.arange(bumps) * width
    corners = left[:, None] + np.array([-slope / 2, slope / 2, width - slope / 2, width + slope / 2])
    signs = np.array([1.0, -1.0, -1.0, 1.0])
    heights = curve(left + width / 2)
    return {
        "hidden.weight": np.ones((4 * bumps, 1)),
        "hidden.bias": -corners.ravel(),
        "y.weight": (heights[:, None] * signs / slope).reshape(1, -1),
        "y.bias": np.zeros(1),
    }


def errors(bumps: int = BUMPS) -> tuple[float, float]:
    """Root mean squared error of the bumps, and of a trained net of the same size."""
    x = np.linspace(0, 1, 512)[:, None]
    y = curve(x)
    by_hand = ng.compile(graph(bumps), loss="mean_squared_error", optimizer="adam", dtype="float64")
    by_hand.set_parameters(bump_weights(bumps))
    trained = ng.compile(graph(bumps), loss="mean_squared_error", optimizer=ng.Adam(0.01))
    trained.fit(x, y, epochs=400, batch_size=64)
    return tuple(float(np.sqrt(np.square(model.predict(x) - y).mean())) for model in (by_hand, trained))


if __name__ == "__main__":
    for count in (4, 16, 64):
        built, learned = errors(count)
        print(f"{count:3} bumps, {4 * count:3} units: built by hand {built:.4f}, trained {learned:.4f} (RMS error)")
