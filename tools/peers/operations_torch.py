"""Operations in PyTorch: channels last; eager without autograd for the forward pass alone, or compiled whole."""

from __future__ import annotations

import numpy as np
import torch
from peers.operations import OperationTask
from torch import Tensor
from torch.nn import functional

VERSION = torch.__version__
Operands = dict[str, Tensor]


class Runner:
    """Steps of one operation."""

    def __init__(self, task: OperationTask) -> None:
        torch.set_num_threads(task.threads)
        torch._dynamo.config.trace_autograd_ops = True
        self.operands = {name: channels_first(array) for name, array in task.operands.items()}
        self.cotangent = channels_first(task.cotangent)
        self.task = task
        if task.formula == "product":
            self.out = torch.empty_like(self.cotangent)
        if task.backward:
            self.operands = {name: operand.requires_grad_() for name, operand in self.operands.items()}
        step = self.backward if task.backward else self.forward
        self.step = torch.compile(step, fullgraph=True) if task.variant == "compile" else step
        self.made: tuple[Tensor, ...] = ()

    def forward(self) -> tuple[Tensor, ...]:
        if self.task.formula == "product":
            return (product(self.operands, self.out, **self.task.options),)
        return (FORMULAS[self.task.formula](self.operands, **self.task.options),)

    def backward(self) -> tuple[Tensor, ...]:
        y = FORMULAS[self.task.formula](self.operands, **self.task.options)
        return y.detach(), *torch.autograd.grad(y, tuple(self.operands.values()), self.cotangent)

    def run(self, steps: int) -> None:
        """Take steps."""
        with torch.inference_mode(not self.task.backward):
            for _ in range(steps):
                self.made = ()  # whose memory can be taken again
                self.made = self.step()

    def results(self) -> dict[str, np.ndarray]:
        names = ["y", *(f"gradient/{name}" for name in self.operands)]
        return {
            name: (made.permute(0, 2, 3, 1) if made.ndim == 4 else made).numpy()
            for name, made in zip(names, self.made, strict=False)
        }


def channels_first(array: np.ndarray) -> Tensor:
    """Images and filters with the axes named in PyTorch's order: its channels-last format.

    In PyTorch's own memory, which begins at a cache line; NumPy's arrays do not, and vectors of 64 bytes cross lines.
    """
    found = torch.from_numpy(array).clone()
    return found.permute(0, 3, 1, 2) if found.ndim == 4 else found


def product(p: Operands, out: Tensor, transpose_a: bool, transpose_b: bool) -> Tensor:
    a, b = p["a"][0], p["b"][0]
    torch.mm(a.t() if transpose_a else a, b.t() if transpose_b else b, out=out[0])
    return out


def depthwise(p: Operands) -> Tensor:
    return functional.conv2d(p["x"], p["convolution.weight"], padding=1, groups=p["x"].shape[1])


def pointwise(p: Operands) -> Tensor:
    y = functional.conv2d(p["x"], p["convolution.weight"])
    return functional.batch_norm(y, None, None, p["norm.scale"], p["norm.offset"], training=True)


def layer_norm(p: Operands, x: Tensor, name: str) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:], p[f"{name}.scale"], p[f"{name}.offset"])


def linear(p: Operands, x: Tensor, name: str) -> Tensor:
    return functional.linear(x, p[f"{name}.weight"], p[f"{name}.bias"])


def transformer(p: Operands, heads: int) -> Tensor:
    """With PyTorch's own kernel for attention, which takes as long as products and a softmax at these sizes."""
    x = p["x"]
    attended = linear(p, layer_norm(p, x, "norm1"), "attention").unflatten(-1, (3, heads, -1))
    q, k, v = attended.permute(2, 0, 3, 1, 4).unbind()
    mixed = functional.scaled_dot_product_attention(q, k, v)
    x = x + linear(p, mixed.transpose(1, 2).flatten(2), "project")
    hidden = functional.gelu(linear(p, layer_norm(p, x, "norm2"), "expand"))
    return x + linear(p, hidden, "contract")


FORMULAS = {
    "convolution": lambda p: functional.conv2d(p["x"], p["convolution.weight"], padding=1),
    "depthwise": depthwise,
    "pointwise": pointwise,
    "softmax": lambda p: torch.softmax(p["x"], -1),
    "layer_norm": lambda p: layer_norm(p, p["x"], "norm"),
    "gelu": lambda p: functional.gelu(p["x"]),
    "transformer": transformer,
}
