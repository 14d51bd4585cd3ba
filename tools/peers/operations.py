"""Single operations that all peers compute alike, forward or with all gradients, over operands that stay in memory."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Shape = tuple[int, ...]
EAGER, COMPILED, ALL = ("torch",), ("torch", "torch.compile"), ("numpy", "torch", "torch.compile", "jax")


@dataclass(frozen=True, slots=True)
class Operation:
    """A formula over operands of given shapes.

    Attributes
    ----------
    name : str
    group : str
        Whose table it is a row of.
    formula : str
        What ``operations_<framework>`` calls it.
    operands : mapping of str to shape
        The batch in front of each. A name with a dot, ``<layer>.<parameter>``, is that of a parameter, in the public
        layouts of nngraph: outputs first, channels last.
    result : shape
        Of what it computes, ``y``.
    options : mapping
        What the formula takes beside operands.
    backward : bool
        Whether gradients of all operands are computed too, from a cotangent of the result.
    peers : tuple of str
        The frameworks that it is compared with.
    """

    name: str
    group: str
    formula: str
    operands: Mapping[str, Shape]
    result: Shape
    peers: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    backward: bool = False
    dtype: str = "float32"

    @property
    def epoch(self) -> int:
        """Steps after which the data repeat."""
        return 1

    @property
    def title(self) -> str:
        return f"{self.name}, {self.dtype}"


@dataclass(frozen=True, slots=True)
class OperationTask:
    """What a peer is given: an operation, and arrays in nngraph's layouts."""

    threads: int
    variant: str
    formula: str
    options: Mapping[str, Any]
    backward: bool
    dtype: str
    operands: dict[str, np.ndarray]
    cotangent: np.ndarray


def both_ways(name: str, *given: Any, **options: Any) -> Iterator[Operation]:
    """An operation by itself, and with its gradients."""
    for backward, way in ((False, "forward"), (True, "backward")):
        yield Operation(f"{name}-{way}", *given, options=options, backward=backward)


def products() -> Iterator[Operation]:
    for m, k, n in ((1024, 1024, 1024), (64, 1000, 100), (32768, 78, 78), (50176, 288, 64), (128, 784, 512)):
        for kind, ta, tb in (("ab", False, False), ("abt", False, True), ("atb", True, False)):
            a, b = (1, k, m) if ta else (1, m, k), (1, n, k) if tb else (1, k, n)
            options = {"transpose_a": ta, "transpose_b": tb}
            name, peers = f"product-{m}x{k}x{n}-{kind}", ("numpy", "torch")
            yield Operation(name, "products", "product", {"a": a, "b": b}, (1, m, n), peers, options)


def convolutions() -> Iterator[Operation]:
    image = (32, 32, 32, 64)
    operands = {"x": image, "convolution.weight": (64, 3, 3, 64)}
    yield from both_ways("convolution", "convolutions", "convolution", operands, image, EAGER)


def stages() -> Iterator[Operation]:
    """The two halves of a randomly wired node, at the sizes of its stages."""
    images = ((32, 16, 16, 32), (32, 8, 8, 64), (32, 4, 4, 128), (8, 28, 28, 78))
    for image in images:
        name, channels = "x".join(map(str, image)), image[-1]
        operands = {"x": image, "convolution.weight": (channels, 3, 3, 1)}
        yield from both_ways(f"depthwise-{name}", "depthwise", "depthwise", operands, image, COMPILED)
    for image in images:
        name, channels = "x".join(map(str, image)), image[-1]
        weight, each = (channels, 1, 1, channels), (channels,)
        operands = {"x": image, "convolution.weight": weight, "norm.scale": each, "norm.offset": each}
        yield from both_ways(f"pointwise-{name}", "pointwise", "pointwise", operands, image, COMPILED)


def rows() -> Iterator[Operation]:
    shape = (4096, 768)
    yield from both_ways("softmax", "rows", "softmax", {"x": shape}, shape, ALL)
    operands = {"x": shape, "norm.scale": shape[1:], "norm.offset": shape[1:]}
    yield from both_ways("layer_norm", "rows", "layer_norm", operands, shape, ALL)
    yield from both_ways("gelu", "rows", "gelu", {"x": shape}, shape, ALL)


def transformer(batch: int, tokens: int, width: int, heads: int) -> Iterator[Operation]:
    """A block with its norms before attention and before the perceptron (Xiong et al. 2020, figure 1b)."""
    x, each, wide = (batch, tokens, width), (width,), 4 * width
    operands = {
        "x": x, "norm1.scale": each, "norm1.offset": each,
        "attention.weight": (3 * width, width), "attention.bias": (3 * width,),
        "project.weight": (width, width), "project.bias": each, "norm2.scale": each, "norm2.offset": each,
        "expand.weight": (wide, width), "expand.bias": (wide,),
        "contract.weight": (width, wide), "contract.bias": each,
    }  # fmt: skip
    peers = tuple(name for name in ALL if name != "numpy")
    yield from both_ways("transformer", "transformer", "transformer", operands, x, peers, heads=heads)


OPERATIONS = {
    operation.name: operation
    for operation in (*products(), *convolutions(), *stages(), *rows(), *transformer(8, 128, 256, 4))
}


def prepare_operation(operation: Operation, folder: Path) -> None:
    """Write ``operation.json`` and ``start.npz``."""
    (folder / "operation.json").write_text(json.dumps(asdict(operation)))
    random = np.random.default_rng(0)
    arrays = {f"operand/{name}": drawn(random, name, shape) for name, shape in operation.operands.items()}
    arrays["cotangent"] = random.standard_normal(operation.result)
    as_given: dict[str, Any] = {name: array.astype(operation.dtype) for name, array in arrays.items()}
    np.savez(folder / "start.npz", **as_given)


def drawn(random: np.random.Generator, name: str, shape: Shape) -> np.ndarray:
    """Standard normal numbers; a weight keeps the size of what it multiplies, scales are near 1, offsets near 0."""
    found = random.standard_normal(shape)
    if "." not in name:
        return found
    if len(shape) > 1:
        return found / math.sqrt(math.prod(shape[1:]))
    return 0.1 * found + float(name.endswith(".scale"))


def load_operation(folder: Path, threads: int, variant: str = "") -> OperationTask:
    given = json.loads((folder / "operation.json").read_text())
    with np.load(folder / "start.npz") as archive:
        arrays = dict(archive)
    operands = {k.removeprefix("operand/"): array for k, array in arrays.items() if k.startswith("operand/")}
    kept = {name: given[name] for name in ("formula", "options", "backward", "dtype")}
    return OperationTask(threads, variant, **kept, operands=operands, cotangent=arrays["cotangent"])
