"""Operations in nngraph: one native program, run for as many steps as a turn has."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from peers.operations import OperationTask

import nngraph as ng
from nngraph.compiler import Purpose
from nngraph.declare.value import Value
from nngraph.ops.windows import channels_of
from nngraph.programs import Programs
from nngraph.run.program import Segment

VERSION = ng.__version__


class Runner:
    """Steps of one operation."""

    def __init__(self, task: OperationTask) -> None:
        inputs = {name: array for name, array in task.operands.items() if "." not in name}
        self.parameters = [name for name in task.operands if name not in inputs]
        g = ng.Graph(task.formula)
        operands = [g.input(name, array.shape[1:]) for name, array in inputs.items()]
        g.output(FORMULAS[task.formula](g, *operands, **task.options), name="y")
        self.programs = Programs(g.declaration(), dtype=task.dtype, threads=task.threads)
        self.purpose: Purpose = "pullback" if task.backward else "forward"
        self.bound = self.programs.bind(self.purpose, len(task.cotangent))
        self.programs.store.assign({name: task.operands[name] for name in self.parameters})
        for name, view in self.bound.inputs.items():
            view[...] = inputs.get(name, task.cotangent)

    def run(self, steps: int) -> None:
        """Take steps, of which the last leaves its results: what was there before is spoiled."""
        for name, view in self.bound.outputs.items():
            if not name.startswith("input/"):
                view.reshape(-1)[[0, -1]] = np.nan
        outcome = self.programs.tape.run([Segment(self.bound.program, steps)], self.programs.thread_count)
        self.programs.check(outcome, self.purpose, self.bound)

    def results(self) -> dict[str, np.ndarray]:
        states = self.programs.store.states
        found = {name: view for name, view in self.bound.outputs.items() if not name.startswith("input/")}
        return {
            name: states[of].to_public(view) if (of := name.removeprefix("gradient/")) in self.parameters else view
            for name, view in found.items()
        }


def product(g: ng.Graph, a: Value, b: Value, transpose_a: bool, transpose_b: bool) -> Value:
    return g.matmul(a, b, transpose_a=transpose_a, transpose_b=transpose_b)


def convolution(g: ng.Graph, x: Value) -> Value:
    return g.conv2d(x, channels_of(x.type), 3, bias=False, name="convolution")


def depthwise(g: ng.Graph, x: Value) -> Value:
    return g.depthwise_conv2d(x, 3, bias=False, name="convolution")


def pointwise(g: ng.Graph, x: Value) -> Value:
    return g.batch_norm(g.conv2d(x, channels_of(x.type), 1, bias=False, name="convolution"), name="norm")


def softmax(g: ng.Graph, x: Value) -> Value:
    return g.softmax(x)


def layer_norm(g: ng.Graph, x: Value) -> Value:
    return g.layer_norm(x, name="norm")


def gelu(g: ng.Graph, x: Value) -> Value:
    return g.gelu(x)


def transformer(g: ng.Graph, x: Value, heads: int) -> Value:
    _, tokens, width = x.type.numpy_shape(1)
    attended = g.linear(g.layer_norm(x, name="norm1"), 3 * width, name="attention")
    parts = [g.slice(attended, start=k * width, stop=(k + 1) * width) for k in range(3)]
    q, k, v = (g.transpose(g.reshape(part, (tokens, heads, width // heads)), (0, 2, 1, 3)) for part in parts)
    scores = g.softmax(g.matmul(q, k, transpose_b=True) * (width / heads) ** -0.5)
    mixed = g.reshape(g.transpose(g.matmul(scores, v), (0, 2, 1, 3)), (tokens, width))
    x = x + g.linear(mixed, width, name="project")
    hidden = g.gelu(g.linear(g.layer_norm(x, name="norm2"), 4 * width, name="expand"))
    return x + g.linear(hidden, width, name="contract")


FORMULAS: dict[str, Callable[..., Value]] = {
    "product": product,
    "convolution": convolution,
    "depthwise": depthwise,
    "pointwise": pointwise,
    "softmax": softmax,
    "layer_norm": layer_norm,
    "gelu": gelu,
    "transformer": transformer,
}
