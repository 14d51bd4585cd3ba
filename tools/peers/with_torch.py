"""The step in PyTorch: channels last, fused optimizers, running sums of weighted inputs; eager, or compiled whole.

On a CUDA device with the variants "cuda" and "cuda-compile": without TF32, with the fastest of cuDNN's algorithms, and
compiled into CUDA graphs.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from peers.inference import Ask
from peers.task import Layer, Task, last_epoch, padding, taken
from torch import Tensor
from torch.nn import functional

VERSION = torch.__version__
Step = Callable[[Tensor, Tensor], Tensor]
Update = Callable[[tuple[Tensor, ...]], None]


class Trainer:
    """Steps of one task."""

    def __init__(self, task: Task) -> None:
        torch.set_num_threads(task.threads)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = True
        self.task = task
        y = torch.from_numpy(task.y)
        x, y = tensor(task.x).clone(), y.long() if task.loss == "cross_entropy" else y
        there = device_of(task)
        self.batches = list(zip(x.to(there).split(task.batch), y.to(there).split(task.batch), strict=True))
        self.network = Network(task)
        self.step = (compiled_step if task.variant.endswith("compile") else eager_step)(self.network, task)

    def results(self) -> dict[str, np.ndarray]:
        held = {name: p.detach() for name, p in self.network.parameters.items()}
        return {name: (p.permute(0, 2, 3, 1) if p.ndim == 4 else p).cpu().numpy() for name, p in held.items()}

    def run(self, steps: int) -> float:
        """Take `steps` steps; the mean loss of the last epoch."""
        return last_epoch([self.step(x, y) for x, y in taken(self.batches, steps)], self.task)


def device_of(task: Task) -> str:
    return "cuda" if task.variant.startswith("cuda") else "cpu"


def predictor(task: Task) -> Ask:
    torch.set_num_threads(task.threads)
    network = Network(task)
    scores = torch.compile(network.scores, fullgraph=True) if task.variant == "compile" else network.scores

    def ask(x):
        with torch.inference_mode():
            return scores(tensor(x)).numpy()

    return ask


def eager_step(network: Network, task: Task) -> Step:
    update = optimizer(list(network.parameters.values()), task)

    def step(x: Tensor, y: Tensor) -> Tensor:
        loss = network.loss(x, y)
        loss.backward()
        update.step()
        update.zero_grad(set_to_none=True)
        return loss.detach()

    return step


def compiled_step(network: Network, task: Task) -> Step:
    """Forward, backward and update in one graph.

    With the loss alone compiled the smallest work takes five times as long, and wired networks get wrong gradients
    (PyTorch 2.13).
    """
    torch._dynamo.config.trace_autograd_ops = True
    parameters = list(network.parameters.values())
    update = adam(parameters, task) if task.optimizer["type"] == "adam" else descent(parameters, task)

    def step(x: Tensor, y: Tensor) -> Tensor:
        loss = network.loss(x, y)
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            update(gradients)
        return loss.detach()

    if device_of(task) == "cpu":
        return torch.compile(step, fullgraph=True)
    return with_graphs(step)


def with_graphs(step: Step) -> Step:
    """The step as a CUDA graph: what it changes stays where it is, and a loss is kept before the next takes its place.

    Parameters and moments have been marked by `stays`: what a graph changes that may move is left out of it.
    """
    compiled = torch.compile(step, fullgraph=True, mode="reduce-overhead")

    def once(x: Tensor, y: Tensor) -> Tensor:
        torch.compiler.cudagraph_mark_step_begin()
        return compiled(x, y).clone()

    return once


def stays(*tensors: Tensor) -> None:
    """These are never anywhere else."""
    for each in tensors:
        torch._dynamo.mark_static_address(each)


def adam(parameters: list[Tensor], task: Task) -> Update:
    given = task.optimizer
    beta1, beta2 = given["beta1"], given["beta2"]
    moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in parameters]
    time = torch.zeros((), device=parameters[0].device)
    stays(time, *parameters, *(moment for pair in moments for moment in pair))

    def update(gradients: tuple[Tensor, ...]) -> None:
        time.add_(1)
        # 1 - beta ** time, which float32 would round off at first.
        first, second = (-torch.expm1(time * math.log(beta)) for beta in (beta1, beta2))
        rate, small = given["learning_rate"] * second.sqrt() / first, given["epsilon"] * second.sqrt()
        for p, (m, v), gradient in zip(parameters, moments, gradients, strict=True):
            m.lerp_(gradient, 1 - beta1)
            v.lerp_(gradient.square(), 1 - beta2)
            p.sub_(rate * m / (v.sqrt() + small))

    return update


def descent(parameters: list[Tensor], task: Task) -> Update:
    decay, momentum = task.optimizer["weight_decay"], task.optimizer["momentum"]
    velocities = [torch.zeros_like(p) for p in parameters] if momentum else parameters
    stays(*parameters, *velocities)

    def update(gradients: tuple[Tensor, ...]) -> None:
        for p, velocity, gradient in zip(parameters, velocities, gradients, strict=True):
            if decay:
                gradient = gradient + decay * p
            if momentum:
                gradient = velocity.mul_(momentum).add_(gradient)
            p.sub_(gradient, alpha=task.optimizer["learning_rate"])

    return update


def tensor(array) -> Tensor:
    """Images stay where they are, with the axes named in PyTorch's order: its channels-last format."""
    found = torch.from_numpy(array)
    return found.permute(0, 3, 1, 2) if found.ndim == 4 else found


def optimizer(parameters: list[Tensor], task: Task) -> torch.optim.Optimizer:
    given = task.optimizer
    if given["type"] == "adam":
        betas = given["beta1"], given["beta2"]
        return torch.optim.Adam(parameters, given["learning_rate"], betas, given["epsilon"], fused=True)
    decay, momentum = given["weight_decay"], given["momentum"]
    return torch.optim.SGD(parameters, given["learning_rate"], momentum, weight_decay=decay, fused=True)


class Network:
    """The layers of a task."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.parameters = {
            # NumPy's begin between cache lines.
            name: tensor(value).clone(memory_format=layout(value)).to(device_of(task)).requires_grad_()
            for name, value in task.parameters.items()
        }
        norms = [layer.id for layer in task.layers if layer.op == "batch_norm"]
        widths = {id: len(task.parameters[f"{id}.scale"]) for id in norms}
        dtype = torch.from_numpy(task.x[:0]).dtype
        there = {"dtype": dtype, "device": device_of(task)}
        self.statistics = {id: (torch.zeros(n, **there), torch.ones(n, **there)) for id, n in widths.items()}
        for name, value in task.statistics.items():
            id, _, kind = name.rpartition(".")
            self.statistics[id][kind == "running_variance"].copy_(torch.from_numpy(value))
        self.once = task.read_once()

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        if self.task.loss == "cross_entropy":
            return functional.cross_entropy(self.scores(x), y)
        return functional.mse_loss(self.scores(x), y, reduction="sum")

    def scores(self, x: Tensor) -> Tensor:
        values = {self.task.input: x}
        for layer in self.task.layers:
            values[layer.id] = getattr(self, layer.op)(layer, values)
        return values[self.task.output]

    def parameter(self, layer: Layer, name: str) -> Tensor | None:
        return self.parameters.get(f"{layer.id}.{name}")

    def linear(self, layer: Layer, values: dict[str, Tensor]) -> Tensor:
        return functional.linear(
            values[layer.inputs[0]], self.parameter(layer, "weight"), self.parameter(layer, "bias")
        )

    def relu(self, layer: Layer, values: dict[str, Tensor]) -> Tensor:
        source = layer.inputs[0]
        return functional.relu(values[source], inplace=source in self.once)

    def sigmoid(self, layer: Layer, values: dict[str, Tensor]) -> Tensor:
        return torch.sigmoid(values[layer.inputs[0]])

    def conv2d(self, layer: Layer, values: dict[str, Tensor]) -> Tensor:
        x, sides = self.padded(layer, values)
        weight, bias = self.parameter(layer, "weight"), self.parameter(layer, "bias")
        return functional.conv2d(x, weight, bias, layer.pair("stride", 1), sides, 1, layer.get("groups", 1))

    def depthwise_conv2d(self, layer: Layer, values: dict[str, Tensor]) -> Tensor:
        x, sides = self.padded(layer, values)
        weight, bias = self.parameter(layer, "weight"), self.parameter(layer, "bias")
        return functional.conv2d(x, weight, bias, layer.pair("stride", 1), sides, 1, x.shape[1])

    def padded(self, layer: Layer, values: dict[str, Tensor]) -> tuple[Tensor, tuple[int, int]]:
        """The image, and zeros to add on both sides; where these differ they are added here, once for all readers."""
        source = layer.inputs[0]
        x = values[source]
        (top, bottom), (left, right) = padding(layer, (x.shape[2], x.shape[3]))
        if (top, left) == (bottom, right):
            return x, (top, left)
        key = f"{source} padded by {top} {bottom} {left} {right}"
        if key not in values:
            values[key] = functional.pad(x, (left, right, top, bottom))
        return values[key], (0, 0)

    def batch_norm(self, layer: Layer, values: dict[str, Tensor]) -> Tensor:
        mean, variance = self.statistics[layer.id]
        scale, offset = self.parameter(layer, "scale"), self.parameter(layer, "offset")
        training = not self.task.inference
        share, epsilon = 1 - layer.get("momentum", 0.9), layer.get("epsilon", 1e-5)
        return functional.batch_norm(values[layer.inputs[0]], mean, variance, scale, offset, training, share, epsilon)

    def weighted_sum(self, layer: Layer, values: dict[str, Tensor]) -> Tensor:
        first, *others = (values[source] for source in layer.inputs)
        factor, *factors = torch.sigmoid(self.parameter(layer, "weight")).unbind()
        total = first * factor
        for x, factor in zip(others, factors, strict=True):
            total = torch.addcmul(total, x, factor)
        return total

    def average(self, layer: Layer, values: dict[str, Tensor]) -> Tensor:
        first, *others = (values[source] for source in layer.inputs)
        for x in others:
            first = first + x
        return first / len(layer.inputs)

    def max_pool(self, layer: Layer, values: dict[str, Tensor]) -> Tensor:
        size = layer.pair("size", 2)
        return functional.max_pool2d(values[layer.inputs[0]], size, layer.get("stride", None) or size)

    def global_average_pool(self, layer: Layer, values: dict[str, Tensor]) -> Tensor:
        return values[layer.inputs[0]].mean((2, 3))


def layout(array) -> torch.memory_format:
    return torch.channels_last if array.ndim == 4 else torch.contiguous_format
