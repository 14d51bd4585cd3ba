"""Operations in plain NumPy, into buffers that are made once."""

from __future__ import annotations

import math

import numpy as np
from peers.operations import OperationTask

VERSION = np.__version__


class Runner:
    """Steps of one operation."""

    def __init__(self, task: OperationTask) -> None:
        self.operation: Product | Softmax | LayerNorm | Gelu = FORMULAS[task.formula](task)
        self.task = task

    def run(self, steps: int) -> None:
        """Take steps."""
        for _ in range(steps):
            self.operation.forward()
            if self.task.backward:
                self.operation.backward()

    def results(self) -> dict[str, np.ndarray]:
        return {"y": self.operation.y} | (self.operation.gradients if self.task.backward else {})


class Product:
    """A matrix product; a transposed operand is a view, which BLAS takes as it is."""

    def __init__(self, task: OperationTask) -> None:
        a, b = task.operands["a"][0], task.operands["b"][0]
        self.a = a.T if task.options["transpose_a"] else a
        self.b = b.T if task.options["transpose_b"] else b
        self.y = np.empty_like(task.cotangent)
        self.gradients: dict[str, np.ndarray] = {}

    def forward(self) -> None:
        np.matmul(self.a, self.b, out=self.y[0])

    def backward(self) -> None:
        raise NotImplementedError("products are compared forward alone: their gradients are products")


class Softmax:
    """Of the rows, with their largest element taken off; its gradient is y (dy − Σ y dy)."""

    def __init__(self, task: OperationTask) -> None:
        self.x, self.dy = task.operands["x"], task.cotangent
        self.y, self.dx = np.empty_like(self.x), np.empty_like(self.x)
        self.row = np.empty((len(self.x), 1), self.x.dtype)
        self.gradients = {"gradient/x": self.dx}

    def forward(self) -> None:
        np.max(self.x, axis=1, keepdims=True, out=self.row)
        np.subtract(self.x, self.row, out=self.y)
        np.exp(self.y, out=self.y)
        np.sum(self.y, axis=1, keepdims=True, out=self.row)
        np.divide(self.y, self.row, out=self.y)

    def backward(self) -> None:
        np.vecdot(self.y, self.dy, out=self.row[:, 0])
        np.subtract(self.dy, self.row, out=self.dx)
        np.multiply(self.dx, self.y, out=self.dx)


class LayerNorm:
    """Rows less their mean, over their deviation, scaled and shifted."""

    def __init__(self, task: OperationTask) -> None:
        self.x, self.dy = task.operands["x"], task.cotangent
        self.scale, self.offset = task.operands["norm.scale"], task.operands["norm.offset"]
        self.normal, self.y, self.dx, self.product = (np.empty_like(self.x) for _ in range(4))
        self.mean, self.deviation = (np.empty((len(self.x), 1), self.x.dtype) for _ in range(2))
        self.dscale, self.doffset = np.empty_like(self.scale), np.empty_like(self.offset)
        self.gradients = {
            "gradient/x": self.dx, "gradient/norm.scale": self.dscale, "gradient/norm.offset": self.doffset,
        }  # fmt: skip

    def forward(self) -> None:
        np.mean(self.x, axis=1, keepdims=True, out=self.mean)
        np.subtract(self.x, self.mean, out=self.normal)
        np.vecdot(self.normal, self.normal, out=self.deviation[:, 0])
        self.deviation /= self.x.shape[1]
        self.deviation += 1e-5
        np.sqrt(self.deviation, out=self.deviation)
        np.divide(self.normal, self.deviation, out=self.normal)
        np.multiply(self.normal, self.scale, out=self.y)
        np.add(self.y, self.offset, out=self.y)

    def backward(self) -> None:
        np.multiply(self.dy, self.normal, out=self.product)
        np.sum(self.product, axis=0, out=self.dscale)
        np.sum(self.dy, axis=0, out=self.doffset)
        np.multiply(self.dy, self.scale, out=self.dx)
        np.mean(self.dx, axis=1, keepdims=True, out=self.mean)
        np.subtract(self.dx, self.mean, out=self.dx)
        np.vecdot(self.dx, self.normal, out=self.mean[:, 0])
        self.mean /= self.x.shape[1]
        np.multiply(self.normal, self.mean, out=self.product)
        np.subtract(self.dx, self.product, out=self.dx)
        np.divide(self.dx, self.deviation, out=self.dx)


class Gelu:
    """Φ by formula 7.1.26 of Abramowitz and Stegun (1964), which is within 1.5e-7: NumPy has no error function."""

    COEFFICIENTS = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)

    def __init__(self, task: OperationTask) -> None:
        self.x, self.dy = task.operands["x"], task.cotangent
        self.y, self.dx, self.density, self.share, self.t = (np.empty_like(self.x) for _ in range(5))
        self.gradients = {"gradient/x": self.dx}

    def forward(self) -> None:
        """With z = |x| / √2 and t = 1 / (1 + p z), erf(z) is 1 − (a₁t + … + a₅t⁵) e^(−z²)."""
        x, t, tail = self.x, self.t, self.share
        np.abs(x, out=t)
        t *= 0.3275911 / math.sqrt(2)
        t += 1
        np.reciprocal(t, out=t)
        np.square(x, out=self.density)
        self.density *= -0.5
        np.exp(self.density, out=self.density)
        np.multiply(t, self.COEFFICIENTS[0], out=tail)
        for coefficient in self.COEFFICIENTS[1:]:
            tail += coefficient
            tail *= t
        tail *= self.density
        tail *= -0.5
        tail += 0.5  # half of erf(z)
        np.copysign(tail, x, out=tail)
        tail += 0.5
        np.multiply(x, self.share, out=self.y)

    def backward(self) -> None:
        np.multiply(self.x, self.density, out=self.dx)
        self.dx *= 1 / math.sqrt(2 * math.pi)
        self.dx += self.share
        self.dx *= self.dy


FORMULAS = {"product": Product, "softmax": Softmax, "layer_norm": LayerNorm, "gelu": Gelu}
