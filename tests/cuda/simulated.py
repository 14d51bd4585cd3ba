"""Runs schedules through CUDA kernels in Numba's simulator, a call after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nngraph.emit.cuda.source import cuda_source, grid_of
from nngraph.ir.program import Kernel, KernelCall, Operand, Schedule
from nngraph.ir.types import evaluate
from nngraph.plan import plan
from nngraph.run.bind import copy_kernel
from nngraph.run.cuda.device import device
from nngraph.run.cuda.kernels import launchable
from nngraph_kernels import tape_layout as layout
from nngraph_kernels.cuda.text import VIEW_DTYPES
from nngraph_kernels.storage_reference import decode, encode
from tests.compiled import POISON

Array = np.ndarray[Any, Any]


def execute(
    made: Schedule, inputs: Mapping[str, Array], states: Mapping[str, Array] | None = None, batch: int = 1
) -> tuple[dict[str, Array], dict[str, Array]]:
    """One step in memory full of NaN: outputs and states, in the held layouts."""
    from numba import cuda

    planned = plan(made, batch, 1)
    at, places = planned.nbytes, {v: p.offset for v, p in planned.placements.items()}
    held = {s.old: np.asarray((states or {}).get(s.name, s.initial), s.old.type.dtype) for s in made.graph.states}
    held |= dict(made.constants)
    for value in held:
        at = -(-at // 256) * 256
        places[value] = at
        at += value.nbytes(batch)
    places |= {new: places[old] for new, old in planned.in_store.items()}
    block = np.full(-(-at // 256) * 256, POISON, np.uint8)

    def view(value: Any) -> Array:
        root = made.aliases.get(value, value)
        shape = value.type.numpy_shape(batch)
        return np.ndarray(shape, "uint16" if value.narrow else value.type.dtype, block.data, places[root])

    def left(value: Any) -> Array:
        return decode(view(value), value.narrow) if value.narrow else view(value).copy()

    for value, array in held.items():
        view(value)[...] = np.asarray(array).reshape(value.type.numpy_shape(batch))
    for value in made.graph.inputs:
        given = inputs[value.name]
        view(value)[...] = encode(given, value.narrow) if value.narrow else given
    there = cuda.to_device(block)
    views = [there.view(np.dtype(dtype)) for dtype in VIEW_DTYPES]
    control = cuda.to_device(np.zeros(layout.CONTROL_WORDS, np.int64))

    def run(kernel: Kernel, slots: list[int | float], integers: tuple[int, ...]) -> None:
        words = np.array([0 if isinstance(s, float) else s for s in [0, *slots]], np.int64)
        numbers = words.view(np.float64)
        for k, s in enumerate(slots, 1):
            if isinstance(s, float):
                numbers[k] = s
        name, text = cuda_source(kernel)
        words = cuda.to_device(words)
        with np.errstate(all="ignore"):
            launchable({name: text}, device())[name][grid_of(kernel, integers)](
                *views, words, words.view(np.float64), control, 1
            )

    def address(operand: Operand) -> int:
        root = made.aliases.get(operand.value, operand.value)
        elements = evaluate(operand.offset, batch) + operand.fixed
        return places[root] + elements * operand.value.item_size

    def launch(call: KernelCall) -> None:
        inputs = [address(o) for o in call.inputs]
        fixed = len(inputs) - call.listed
        integers = tuple(evaluate(dim, batch) for dim in call.integers)
        slots: list[int | float] = [*(address(o) for o in call.outputs), *inputs[:fixed]]
        slots += [0] * (bool(call.scratch) + call.reports)
        slots += [*integers, *(float(evaluate(number, batch)) for number in call.numbers), *inputs[fixed:]]
        run(call.kernel, slots, integers)

    for call in made.calls:
        launch(call)
    for new, old in planned.copies:
        size = evaluate(old.type.size, batch)
        run(copy_kernel(old.type.dtype), [places[old], places[made.aliases.get(new, new)], size], (size,))
    block[...] = there.copy_to_host()
    outputs = {name: left(value) for name, value in made.graph.outputs}
    return outputs, {s.name: view(s.old).copy() for s in made.graph.states}
