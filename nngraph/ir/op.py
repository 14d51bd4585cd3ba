"""The Op record: every facet of an operator in one place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from keyword import iskeyword
from typing import Any, Literal

from nngraph.errors import DeclarationError, NNGraphError
from nngraph.ir.types import Shape, TensorType
from nngraph_kernels.record import record


class Required:
    """Stands where an attribute has no default."""

    def __repr__(self) -> str:
        return "required"


REQUIRED: Any = Required()


@record
class Absent:
    """A facet that an op does without, and why."""

    reason: str


@record
class Attribute:
    """An attribute of an op: its type, default, bounds and meaning.

    Attributes
    ----------
    type : str
        "int", "float", "bool", "string", "shape" (integers, without the batch), "axis" (an integer),
        "axes" (an integer, several, or None for all), "integers", "pairs" (of integers), "pair" (an integer
        for both axes of an image, or two), "padding" ("same", "valid", or pixels), "array" (a number or nested
        lists of them), "node" (id of another node), or "any" (internal).
    """

    type: str
    doc: str
    default: Any = REQUIRED
    minimum: float | None = None
    maximum: float | None = None
    exclusive: bool = False
    choices: tuple[Any, ...] = ()

    @property
    def required(self) -> bool:
        return self.default is REQUIRED


@record
class Parameter:
    """A learned tensor that an op brings along, in its public layout.

    One that belongs to a part of a composite is named ``<part>.<name>``, and in a network ``<node>/<part>.<name>``.
    `permutation` takes the public layout to the one held in memory and seen by `expand`. One of kind "statistic" is
    not learned, but follows what is seen in training: `expand` says how, by giving its state a new value.
    """

    name: str
    shape: tuple[int, ...]
    initializer: str
    permutation: tuple[int, ...] | None = None
    kind: Literal["parameter", "statistic"] = "parameter"


@record
class Sample:
    """One combination on which the tests try an op.

    Attributes
    ----------
    shapes : tuple of shapes
        Of the data inputs; the first axis of each is the batch where the op cares.
    attributes : mapping
    domains : tuple
        For each input an interval (low, high) for floats; "distinct" for floats no two of which are near;
        an integer n for int32 in 0..n-1; "bool".
    """

    shapes: tuple[tuple[int, ...], ...]
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    domains: tuple[Any, ...] = ()


@record
class ErrorSample:
    """Inputs that an op must refuse, and a part of what it must say."""

    shapes: tuple[Shape, ...]
    attributes: Mapping[str, Any]
    message: str
    dtypes: tuple[str, ...] = ()


@record(eq=False)
class Op:
    """An operator.

    Attributes
    ----------
    name, summary, family : str
        Snake-case name, one line of help, and the file's family ("activation", "loss", ...).
    operands : tuple of str
        Names of the data inputs. A last name that ends in "..." takes one or more values.
    attributes : mapping of str to Attribute
    infer : callable
        ``infer(*types, **attributes) -> TensorType`` or a tuple of them; ValueError with a message that says
        what was given and expected when the types do not fit.
    reference : callable
        ``reference(*arrays, **attributes) -> ndarray`` or a tuple of them: the meaning, in plain NumPy. Data
        inputs come first, then the parameters in their public layouts.
    parameters : callable or None
        ``parameters(*types, **attributes) -> tuple of Parameter``.
    expand : callable or None
        For a composite: ``expand(builder, *values, **attributes) -> Value`` or a tuple, in terms of other ops,
        at lowering (data inputs first, then parameters in their held layouts).
    vjp : callable, Absent or None
        ``vjp(builder, node, *cotangents) -> tuple of Value or None``, one for each input, as ordinary nodes.
    expr : callable or None
        ``expr(*Expr, **attributes) -> Expr`` for an elementwise op.
    decompose : callable or None
        ``decompose(builder, node) -> tuple of Value``: rewritten into smaller ops after differentiation, so that
        the forward and backward parts of it fuse with their neighbors.
    kernel : str or None
        Family of the kernel that runs it, for ops that are neither expressions nor decomposed.
    copies : callable or None
        ``copies(*types, **attributes) -> Movement`` for kernel "copy": the strided copies that it amounts to.
    resolve : callable or None
        ``resolve(**attributes) -> mapping``, both without those at their defaults: attributes that say the same and
        leave nothing to be drawn, as they are kept of a trained network.
    onnx : Onnx, Absent or None
        How its nodes are written to ONNX, and which of ONNX's operators are read as it (`nngraph.ir.exchange`). An op
        of a user's own may leave it out: it is written by its formula, or as what it expands into.
    flops : callable
        ``flops(*types, **attributes) -> Dim``: floating-point operations, a multiply-add counted as two.
    view : bool
        The result is the input's memory under another shape.
    random : bool
        Two nodes of it are never the same value, even with equal inputs.
    internal : bool
        Made by the compiler only: absent from `ng.Graph`, the schema and the documentation's op list.
    """

    name: str
    summary: str
    family: str
    operands: tuple[str, ...]
    infer: Callable[..., Any]
    reference: Callable[..., Any]
    attributes: Mapping[str, Attribute] = field(default_factory=dict[str, Attribute])
    parameters: Callable[..., tuple[Parameter, ...]] | None = None
    expand: Callable[..., Any] | None = None
    vjp: Callable[..., Any] | Absent | None = None
    expr: Callable[..., Any] | None = None
    decompose: Callable[..., Any] | None = None
    kernel: str | None = None
    copies: Callable[..., Any] | None = None
    resolve: Callable[..., Mapping[str, Any]] | None = None
    flops: Callable[..., Any] | None = None
    onnx: Any = None
    samples: tuple[Sample, ...] = ()
    errors: tuple[ErrorSample, ...] | Absent = ()
    view: bool = False
    random: bool = False
    internal: bool = False

    @property
    def variadic(self) -> bool:
        return bool(self.operands) and self.operands[-1].endswith("...")

    def result_types(self, inputs: Iterable[TensorType], attributes: Mapping[str, Any]) -> tuple[TensorType, ...]:
        """The types of all results; ValueError as from `infer`."""
        inferred: TensorType | tuple[TensorType, ...] = self.infer(*inputs, **attributes)
        return inferred if isinstance(inferred, tuple) else (inferred,)

    def __repr__(self) -> str:
        return f"Op({self.name})"


REGISTRY: dict[str, Op] = {}
NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
NEEDED = ("infer", "reference")
OPTIONAL = ("parameters", "expand", "vjp", "expr", "decompose", "copies", "resolve", "flops")


class FacetError(ValueError):
    """A function of an op's record failed, which its author has to mend; the cause is what it raised."""


def call_facet(op: Op, facet: str, *arguments: Any, **attributes: Any) -> Any:
    """What a function of the record gives.

    Raises
    ------
    ValueError
        As the function raised it, for that is how facets say what does not fit; a FacetError for all else.
    """
    try:
        return getattr(op, facet)(*arguments, **attributes)
    except (ValueError, NNGraphError):
        raise
    except Exception as error:
        said = " ".join(str(error).split())
        raise FacetError(f"its {facet} raised {type(error).__name__}{': ' if said else ''}{said}") from error


def wrong_in(op: Op) -> Iterator[str]:
    """What is wrong with a record that users made."""
    name: Any = op.name
    if not isinstance(name, str) or not NAME.match(name) or iskeyword(name) or name == "input":
        yield "name of lower-case letters, digits and '_' expected, no word of Python's and not 'input'; rename it"
    operands: Any = op.operands
    if not isinstance(operands, tuple) or not all(isinstance(x, str) and x for x in operands):  # pyright: ignore[reportUnknownVariableType]
        yield f"operands {operands!r} given, a tuple of names expected, as in ('x',)"
    for facet in NEEDED + OPTIONAL:
        given = getattr(op, facet)
        free = facet in OPTIONAL and (given is None or (facet == "vjp" and isinstance(given, Absent)))
        if not (free or callable(given)):
            yield f"{facet} {given!r} given, a function expected{' or None' if facet in OPTIONAL else ''}"
    attributes: Any = op.attributes
    for key, given in attributes.items() if isinstance(attributes, Mapping) else [("", attributes)]:  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        if not isinstance(given, Attribute):
            yield f"attributes: {given!r} given{f' for {key!r}' if key else ''}, an ng.Attribute for each name expected"


def register_op(op: Op) -> Op:
    """Add `op` to the registry, so that graphs, model files, the command line and the tests know it.

    Raises
    ------
    DeclarationError
        If the name is taken or malformed, a facet is of the wrong kind, or the record cannot be run: no expand,
        expr, decompose or kernel.

    Examples
    --------
    A composite says in `expand` which ops it is made of; ``b.add(name, *values)`` adds one, numbers included.

    >>> import numpy as np
    >>> import nngraph as ng
    >>> softsign = ng.Op(
    ...     "softsign", "x / (1 + |x|)", "activation", ("x",),
    ...     infer=lambda x: x,
    ...     reference=lambda x: x / (1 + np.abs(x)),
    ...     expand=lambda b, x: b.add("divide", x, b.add("add", b.add("abs", x), 1.0)),
    ... )
    >>> g = ng.Graph("net")
    >>> ng.register_op(softsign) is softsign
    True
    >>> g.softsign(g.input("x", shape=(3,)))
    <softsign_1: float[batch, 3]>
    """
    if wrong := "; ".join(wrong_in(op)):
        raise DeclarationError(f"op {op.name!r}: {wrong}")
    if op.name in REGISTRY:
        raise DeclarationError(f"op '{op.name}': already registered; choose another name")
    if not (op.expand or op.expr or op.decompose or op.kernel or op.view):
        raise DeclarationError(
            f"op '{op.name}': nothing runs it; give its record one of expand, expr, decompose or kernel"
        )
    REGISTRY[op.name] = op
    return op
