"""A neural network in under twenty lines, as courses write it in NumPy: two layers, sigmoid, squared error.

64 examples of 1000 numbers, 100 hidden units, 10 outputs; no biases; the sum of the squared error, both weights
stepped by 1e-4 of their gradients. Run it to see the loss fall beside that of the NumPy script, from the same start:

    python models/twenty_line_net.py
"""

from __future__ import annotations

import numpy as np

import nngraph as ng

N, INPUTS, HIDDEN, OUTPUTS = 64, 1000, 100, 10
RATE = 1e-4


def graph() -> ng.Graph:
    g = ng.Graph("twenty-line-net")
    h = g.sigmoid(g.linear(g.input("x", shape=(INPUTS,)), HIDDEN, bias=False, name="w1"))
    g.output(g.linear(h, OUTPUTS, bias=False, name="w2"), name="y")
    g.training = {
        "loss": "sum_squared_error",
        "optimizer": {"type": "sgd", "learning_rate": RATE},
        "epochs": 500,
        "batch_size": N,
        "data": f"random:n={N + N // 4},inputs={INPUTS},outputs={OUTPUTS}",  # a fifth is held out
    }
    return g


def start(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x, y, w1 and w2 of the script, all standard normal."""
    random = np.random.default_rng(seed)
    shapes = (N, INPUTS), (N, OUTPUTS), (INPUTS, HIDDEN), (HIDDEN, OUTPUTS)
    x, y, w1, w2 = (random.standard_normal(shape) for shape in shapes)
    return x, y, w1, w2


def numpy_losses(steps: int, seed: int = 0) -> list[float]:
    """The losses of the script."""
    x, y, w1, w2 = start(seed)
    losses = []
    for _ in range(steps):
        h = 1 / (1 + np.exp(-x @ w1))
        y_pred = h @ w2
        losses.append(np.square(y_pred - y).sum())
        grad_y_pred = 2 * (y_pred - y)
        grad_h = grad_y_pred @ w2.T
        w2 = w2 - RATE * (h.T @ grad_y_pred)
        w1 = w1 - RATE * (x.T @ (grad_h * h * (1 - h)))
    return losses


def nngraph_losses(steps: int, seed: int = 0, dtype: str = "float64") -> list[float]:
    """The same by `Model.fit`, an epoch a step."""
    x, y, w1, w2 = start(seed)
    optimizer = ng.SGD(RATE)
    model = ng.compile(graph(), loss="sum_squared_error", optimizer=optimizer, dtype=dtype)
    model.set_parameters({"w1.weight": w1.T, "w2.weight": w2.T})
    return list(model.fit(x, y, epochs=steps, batch_size=N, shuffle=False)["loss"])


if __name__ == "__main__":
    theirs, ours = numpy_losses(500), nngraph_losses(500)
    for step in (0, 10, 100, 499):
        print(f"step {step + 1:3}: NumPy {theirs[step]:.9g}, nngraph {ours[step]:.9g}")
