"""Layers in plain NumPy: their source is copied into exported files, each function as it stands here.

Data comes first, then parameters in their public layouts, then attributes under the names that they have in a graph.
They use nothing but NumPy, the standard library, and each other.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def linear(x: Any, weight: Any, bias: Any = 0) -> Any:
    """x Wᵀ + b, over the last axis; weight (units, inputs)."""
    return x @ weight.T + bias


def embedding(x: Any, weight: Any) -> Any:
    """A row of the table for each index; weight (vocabulary, units)."""
    if x.size and not (x.min() >= 0 and x.max() < len(weight)):
        raise IndexError(f"indices from 0 to {len(weight) - 1} expected, {x.min()} to {x.max()} given")
    return weight[x]


def matmul(a: Any, b: Any, transpose_a: Any = False, transpose_b: Any = False) -> Any:
    """a b, of the last two axes, each transposed before if asked for."""
    a = np.swapaxes(a, -1, -2) if transpose_a else a
    return a @ (np.swapaxes(b, -1, -2) if transpose_b else b)


def weighted_sum(*values: Any) -> Any:
    """Σ σ(wᵢ) xᵢ; the last argument is w, one number for each x."""
    *inputs, weight = values
    total = inputs[0] * sigmoid(weight[0])
    for x, w in zip(inputs[1:], weight[1:]):  # noqa: B905
        total = total + x * sigmoid(w)
    return total


def average(*inputs: Any) -> Any:
    """The mean of several inputs."""
    return sum(inputs[1:], inputs[0]) / len(inputs)


def sigmoid(x: Any) -> Any:
    """1 / (1 + e⁻ˣ), without overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def relu(x: Any) -> Any:
    """max(0, x)."""
    return np.maximum(x, 0)


def leaky_relu(x: Any, slope: Any = 0.01) -> Any:
    """x where x > 0, slope · x elsewhere."""
    return np.where(x > 0, x, slope * x)


def elu(x: Any, alpha: Any = 1.0) -> Any:
    """x where x > 0, α (eˣ − 1) elsewhere."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def silu(x: Any) -> Any:
    """x σ(x)."""
    return x * sigmoid(x)


def softplus(x: Any) -> Any:
    """log(1 + eˣ), without overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def gelu(x: Any, form: Any = "exact") -> Any:
    """x Φ(x), Φ being the normal distribution, or one of the approximations of Hendrycks and Gimpel (2016)."""
    if form == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return x * sigmoid(1.702 * x) if form == "sigmoid" else 0.5 * x * (1 + erf(x * math.sqrt(0.5)))


def erf(x: Any) -> Any:
    """The error function, which NumPy has not."""
    return np.array([math.erf(number) for number in x.ravel().tolist()], x.dtype).reshape(x.shape)


def softmax(x: Any, axis: Any = -1) -> Any:
    """eˣ over its sum along an axis."""
    raised = np.exp(x - x.max(axis=axis, keepdims=True))
    return raised / raised.sum(axis=axis, keepdims=True)


def log_softmax(x: Any, axis: Any = -1) -> Any:
    """The logarithm of softmax."""
    lowered = x - x.max(axis=axis, keepdims=True)
    return lowered - np.log(np.exp(lowered).sum(axis=axis, keepdims=True))


def batch_norm(x: Any, scale: Any, offset: Any, mean: Any, variance: Any, epsilon: Any = 1e-5) -> Any:
    """Channels normalized by the running statistics of the training, then scaled and shifted."""
    return (x - mean) * (scale / np.sqrt(variance + epsilon)) + offset


def layer_norm(x: Any, scale: Any, offset: Any, axis: Any = -1, epsilon: Any = 1e-5) -> Any:
    """Each example normalized along axes, then scaled and shifted."""
    axes = [a % x.ndim for a in ([axis] if isinstance(axis, int) else axis)]
    shape = [size if a in axes else 1 for a, size in enumerate(x.shape)]
    rest = x - x.mean(axis=tuple(axes), keepdims=True)
    deviation = np.sqrt(np.square(rest).mean(axis=tuple(axes), keepdims=True) + epsilon)
    return rest / deviation * scale.reshape(shape) + offset.reshape(shape)


def group_norm(x: Any, scale: Any, offset: Any, groups: Any, epsilon: Any = 1e-5) -> Any:
    """Groups of an example's channels, each normalized over all of its places, then scaled and shifted."""
    grouped = x.reshape(len(x), math.prod(x.shape[1:-1]), groups, x.shape[-1] // groups)
    rest = grouped - grouped.mean(axis=(1, 3), keepdims=True)
    deviation = np.sqrt(np.square(rest).mean(axis=(1, 3), keepdims=True) + epsilon)
    return (rest / deviation).reshape(x.shape) * scale + offset


def one_hot(labels: Any, classes: Any, dtype: Any = "float32") -> Any:
    """For each label a row that is 1 at its place and 0 elsewhere."""
    return (labels[..., None] == np.arange(classes)).astype(dtype)


def transpose(x: Any, axes: Any = None) -> Any:
    """The axes in another order, by default all but the batch's from the last to the first."""
    return np.transpose(x, (0, *range(x.ndim - 1, 0, -1)) if axes is None else axes)


def take_slice(x: Any, start: Any = None, stop: Any = None, step: Any = 1, axis: Any = -1) -> Any:
    """Some of the elements along an axis, as Python slices."""
    chosen = [slice(None)] * x.ndim
    chosen[axis] = slice(start, stop, step)
    return x[tuple(chosen)]


def broadcast(x: Any, shape: Any) -> Any:
    """Each example repeated until it has a shape."""
    ones = (1,) * (len(shape) - x.ndim + 1)
    return np.broadcast_to(x.reshape(len(x), *ones, *x.shape[1:]), (len(x), *shape))


def upsample_nearest(x: Any, factor: Any) -> Any:
    """Each pixel repeated down and across."""
    down, across = (factor, factor) if isinstance(factor, int) else factor
    return x.repeat(down, axis=1).repeat(across, axis=2)
