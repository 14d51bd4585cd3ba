"""What a model can be written as: a table of targets, each with the suffix of its files and its own options."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nngraph.errors import OptionError, did_you_mean
from nngraph.train.trainee import Trainee
from nngraph_kernels.record import record

READ: Final = (".json",)  # suffixes of files that nngraph reads, and that no target writes


@record
class ExportTarget:
    """One kind of file.

    Attributes
    ----------
    name, summary, suffix : str
    function : (str, str)
        The module and the name of ``function(trainee, path, **options)``, imported when it is asked for. It returns
        the path of a second file, if it has written one.
    options : tuple of str
        Those that it takes.
    """

    name: str
    summary: str
    suffix: str
    function: tuple[str, str]
    options: tuple[str, ...] = ()


TARGETS: Mapping[str, ExportTarget] = {
    target.name: target
    for target in (
        ExportTarget(
            "onnx", "for onnxruntime and other programs that read ONNX", ".onnx",
            ("nngraph.export.onnx.export", "export_onnx"), ("opset", "layout"),
        ),
        ExportTarget(
            "safetensors", "the weights alone, by name", ".safetensors",
            ("nngraph.export.weights", "export_weights"), ("convention",),
        ),
        ExportTarget(
            "python", "one readable file that predicts with NumPy alone", ".py",
            ("nngraph.export.numpy_file.write", "export_python"),
        ),
        ExportTarget(
            "numba", "its compiled program as one module that needs Numba and NumPy alone", ".py",
            ("nngraph.export.numba_file.write", "export_numba"), ("batch",),
        ),
    )
}  # fmt: skip


def export(trainee: Trainee, path: Path, to: str | None, options: Mapping[str, Any]) -> Path | None:
    """Write a model as one of the targets, by default as the one that the path's suffix says; a second file's path.

    Raises
    ------
    OptionError
        If there is no such target, or it does not take an option.
    """
    target = target_of(path, to)
    for name in options:
        if name not in target.options:
            expected = ", ".join(target.options) or "none"
            raise OptionError(
                f"{name}: an option that '{target.name}' does not take{did_you_mean(name, target.options)} "
                f"(expected: {expected})"
            )
    module, function = target.function
    return getattr(importlib.import_module(module), function)(trainee, path, **options)


def target_of(path: Path, to: str | None) -> ExportTarget:
    """The target of that name, or of the path's suffix."""
    if to is not None:
        if to not in TARGETS:
            near = did_you_mean(to, TARGETS)
            raise OptionError(f"to: '{to}' given, one of {', '.join(TARGETS)} expected{near}")
        check_suffix(path, TARGETS[to])
        return TARGETS[to]
    found = next((target for target in TARGETS.values() if target.suffix == path.suffix), None)
    if found is None:
        suffixes = ", ".join(dict.fromkeys(target.suffix for target in TARGETS.values()))
        raise OptionError(
            f"{path}: one of the suffixes {suffixes} expected; or name what to write ({', '.join(TARGETS)})"
        )
    return found


def check_suffix(path: Path, target: ExportTarget) -> None:
    """A name may end in anything but what says another kind of file.

    Raises
    ------
    OptionError
        If it does.
    """
    others = [other.name for other in TARGETS.values() if other.suffix == path.suffix != target.suffix]
    if path.suffix in READ:
        others = ["model"]
    if others:
        raise OptionError(
            f"to: '{target.name}' given, but {path} has the name of a {' or '.join(others)} file; end it in "
            f"{target.suffix}, as in {path.stem}{target.suffix}"
        )
