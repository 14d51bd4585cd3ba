"""A row for each kernel call of a schedule."""

from __future__ import annotations

from nngraph.emit.source import writer_for
from nngraph.ir.program import Operand, Schedule
from nngraph.ir.types import evaluate
from nngraph.run.bind import worth_sharing
from nngraph_kernels.record import record


@record
class CallRow:
    """One launch.

    Attributes
    ----------
    threads : int
        On how many it runs: one where a barrier would cost more than is won.
    flops, traffic : int
        Operations and bytes, at the batch size of the report.
    """

    number: int
    kernel: str
    family: str
    threads: int
    nodes: tuple[str, ...]
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    flops: int
    traffic: int


def call_rows(schedule: Schedule, batch: int, threads: int, device: str = "cpu") -> list[CallRow]:
    """The calls in order, with what each does at a batch size."""
    write = writer_for(device)
    return [
        CallRow(
            number, write(call.kernel)[0], call.kernel.family,
            threads if threads > 1 and worth_sharing(call, batch) else 1, call.nodes,
            tuple(map(name_of, call.outputs)), tuple(map(name_of, call.inputs)),
            evaluate(call.flops, batch), evaluate(call.traffic, batch),
        )
        for number, call in enumerate(schedule.calls)
    ]  # fmt: skip


def name_of(operand: Operand) -> str:
    return operand.value.name + (f"+{operand.offset}" if operand.offset else "")
