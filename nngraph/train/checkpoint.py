"""Checkpoints: a model in one safetensors file, in public layouts, its graph and configuration in the metadata.

Parameters and running statistics have their own names; whatever else training needs to go on has a prefix that no
id can have: ``moment:`` and ``counter:`` for the optimizer's states, ``scale:`` for that of the loss, ``training:`` for
the epoch under way.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import zlib
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

import numpy as np

from nngraph.differentiate.loss_scale import NAMES as SCALES
from nngraph.errors import CheckpointError
from nngraph.run.store import Store
from nngraph.train.position import Position
from nngraph_kernels.record import record

FORMAT, VERSION = "nngraph-checkpoint", 1
PREFIXES = {"parameter": "", "statistic": "", "moment": "moment:", "step": "counter:", "scale": "scale:"}
ROWS = "training:rows"
STANDARDIZER = "standardizer/"
FIELDS = ("version", "graph", "config", "classes", "epoch", "history", "crc32")


@record(eq=False)
class Checkpoint:
    """What a file holds.

    Attributes
    ----------
    graph : str
        The model file's JSON.
    config : mapping
        Loss, optimizer, regularizer, dtype, seed; for a run all of its settings too.
    states : mapping of str to ndarray
        By the name in the file, in public layouts.
    epoch : int
        Epochs finished.
    rows : ndarray or None
        What the steps of the next epoch have left so far.
    sizes : (batch, count) or None
        Examples of a step and of an epoch where `rows` were taken.
    history : mapping of str to list of float
    columns : tuple of str
        Names of the features of the data that the model was trained on.
    """

    graph: str
    config: Mapping[str, Any]
    states: Mapping[str, np.ndarray]
    epoch: int = 0
    rows: np.ndarray | None = None
    history: Mapping[str, list[float]] = field(default_factory=dict[str, "list[float]"])
    classes: tuple[str, ...] = ()
    standardizer: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    sizes: tuple[int, int] | None = None
    columns: tuple[str, ...] = ()

    @property
    def position(self) -> Position:
        return Position(self.epoch, self.rows, self.sizes)


def states_of(store: Store, optimizer: bool, instead: Mapping[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
    """The states as a file holds them.

    Parameters
    ----------
    optimizer : bool
        Whether moments and counters are among them.
    instead : mapping of str to ndarray, optional
        Arrays in held layouts that stand in place of those in the store.
    """
    found: dict[str, np.ndarray] = {}
    for name, state in store.states.items():
        if state.kind in PREFIXES and (optimizer or PREFIXES[state.kind] == ""):
            array = store.arrays[name] if instead is None or name not in instead else instead[name]
            found[PREFIXES[state.kind] + name] = np.array(state.to_public(array), order="C")
    if optimizer:  # what has been loaded and not been needed yet
        found |= {PREFIXES[waiting_kind(name)] + name: x for name, x in store.waiting.items()}
    return found


def waiting_kind(name: str) -> str:
    """The kind of a state that is not made yet; moments have the names of parameters in theirs."""
    return "step" if name == "step" else "scale" if name in SCALES else "moment"


def assign_states(store: Store, given: Mapping[str, np.ndarray], path: Path) -> None:
    """Put a file's states into the store, or let them wait there for the states that are not made yet.

    Raises
    ------
    CheckpointError
        If a parameter is missing, unknown, or of another shape.
    """
    own = {name: array for name, array in given.items() if ":" not in name}
    later = {name.partition(":")[2]: array for name, array in given.items() if ":" in name}
    own |= {name: later.pop(name) for name in list(later) if name in store.states}  # a training step is compiled
    for name, state in store.states.items():
        if state.kind not in PREFIXES:  # it is made of the others
            continue
        if name not in own:
            raise CheckpointError(f"{path}: has no '{name}', which its graph needs; the file is not whole")
        if own[name].shape != state.public_shape:
            shapes = f"{own[name].shape}, but {state.public_shape} is expected"
            raise CheckpointError(f"{path}: '{name}' has shape {shapes}")
    unknown = next((name for name in own if name not in store.states), None)
    if unknown is not None:
        raise CheckpointError(f"{path}: holds '{unknown}', which its graph does not have")
    store.assign(own)
    store.waiting = later


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Write a file, which is there entirely or not at all.

    Raises
    ------
    CheckpointError
        If it cannot be written.
    """
    from safetensors.numpy import save_file  # pyright: ignore[reportUnknownVariableType]

    given = {**checkpoint.states, **checkpoint.standardizer}
    if checkpoint.rows is not None:
        given[ROWS] = checkpoint.rows
    tensors = {name: np.asarray(array, order="C") for name, array in given.items()}  # others are written wrongly
    about = {
        "format": FORMAT, "version": VERSION, "graph": checkpoint.graph, "config": checkpoint.config,
        "classes": checkpoint.classes, "epoch": checkpoint.epoch, "history": checkpoint.history,
        "sizes": checkpoint.sizes, "columns": checkpoint.columns, "crc32": checksum(tensors),
    }  # fmt: skip
    metadata = {"nngraph": json.dumps(about)}  # one entry: safetensors puts several in any order
    try:
        with temporary(path) as name:
            save_file(tensors, name, metadata)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be written ({error.strerror}); check the folder") from None


class temporary(contextlib.AbstractContextManager[str]):  # noqa: N801
    """A new file beside `path`, which takes its name when it has been written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> str:
        import tempfile  # takes longer to import than most of what a first step needs

        descriptor, self.name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        os.close(descriptor)
        return self.name

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self.finish()
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.name)

    def finish(self) -> None:
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(self.name, 0o666 & ~mask)
        descriptor = os.open(self.name, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        os.replace(self.name, self.path)


def checksum(tensors: Mapping[str, np.ndarray]) -> int:
    """Of names and data: safetensors itself has none."""
    code = 0
    for name in sorted(tensors):
        code = zlib.crc32(tensors[name].data.cast("B"), zlib.crc32(name.encode(), code))
    return code


def read(path: Path) -> Checkpoint:
    """Read a file.

    Raises
    ------
    CheckpointError
        If it is not there, is no checkpoint of nngraph, or is damaged.
    """
    tensors, metadata = open_file(path)
    try:
        about: dict[str, Any] = json.loads(metadata["nngraph"])
        if about["format"] != FORMAT:
            raise KeyError("format")
    except (KeyError, TypeError, ValueError):
        raise CheckpointError(
            f"{path}: is no checkpoint of nngraph, as `train` or `save` writes; if it holds weights alone, make one: "
            f"nngraph import {shlex.quote(str(path))} --model MODEL.json -o {path.stem}-model.safetensors"
        ) from None
    missing = next((name for name in FIELDS if name not in about), None)
    if missing is not None:
        raise CheckpointError(f"{path}: its metadata has no '{missing}'; the file is not whole, use another checkpoint")
    if about["version"] > VERSION:
        raise CheckpointError(f"{path}: version {about['version']}, at most {VERSION} expected; update nngraph")
    if checksum(tensors) != about["crc32"]:
        raise CheckpointError(f"{path}: is damaged (its checksum differs); use another checkpoint")
    rows, sizes = tensors.pop(ROWS, None), about.get("sizes")
    standardizer = {name: tensors.pop(name) for name in list(tensors) if name.startswith(STANDARDIZER)}
    return Checkpoint(
        about["graph"], about["config"], tensors, about["epoch"], rows, about["history"], tuple(about["classes"]),
        standardizer, None if sizes is None else (sizes[0], sizes[1]), tuple(about.get("columns", ())),
    )  # fmt: skip


def open_file(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors and metadata of a safetensors file."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; give a checkpoint or a run directory")
    try:
        opened: Any = safe_open(str(path), framework="numpy")
        with opened as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(f"{path}: is no safetensors file, or not whole ({error})") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from None
