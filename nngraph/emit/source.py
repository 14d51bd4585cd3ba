"""From a kernel's specification to the text of its module, and its name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from nngraph.emit.columns import columns_source
from nngraph.emit.matmul import matmul_source
from nngraph.emit.memory import memory_source
from nngraph.emit.rows import rows_source
from nngraph.ir.program import Kernel

WRITERS: dict[str, Callable[[str, Any], str]] = {
    "rows": rows_source,
    "columns": columns_source,
    "matmul": matmul_source,
    "memory": memory_source,
}
PLACEHOLDER = "ng_kernel"
BUILT_IN = {"range", "min", "max", "abs", "bool", "int"}
FROM_NUMBA = {"float32", "float64", "int32", "int64", "uint8"}
FROM_MATH = {"exp", "expm1", "log", "log1p", "power", "tanh", "sigmoid", "erf", "softplus", "cos"}
FROM_RANDOM = {"uniform_float32", "uniform_float64"}


@cache
def kernel_source(kernel: Kernel) -> tuple[str, str]:
    """The name of `kernel`'s function, which holds a hash of its text, and the text of its module."""
    text = WRITERS[kernel.family](PLACEHOLDER, kernel.spec)
    module = "\n".join([*imports(text), "", "", text])
    name = "ng_" + hashlib.sha256(module.encode()).hexdigest()[:20]
    return name, module.replace(PLACEHOLDER, name)


def imports(text: str) -> list[str]:
    """Import statements for the functions that `text` calls."""
    called = set(re.findall(r"\b([a-z_][a-z_0-9]*)\(", text)) - BUILT_IN - {PLACEHOLDER}
    sources = {
        "numba": called & FROM_NUMBA,
        "nngraph_kernels.math": called & FROM_MATH,
        "nngraph_kernels.random": called & FROM_RANDOM,
        "nngraph_kernels.simd": called - FROM_NUMBA - FROM_MATH - FROM_RANDOM,
    }
    lines = [f"from {module} import {', '.join(sorted(names))}" for module, names in sources.items() if names]
    return ["from numpy import inf", *lines] if re.search(r"\binf\b", text) else lines
