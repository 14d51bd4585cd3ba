"""Exports models and runs the files in onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import nngraph as ng

Arrays = dict[str, np.ndarray]


def ask_onnxruntime(path: Path | bytes, inputs: Arrays) -> Arrays:
    """The outputs by name."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    given = path if isinstance(path, bytes) else str(path)
    session = onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def perturbed(model: ng.Model, seed: int = 0) -> ng.Model:
    """A model whose parameters and statistics are none of those that it begins with."""
    random = np.random.default_rng(seed)
    own = {**model.parameters(), **model.statistics()}
    positive = {name for name in own if name.endswith("variance")}
    model.set_parameters({
        name: random.uniform(0.5, 2, x.shape) if name in positive else x + 0.1 * random.normal(size=x.shape)
        for name, x in own.items()
    })  # fmt: skip
    return model


def examples(model: ng.Model, count: int = 3, seed: int = 0) -> Arrays:
    random = np.random.default_rng(seed)
    return {
        name: random.normal(size=(count, *array.shape)).astype(array.dtype)
        for name, array in model.signature.inputs.items()
    }


def predictions(model: ng.Model, inputs: Arrays) -> Arrays:
    found: Any = model.predict(inputs)
    return found if isinstance(found, dict) else {next(iter(model.signature.outputs)): found}


def channels_first(arrays: Arrays) -> Arrays:
    return {name: x.transpose(0, 3, 1, 2) if x.ndim == 4 else x for name, x in arrays.items()}


def assert_equal(found: Arrays, expected: Arrays, tolerance: float = 1e-5) -> None:
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].shape == array.shape
        assert np.abs(found[name] - array).max() <= tolerance * np.abs(array).max()
