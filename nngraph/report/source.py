"""All emitted source of a program, each kernel behind a note of the calls that it serves."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap

from nngraph.emit.annotate import annotated, describe
from nngraph.emit.source import writer_for
from nngraph.ir.program import Kernel, KernelCall, Plan, Schedule

WIDTH = 108


def source_text(schedule: Schedule, device: str = "cpu", plan: Plan | None = None, library: bool = False) -> str:
    """The source of every kernel of `schedule` for a device, in the order of their first calls.

    A kernel is written once, however many calls it serves; the comments in its body name the values of the first.

    Parameters
    ----------
    schedule : Schedule
    device : {"cpu", "cuda"}
    plan : Plan, optional
        With it, kernels for a device are those for its batch: a product may be made in pieces.
    library : bool
        Whether a library does the large products.
    """
    calls = calls_by_kernel(schedule, plan if device == "cuda" else None, library)
    parts: list[str] = []
    if schedule.preparation:
        before = source_text(schedule.preparation, device, plan and plan.preparation, library)
        parts += [f"# preparation of {before[2:]}"]
    parts += [overview(schedule, calls)]
    parts += [kernel_text(kernel, numbered, device) for kernel, numbered in calls.items()]
    return "\n\n".join(parts)


def calls_by_kernel(schedule: Schedule, plan: Plan | None, library: bool) -> dict[Kernel, dict[int, KernelCall]]:
    """The calls of each kernel by their number in the schedule; of a device's, for the batch of `plan`."""
    found: dict[Kernel, dict[int, KernelCall]] = {}
    for number, call in enumerate(schedule.calls):
        for kernel in launched(call, plan, library):
            found.setdefault(kernel, {})[number] = call
    return found


def launched(call: KernelCall, plan: Plan | None, library: bool) -> list[Kernel]:
    """The kernels that a call is launched as."""
    if plan is None:
        return [call.kernel]
    from nngraph.machines.lines import kernels_of  # templates for devices are read where they are asked for alone

    return kernels_of(call, plan, library)


def overview(schedule: Schedule, calls: Mapping[Kernel, Mapping[int, KernelCall]]) -> str:
    count, kernels = len(schedule.calls), len(calls)
    return f"# graph {schedule.graph.name}: {count} calls of {kernels} kernels\n"


def kernel_text(kernel: Kernel, calls: Mapping[int, KernelCall], device: str) -> str:
    """One kernel: the note, then its module with comments."""
    name, source = writer_for(device)(kernel)
    first = next(iter(calls))
    lines = ["#" * WIDTH, f"# {name}, a {kernel.family} kernel"]
    for number, call in calls.items():
        lines += call_note(number, call)
    if len(calls) > 1:
        lines += ["#", f"# Comments below are those of call {first}."]
    return "\n".join(lines) + "\n\n" + annotated(source, calls[first], device, kernel)


def call_note(number: int, call: KernelCall) -> list[str]:
    """Which nodes a call computes, what it reads and what it writes."""
    return [
        "#",
        *entry(f"call {number}", call.nodes),
        *entry("  reads", [describe(operand) for operand in call.inputs]),
        *entry("  writes", [describe(operand) for operand in call.outputs]),
    ]


def entry(title: str, items: list[str] | tuple[str, ...]) -> list[str]:
    """A titled list, as comment lines."""
    indent = " " * 12
    text = f"{title + ':':<12}" + "; ".join(items)
    return [f"# {line}" for line in wrap(text, WIDTH - 2, subsequent_indent=indent, break_on_hyphens=False)]
