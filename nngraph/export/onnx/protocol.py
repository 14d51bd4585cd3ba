"""What of the onnx package is used, imported when it is needed."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import numpy as np

from nngraph.errors import OptionError

CODES = {"float32": 1, "float64": 11, "int32": 6, "int64": 7, "bool": 9}
DTYPES = {1: "float32", 11: "float64", 6: "int32", 7: "int32", 9: "bool"}  # of int64 what fits into 32 bits
IR_VERSIONS = {17: 8, 18: 8, 19: 9, 20: 9, 21: 10}  # the oldest that goes with each opset (ONNX, Versioning)
OLDEST, NEWEST = min(IR_VERSIONS), max(IR_VERSIONS)


def onnx_package(part: str = "") -> Any:
    """The onnx package, or a module of it.

    Raises
    ------
    OptionError
        If it is not installed.
    """
    try:
        found: ModuleType = importlib.import_module(f"onnx.{part}" if part else "onnx")
    except ImportError:
        raise OptionError(
            "onnx: the package is not installed, but files of this kind need it; pip install 'nngraph[onnx]'"
        ) from None
    return found


def tensor_proto(array: np.ndarray, name: str) -> Any:
    return onnx_package("numpy_helper").from_array(np.ascontiguousarray(array).reshape(array.shape), name)
