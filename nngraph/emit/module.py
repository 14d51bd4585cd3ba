"""From a kernel's file to the module that it says, as a compiler takes it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType


def load_module(path: Path) -> ModuleType:
    """Return the module in the file at ``path``; it defines a function of the file's own name."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"not a Python file: {path}")
    module = importlib.util.module_from_spec(spec)
    # Not by the loader, which writes bytecode, and takes what is there for a source as old and as long.
    exec(compile(path.read_bytes(), path, "exec"), vars(module))  # noqa: S102 the compiler's own source
    return module
