"""The parameters of a node become states, once for all nodes that share them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from nngraph.ir.builder import Builder
from nngraph.ir.graph import State, Value
from nngraph.ir.op import Parameter
from nngraph.ir.types import FLOATS, TensorType, format_shape
from nngraph.ops.initializer import Initializer, initializer_from

CONSTANT = ("zeros", "ones")
Nodes = Mapping[str, Mapping[str, Any]]


def parameter_values(
    b: Builder, nodes: Nodes, id: str, parameters: Sequence[Parameter], types: Sequence[TensorType]
) -> list[Value]:
    """What a step reads of node `id`'s parameters, in their held layouts."""
    owner = owner_of(nodes, id)
    dtype = next((type.dtype for type in types if type.dtype in FLOATS), b.dtype)
    return [parameter_value(b, nodes, owner, parameter, dtype) for parameter in parameters]


def owner_of(nodes: Nodes, id: str) -> str:
    """The node whose parameters `id` uses, itself or through `shared_with`."""
    owner, steps = id, 0
    while (next_owner := nodes[owner].get("shared_with")) is not None:
        owner, steps = next_owner, steps + 1
        if owner not in nodes or steps > len(nodes):
            raise ValueError(f"shared_with='{owner}' given, the id of a node with parameters of its own expected")
    return owner


def parameter_value(b: Builder, nodes: Nodes, owner: str, parameter: Parameter, dtype: str) -> Value:
    name = f"{owner}{'/' if '.' in parameter.name else '.'}{parameter.name}"
    if name in nodes:
        raise ValueError(f"its parameter '{parameter.name}' and node '{name}' have one name; rename the node")
    shape = parameter.shape
    held = shape if parameter.permutation is None else tuple(shape[axis] for axis in parameter.permutation)
    if known := b.states.get(name):
        if known.old.type != TensorType(held, dtype):
            raise ValueError(
                f"shared_with='{owner}' given, whose {parameter.name} is {format_shape(known.public_shape)} "
                f"of {known.old.type.dtype}; {format_shape(shape)} of {dtype} expected"
            )
        return known.old
    old = Value(name, TensorType(held, dtype))
    given = nodes[owner]
    state = State(
        name, parameter.kind, old, old, made(initializer_of(given.get("initializer"), parameter)),
        given.get("trainable", True), parameter.permutation, regularizer_of(given.get("regularizer")),
    )  # fmt: skip
    return b.state(state)


def initializer_of(given: Any, parameter: Parameter) -> Any:
    """The initializer of one parameter.

    One that is given for the node as a whole is for the parameters that are drawn: biases stay at zero unless
    a mapping says otherwise.
    """
    if given is None or (parameter.initializer in CONSTANT and not by_parameter(given)):
        return parameter.initializer
    return given.get(parameter.name, parameter.initializer) if by_parameter(given) else given


def made(spec: Any) -> Initializer:
    return made_once(spec) if isinstance(spec, str) else initializer_from(spec)


@cache
def made_once(name: str) -> Initializer:
    return initializer_from(name)


def regularizer_of(given: Any) -> Any:
    """The regularizer of a node's own; the module is imported only where there is one."""
    if given is None:
        return None
    from nngraph.ops.regularizer import regularizer_from

    return regularizer_from(given)


def by_parameter(given: Any) -> bool:
    return isinstance(given, Mapping) and "type" not in given
