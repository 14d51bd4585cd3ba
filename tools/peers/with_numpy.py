"""The step in plain NumPy: buffers reused where a careful user would, no loops over examples."""

from __future__ import annotations

import numpy as np
from works import BETA1, BETA2, EPSILON, Work


class Trainer:
    """Steps of one work."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.layers = work.weights()
        self.moments = [[(np.zeros_like(p), np.zeros_like(p)) for p in layer] for layer in self.layers]
        self.x, self.y = work.data()
        self.rows = np.arange(work.batch)
        self.time = 0

    def epoch(self, steps: int) -> float:
        """Take `steps` steps; the last one's loss."""
        loss = 0.0
        for step in range(steps):
            start = step * self.work.batch % (self.work.examples - self.work.batch + 1)
            loss = self.step(self.x[start : start + self.work.batch], self.y[start : start + self.work.batch])
        return loss

    def step(self, x: np.ndarray, y: np.ndarray) -> float:
        hidden = [x]
        for weight, bias in self.layers[:-1]:
            h = hidden[-1] @ weight
            h += bias
            hidden.append(np.maximum(h, 0, out=h))
        weight, bias = self.layers[-1]
        scores = hidden[-1] @ weight + bias
        scores -= scores.max(axis=1, keepdims=True)
        p = np.exp(scores)
        total = p.sum(axis=1, keepdims=True)
        loss = float((np.log(total)[:, 0] - scores[self.rows, y]).mean())
        p /= total
        p[self.rows, y] -= 1
        p /= len(x)
        self.time += 1
        for k in range(len(self.layers) - 1, -1, -1):
            gradients = (hidden[k].T @ p, p.sum(axis=0))
            if k:
                p = (p @ self.layers[k][0].T) * (hidden[k] > 0)
            for parameter, moments, gradient in zip(self.layers[k], self.moments[k], gradients, strict=True):
                self.adam(parameter, *moments, gradient)
        return loss

    def adam(self, parameter: np.ndarray, m: np.ndarray, v: np.ndarray, gradient: np.ndarray) -> None:
        m *= BETA1
        m += (1 - BETA1) * gradient
        v *= BETA2
        v += (1 - BETA2) * gradient * gradient
        rate = self.work.learning_rate * np.sqrt(1 - BETA2**self.time) / (1 - BETA1**self.time)
        parameter -= np.float32(rate) * m / (np.sqrt(v) + np.float32(EPSILON * np.sqrt(1 - BETA2**self.time)))
