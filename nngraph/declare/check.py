"""What is checked of one node, the same for methods, files and networkx graphs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from numbers import Integral, Real
from typing import Any, TypeGuard

from nngraph.errors import did_you_mean
from nngraph.ir.attributes import (
    accepted_attributes,
    check_attributes,
    check_value,
    expected,
    unknown_attribute,
)
from nngraph.ir.declaration import Number
from nngraph.ir.op import REGISTRY, Op, call_facet
from nngraph.ir.types import BATCH, Shape, TensorType

FLOAT = "float32"  # stands for "float" in declarations, until lowering knows the model's dtype
INPUT_DTYPES = ("float", "int32", "bool", "float32", "float64")


def is_object(x: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(x, dict)


def is_list(x: Any) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    return isinstance(x, (list, tuple))


class Problems(Exception):
    """What is wrong with one node, without the words that name it."""

    def __init__(self, *messages: str) -> None:
        super().__init__(*messages)
        self.messages = messages

    @property
    def text(self) -> str:
        return "; ".join(self.messages)


def find_op(name: object) -> Op:
    """The op of that name that users may declare."""
    op = REGISTRY.get(name) if isinstance(name, str) else None
    if op is None or op.internal:
        known = [op.name for op in REGISTRY.values() if not op.internal] + ["input"]
        near = did_you_mean(str(name), known, "; `nngraph ops` lists those there are")
        own = "an op of your own is registered with ng.register_op before a graph or file that names it is read"
        raise Problems(f"op {name!r} given, the name of a registered op expected{near} ({own})")
    return op


def check_operands(op: Op, operands: Sequence[Any]) -> None:
    """Check the number of operands, and that numbers stand only where the op takes them."""
    given = len(operands)
    least = len(op.operands)
    if given < least or (given > least and not op.variadic):
        names = ", ".join(op.operands) or "none"
        several = " or more" if op.variadic else ""
        raise Problems(f"{plural(given, 'input')} given, {least}{several} expected ({names})")
    numbers = [operand for operand in operands if isinstance(operand, (int, float))]
    if numbers and not takes_numbers(op):
        raise Problems(f"the number {numbers[0]:g} given as an input, a value expected; '{op.name}' takes no numbers")
    if numbers and len(numbers) == given:
        raise Problems("only numbers given as inputs, at least one value expected; compute it in Python instead")


def takes_numbers(op: Op) -> bool:
    return op.expr is not None and len(op.operands) > 1


def shown(x: object) -> str:
    """`x` in an error message: short, on one line."""
    text = " ".join(repr(x).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def as_number(x: object) -> Number | None:
    """`x` as a Python number, or None where it is none; Problems where it is not finite."""
    if isinstance(x, bool) or not isinstance(x, Real):
        return None
    try:
        number = float(x)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Problems(f"the number {number} given as an input, a finite one expected")
    return int(x) if isinstance(x, Integral) else number


def check_given(op: Op, given: Mapping[str, Any]) -> dict[str, Any]:
    """All attributes of a node, defaults filled in; Problems with everything that is wrong with them."""
    try:
        return check_attributes(op, given)
    except ValueError as error:
        raise Problems(*(attribute_problems(op, given) or [str(error)])) from None


def attribute_problems(op: Op, given: Mapping[str, Any]) -> list[str]:
    """What is wrong with each attribute, where `check_attributes` stops at the first."""
    accepted = accepted_attributes(op)
    messages = [unknown_attribute(op, name, accepted) for name in given if name not in accepted]
    for name, attribute in accepted.items():
        if name in given:
            try:
                check_value(name, attribute, given[name])
            except ValueError as error:
                messages.append(str(error))
        elif attribute.required:
            messages.append(f"attribute '{name}' missing: expected {expected(attribute)}, {attribute.doc}")
    return messages


def number_dtype(types: Sequence[TensorType | Number]) -> str:
    """What numbers among the operands become: the dtype of the first value that is not bool, or else float."""
    found = [type.dtype for type in types if isinstance(type, TensorType)]
    return next((dtype for dtype in found if dtype != "bool"), FLOAT)


def infer(op: Op, operands: Sequence[TensorType | Number], attributes: Mapping[str, Any]) -> TensorType:
    """The type of the (first) result."""
    if attributes.get("dtype") == "float":
        attributes = {**attributes, "dtype": FLOAT}
    try:
        result: Any = call_facet(op, "infer", *operand_types(operands), **attributes)
    except ValueError as error:
        raise Problems(str(error)) from error.__cause__
    first = result[0] if is_list(result) and result else result
    if not isinstance(first, TensorType):
        raise Problems(f"its infer gave {shown(result)}, the type of its result expected")
    return first


def operand_types(operands: Sequence[TensorType | Number]) -> list[TensorType]:
    """The types of operands, numbers having become constants."""
    types: list[TensorType] = []
    for operand in operands:
        if not isinstance(operand, TensorType):
            dtype = number_dtype(operands)
            check_number(operand, dtype)
            operand = TensorType((), dtype)
        types.append(operand)
    return types


def check_number(number: Number, dtype: str) -> None:
    if dtype == "int32" and not (float(number).is_integer() and -(2**31) <= number < 2**31):
        raise Problems(f"the number {number:g} given beside an int32 value, a whole number expected; use cast")


@lru_cache(maxsize=4096)
def type_text(type: TensorType) -> str:
    """The type as readers of the declared graph see it, its floating type not yet chosen."""
    return str(TensorType(type.shape, "float") if type.dtype == FLOAT else type)


def check_input(shape: Any, dtype: Any) -> tuple[tuple[int, ...], str]:
    """The shape, without the batch, and dtype of an input."""
    given = (shape,) if isinstance(shape, Integral) else shape
    if not is_list(given) or not all(positive_integer(dim) for dim in given):
        raise Problems(f"shape {shape!r} given, positive integers without the batch expected, as in (64,)")
    if dtype not in INPUT_DTYPES:
        raise Problems(f"dtype {dtype!r} given, one of {', '.join(INPUT_DTYPES)} expected")
    return tuple(map(int, given)), str(dtype)


def positive_integer(x: object) -> bool:
    return isinstance(x, Integral) and not isinstance(x, bool) and int(x) > 0


def input_type(shape: Shape, dtype: str) -> TensorType:
    return TensorType((BATCH, *shape), FLOAT if dtype == "float" else dtype)
