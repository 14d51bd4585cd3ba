"""What is measured on a GPU: single kernels, of which it is known what they have to move or compute, and networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from peers.processes import Framework
from peers.works import NETWORKS, Network

import nngraph as ng
from nngraph.declare.value import Value

Chain = Callable[[ng.Graph, Sequence[Value]], Value]
Build = Callable[[ng.Graph], None]


@dataclass(frozen=True, slots=True)
class KernelWork:
    """A graph of one kernel.

    Attributes
    ----------
    name : str
    group : str
        "bandwidth": what it takes is what its memory takes; "product": arithmetic.
    build : callable
        ``build(graph)`` declares it.
    batch : int
    traffic : int
        Bytes that have to be read and written.
    flops : int
    asked : float
        The share of what it is held against that is asked for.
    products : str
        What does its product: see `nngraph.compile`.
    """

    name: str
    group: str
    build: Build
    batch: int
    traffic: int
    flops: int
    asked: float
    products: str = "own"

    def graph(self) -> ng.Graph:
        made = ng.Graph(self.name)
        self.build(made)
        return made


def elementwise(name: str, arity: int, rows: int, width: int, build: Chain) -> KernelWork:
    """A chain over operands of (rows, width)."""

    def declare(g: ng.Graph) -> None:
        g.output(build(g, [g.input(f"x{k}", shape=(width,)) for k in range(arity)]))

    return KernelWork(name, "bandwidth", declare, rows, 4 * rows * width * (arity + 1), 0, 0.85)


def reduction(name: str, rows: int, width: int, build: Chain, written: int) -> KernelWork:
    """A reduction of one (rows, width) operand, in one example."""

    def declare(g: ng.Graph) -> None:
        g.output(build(g, [g.input("x", shape=(rows, width))]))

    return KernelWork(name, "bandwidth", declare, 1, 4 * (rows * width + written), 0, 0.85)


def product(n: int) -> KernelWork:
    def declare(g: ng.Graph) -> None:
        g.output(g.matmul(g.input("a", shape=(n, n)), g.input("b", shape=(n, n))))

    return KernelWork(f"product {n}^3", "product", declare, 1, 12 * n * n, 2 * n**3, 0.6)


def library_works(work: KernelWork) -> list[KernelWork]:
    """A product as cuBLAS does it for us, in float32 and with TF32."""
    return [
        replace(work, name=f"{work.name}, {how}", products=products, asked=0.0)
        for how, products in (("cuBLAS", "cublas"), ("cuBLAS, TF32", "cublas_tf32"))
    ]


def kernel_works(rows: int = 16384, width: int = 4096, side: int = 4096, library: bool = False) -> list[KernelWork]:
    """All single kernels; operands of 256 MB each unless others are wanted."""
    return [
        elementwise("relu(a b + c)", 3, rows, width, lambda g, x: g.relu(x[0] * x[1] + x[2])),
        elementwise("gelu(2 x) + 1", 1, rows, width, lambda g, x: g.gelu(x[0] * 2.0) + 1.0),
        elementwise("a + b", 2, rows, width, lambda g, x: x[0] + x[1]),
        reduction("sum of rows", rows, width, lambda g, x: g.sum(x[0], axis=2), rows),
        reduction("sum of columns", rows, width, lambda g, x: g.sum(x[0], axis=1), width),
        reduction("maximum of rows", rows, width, lambda g, x: g.max(x[0], axis=2), rows),
        product(side),
        *(library_works(product(side)) if library else []),
    ]


WITH_LIBRARY = Framework("nngraph with cuBLAS", "nngraph", "nngraph", "cuda-cublas")
FRAMEWORKS = (
    Framework("nngraph", "nngraph", "nngraph", "cuda"),
    Framework("torch", "torch", "torch", "cuda"),
    Framework("torch.compile", "torch", "torch", "cuda-compile"),
)
ASKED = {"torch": 2.0, "torch.compile": 1.0}  # of how many times longer others take
RANDWIRE = NETWORKS["randwire"]
NETWORK_WORKS: tuple[Network, ...] = (
    NETWORKS["mlp-784-512-512-10"],
    RANDWIRE,
    replace(RANDWIRE, name="randwire-256", batch=256, examples=1024),
)
