"""The step in JAX: one jitted function whose state is donated; a call a step, or a loop inside the call."""

from __future__ import annotations

from functools import partial

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp
from peers.task import Layer, Task, last_epoch, padding, taken

VERSION = jax.__version__
IMAGES = ("NHWC", "OHWI", "NHWC")


class Trainer:
    """Steps of one task."""

    def __init__(self, task: Task) -> None:
        jax.config.update("jax_enable_x64", task.dtype == "float64")
        self.task = task
        parameters = {name: jnp.asarray(value) for name, value in task.parameters.items()}
        norms = [layer.id for layer in task.layers if layer.op == "batch_norm"]
        like = {id: parameters[f"{id}.scale"] for id in norms}
        statistics = {id: (jnp.zeros_like(scale), jnp.ones_like(scale)) for id, scale in like.items()}
        count = {"adam": 2}.get(task.optimizer["type"], 1 if task.optimizer.get("momentum") else 0)
        moments = tuple({k: jnp.zeros_like(p) for k, p in parameters.items()} for _ in range(count))
        self.state = parameters, moments, statistics, jnp.zeros((), jnp.int32)
        shape = (task.epoch, task.batch)
        self.x = jnp.asarray(task.x.reshape(*shape, *task.x.shape[1:]))
        self.y = jnp.asarray(task.y.reshape(*shape, *task.y.shape[1:]))
        self.batches = list(zip(self.x, self.y, strict=True))
        self.step = jax.jit(partial(step, task), donate_argnums=0)
        self.loop = jax.jit(partial(loop, task), donate_argnums=0)

    def results(self) -> dict[str, np.ndarray]:
        return {name: np.asarray(value) for name, value in self.state[0].items()}

    def run(self, steps: int) -> float:
        """Take `steps` steps; the mean loss of the last epoch."""
        if self.task.variant == "loop":
            self.state, total = self.loop(self.state, self.x, self.y, steps)
            return float(total) / min(steps, self.task.epoch)
        losses = []
        for x, y in taken(self.batches, steps):
            self.state, loss = self.step(self.state, x, y)
            losses.append(loss)
        jax.block_until_ready(self.state)
        return last_epoch(losses, self.task)


def step(task: Task, state, x, y):
    """The state after one step, and the loss before it."""
    parameters, moments, statistics, time = state
    (loss, statistics), gradients = jax.value_and_grad(partial(objective, task), has_aux=True)(
        parameters, statistics, x, y
    )  # fmt: skip
    update = adam if task.optimizer["type"] == "adam" else descend
    parameters, moments = update(task.optimizer, parameters, moments, gradients, time + 1)
    return (parameters, moments, statistics, time + 1), loss


def loop(task: Task, state, xs, ys, steps):
    """Many steps, and the sum of the losses of the last epoch."""

    def body(k, carried):
        state, total = carried
        state, loss = step(task, state, xs[k % task.epoch], ys[k % task.epoch])
        return state, total + jnp.where(k >= steps - task.epoch, loss, 0)

    return lax.fori_loop(0, steps, body, (state, jnp.zeros((), xs.dtype)))


def descend(given, parameters, moments, gradients, _):
    rate, decay, momentum = given["learning_rate"], given["weight_decay"], given["momentum"]
    if decay:
        gradients = jax.tree.map(lambda g, p: g + decay * p, gradients, parameters)
    if momentum:
        gradients = jax.tree.map(lambda g, v: momentum * v + g, gradients, moments[0])
        moments = (gradients,)
    return jax.tree.map(lambda p, g: p - rate * g, parameters, gradients), moments


def adam(given, parameters, moments, gradients, time):
    beta1, beta2 = given["beta1"], given["beta2"]
    m = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, moments[0], gradients)
    v = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, moments[1], gradients)
    # 1 - beta ** time, which float32 would round off at first.
    first, second = (-jnp.expm1(time * np.log(beta)) for beta in (beta1, beta2))
    rate, small = given["learning_rate"] * jnp.sqrt(second) / first, given["epsilon"] * jnp.sqrt(second)
    return jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + small), parameters, m, v), (m, v)


def objective(task: Task, parameters, statistics, x, y):
    values, statistics = {task.input: x}, dict(statistics)
    for layer in task.layers:
        given = [values[source] for source in layer.inputs]
        own = {
            name: parameters[f"{layer.id}.{name}"]
            for name in ("weight", "bias", "scale", "offset")
            if f"{layer.id}.{name}" in parameters
        }
        if layer.op == "batch_norm":
            values[layer.id], statistics[layer.id] = batch_norm(layer, given[0], statistics[layer.id], **own)
        else:
            values[layer.id] = OPS[layer.op](layer, *given, **own)
    scores = values[task.output]
    if task.loss != "cross_entropy":
        return jnp.square(scores - y).sum(), statistics
    likelihood = jnp.take_along_axis(jax.nn.log_softmax(scores), y[:, None], axis=1)
    return -likelihood.mean(), statistics


def linear(_: Layer, x, weight, bias=None):
    return x @ weight.T if bias is None else x @ weight.T + bias


def conv2d(layer: Layer, x, weight, bias=None):
    sides, groups = padding(layer, x.shape[1:3]), layer.get("groups", 1)
    if layer.op == "depthwise_conv2d":
        groups = x.shape[-1]
    y = lax.conv_general_dilated(
        x, weight, layer.pair("stride", 1), sides, dimension_numbers=IMAGES, feature_group_count=groups
    )  # fmt: skip
    return y if bias is None else y + bias


def batch_norm(layer: Layer, x, running, scale, offset):
    """Both moments in one pass, as flax takes them."""
    axes, momentum = tuple(range(x.ndim - 1)), layer.get("momentum", 0.9)
    count = x.size // x.shape[-1]
    mean = x.mean(axes)
    variance = jnp.maximum(jnp.square(x).mean(axes) - jnp.square(mean), 0)
    unbiased = variance * (count / (count - 1))
    running = tuple(
        momentum * old + (1 - momentum) * lax.stop_gradient(new)
        for old, new in zip(running, (mean, unbiased), strict=True)
    )
    return (x - mean) * (scale * lax.rsqrt(variance + layer.get("epsilon", 1e-5))) + offset, running


def weighted_sum(_: Layer, *inputs, weight):
    factors = jax.nn.sigmoid(weight)
    return sum(x * factors[k] for k, x in enumerate(inputs))


def max_pool(layer: Layer, x):
    """By reshaping: the gradient of XLA's own window reduction is slow on the CPU."""
    (rows, columns), (n, height, width, channels) = layer.pair("size", 2), x.shape
    return x.reshape(n, height // rows, rows, width // columns, columns, channels).max((2, 4))


OPS = {
    "linear": linear,
    "conv2d": conv2d,
    "depthwise_conv2d": conv2d,
    "weighted_sum": weighted_sum,
    "max_pool": max_pool,
    "relu": lambda _, x: jax.nn.relu(x),
    "sigmoid": lambda _, x: jax.nn.sigmoid(x),
    "average": lambda _, *inputs: sum(inputs) / np.asarray(len(inputs), inputs[0].dtype),
    "global_average_pool": lambda _, x: x.mean((1, 2)),
}
