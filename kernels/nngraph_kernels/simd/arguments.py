"""The argument block of a kernel: 8-byte slots that hold pointers, integers and floats."""

from llvmlite import ir
from numba import types

from nngraph_kernels.simd.primitive import literal_of, primitive
from nngraph_kernels.simd.register import Operand, Pointer, Register, offset_value
from nngraph_kernels.simd.vector_types import ELEMENTS

_IN_MEMORY = {
    "float32": ir.FloatType(),
    "float64": ir.DoubleType(),
    "int32": ir.IntType(32),
    "int64": ir.IntType(64),
    "bool": ir.IntType(8),
    "uint8": ir.IntType(8),
}


def memory_type(dtype: str) -> ir.Type:
    """The LLVM type of one element in memory."""
    return _IN_MEMORY[dtype]


def _pointer_rule(args, slot, dtype):
    name = literal_of(dtype, str, "the dtype")
    if name not in ELEMENTS:
        raise TypeError(f"no dtype {name!r}; known: {', '.join(ELEMENTS)}")
    return types.CPointer(ELEMENTS[name]), (args, types.int64, dtype)


def _slot_rule(result):
    return lambda args, slot: (result, (args, types.int64))


def _offset_rule(pointer, elements):
    if not isinstance(pointer, types.CPointer):
        raise TypeError(f"a pointer is expected, not {pointer}")
    return pointer, (pointer, types.int64)


@primitive(_pointer_rule)
def pointer(args: Pointer, slot: Operand, dtype: str) -> Pointer:
    """The pointer in a slot, to elements of `dtype`."""
    # Loaded as a pointer: LLVM may miscompile addresses that were integers in between.
    address = memory_type(dtype).as_pointer()
    return Pointer(args.builder, dtype, _slot(args, slot, address))


@primitive(_slot_rule(types.int64))
def integer(args: Pointer, slot: Operand) -> Register:
    """The int64 in a slot."""
    return Register(args.builder, "int64", 0, _slot(args, slot, ir.IntType(64)))


@primitive(_slot_rule(types.float64))
def number(args: Pointer, slot: Operand) -> Register:
    """The float64 in a slot."""
    return Register(args.builder, "float64", 0, _slot(args, slot, ir.DoubleType()))


@primitive(_offset_rule)
def offset_pointer(start: Pointer, elements: Operand) -> Pointer:
    """The pointer `elements` elements further on."""
    return Pointer(start.builder, start.dtype, start.builder.gep(start.value, [offset_value(elements)]))


def _slot(args: Pointer, slot: Operand, kind: ir.Type) -> ir.Value:
    builder = args.builder
    address = builder.bitcast(builder.gep(args.value, [offset_value(slot)]), kind.as_pointer())
    value = builder.load(address)
    # Nobody writes argument blocks while a kernel runs, so loads need not be repeated after stores.
    value.set_metadata("invariant.load", builder.module.add_metadata([]))
    return value
