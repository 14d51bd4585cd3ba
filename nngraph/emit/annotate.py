"""A kernel's source with comments for one of its calls: what each argument is, which node each line computes.

Kernels are shared between graphs, so that what is compiled and cached says nothing of nodes; only what is printed
for a reader does. A statement's variable holds its number (`nngraph.emit.statements`), an argument's line its slot.
"""

from __future__ import annotations

import re
from typing import Any, Final

from nngraph.ir.program import Kernel, KernelCall, Operand, Statement

ARGUMENT: Final = re.compile(r"= (?:pointer|integer|number)\(args, (\d+)|^# args\[(\d+)\]")
DEVICE_ARGUMENT: Final = re.compile(r"= \(?(?:words|numbers)\[uint64\(at \+ (\d+)\)\]()")
STATEMENT: Final = re.compile(r"([sv])(\d+)(_\w+)? = ")
PRODUCT: Final = ("def each(acc, ", "def results(acc, ")
COLUMN: Final = 56  # where comments begin, if the line leaves room


FINISHING: Final = ("product_total", "product_epilogue")  # kernels that go on with a product in scratch memory


def annotated(source: str, call: KernelCall, device: str = "cpu", kernel: Kernel | None = None) -> str:
    """`source` with a comment behind every line that a node of `call`, or one of its arguments, accounts for.

    It is the source of the call's kernel, or of `kernel`, one of several that the call is launched as: of those, what
    finishes the product has the call's arguments, but for its first factor.
    """
    kernel = kernel or call.kernel
    if kernel is not call.kernel and kernel.family not in FINISHING:
        return source
    slots = slots_of(call)
    if kernel is not call.kernel:
        slots[len(call.outputs)] = "the product, in scratch memory"
    lines: list[str] = []
    for line in source.splitlines():
        comment = comment_on(line.strip(), call, slots, device)
        lines.append(f"{line:<{COLUMN}}  # {comment}" if comment else line)
    return "\n".join(lines) + "\n"


def comment_on(line: str, call: KernelCall, slots: list[str], device: str) -> str | None:
    if found := (DEVICE_ARGUMENT if device == "cuda" else ARGUMENT).search(line):
        slot = int(found[1] or found[2])
        return slots[slot] if slot < len(slots) else None
    if line.startswith(PRODUCT):
        return product_of(call)
    if (found := STATEMENT.match(line)) and is_statement(call, found[1], int(found[2]), device):
        return call.origins[int(found[2])]
    return None


def is_statement(call: KernelCall, prefix: str, number: int, device: str) -> bool:
    """Whether a variable stands for a statement: in a product's epilogue `s0` is a number, on a device `v0` is one."""
    if device == "cuda":
        return number < len(call.origins) and prefix == "s"
    return number < len(call.origins) and (prefix == "v" or call.kernel.family != "matmul")


def product_of(call: KernelCall) -> str | None:
    """The node whose result an epilogue finds in `acc`."""
    statements: tuple[Statement, ...] = getattr(call.kernel.spec, "statements", ())
    products = (id for id, statement in zip(call.origins, statements, strict=True) if statement.kind == "product")
    return next(products, None)


def slots_of(call: KernelCall) -> list[str]:
    """What stands in each argument slot, in the order in which a call is bound."""
    fixed = len(call.inputs) - call.listed
    slots = [describe(operand) for operand in (*call.outputs, *call.inputs[:fixed])]
    slots += ["scratch"] * bool(call.scratch) + ["error word"] * call.reports
    slots += [str(dim) for dim in call.integers]
    slots += [format_number(number) for number in call.numbers]
    return slots + [describe(operand) for operand in call.inputs[fixed:]]


def describe(operand: Operand) -> str:
    start = f" from element {operand.offset}" if operand.offset else ""
    return f"{operand.value.name}: {operand.value.type}{start}"


def format_number(number: Any) -> str:
    return f"{number:.12g}" if isinstance(number, float) else str(number)
