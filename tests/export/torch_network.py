"""Writes ``files/torch_cnn.onnx`` by PyTorch's exporter, with what the network gives for a few images beside it.

python tests/export/torch_network.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn


class Network(nn.Module):
    """Convolutions with all that usually goes with them, for gray images of 8×8, and a perceptron."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.pointwise = nn.Conv2d(8, 8, 1)
        self.pool = nn.MaxPool2d(2)
        self.wide = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.hidden = nn.Linear(16 * 2 * 2, 24)
        self.dropout = nn.Dropout(0.2)
        self.scores = nn.Linear(24, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.stem(image)
        x = x + nn.functional.gelu(self.pointwise(self.depthwise(x)))
        x = nn.functional.silu(self.norm(self.wide(self.pool(x))))
        x = torch.flatten(x, 1)
        return self.scores(self.dropout(nn.functional.gelu(self.hidden(x), approximate="tanh")))


def network() -> Network:
    """Of random parameters and statistics, for inference."""
    torch.manual_seed(0)
    made = Network()
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return made.eval()


def write(folder: Path) -> None:
    """``torch_cnn.onnx`` and ``torch_cnn.npz``."""
    made = network()
    images = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    shapes = {"image": {0: torch.export.Dim("batch")}}
    torch.onnx.export(
        made, (images[:2],), folder / "torch_cnn.onnx", dynamo=True, verbose=False, external_data=False,
        input_names=["image"], output_names=["scores"], dynamic_shapes=shapes,
    )  # fmt: skip
    strip(folder / "torch_cnn.onnx")
    with torch.inference_mode():
        np.savez(folder / "torch_cnn.npz", images=images.numpy(), scores=made(images).numpy())


def strip(path: Path) -> None:
    """Take out where in which program each node comes from."""
    model = onnx.load(path)
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    onnx.save(model, path)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "files")
