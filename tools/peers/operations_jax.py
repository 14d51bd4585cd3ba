"""Operations in JAX: one jitted function of the operands and the cotangent."""

from __future__ import annotations

import jax
import numpy as np
from jax import numpy as jnp
from peers.operations import OperationTask

VERSION = jax.__version__


class Runner:
    """Steps of one operation."""

    def __init__(self, task: OperationTask) -> None:
        jax.config.update("jax_enable_x64", task.dtype == "float64")
        self.operands = {name: jnp.asarray(array) for name, array in task.operands.items()}
        self.cotangent = jnp.asarray(task.cotangent)
        formula = FORMULAS[task.formula]

        def forward(p, _):
            return formula(p, **task.options), {}

        def backward(p, dy):
            y, pull_back = jax.vjp(lambda p: formula(p, **task.options), p)
            return y, pull_back(dy)[0]

        self.step = jax.jit(backward if task.backward else forward)

    def run(self, steps: int) -> None:
        """Take steps."""
        for _ in range(steps):
            self.made = None  # whose memory can be taken again
            self.made = jax.block_until_ready(self.step(self.operands, self.cotangent))

    def results(self) -> dict[str, np.ndarray]:
        y, gradients = self.made
        return {"y": np.asarray(y)} | {f"gradient/{name}": np.asarray(each) for name, each in gradients.items()}


def layer_norm(p, x, name):
    mean = x.mean(-1, keepdims=True)
    variance = jnp.square(x - mean).mean(-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * p[f"{name}.scale"] + p[f"{name}.offset"]


def linear(p, x, name):
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def transformer(p, heads):
    x = p["x"]
    batch, tokens, width = x.shape
    attended = linear(p, layer_norm(p, x, "norm1"), "attention").reshape(batch, tokens, 3, heads, width // heads)
    q, k, v = attended.transpose(2, 0, 3, 1, 4)
    scores = jax.nn.softmax(q @ k.swapaxes(-1, -2) * (width / heads) ** -0.5)
    x = x + linear(p, (scores @ v).swapaxes(1, 2).reshape(x.shape), "project")
    hidden = jax.nn.gelu(linear(p, layer_norm(p, x, "norm2"), "expand"), approximate=False)
    return x + linear(p, hidden, "contract")


FORMULAS = {
    "softmax": lambda p: jax.nn.softmax(p["x"]),
    "layer_norm": lambda p: layer_norm(p, p["x"], "norm"),
    "gelu": lambda p: jax.nn.gelu(p["x"], approximate=False),
    "transformer": transformer,
}
