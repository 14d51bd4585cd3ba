"""Weights alone, in a safetensors file: parameters and running statistics by name.

Every tensor is written row by row (others safetensors would write wrongly), and its SHA-256 stands in the metadata, in
one entry with the convention of the names: safetensors puts several entries in any order. Files of other programs have
no such entry; their tensors are taken by name all the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from nngraph.errors import CheckpointError
from nngraph.export.conventions import CONVENTIONS, COUNTER, Convention, convention_of, counters_of
from nngraph.run.store import Store
from nngraph.train.checkpoint import STANDARDIZER, open_file, temporary
from nngraph.train.data.standardizer import standardizer_from_tensors
from nngraph.train.trainee import Trainee

FORMAT, VERSION = "nngraph-weights", 1
ENTRY: Final = "nngraph"
KINDS: Final = ("parameter", "statistic")


def export_weights(trainee: Trainee, path: Path, *, convention: str = "nngraph") -> None:
    """Write parameters and running statistics.

    Parameters
    ----------
    trainee : Trainee
        Of the model.
    path : Path
    convention : {"nngraph", "torch"}
        Of names and layouts. Only nngraph's has room for the means and deviations that inputs are standardized by.

    Raises
    ------
    OptionError
        If there is no such convention, or it would give two tensors one name.
    CheckpointError
        If the file cannot be written.
    """
    from safetensors.numpy import save_file  # pyright: ignore[reportUnknownVariableType]

    chosen = convention_of(convention)
    tensors = tensors_of(trainee, chosen)
    about = {
        "format": FORMAT, "version": VERSION, "model": trainee.graph.name, "convention": chosen.name,
        "classes": trainee.classes, "sha256": {name: digest(array) for name, array in tensors.items()},
    }  # fmt: skip
    try:
        with temporary(path) as name:
            save_file(tensors, name, {ENTRY: json.dumps(about)})
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be written ({error.strerror}); check the folder") from None


def tensors_of(trainee: Trainee, chosen: Convention) -> dict[str, np.ndarray]:
    """All tensors of a file, row by row."""
    store = trainee.programs.store
    arrays = store.public(KINDS)
    names = chosen.names(arrays)
    found = {names[name]: np.array(chosen.to(array), order="C") for name, array in arrays.items()}
    if chosen.counters:
        found |= {name: np.array(steps_taken(store), np.int64) for name in counters_of(names)}
    elif trainee.standardizer is not None:
        found |= {name: np.array(array, order="C") for name, array in trainee.standardizer.tensors().items()}
    return found


def steps_taken(store: Store) -> int:
    """Of all training; 0 where it is not known any more."""
    held = store.arrays.get("step", store.waiting.get("step", np.array(0)))
    return int(held)


def digest(array: np.ndarray) -> str:
    """SHA-256 of the elements, row by row, little-endian."""
    return hashlib.sha256(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()).hexdigest()


def import_weights(trainee: Trainee, path: Path, *, convention: str | None = None) -> None:
    """Give a model the weights of a file: one of `export_weights`, a checkpoint, or another program's.

    Parameters
    ----------
    trainee : Trainee
        Of the model.
    path : Path
    convention : {"nngraph", "torch"}, optional
        By default the file's own, or nngraph's where it says none.

    Raises
    ------
    CheckpointError
        If the file is not whole or damaged, or tensors are missing, unexpected, of another shape or not finite: a line
        for each. Then the model is what it was.
    """
    tensors, metadata = open_weights(path)
    about = description(path, metadata)
    chosen = convention_of(convention or str(about.get("convention", "nngraph")))
    damaged = [name for name, wanted in about.get("sha256", {}).items() if name in tensors
               and digest(tensors[name]) != wanted]  # fmt: skip
    if damaged:
        raise CheckpointError("\n".join(f"{path}: '{name}' is damaged (its SHA-256 differs)" for name in damaged))
    store = trainee.programs.store
    wanted = {name: state.public_shape for name, state in store.states.items() if state.kind in KINDS}
    names = chosen.names(wanted)
    wrong = list(problems(tensors, wanted, names, chosen))
    if wrong:
        raise CheckpointError("\n".join(f"{path}: {line}" for line in (*wrong, *advice(tensors, wanted, chosen))))
    standardizer = standardizer_from_tensors({k: array for k, array in tensors.items() if k.startswith(STANDARDIZER)})
    store.assign({ours: chosen.back(tensors[theirs]) for ours, theirs in names.items()})
    trainee.standardizer = standardizer or trainee.standardizer
    trainee.classes = tuple(about.get("classes", ())) or trainee.classes


def open_weights(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors and metadata; types that NumPy has not are refused."""
    mend = "write it with float32 tensors"
    try:
        tensors, metadata = open_file(path)
    except (TypeError, AttributeError, KeyError) as error:  # bfloat16 and the like
        raise CheckpointError(f"{path}: holds a type of numbers that NumPy has not ({error}); {mend}") from None
    for name, array in tensors.items():
        if array.dtype.kind not in "fiub":  # where another package has taught NumPy such a type
            raise CheckpointError(
                f"{path}: '{name}' holds a type of numbers that NumPy has not ({array.dtype}); {mend}"
            )
    return tensors, metadata


def description(path: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    """What a file says of itself; nothing where another program wrote it."""
    try:
        about: Any = json.loads(metadata[ENTRY])
    except KeyError:
        return {}
    except ValueError:
        raise CheckpointError(f"{path}: its metadata is not JSON; the file is not whole, write it again") from None
    if not isinstance(about, dict) or cast("dict[str, Any]", about).get("format") != FORMAT:
        return {}
    found = cast("dict[str, Any]", about)
    kinds = {"version": int, "sha256": dict, "classes": list, "convention": str}
    if any(not isinstance(found.get(name), kind) for name, kind in kinds.items()):
        raise CheckpointError(f"{path}: its metadata is not whole; write the file again")
    if found["version"] > VERSION:
        raise CheckpointError(f"{path}: version {found['version']}, at most {VERSION} expected; update nngraph")
    return found


def problems(
    tensors: Mapping[str, np.ndarray],
    wanted: Mapping[str, tuple[int, ...]],
    names: Mapping[str, str],
    chosen: Convention,
) -> Iterator[str]:
    """What keeps a file's tensors from being a model's, a line each."""
    for ours, theirs in names.items():
        if theirs not in tensors:
            yield f"'{theirs}' is missing, which should have shape {shape_in(chosen, wanted[ours])}"
            continue
        array = tensors[theirs]
        expected = shape_in(chosen, wanted[ours])
        if array.shape != expected:
            yield f"'{theirs}' has shape {array.shape}, but {expected} is expected"
        elif array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            yield f"'{theirs}' holds {array.dtype} values that are no finite numbers"
    known = set(names.values())
    for name in tensors:
        if name not in known and not is_beside(name):
            yield f"'{name}' is unexpected: the model has none of that name"


def shape_in(chosen: Convention, shape: tuple[int, ...]) -> tuple[int, ...]:
    return chosen.to(np.broadcast_to(np.float32(0), shape)).shape


def is_beside(name: str) -> bool:
    """Whether a tensor is none of a model's own: what training goes on with, counters, and how data is standardized."""
    return ":" in name or name.startswith(STANDARDIZER) or name.rpartition(".")[2] == COUNTER


def advice(tensors: Mapping[str, np.ndarray], wanted: Mapping[str, Any], chosen: Convention) -> Iterator[str]:
    """The convention that all names of the file do fit, where it is another one."""
    for other in CONVENTIONS.values():
        if other is not chosen and set(other.names(wanted).values()) <= tensors.keys():
            yield f"its names are those of convention '{other.name}'; say --convention {other.name}"
