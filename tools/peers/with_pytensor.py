"""The step as one PyTensor function of its Numba backend, with the weights and moments as shared variables."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
from works import BETA1, BETA2, EPSILON, Work


class Trainer:
    """Steps of one work."""

    def __init__(self, work: Work) -> None:
        self.work = work
        x, y = work.data()
        self.x, self.y = pytensor.shared(x), pytensor.shared(y)
        self.function = self.compiled()

    def compiled(self):
        start = pt.lscalar("start")
        batch = self.work.batch
        x, y = self.x[start : start + batch], self.y[start : start + batch]
        parameters = [pytensor.shared(p) for layer in self.work.weights() for p in layer]
        h = x
        for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
            h = pt.maximum(h @ weight + bias, np.float32(0))
        scores = h @ parameters[-2] + parameters[-1]
        likelihood = pt.special.log_softmax(scores, axis=1)
        loss = -likelihood[pt.arange(batch), y].mean()
        time = pytensor.shared(np.float32(0))
        following = time + np.float32(1)
        rate = np.float32(self.work.learning_rate) * pt.sqrt(1 - np.float32(BETA2) ** following)
        rate = rate / (1 - np.float32(BETA1) ** following)
        updates = {time: following}
        for p, gradient in zip(parameters, pt.grad(loss, parameters), strict=True):
            m, v = (pytensor.shared(np.zeros_like(p.get_value())) for _ in range(2))
            updates[m] = np.float32(BETA1) * m + np.float32(1 - BETA1) * gradient
            updates[v] = np.float32(BETA2) * v + np.float32(1 - BETA2) * gradient * gradient
            updates[p] = p - rate * updates[m] / (pt.sqrt(updates[v]) + np.float32(EPSILON))
        updates = {old: pt.cast(new, "float32") for old, new in updates.items()}
        return pytensor.function([start], loss, updates=updates, mode="NUMBA", trust_input=True)

    def epoch(self, steps: int) -> float:
        """Take `steps` steps; the last one's loss."""
        loss = 0.0
        for step in range(steps):
            start = step * self.work.batch % (self.work.examples - self.work.batch + 1)
            loss = self.function(np.asarray(start))
        return float(loss)
