"""A model becomes a Python file that predicts with nothing but NumPy.

The file holds a function for each kind of layer in the model, and `predict`, with a line for each node, the node's id
at its end; what a composite is made of stands together under its name. Up to `LITERALS` numbers the parameters are in
the file itself; more of them lie beside it in an ``.npz`` archive of the same name, which NumPy reads without pickle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np

from nngraph.errors import OptionError
from nngraph.export.numpy_file.body import Body, array_text
from nngraph.export.numpy_file.expressions import EXPRESSIONS
from nngraph.export.numpy_file.functions import function_of, needed, source_of, uses_math
from nngraph.ir.graph import Graph, Value
from nngraph.ir.op import Op
from nngraph.lower.lower import lower
from nngraph.train.checkpoint import temporary
from nngraph.train.trainee import Trainee

LITERALS: Final = 256  # numbers that are written out; more go into an archive


def export_python(trainee: Trainee, path: Path) -> Path | None:
    """Write a model as a NumPy file.

    Parameters
    ----------
    trainee : Trainee
        Of the model.
    path : Path
        Of the file, which ends in .py; its archive goes beside it.

    Returns
    -------
    Path or None
        Of the archive, if there is one.

    Raises
    ------
    Errors
        With a line for each node that cannot be written.
    OptionError
        If a file cannot be written.
    """
    check_suffix(path)
    return write_files(path, *python_source(trainee, path.stem))


def check_suffix(path: Path) -> None:
    """Nothing, or an OptionError where a file is not called as one of Python is."""
    if path.suffix != ".py":
        raise OptionError(f"--output: {path} given, the name of a Python file expected, as in {path.stem}.py")


def write_files(path: Path, text: str, weights: Mapping[str, np.ndarray]) -> Path | None:
    """Write a file, and of many numbers an archive beside it, whose path is returned.

    Raises
    ------
    OptionError
        If they cannot be written, or the archive would take the place of one that belongs to no such file: of data.
    """
    archive = path.with_suffix(".npz") if archived(weights) else None
    if archive is not None and archive.exists() and not path.exists():
        raise OptionError(
            f"--output: {path} given, but its parameters go into {archive}, which is there and would be lost; "
            "give another name"
        )
    try:
        with ExitStack() as both:  # the archive takes its place when the file has taken its own
            if archive is not None:
                with open(both.enter_context(temporary(archive)), "wb") as file:
                    np.savez(file, **weights)  # pyright: ignore[reportArgumentType]
            with temporary(path) as name:
                Path(name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OptionError(f"--output: {path} cannot be written ({error.strerror}); check the folder") from None
    return archive


def archived(weights: Mapping[str, np.ndarray]) -> bool:
    """Whether there are too many numbers to be written out."""
    return sum(array.size for array in weights.values()) > LITERALS


def kept(op: Op) -> bool:
    """Whether a composite is written as one call, and not as what it expands into."""
    return op.name in EXPRESSIONS or function_of(op.name) is not None


def python_source(trainee: Trainee, stem: str) -> tuple[str, dict[str, np.ndarray]]:
    """The text of a model's file, and the arrays that it reads by name."""
    programs = trainee.programs
    graph = lower(programs.declared, dtype=programs.dtype, seed=programs.seed, keep=kept)
    body = Body(graph, trainee)
    lines = body.lines()
    weights = body.weights
    used = needed(body.functions)
    parts = [header(trainee, graph, stem, archived(weights)), "\n".join(import_lines(used, archived(weights)))]
    parts += [constants(trainee, weights), *(source_of(name) for name in used), "\n".join(lines)]
    parts += [SCRIPT] if len(graph.inputs) == len(graph.outputs) == 1 else []
    return "\n\n\n".join(part for part in parts if part) + "\n", weights


SCRIPT: Final = """if __name__ == "__main__":
    import sys

    np.save(sys.argv[2], predict(np.load(sys.argv[1], allow_pickle=False)))"""


def clean(text: str) -> str:
    """Text that a comment may hold: one line of printable characters."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def header(trainee: Trainee, graph: Graph, stem: str, archive: bool) -> str:
    """What the file is, what it takes and gives."""
    size = sum(array.size for array in trainee.programs.store.public(("parameter",)).values())
    about = f"{clean(graph.name)}: {size:,} parameters, as plain NumPy; written by nngraph."
    lines = [about, "", "predict takes" + shapes([(value.name, value) for value in graph.inputs])]
    lines += ["    and gives" + shapes(graph.outputs)]
    if archive:
        lines += ["", f"The parameters are in {clean(stem)}.npz, beside this file."]
    if len(graph.inputs) == len(graph.outputs) == 1:
        lines += ["", f"    python {clean(stem)}.py inputs.npy outputs.npy"]
    return "\n".join(f"# {line}".rstrip() for line in lines)


def shapes(values: Sequence[tuple[str, Value]]) -> str:
    """Names, types and shapes, a line each."""
    return "".join(
        f"\n#   {name}: {value.type.dtype} ({', '.join(map(str, value.type.shape))})" for name, value in values
    )


def import_lines(used: Sequence[str], archive: bool) -> list[str]:
    lines = ["import math"] if uses_math(used) else []
    lines += ["from pathlib import Path"] if archive else []
    return [*lines, *([""] if lines else []), "import numpy as np"]


def constants(trainee: Trainee, weights: Mapping[str, np.ndarray]) -> str:
    """Parameters, and the names of classes."""
    lines = [f"CLASSES = {trainee.classes!r}"] if trainee.classes else []
    if archived(weights):
        lines += ["w = dict(np.load(Path(__file__).with_suffix('.npz'), allow_pickle=False))"]
    elif weights:
        lines += ["w = {", *(f"    {name!r}: {array_text(array)}," for name, array in weights.items()), "}"]
    return "\n".join(lines)
