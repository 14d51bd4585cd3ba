"""A perceptron's step as one PyTensor function of its Numba backend; weights and moments are shared variables."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
from peers.task import Task, last_epoch

VERSION = pytensor.__version__


class Trainer:
    """Steps of one task."""

    def __init__(self, task: Task) -> None:
        pytensor.config.floatX = task.dtype
        self.task = task
        self.number = np.dtype(task.dtype).type
        self.x, self.y = pytensor.shared(task.x), pytensor.shared(task.y)
        self.shared = {
            name: pytensor.shared(np.ascontiguousarray(value.T)) for name, value in task.parameters.items()
        }  # fmt: skip
        start = pt.lscalar("start")
        loss = self.loss(self.x[start : start + task.batch], self.y[start : start + task.batch])
        parameters = list(self.shared.values())
        update = self.adam if task.optimizer["type"] == "adam" else self.descend
        updates = update(list(zip(parameters, pt.grad(loss, parameters), strict=True)))
        updates = {old: pt.cast(new, old.dtype) for old, new in updates.items()}
        self.function = pytensor.function([start], loss, updates=updates, mode="NUMBA", trust_input=True)
        self.starts = [np.asarray(step * task.batch) for step in range(task.epoch)]

    def loss(self, x, y):
        h = x
        for layer in self.task.layers:
            if layer.op == "linear":
                h = h @ self.shared[f"{layer.id}.weight"]
                bias = self.shared.get(f"{layer.id}.bias")
                h = h if bias is None else h + bias
            else:
                h = pt.maximum(h, self.number(0)) if layer.op == "relu" else pt.sigmoid(h)
        if self.task.loss == "cross_entropy":
            return -pt.special.log_softmax(h, axis=1)[pt.arange(self.task.batch), y].mean()
        return pt.sqr(h - y).sum()

    def descend(self, pairs):
        rate = self.number(self.task.optimizer["learning_rate"])
        return {p: p - rate * gradient for p, gradient in pairs}

    def adam(self, pairs):
        number, given = self.number, self.task.optimizer
        beta1, beta2 = given["beta1"], given["beta2"]
        time = pytensor.shared(number(0))
        following = time + number(1)
        # 1 - beta ** time, which float32 would round off at first.
        first, second = (-pt.expm1(following * number(np.log(beta))) for beta in (beta1, beta2))
        rate = number(given["learning_rate"]) * pt.sqrt(second) / first
        small = number(given["epsilon"]) * pt.sqrt(second)
        updates = {time: following}
        for p, gradient in pairs:
            m, v = (pytensor.shared(np.zeros_like(p.get_value())) for _ in range(2))
            updates[m] = number(beta1) * m + number(1 - beta1) * gradient
            updates[v] = number(beta2) * v + number(1 - beta2) * pt.sqr(gradient)
            updates[p] = p - rate * updates[m] / (pt.sqrt(updates[v]) + small)
        return updates

    def results(self) -> dict[str, np.ndarray]:
        return {name: value.get_value().T for name, value in self.shared.items()}

    def run(self, steps: int) -> float:
        """Take `steps` steps; the mean loss of the last epoch."""
        losses = [self.function(self.starts[step % self.task.epoch]) for step in range(steps)]
        return last_epoch(losses, self.task)
