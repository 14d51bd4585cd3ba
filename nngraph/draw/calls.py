"""The picture of a schedule: an item for each kernel call, and once memory is planned the buffer of its result."""

from __future__ import annotations

from nngraph.draw.families import sort_of_kernel
from nngraph.draw.picture import TOP, Facts, Picture
from nngraph.draw.program import Program, call_of, sources_of
from nngraph.draw.sketch import Describe, Sketch, role_of
from nngraph.emit.source import writer_for
from nngraph.ir.graph import Value
from nngraph.ir.program import KernelCall
from nngraph.ir.types import evaluate


def calls_picture(title: str, subtitle: str, program: Program, describe: Describe, *, planned: bool) -> Picture:
    """The picture of all kernel calls of a program.

    Parameters
    ----------
    title, subtitle : str
    program : Program
    describe : callable
        What is known of the declared nodes, by id.
    planned : bool
        Whether buffers are told.
    """
    calls = program.schedule.calls
    sketch = Sketch(numbered([main_node(call) for call in calls]), describe)
    made: dict[Value, int] = {}
    for value in program.schedule.graph.inputs:
        known = {"op": "input", "sort": "data", "type": str(value.type), "buffer": place(program, value, planned)}
        made[value] = sketch.add(TOP, value.name, **known)
    for number, (call, id) in enumerate(zip(calls, numbered([main_node(call) for call in calls]), strict=True)):
        key = sketch.node(id, **known_of(call, number, program, planned))
        for operand in call.inputs:
            value = program.schedule.aliases.get(operand.value, operand.value)
            if value in made:
                sketch.link(made[value], key, value.name, str(value.type))
        made.update((program.schedule.aliases.get(o.value, o.value), key) for o in call.outputs)
    for name, value in program.schedule.graph.outputs:
        value = program.schedule.aliases.get(value, value)
        if value in made:
            known = {"op": "output", "sort": "data", "type": str(value.type)}
            key = sketch.add(TOP, name, **known, role=role_of(value.name))
            sketch.link(made[value], key, value.name, str(value.type))
    sketch.totals()
    return Picture(title, subtitle, tuple(sketch.items), tuple(sketch.links))


def main_node(call: KernelCall) -> str:
    """The node that a call is named after: that of its first result, where it is one of its nodes."""
    name = call.outputs[0].value.name if call.outputs else ""
    return name if name in call.nodes or not call.nodes else call.nodes[-1]


def numbered(ids: list[str]) -> list[str]:
    """The ids, those that came before with a number behind them."""
    seen: dict[str, int] = {}
    found: list[str] = []
    for id in ids:
        seen[id] = seen.get(id, 0) + 1
        found.append(id if seen[id] == 1 else f"{id}.call{seen[id]}")
    return found


def known_of(call: KernelCall, number: int, program: Program, planned: bool) -> dict[str, object]:
    """What an item says of a call."""
    family, name = call.kernel.family, writer_for(program.device)(call.kernel)[0]
    value = program.schedule.aliases.get(call.outputs[0].value, call.outputs[0].value)
    attributes = {
        "computes": ", ".join(call.nodes), "kernel": name,
        "operations for a batch": f"{evaluate(call.flops, program.plan.batch):,}",
        "bytes for a batch": f"{evaluate(call.traffic, program.plan.batch):,}",
    }  # fmt: skip
    values = dict.fromkeys(operand.value.name for operand in call.outputs)
    buffers = [program.buffer_line(v, program.buffers[v]) for v in values if v in program.buffers] if planned else []
    return {
        "op": family, "sort": sort_of_kernel(family), "note": f"call {number}", "type": str(value.type),
        "buffer": place(program, value, planned),
        "facts": Facts(attributes, calls=(number,), buffers=tuple(buffers)),
    }  # fmt: skip


def place(program: Program, value: Value, planned: bool) -> int:
    """The number of a value's buffer; 0 where none is told or it has none."""
    found = program.buffers.get(value.name) if planned else None
    return program.places[found.offset] if found else 0


def called(picture: Picture, program: Program) -> Picture:
    """The picture with what is shown of calls and their kernels."""
    kernels, sources = sources_of(program.schedule, program.device)
    calls = tuple(call_of(call, program.device) for call in program.schedule.calls)
    return Picture(picture.title, picture.subtitle, picture.items, picture.links, calls, kernels, sources)
