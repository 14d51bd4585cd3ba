"""A model becomes a module of its kernels, their calls and one arena, which runs with Numba and NumPy alone.

The module holds, as text, the modules of ``nngraph_kernels`` that the kernels import, and the emitted kernels; imported
by a loader of its own, under a package name that holds a digest of them, so that neither an installed nngraph nor
another exported module is met. The calls stand in order, each with its nodes, for one batch size; `predict` takes any
number of examples, batch by batch. Kernels are compiled when the module is imported. Results are nngraph's to the bit,
but for subnormal numbers, which its tape takes as zero and nothing here does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nngraph.emit.fingerprint import KERNELS, library_of
from nngraph.emit.source import kernel_source
from nngraph.errors import OptionError
from nngraph.export.numba_file.calls import Place, call_lines, constant_names, places_of
from nngraph.export.numba_file.license import LICENSE
from nngraph.export.numba_file.template import HEAD, LOADER, PREDICT
from nngraph.export.numpy_file.body import array_text
from nngraph.export.numpy_file.write import archived, check_suffix, clean, shapes, write_files
from nngraph.ir.program import Plan, Schedule
from nngraph.ir.types import BATCH
from nngraph.plan import plan
from nngraph.programs import scheduled
from nngraph.run.bind import copy_kernels
from nngraph.train.trainee import Trainee, scales_of
from nngraph_kernels.target import target

ROWS = 32  # of the batch that the calls are for


def export_numba(trainee: Trainee, path: Path, *, batch: int = ROWS) -> Path | None:
    """Write a model's kernels and their calls as a module.

    Parameters
    ----------
    trainee : Trainee
        Of the model.
    path : Path
        Of the module, which ends in .py; more than a few parameters lie beside it in an archive.
    batch : int
        Examples that the calls are made for at a time.

    Returns
    -------
    Path or None
        Of the archive, if there is one.

    Raises
    ------
    OptionError
        If the model has values that no batch is the first axis of, runs on a device, or a file cannot be written.
    """
    check_suffix(path)
    if batch < 1:
        raise OptionError(f"batch: {batch} given, a whole number from 1 expected")
    if trainee.programs.device != "cpu":
        raise OptionError("to: 'numba' writes kernels for the processor; load the model with device='cpu'")
    return write_files(path, *numba_source(trainee, path.stem, batch))


def numba_source(trainee: Trainee, stem: str, batch: int) -> tuple[str, dict[str, np.ndarray]]:
    """The text of a model's module, and the arrays that it reads by name."""
    schedule = scheduled(trainee.programs.compile("predict"))
    planned = plan(schedule, batch, 1)
    check_batch(schedule)
    package, sources = sources_of(schedule, planned)
    names = [name for name in sources if name.rpartition(".")[2].startswith("ng_")]
    weights, arrays = arrays_of(trainee, schedule)
    parts = [header(trainee, schedule, stem, len(names), archived(weights)), HEAD, source_lines(sources)]
    parts += [setting_lines(package, names, planned, arrays, weights), LOADER, calls_text(schedule, planned)]
    return "".join(parts) + predict_text(trainee, schedule, planned, batch), weights


def check_batch(schedule: Schedule) -> None:
    """Every input and output has an example a row, so that the rows behind the last one do not matter."""
    for name, value in [*((v.name, v) for v in schedule.graph.inputs), *schedule.graph.outputs]:
        if value.type.shape[:1] != (BATCH,):
            raise OptionError(f"to: 'numba' needs the batch as first axis, but '{name}' is {value.type}")


def sources_of(schedule: Schedule, planned: Plan) -> tuple[str, dict[str, str]]:
    """The name of the package, and its modules' texts: the library's, then the kernels'."""
    kernels = schedule.kernels | dict.fromkeys(copy_kernels(planned))
    if planned.preparation:
        kernels |= dict.fromkeys(copy_kernels(planned.preparation))
    texts = dict(kernel_source(kernel) for kernel in kernels)
    library = library_of((*texts.values(), f"from {KERNELS}.target import target\n"))
    whole = {**library, **{f"{KERNELS}.{name}": text for name, text in texts.items()}}
    digest = hashlib.sha256("".join(f"{name}\0{text}\0" for name, text in whole.items()).encode()).hexdigest()[:12]
    package = f"{KERNELS}_{digest}"
    return package, {name.replace(KERNELS, package): text.replace(KERNELS, package) for name, text in whole.items()}


def arrays_of(trainee: Trainee, schedule: Schedule) -> tuple[dict[str, np.ndarray], dict[str, tuple[Any, str]]]:
    """What states and constants begin with by name, and shapes and types of these and of what is prepared."""
    parts = [schedule, *([schedule.preparation] if schedule.preparation else [])]
    store = trainee.programs.store.arrays
    weights: dict[str, np.ndarray] = {}
    arrays: dict[str, tuple[Any, str]] = {}
    for part in parts:
        for state in part.graph.states:
            arrays[state.name] = state.old.type.numpy_shape(1), state.old.type.dtype
            if state.kind != "prepared":
                weights[state.name] = np.array(store[state.name], order="C")
        for name, value in constant_names(part).items():
            weights[name] = np.ascontiguousarray(part.constants[value])
            arrays[name] = weights[name].shape, str(weights[name].dtype)
    return weights, arrays


def header(trainee: Trainee, schedule: Schedule, stem: str, kernels: int, archive: bool) -> str:
    """What the module is, and its license."""
    calls = f"{len(schedule.calls)} calls of {kernels} kernels"
    lines = [f"{clean(schedule.graph.name)}: {calls}, as Numba compiles them; written by nngraph."]
    lines += ["", "predict takes" + shapes([(value.name, value) for value in schedule.graph.inputs])]
    lines += ["    and gives" + shapes(schedule.graph.outputs)]
    lines += ["", f"The parameters are in {clean(stem)}.npz, beside this file."] if archive else []
    lines += ["", "The kernels are nngraph's:", "", *LICENSE.splitlines()]
    return "\n".join(f"# {line}".rstrip() for line in lines) + "\n\n"


def source_lines(sources: Mapping[str, str]) -> str:
    """The texts of all modules."""
    quote = "'''"
    lines = ["SOURCES = {}\n"]
    for name, text in sources.items():
        if quote in text:
            raise OptionError(f"to: 'numba': the text of {name} holds {quote}, which ends a text")
        lines.append(f"SOURCES[{name!r}] = r{quote}\\\n{text.rstrip(chr(10))}\n{quote}\n")
    return "\n".join(lines).replace(f"r{quote}\\\n", f"r{quote}")


def setting_lines(
    package: str, names: list[str], planned: Plan, arrays: Mapping[str, Any], weights: Mapping[str, np.ndarray]
) -> str:
    """What the loader reads: names, sizes, and parameters."""
    before = planned.preparation.nbytes if planned.preparation else 0
    lines = [f"PACKAGE = {package!r}", f"VECTOR_BYTES = {target().vector_bytes}"]
    lines += ["KERNEL_NAMES = [", *(f"    {name.rpartition('.')[2]!r}," for name in names), "]"]
    lines += [f"BATCH = {planned.batch}", f"ARENA_BYTES = {max(1, planned.nbytes, before)}"]
    lines += ["ARRAYS = {", *(f"    {name!r}: {given!r}," for name, given in arrays.items()), "}"]
    if archived(weights):
        lines += ["WEIGHTS = dict(np.load(Path(__file__).with_suffix('.npz'), allow_pickle=False))"]
    else:
        lines += ["WEIGHTS = {", *(f"    {name!r}: {array_text(array)}," for name, array in weights.items()), "}"]
    return "\n" + "\n".join(lines) + "\n"


def calls_text(schedule: Schedule, planned: Plan) -> str:
    """What is made of parameters alone, once; then the calls for a batch."""
    lines: list[str] = []
    if schedule.preparation and planned.preparation:
        lines += ["run([  # what depends on parameters alone, once"]
        lines += [*call_lines(schedule.preparation, planned.preparation), "])", ""]
    return "\n".join([*lines, "CALLS = [", *call_lines(schedule, planned), "]", ""])


def predict_text(trainee: Trainee, schedule: Schedule, planned: Plan, batch: int) -> str:
    """The function that users call, and where its inputs and outputs lie."""
    places = places_of(schedule, planned)

    def entry(name: str, value: Any) -> str:
        place, shape = places.address(value), value.type.numpy_shape(batch)
        if not isinstance(place, Place) or place.base != "arena":
            raise OptionError(f"to: 'numba': output '{name}' is a parameter, what depends on an input expected")
        return f"    {name!r}: view({int(place)}, {shape}, {value.type.dtype!r}),"

    inputs, outputs = schedule.graph.inputs, schedule.graph.outputs
    lines = ["INPUTS = {", *(entry(value.name, value) for value in inputs), "}"]
    lines += ["OUTPUTS = {", *(entry(name, value) for name, value in outputs), "}"]
    arguments = ["x"] if len(inputs) == 1 else [f"x{k}" for k in range(1, len(inputs) + 1)]
    scales, given = scales_of(trainee), list[str]()
    for name, value in zip(arguments, inputs, strict=True):
        text = f"np.asarray({name})"
        if value.name in scales:
            mean, std = map(array_text, scales[value.name])
            text = f"(({text} - {mean}) / {std})"
        given.append(f"{value.name!r}: {text}")
    said = ", ".join(f"{name} is {value.name!r}" for name, value in zip(arguments, inputs, strict=True))
    names = [name for name, _ in outputs]
    result = "found" if len(names) > 1 else f"found[{names[0]!r}]"
    body = PREDICT.format(
        arguments=", ".join(arguments), said=f"What the network makes of its inputs; {said}.", given=", ".join(given),
        result=result,
    )  # fmt: skip
    return "\n".join(lines) + "\n" + body
