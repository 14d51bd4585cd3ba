"""Space warping: a hidden layer bends the plane until a straight line can tell the classes apart.

Two classes that no line separates in the plane go through one hidden layer; the graph has the hidden layer as a
second output, so that `predict` shows where each point of the plane is sent.

    python models/space_warping.py
"""

from __future__ import annotations

import numpy as np

import nngraph as ng
from nngraph.train import data


def graph() -> ng.Graph:
    g = ng.Graph("space-warping")
    h = g.linear(g.input("point", shape=(2,)), 8, name="first")
    warped = g.tanh(g.linear(g.tanh(h), 2, name="second"), name="warped")
    g.output(g.linear(warped, 2, name="scores"))
    g.output(warped, name="warped")
    g.training = {
        "loss": {"scores": "cross_entropy"},
        "optimizer": {"type": "adam", "learning_rate": 0.02},
        "epochs": 300,
        "batch_size": 32,
        "data": "circles:n=300,noise=0.08,seed=0",
    }
    return g


def line_accuracy(points: np.ndarray, labels: np.ndarray) -> float:
    """How many points the best least-squares line puts on the right side."""
    with_one = np.column_stack([points, np.ones(len(points))])
    line = np.linalg.lstsq(with_one, labels * 2.0 - 1.0, rcond=None)[0]
    return float(((with_one @ line > 0) == labels).mean())


def warp() -> tuple[ng.Model, np.ndarray, np.ndarray]:
    """A trained model, the points and their labels."""
    points = data.load("circles:n=300,noise=0.08,seed=0")
    loss = {"scores": "cross_entropy"}
    model = ng.compile(graph(), loss=loss, optimizer=ng.Adam(0.02))
    model.fit(points.x, points.y, epochs=300, batch_size=32)
    return model, points.x, points.y


if __name__ == "__main__":
    model, x, y = warp()
    warped = model.predict(x)["warped"]
    print(f"a straight line is right for {line_accuracy(x, y):.0%} of the points,", end=" ")
    print(f"and for {line_accuracy(warped, y):.0%} where the hidden layer sends them")
    places = np.linspace(-1.2, 1.2, 6)
    grid = np.stack(np.meshgrid(places, places), -1)
    sent = model.predict(grid.reshape(-1, 2))["warped"].reshape(grid.shape)
    print("\nwhere the hidden layer sends the points of a grid (x along the line, y down):")
    print("      " + "".join(f"{place:^14.1f}" for place in places))
    for place, row in zip(places, sent, strict=True):
        print(f"{place:+5.1f} " + "".join(f" ({p[0]:+.2f},{p[1]:+.2f})" for p in row))
