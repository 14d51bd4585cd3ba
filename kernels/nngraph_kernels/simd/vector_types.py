"""The Numba type of a SIMD vector, and the LLVM types behind it."""

from typing import Final

from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.core.datamodel.registry import register_default

LLVM_KINDS: Final = {
    "float32": ir.FloatType(),
    "float64": ir.DoubleType(),
    "int32": ir.IntType(32),
    "int64": ir.IntType(64),
    "mask": ir.IntType(1),
}
SUFFIXES: Final = {"float32": "f32", "float64": "f64", "int32": "i32", "int64": "i64", "mask": "i1"}
FLOATS: Final = ("float32", "float64")
INTEGERS: Final = ("int32", "int64")
SCALARS: Final = {
    "float32": types.float32,
    "float64": types.float64,
    "int32": types.int32,
    "int64": types.int64,
    "mask": types.boolean,
}
# What stands in memory. Numba keeps a boolean as one byte there, as NumPy does.
ELEMENTS: Final = {
    "float32": types.float32,
    "float64": types.float64,
    "int32": types.int32,
    "int64": types.int64,
    "bool": types.boolean,
    "uint8": types.uint8,
}


class Vector(types.Type):
    """`lanes` values of one `kind` in vector registers."""

    def __init__(self, kind: str, lanes: int) -> None:
        if kind not in LLVM_KINDS or lanes < 1:
            raise ValueError(f"no vector of {lanes} lanes of {kind}")
        self.kind = kind
        self.lanes = lanes
        super().__init__(name=f"{kind}x{lanes}")


@register_default(Vector)
class VectorModel(models.PrimitiveModel):
    """One LLVM vector, in registers and in memory."""

    def __init__(self, manager, vector: Vector) -> None:
        super().__init__(manager, vector, llvm_type(vector.kind, vector.lanes))


def llvm_type(kind: str, lanes: int) -> ir.Type:
    """The LLVM type of a vector, or of a scalar when `lanes` is 0."""
    element = LLVM_KINDS[kind]
    return ir.VectorType(element, lanes) if lanes else element


def suffix(kind: str, lanes: int) -> str:
    """The ending that LLVM's intrinsics take for this type: ``v16f32``, or ``f32`` for a scalar."""
    return f"v{lanes}{SUFFIXES[kind]}" if lanes else SUFFIXES[kind]


def numba_type(kind: str, lanes: int) -> types.Type:
    """The Numba type of a vector, or of a scalar when `lanes` is 0."""
    return Vector(kind, lanes) if lanes else SCALARS[kind]


def kind_of(value: types.Type) -> tuple[str, int] | None:
    """Kind and lanes (0 for a scalar) of a vector or number, None for anything else."""
    if isinstance(value, Vector):
        return value.kind, value.lanes
    if isinstance(value, types.Float):
        return ("float32", 0) if value.bitwidth == 32 else ("float64", 0)
    if isinstance(value, types.Boolean):
        return "mask", 0
    if isinstance(value, types.Integer):
        return ("int32", 0) if value.bitwidth == 32 and value.signed else ("int64", 0)
    return None
