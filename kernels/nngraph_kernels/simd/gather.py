"""Loads and stores of elements that are not neighbors: strided, or at given offsets."""

from llvmlite import ir
from numba import types

from nngraph_kernels.simd.arguments import memory_type
from nngraph_kernels.simd.memory import (
    BYTES,
    SUFFIXES,
    check_value,
    from_memory,
    kind_behind,
    mask_lanes,
    to_memory,
)
from nngraph_kernels.simd.primitive import literal_of, numeric, plain, primitive
from nngraph_kernels.simd.register import (
    Operand,
    Pointer,
    Register,
    broadcast,
    call_named,
    literal,
    scalar_of,
)
from nngraph_kernels.simd.vector_types import INTEGERS, Vector


def _load_strided_rule(pointer, offset, stride, lanes):
    width = literal_of(lanes, int, "the number of lanes")
    return Vector(kind_behind(pointer), width), (pointer, types.int64, types.int64, lanes)


def _load_strided_masked_rule(pointer, offset, stride, mask):
    return Vector(kind_behind(pointer), mask_lanes(mask)), (pointer, types.int64, types.int64, mask)


def _store_strided_rule(pointer, offset, stride, value, mask=None):
    check_value(pointer, value, mask)
    if mask is None and not numeric(value)[1]:
        raise TypeError("a vector is expected")
    masks = (mask,) if mask is not None else ()
    return types.void, (pointer, types.int64, types.int64, plain(value), *masks)


def _gather_rule(pointer, index, mask=None):
    lanes = _index_lanes(index, mask)
    return Vector(kind_behind(pointer), lanes), (pointer, index, *((mask,) if mask is not None else ()))


def _scatter_rule(pointer, index, value, mask=None):
    check_value(pointer, value, mask)
    if numeric(value)[1] not in (0, _index_lanes(index, mask)):
        raise TypeError("index and value have different lanes")
    return types.void, (pointer, index, plain(value), *((mask,) if mask is not None else ()))


def _index_lanes(index, mask) -> int:
    kind, lanes = numeric(index)
    if kind not in INTEGERS or not lanes:
        raise TypeError("the index must be a vector of integers")
    if mask is not None and mask_lanes(mask) != lanes:
        raise TypeError("mask and index have different lanes")
    return lanes


@primitive(_load_strided_rule)
def load_strided(pointer: Pointer, offset: Operand, stride: Operand, lanes: int) -> Register:
    """The elements at `offset`, `offset` + `stride`, ..."""
    return gather(pointer, _offsets(offset, stride, lanes))


@primitive(_load_strided_masked_rule)
def load_strided_masked(pointer: Pointer, offset: Operand, stride: Operand, mask: Register) -> Register:
    """As `load_strided`, for the lanes set in `mask`; 0 in the others."""
    return gather_masked(pointer, _offsets(offset, stride, mask.lanes), mask)


@primitive(_store_strided_rule)
def store_strided(pointer: Pointer, offset: Operand, stride: Operand, value: Register) -> None:
    """Write `value` to the elements at `offset`, `offset` + `stride`, ..."""
    scatter(pointer, _offsets(offset, stride, value.lanes), value)


@primitive(_store_strided_rule)
def store_strided_masked(pointer: Pointer, offset: Operand, stride: Operand, value: Register, mask: Register) -> None:
    """As `store_strided`, for the lanes set in `mask`."""
    scatter_masked(pointer, _offsets(offset, stride, mask.lanes), value, mask)


@primitive(_gather_rule)
def gather(pointer: Pointer, index: Register) -> Register:
    """The elements at the offsets in `index`."""
    return gather_masked(pointer, index, _all_set(index))


@primitive(_gather_rule)
def gather_masked(pointer: Pointer, index: Register, mask: Register) -> Register:
    """As `gather`, for the lanes set in `mask`; 0 in the others."""
    vector = ir.VectorType(memory_type(pointer.dtype), mask.lanes)
    alignment = ir.Constant(ir.IntType(32), BYTES[pointer.dtype])
    arguments = [_addresses(pointer, index), alignment, mask.value, ir.Constant(vector, None)]
    name = f"llvm.masked.gather.v{mask.lanes}{SUFFIXES[pointer.dtype]}.v{mask.lanes}p0"
    return from_memory(pointer, call_named(pointer.builder, name, vector, arguments), mask.lanes)


@primitive(_scatter_rule)
def scatter(pointer: Pointer, index: Register, value: Register) -> None:
    """Write `value` to the elements at the offsets in `index`; of equal offsets the last lane wins."""
    scatter_masked(pointer, index, value, _all_set(index))


@primitive(_scatter_rule)
def scatter_masked(pointer: Pointer, index: Register, value: Register, mask: Register) -> None:
    """As `scatter`, for the lanes set in `mask`."""
    data = to_memory(pointer, broadcast(value, mask.lanes))
    alignment = ir.Constant(ir.IntType(32), BYTES[pointer.dtype])
    name = f"llvm.masked.scatter.v{mask.lanes}{SUFFIXES[pointer.dtype]}.v{mask.lanes}p0"
    arguments = [data, _addresses(pointer, index), alignment, mask.value]
    call_named(pointer.builder, name, ir.VoidType(), arguments)


def _addresses(pointer: Pointer, index: Register) -> ir.Value:
    element = memory_type(pointer.dtype)
    addresses = pointer.builder.gep(pointer.value, [index.value], source_etype=element)
    # llvmlite gives every gep the type of its base, even where a vector of offsets makes many.
    addresses.type = ir.VectorType(pointer.value.type, index.lanes)
    return addresses


def _offsets(offset: Operand, stride: Operand, lanes: int) -> Register:
    counting = ir.Constant(ir.VectorType(ir.IntType(64), lanes), list(range(lanes)))
    start = scalar_of(offset, "int64")
    return Register(start.builder, "int64", lanes, counting) * scalar_of(stride, "int64") + start


def _all_set(index: Register) -> Register:
    return Register(index.builder, "mask", index.lanes, literal(1, "mask", index.lanes))
