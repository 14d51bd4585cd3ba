"""Functions that run once, while their kernel is compiled, and leave their instructions in it."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from llvmlite import ir
from numba import types
from numba.core.registry import cpu_target

from nngraph_kernels.simd.primitive import operand, plain, primitive
from nngraph_kernels.simd.register import Register, building, scalar_of
from nngraph_kernels.simd.vector_types import kind_of, numba_type

F = TypeVar("F", bound=Callable[..., object])
Carried = tuple[Register, ...]


def traced(function: F) -> F:
    """Let kernels call `function`, whose Python runs on registers when the kernel is compiled.

    Its arguments arrive as `Register` and `Pointer` objects, literals as Python numbers; it returns a
    register, a tuple of them, or nothing. Branches and loops of Python are decided and unrolled at that
    time; `repeat` makes a loop of the kernel, `select` chooses by value, `equal` compares. ::

        @traced
        def block(y, x, i):
            for row in range(4):
                store(y, i + row * 16, maximum(load(x, i + row * 16, 16), 0.0))
    """
    return primitive(lambda *arguments: _result_of(function, arguments))(function)


def _result_of(function, arguments):
    """Rule: what tracing into a function of its own gives."""
    arguments = tuple(a if kind_of(a) is None else plain(a) for a in arguments)
    inner = [cpu_target.target_context.get_value_type(a) for a in arguments]
    scratch = ir.Function(ir.Module(), ir.FunctionType(ir.VoidType(), inner), "scratch")
    builder = ir.IRBuilder(scratch.append_basic_block())
    operands = [operand(builder, t, a) for t, a in zip(arguments, scratch.args, strict=True)]
    with building(builder):
        result = function(*operands)
    return _type_of(result), arguments


def _type_of(result) -> types.Type:
    if result is None:
        return types.void
    if isinstance(result, tuple):
        return types.Tuple([_type_of(r) for r in result])
    return numba_type(result.kind, result.lanes)


def repeat(
    start: Register | int,
    stop: Register | int,
    step: Register | int,
    carried: Sequence[Register],
    body: Callable[[Register, Carried], Sequence[Register]],
) -> Carried:
    """In traced functions: ``for i in range(start, stop, step): carried = body(i, carried)``.

    The step is positive. The body runs once, when the loop is written down.
    """
    first, stop, step = (scalar_of(v, "int64") for v in (start, stop, step))
    builder = stop.builder
    before = builder.block
    head, inside, after = (builder.append_basic_block(n) for n in ("repeat", "body", "done"))
    builder.branch(head)
    builder.position_at_end(head)
    index = builder.phi(stop.value.type)
    values = [builder.phi(c.value.type) for c in carried]
    builder.cbranch(builder.icmp_signed("<", index, stop.value), inside, after)
    builder.position_at_end(inside)
    current = tuple(c.like(v) for c, v in zip(carried, values, strict=True))
    new = body(stop.like(index), current)
    following = stop.like(index) + step
    for phi, old, updated in zip((index, *values), (first, *carried), (following, *new), strict=True):
        phi.add_incoming(old.value, before)
        phi.add_incoming(updated.value, builder.block)
    builder.branch(head)
    builder.position_at_end(after)
    return current
