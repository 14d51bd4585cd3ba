"""Loads and stores of neighboring elements, unaligned, whole or masked.

Offsets count elements, are int64, and are used as they are: nothing wraps around and nothing is checked.
A pointer to ``bool`` reads and writes bytes 0 and 1, and gives masks; one to ``uint8`` gives int32.
"""

from typing import Final

from llvmlite import ir
from numba import types

from nngraph_kernels.simd.arguments import memory_type
from nngraph_kernels.simd.primitive import literal_of, numeric, plain, primitive
from nngraph_kernels.simd.register import (
    Operand,
    Pointer,
    Register,
    broadcast,
    call_named,
    offset_value,
    scalar_of,
)
from nngraph_kernels.simd.vector_types import Vector, kind_of, llvm_type, numba_type

BYTES: Final = {"float32": 4, "float64": 8, "int32": 4, "int64": 8, "bool": 1, "uint8": 1}
SUFFIXES: Final = {"float32": "f32", "float64": "f64", "int32": "i32", "int64": "i64", "bool": "i8"} | {"uint8": "i8"}
_KINDS: Final = {"bool": "mask", "uint8": "int32"}


def kind_behind(pointer: types.Type) -> str:
    """The kind of vector that a load through `pointer` gives."""
    if not isinstance(pointer, types.CPointer):
        raise TypeError(f"a pointer is expected, not {pointer}")
    known = kind_of(pointer.dtype)
    if known is None:
        raise TypeError(f"no vectors of {pointer.dtype}")
    return "int32" if pointer.dtype == types.uint8 else known[0]


def mask_lanes(mask: types.Type) -> int:
    """Number of lanes of a mask vector."""
    kind, lanes = numeric(mask)
    if kind != "mask" or not lanes:
        raise TypeError(f"a mask vector is expected, not {mask}")
    return lanes


def check_value(pointer: types.Type, value: types.Type, mask: types.Type | None) -> None:
    """Refuse a value that does not fit the pointer it is stored through, or its mask."""
    kind, lanes = numeric(value)
    if kind != kind_behind(pointer):
        raise TypeError(f"{kind} does not go through a pointer to {pointer.dtype}: cast it")
    if mask is not None and lanes and mask_lanes(mask) != lanes:
        raise TypeError("mask and value have different lanes")


def _load_rule(pointer, offset, lanes):
    width = literal_of(lanes, int, "the number of lanes")
    return Vector(kind_behind(pointer), width), (pointer, types.int64, lanes)


def _load_masked_rule(pointer, offset, mask):
    return Vector(kind_behind(pointer), mask_lanes(mask)), (pointer, types.int64, mask)


def _store_rule(pointer, offset, value, mask=None):
    value = types.unliteral(value)
    check_value(pointer, value, mask)
    return types.void, (pointer, types.int64, plain(value), *((mask,) if mask is not None else ()))


@primitive(_load_rule)
def load(pointer: Pointer, offset: Operand, lanes: int) -> Register:
    """The `lanes` elements from `offset` on."""
    value = pointer.builder.load(_address(pointer, offset, _vector(pointer, lanes)))
    value.align = BYTES[pointer.dtype]
    return from_memory(pointer, value, lanes)


@primitive(lambda pointer, offset: (numba_type(kind_behind(pointer), 0), (pointer, types.int64)))
def load_scalar(pointer: Pointer, offset: Operand) -> Register:
    """The element at `offset`. ``p[i]`` is the same in kernels, but wrong for bool in Numba 0.68."""
    value = pointer.builder.load(pointer.builder.gep(pointer.value, [offset_value(offset)]))
    value.align = BYTES[pointer.dtype]
    return from_memory(pointer, value, 0)


@primitive(_load_rule)
def load_splat(pointer: Pointer, offset: Operand, lanes: int) -> Register:
    """The element at `offset`, in each of `lanes` lanes."""
    return broadcast(load_scalar(pointer, offset), lanes)


@primitive(_load_masked_rule)
def load_masked(pointer: Pointer, offset: Operand, mask: Register) -> Register:
    """The elements from `offset` on whose lanes are set, 0 in the others, which are not touched."""
    vector = _vector(pointer, mask.lanes)
    alignment = ir.Constant(ir.IntType(32), BYTES[pointer.dtype])
    arguments = [_address(pointer, offset, vector), alignment, mask.value, ir.Constant(vector, None)]
    name = f"llvm.masked.load.v{mask.lanes}{SUFFIXES[pointer.dtype]}.p0"
    return from_memory(pointer, call_named(pointer.builder, name, vector, arguments), mask.lanes)


@primitive(_store_rule)
def store(pointer: Pointer, offset: Operand, value: Operand) -> None:
    """Write `value` to the elements from `offset` on; a scalar to one element."""
    data = to_memory(pointer, _fitting(pointer, value))
    pointer.builder.store(data, _address(pointer, offset, data.type)).align = BYTES[pointer.dtype]


@primitive(_store_rule)
def store_masked(pointer: Pointer, offset: Operand, value: Operand, mask: Register) -> None:
    """Write the lanes of `value` that are set in `mask`; other elements are not touched."""
    data = to_memory(pointer, broadcast(_fitting(pointer, value), mask.lanes))
    alignment = ir.Constant(ir.IntType(32), BYTES[pointer.dtype])
    arguments = [data, _address(pointer, offset, data.type), alignment, mask.value]
    name = f"llvm.masked.store.v{mask.lanes}{SUFFIXES[pointer.dtype]}.p0"
    call_named(pointer.builder, name, ir.VoidType(), arguments)


def from_memory(pointer: Pointer, value: ir.Value, lanes: int) -> Register:
    """What was loaded, as it is kept in registers."""
    builder = pointer.builder
    kind = _KINDS.get(pointer.dtype, pointer.dtype)
    if kind == "mask":
        value = builder.icmp_unsigned("!=", value, ir.Constant(value.type, None))
    elif pointer.dtype == "uint8":
        value = getattr(builder, "zext")(value, llvm_type("int32", lanes))  # noqa: B009 untyped in llvmlite
    return Register(builder, kind, lanes, value)


def to_memory(pointer: Pointer, value: Register) -> ir.Value:
    """A register's value, as it is kept in memory."""
    if pointer.dtype not in _KINDS:
        return value.value
    memory = memory_type(pointer.dtype)
    narrow = ir.VectorType(memory, value.lanes) if value.lanes else memory
    return getattr(value.builder, "zext" if value.kind == "mask" else "trunc")(value.value, narrow)


def _fitting(pointer: Pointer, value: Operand) -> Register:
    """A number of Python as what the pointer points to; a register has to be that already."""
    kind = _KINDS.get(pointer.dtype, pointer.dtype)
    if isinstance(value, Register) and value.kind != kind:
        raise TypeError(f"{value.kind} does not go through a pointer to {pointer.dtype}: cast it")
    return scalar_of(value, kind)


def _vector(pointer: Pointer, lanes: int) -> ir.VectorType:
    return ir.VectorType(memory_type(pointer.dtype), lanes)


def _address(pointer: Pointer, offset: Operand, kind: ir.Type) -> ir.Value:
    builder = pointer.builder
    return builder.bitcast(builder.gep(pointer.value, [offset_value(offset)]), kind.as_pointer())
