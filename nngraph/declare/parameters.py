"""A node as a whole: its type, its attributes, and the parameters that it has or shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nngraph.declare.check import Problems, check_given, infer, is_object, operand_types
from nngraph.declare.choices import check_choice, check_choices
from nngraph.declare.names import bad_id
from nngraph.errors import did_you_mean
from nngraph.ir.attributes import PARAMETER_ATTRIBUTES, accepted_attributes, own_attributes
from nngraph.ir.declaration import Declared, Number, attributes_of, operands_of
from nngraph.ir.op import REGISTRY, Op, Parameter, call_facet
from nngraph.ir.types import TensorType, format_shape

Types = Mapping[str, TensorType]
SPECIFIED = ("wiring",)  # types of attributes that are chosen by name and options


def check_node(
    op: Op, types: Sequence[TensorType | Number], given: Mapping[str, Any]
) -> tuple[TensorType, dict[str, Any]]:
    """The type of a node's value, and its attributes without those left at their defaults."""
    full = check_given(op, given)
    full |= {name: check_choice(a.type, full[name]) for name, a in op.attributes.items() if a.type in SPECIFIED}
    own = own_attributes(op, full)
    type = infer(op, types, own)
    if op.parameters and not given.keys().isdisjoint(PARAMETER_ATTRIBUTES):
        check_common(full, parameters(op, types, own))
    accepted = accepted_attributes(op)
    return type, {name: item for name, item in full.items() if not is_default(item, accepted[name].default)}


def is_default(item: Any, default: Any) -> bool:
    return item is default or (
        type(item) is type(default) and isinstance(item, (bool, int, float, str, tuple)) and item == default
    )


def parameters(op: Op, types: Sequence[TensorType | Number], own: Mapping[str, Any]) -> tuple[Parameter, ...]:
    if op.parameters is None:
        return ()
    try:
        return call_facet(op, "parameters", *operand_types(types), **own)
    except ValueError as error:
        raise Problems(str(error)) from error.__cause__


def check_common(given: dict[str, Any], found: Sequence[Parameter]) -> None:
    """Check the attributes that concern a node's parameters; Problems where they contradict each other."""
    owner = given["shared_with"]
    if owner is not None:
        check_sharing(given, owner)
    if given["initializer"] is not None:
        check_names(given["initializer"], [parameter.name for parameter in found])
        given["initializer"] = check_choices("initializer", given["initializer"])
    if given["regularizer"] is not None:
        given["regularizer"] = check_choice("regularizer", given["regularizer"])


def check_sharing(given: Mapping[str, Any], owner: str) -> None:
    """What concerns the parameters is said by the node that owns them."""
    if wrong := bad_id(owner):
        raise Problems(f"shared_with: {wrong}")
    for name in ("initializer", "regularizer"):
        if given[name] is not None:
            raise Problems(f"{name} given beside shared_with; give it to node '{owner}', whose parameters they are")
    if not given["trainable"]:
        raise Problems(f"trainable=False given beside shared_with; give it to node '{owner}' instead")


def check_names(initializer: Any, names: Sequence[str]) -> None:
    """An initializer that is a mapping from parameters names parameters that the node has."""
    for name in initializer if is_object(initializer) and "type" not in initializer else ():
        if name not in names:
            near = did_you_mean(str(name), names, f"; it has {', '.join(names)}")
            raise Problems(f"initializer: this node has no parameter {name!r}{near}")


def check_owner(
    declared: Declared, known: Types, op: Op, types: Sequence[TensorType | Number], given: Mapping[str, Any]
) -> None:
    """Check that the node named by ``shared_with`` has parameters such as this node needs."""
    owner: str = given["shared_with"]
    node = declared.nodes.get(owner)
    if node is None:
        near = did_you_mean(owner, declared.nodes, "; declare it first")
        raise Problems(f"shared_with='{owner}' given, which is no node of this graph{near}")
    if node["op"] != op.name:
        raise Problems(f"shared_with='{owner}' given, which is of op '{node['op']}'; one of '{op.name}' expected")
    theirs = shapes(parameters_of(declared, known, owner))
    ours = shapes(parameters(op, types, own_attributes(op, check_given(op, given))))
    if theirs != ours:
        raise Problems(
            f"shared_with='{owner}' given, whose parameters are {describe(theirs)}; {describe(ours)} expected"
        )


def parameters_of(declared: Declared, known: Types, id: str) -> tuple[Parameter, ...]:
    """The parameters that node `id` has, its own or shared."""
    op = REGISTRY[declared.nodes[id]["op"]]
    types = [known[x] if isinstance(x, str) else x for x in operands_of(declared, id)]
    return parameters(op, types, own_attributes(op, check_given(op, attributes_of(declared.nodes[id]))))


def shapes(found: Sequence[Parameter]) -> dict[str, tuple[int, ...]]:
    return {parameter.name: parameter.shape for parameter in found}


def describe(found: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {format_shape(shape)}" for name, shape in found.items()) or "none"
