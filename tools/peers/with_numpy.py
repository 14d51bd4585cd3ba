"""A perceptron's step in plain NumPy: buffers reused where a careful user would, no loops over examples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from peers.task import Task, last_epoch, taken

VERSION = np.__version__


class Trainer:
    """Steps of one task."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.layers = [layer for layer in task.layers if layer.op == "linear"]
        activations = [layer.op for layer in task.layers if layer.op != "linear"]
        self.forward = [FORWARD[op] for op in activations]
        self.backward = [BACKWARD[op] for op in activations]
        # As x @ weight reads it, and as users of NumPy hold it.
        self.weights = [np.ascontiguousarray(task.parameters[f"{layer.id}.weight"].T) for layer in self.layers]
        self.biases = [task.parameters.get(f"{layer.id}.bias") for layer in self.layers]
        self.batches = [
            (task.x[k : k + task.batch], task.y[k : k + task.batch]) for k in range(0, len(task.x), task.batch)
        ]
        self.loss = cross_entropy if task.loss == "cross_entropy" else sum_squared_error
        self.update = Adam(task) if task.optimizer["type"] == "adam" else Descent(task)

    def results(self) -> dict[str, np.ndarray]:
        ids = [layer.id for layer in self.layers]
        found = {f"{id}.weight": weight.T for id, weight in zip(ids, self.weights, strict=True)}
        biases = {f"{id}.bias": bias for id, bias in zip(ids, self.biases, strict=True) if bias is not None}
        return found | biases

    def run(self, steps: int) -> float:
        """Take `steps` steps; the mean loss of the last epoch."""
        return last_epoch([self.step(x, y) for x, y in taken(self.batches, steps)], self.task)

    def step(self, x: np.ndarray, y: np.ndarray) -> float:
        hidden = [x]
        for weight, bias, activation in zip(self.weights, self.biases, self.forward, strict=False):
            h = hidden[-1] @ weight
            if bias is not None:
                h += bias
            hidden.append(activation(h))
        scores = hidden[-1] @ self.weights[-1]
        if self.biases[-1] is not None:
            scores += self.biases[-1]
        loss, gradient = self.loss(scores, y)
        self.update.begin()
        for k in range(len(self.weights) - 1, -1, -1):
            weight, bias, h = self.weights[k], self.biases[k], hidden[k]
            own = h.T @ gradient
            if bias is not None:
                self.update.apply(2 * k + 1, bias, gradient.sum(axis=0))
            if k:
                gradient = self.backward[k - 1](gradient @ weight.T, h)
            self.update.apply(2 * k, weight, own)
        return loss


def relu(h: np.ndarray) -> np.ndarray:
    return np.maximum(h, 0, out=h)


def sigmoid(h: np.ndarray) -> np.ndarray:
    np.negative(h, out=h)
    np.exp(h, out=h)
    h += 1
    return np.reciprocal(h, out=h)


def relu_backward(dh: np.ndarray, h: np.ndarray) -> np.ndarray:
    return np.multiply(dh, h > 0, out=dh)


def sigmoid_backward(dh: np.ndarray, h: np.ndarray) -> np.ndarray:
    dh *= h
    dh *= 1 - h
    return dh


Function = Callable[..., np.ndarray]
FORWARD: dict[str, Function] = {"relu": relu, "sigmoid": sigmoid}
BACKWARD: dict[str, Function] = {"relu": relu_backward, "sigmoid": sigmoid_backward}


def cross_entropy(scores: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """The loss, and its gradient in the place of the scores."""
    rows = np.arange(len(y))
    scores -= scores.max(axis=1, keepdims=True)
    own = scores[rows, y]
    p = np.exp(scores, out=scores)
    total = p.sum(axis=1, keepdims=True)
    loss = float((np.log(total[:, 0]) - own).mean())
    p /= total
    p[rows, y] -= 1
    p /= len(y)
    return loss, p


def sum_squared_error(scores: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    scores -= y
    loss = float(np.square(scores).sum())
    scores *= 2
    return loss, scores


class Descent:
    """Gradient descent without momentum."""

    def __init__(self, task: Task) -> None:
        self.rate = task.optimizer["learning_rate"]

    def begin(self) -> None: ...

    def apply(self, _: int, parameter: np.ndarray, gradient: np.ndarray) -> None:
        gradient *= self.rate
        parameter -= gradient


class Adam:
    """Kingma and Ba (2015), in the form with the corrections moved into the rate."""

    def __init__(self, task: Task) -> None:
        given = task.optimizer
        self.beta1, self.beta2 = given["beta1"], given["beta2"]
        self.learning_rate, self.epsilon = given["learning_rate"], given["epsilon"]
        self.moments: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self.time = 0

    def begin(self) -> None:
        self.time += 1
        correction = float(np.sqrt(1 - self.beta2**self.time))
        self.rate = self.learning_rate * correction / (1 - self.beta1**self.time)
        self.small = self.epsilon * correction

    def apply(self, key: int, parameter: np.ndarray, gradient: np.ndarray) -> None:
        if key not in self.moments:
            self.moments[key] = np.zeros_like(parameter), np.zeros_like(parameter)
        m, v = self.moments[key]
        m *= self.beta1
        m += (1 - self.beta1) * gradient
        v *= self.beta2
        v += (1 - self.beta2) * np.square(gradient, out=gradient)
        divisor = np.sqrt(v)
        divisor += self.small
        np.divide(m, divisor, out=divisor)
        divisor *= self.rate
        parameter -= divisor
