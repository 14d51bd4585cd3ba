"""Writes ``network.onnx`` to a work's folder, by PyTorch's exporter: ``python -m peers.export_onnx FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from peers.task import load
from peers.with_torch import Network, tensor


class Scores(torch.nn.Module):
    """A network whose parameters are constants."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The scores of a batch, channels first."""
        return self.network.scores(x)


def main() -> None:
    folder = Path(sys.argv[1])
    task = load(folder, 1)
    network = Network(task)
    network.parameters = {name: value.detach().contiguous() for name, value in network.parameters.items()}
    with torch.inference_mode():
        given = (tensor(task.x[: task.batch]).contiguous(),)
        torch.onnx.export(Scores(network).eval(), given, folder / "network.onnx", dynamo=True, verbose=False)


if __name__ == "__main__":
    main()
