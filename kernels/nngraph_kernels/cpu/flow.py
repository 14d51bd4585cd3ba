"""Loops and addresses for primitives, which write instructions rather than lines of a kernel."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager
from functools import partial
from typing import Any

from llvmlite import ir
from llvmlite.ir.values import MDValue
from numba import types

from nngraph_kernels.simd.primitive import primitive
from nngraph_kernels.simd.register import Pointer, Register, call_named
from nngraph_kernels.simd.vector_types import ELEMENTS


def declared(function: Callable[..., None], dtype: str, parameters: str, variant: Hashable) -> Any:
    """The function as a primitive of pointers to `dtype` ("p" in `parameters`) and int64 numbers ("n").

    "a" stands for the block of arguments, whose slots may hold a list of pointers. `variant` is what it was
    made for: Numba tells primitives apart by their names.
    """
    kinds = {"p": types.CPointer(ELEMENTS[dtype]), "n": types.int64, "a": types.CPointer(types.int64)}
    signature = tuple(kinds[p] for p in parameters)
    function.__qualname__ += f" {variant}"
    return primitive(lambda *arguments: (types.void, signature))(function)


@contextmanager
def loop(start: Register | int, stop: Register, step: int = 1, unrolled: bool = True) -> Generator[Register]:
    """What is written inside runs for `start`, `start` + `step`, ... below `stop`.

    Unless `unrolled`, LLVM leaves the loop as it stands: unrolling one that takes few turns costs more than the turns.
    """
    builder: ir.IRBuilder = stop.builder
    begin = start if isinstance(start, Register) else integer_constant(builder, start)
    before, body, after = (
        builder.block,
        builder.append_basic_block("loop"),
        builder.append_basic_block("done"),
    )
    builder.cbranch((begin < stop).value, body, after)
    builder.position_at_end(body)
    phi = builder.phi(begin.value.type)
    phi.add_incoming(begin.value, before)
    i = stop.like(phi)
    yield i
    following = i + step
    phi.add_incoming(following.value, builder.block)
    branch = builder.cbranch((following < stop).value, body, after)
    if not unrolled:
        _leave(builder, branch)
    builder.position_at_end(after)


short_loop = partial(loop, unrolled=False)


def _leave(builder: ir.IRBuilder, branch: Any) -> None:
    """Keep LLVM from unrolling the loop that `branch` closes."""
    disable = builder.module.add_metadata(["llvm.loop.unroll.disable"])
    properties = MDValue(builder.module, [disable], str(len(builder.module.metadata)))
    properties.operands = (properties, disable)  # what LLVM knows a loop by
    branch.set_metadata("llvm.loop", properties)


@contextmanager
def reduction(
    count: Register, starts: list[Register], unrolled: bool = True
) -> Generator[tuple[Register, list[Register], list[Register]]]:
    """A loop over i below `count` that carries values along in registers.

    Gives i, the values so far and an empty list, in which what is written inside leaves the values after this
    turn. Afterwards the list holds the values after the last turn, the `starts` if there was none. `unrolled` as in
    `loop`.
    """
    builder: ir.IRBuilder = count.builder
    before, results = builder.block, list[Register]()
    body, after = builder.append_basic_block("reduction"), builder.append_basic_block("reduced")
    builder.cbranch((count > 0).value, body, after)
    builder.position_at_end(body)
    i = count.like(_phi(builder, before, ir.Constant(ir.IntType(64), 0)))
    carried = [start.like(_phi(builder, before, start.value)) for start in starts]
    yield i, carried, results
    following = i + 1
    for phi, value in zip([i, *carried], [following, *results], strict=True):
        phi.value.add_incoming(value.value, builder.block)
    last = builder.block
    branch = builder.cbranch((following < count).value, body, after)
    if not unrolled:
        _leave(builder, branch)
    builder.position_at_end(after)
    for place, start in enumerate(starts):
        phi = _phi(builder, before, start.value)
        phi.add_incoming(results[place].value, last)
        results[place] = start.like(phi)


short_reduction = partial(reduction, unrolled=False)


def _phi(builder: ir.IRBuilder, block: ir.Block, value: ir.Value) -> ir.PhiInstr:
    phi = builder.phi(value.type)
    phi.add_incoming(value, block)
    return phi


def integer_constant(builder: ir.IRBuilder, value: int) -> Register:
    """An int64 that is known while the kernel is written."""
    return Register(builder, "int64", 0, ir.Constant(ir.IntType(64), value))


def moved(pointer: Pointer, elements: Register | int) -> Pointer:
    """The pointer `elements` elements further on."""
    builder = pointer.builder
    offset = elements if isinstance(elements, Register) else integer_constant(builder, elements)
    return Pointer(builder, pointer.dtype, builder.gep(pointer.value, [offset.value]))


def zero_vector(builder: ir.IRBuilder, dtype: str, lanes: int) -> Register:
    """Zeros that may also stand in a phi."""
    element = ir.FloatType() if dtype == "float32" else ir.DoubleType()
    return Register(builder, dtype, lanes, ir.Constant(ir.VectorType(element, lanes), None))


def load_scalar(pointer: Pointer, offset: int) -> Register:
    """The one element `offset` elements further on."""
    return Register(pointer.builder, pointer.dtype, 0, pointer.builder.load(moved(pointer, offset).value))


def ask_for(pointer: Pointer, level: int = 1, write: bool = False) -> None:
    """Have the cache line of an element brought to a cache of this level meanwhile; there need be none.

    With `write` other cores lose theirs, which they would as soon as it is written.
    """
    builder, number = pointer.builder, ir.IntType(32)
    address = builder.bitcast(pointer.value, ir.IntType(8).as_pointer())
    mode, keep, data = (ir.Constant(number, value) for value in (int(write), 4 - level, 1))
    call_named(builder, "llvm.prefetch.p0", ir.VoidType(), [address, mode, keep, data])
