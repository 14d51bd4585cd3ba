"""The works that all peers do alike: networks, and single operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from peers.operations import OPERATIONS, Operation

ADAM = {"type": "adam", "learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
SGD = {"type": "sgd", "learning_rate": 0.05, "momentum": 0.0, "weight_decay": 0.0}


@dataclass(frozen=True, slots=True)
class Network:
    """A network, trained or asked on the same random data by everybody.

    Attributes
    ----------
    name : str
    batch, examples : int
        Examples of a step and of an epoch; steps take the batches in order.
    optimizer : mapping
    model : str
        A file of `models`; in its place `sizes` say how wide the layers of a perceptron are.
    activation : str
        Between the layers of the perceptron.
    bias : bool
        Whether its layers have biases.
    wiring : int
        Which of the wirings of WS(32, 4, 0.75); 0 is the model file's own.
    inference : bool
        Whether its scores are asked for, a call a batch, in place of steps of training.
    """

    name: str
    batch: int
    examples: int
    optimizer: Mapping[str, str | float]
    model: str = ""
    sizes: tuple[int, ...] = ()
    activation: str = "relu"
    bias: bool = True
    loss: str = "cross_entropy"
    dtype: str = "float32"
    wiring: int = 0
    inference: bool = False

    @property
    def group(self) -> str:
        return "inference" if self.inference else "training"

    @property
    def epoch(self) -> int:
        """Steps after which the data repeat."""
        return self.examples // self.batch

    @property
    def title(self) -> str:
        wiring = f", wiring {self.wiring}" if self.wiring else ""
        return f"{self.name}{wiring}, batch {self.batch}, {self.dtype}"


Work = Network | Operation


def twenty_line_net(dtype: str) -> Network:
    """Sum of squared errors, sigmoid, no biases: the script that courses show."""
    return Network(
        f"twenty-line-{dtype}", 64, 64, {**SGD, "learning_rate": 1e-4}, sizes=(1000, 100, 10), activation="sigmoid",
        bias=False, loss="sum_squared_error", dtype=dtype,
    )  # fmt: skip


NETWORKS = {
    work.name: work
    for work in (
        twenty_line_net("float32"),
        twenty_line_net("float64"),
        Network("mlp-2-16-16-2", 64, 1024, ADAM, sizes=(2, 16, 16, 2)),
        Network("mlp-64-128-64-10", 32, 1024, ADAM, sizes=(64, 128, 64, 10)),
        Network("mlp-784-512-512-10", 128, 1024, ADAM, sizes=(784, 512, 512, 10)),
        Network("cnn", 64, 256, SGD, model="cnn_small.json"),
        Network("randwire", 32, 128, {**SGD, "momentum": 0.9, "weight_decay": 5e-5}, model="randwire_cifar.json"),
        Network("ask-mlp-784-512-512-10", 1, 64, {}, sizes=(784, 512, 512, 10), inference=True),
        Network("ask-randwire", 1, 64, {}, model="randwire_cifar.json", inference=True),
    )
}
WORKS: Mapping[str, Work] = {**NETWORKS, **OPERATIONS}
GROUPS = tuple(dict.fromkeys(work.group for work in WORKS.values()))
