"""The import statements at the head of a kernel's module."""

from __future__ import annotations

import re

BUILT_IN = {"range", "min", "max", "abs", "bool", "int"}
FROM_NUMBA = {"float32", "float64", "int32", "int64", "uint8"}
FROM_MATH = {"exp", "expm1", "log", "log1p", "power", "tanh", "sigmoid", "erf", "softplus", "cos"}
FROM_RANDOM = {"uniform"}


def imports(text: str) -> list[str]:
    """Statements for the functions that `text` calls."""
    called = set(re.findall(r"\b([a-z_][a-z_0-9]*)\(", text)) - BUILT_IN
    sources = {
        "numba": called & FROM_NUMBA,
        "nngraph_kernels.math": called & FROM_MATH,
        "nngraph_kernels.random": called & FROM_RANDOM,
        "nngraph_kernels.simd": called - FROM_NUMBA - FROM_MATH - FROM_RANDOM,
    }
    lines = [f"from {module} import {', '.join(sorted(names))}" for module, names in sources.items() if names]
    return ["from numpy import inf", *lines] if re.search(r"\binf\b", text) else lines


def module(function: str) -> str:
    """The function behind its imports."""
    head, _, body = function.partition("\n")
    return "\n".join([*imports(body), "", "", head, body])
