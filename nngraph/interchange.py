"""Models of other programs."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from nngraph.export.onnx.read import read_onnx
from nngraph.model import Model, compile


def import_onnx(
    path: str | PathLike[str], *, layout: str = "nhwc", threads: int | None = None, device: str = "cpu"
) -> Model:
    """A model from an ONNX file, with its weights; it predicts, and can be trained on.

    Parameters
    ----------
    path : path
    layout : {"nhwc", "nchw"}
        How images that enter or leave the model have their axes: channels last, as everywhere in nngraph, or first,
        as the file has them.
    threads, device
        As for `compile`.

    Raises
    ------
    Errors
        With a line for each node that nngraph has nothing for.
    DeclarationError
        If the file cannot be read, or is not to be trusted.
    """
    found = read_onnx(Path(path), layout)
    model = compile(found.graph, dtype=found.dtype, threads=threads, device=device)
    model.set_parameters(found.parameters)
    model.trainee.classes = found.classes
    return model
