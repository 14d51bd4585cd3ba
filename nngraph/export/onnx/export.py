"""A model of nngraph becomes an ONNX file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from nngraph.declare.save import document_of, resolve
from nngraph.errors import OptionError
from nngraph.export.onnx.protocol import OLDEST
from nngraph.export.onnx.write import check_options, kept, model_proto, save
from nngraph.lower.lower import lower
from nngraph.train.trainee import Trainee, scales_of

SAID_BY_ONNX = ("id", "op", "inputs")


def export_onnx(
    trainee: Trainee, path: Path, *, opset: int | None = None, layout: str | None = None, metadata: bool = True
) -> None:  # fmt: skip
    """Write what a model predicts with to an ONNX file.

    Parameters
    ----------
    trainee : Trainee
        Of the model.
    path : Path
    opset : int, optional
        17 to 21; the oldest by default, which the most programs read.
    layout : {"nhwc", "nchw"}, optional
        Where images that enter or leave have their channels; at the end by default.
    metadata : bool
        Whether what ONNX has no words for (composites, training defaults) goes into the file's metadata.

    Raises
    ------
    OptionError
        If an option is not accepted, or the file cannot be written.
    Errors
        With a line for each node that ONNX has no words for.
    """
    opset, layout = OLDEST if opset is None else opset, layout or "nhwc"
    check_options(opset, layout)
    programs = trainee.programs
    graph = lower(programs.declared, dtype=programs.dtype, seed=programs.seed, keep=kept)
    arrays = programs.store.public(("parameter", "statistic"))
    about = about_model(trainee) if metadata else {}
    model = model_proto(
        graph, arrays, opset=opset, layout=layout, metadata=about, standardized=scales_of(trainee)
    )  # fmt: skip
    save(model, path)


def about_model(trainee: Trainee) -> dict[str, str]:
    """What a reader of ours needs to declare the graph as it was, where its nodes say the same."""
    document: Mapping[str, Any] = document_of(resolve(trainee.graph))
    about = {"nodes": document["nodes"], "training": document.get("training"), "classes": trainee.classes}
    return {f"nngraph.{name}": json.dumps(item, default=plain) for name, item in about.items() if item}


def plain(item: Any) -> Any:
    """An array or a NumPy number as JSON's own."""
    if isinstance(item, np.ndarray | np.generic):
        return cast("Any", item).tolist()
    raise OptionError(f"metadata: {item!r} cannot be written as JSON")
