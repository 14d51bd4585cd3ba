"""Appends nodes to a graph under construction: what `expand`, `vjp` and `decompose` write with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from nngraph.errors import did_you_mean
from nngraph.ir.graph import EMPTY, Graph, Node, State, Value
from nngraph.ir.op import REGISTRY, Op
from nngraph.ir.types import TensorType

Number = int | float


class Builder:
    """Collects nodes in the order they are added; ids stay unique.

    Attributes
    ----------
    training : bool
        Whether the graph is for training (dropout drops) or for inference.
    dtype : str
        What "float" inputs and parameters are.
    seed : int
        The model's seed, one half of the key of every random stream.
    keep : callable or None
        Composites that it holds of stay one node; the others, by default all, become what they expand into.
    """

    def __init__(
        self, *, training: bool = True, dtype: str = "float32", seed: int = 0, keep: Callable[[Op], bool] | None = None
    ) -> None:
        self.training = training
        self.dtype = dtype
        self.seed = seed
        self.keep = keep
        self.nodes: list[Node] = []
        self.states: dict[str, State] = {}
        self.prefix = ""
        self.taken: dict[str, int] = {}
        self.constants: dict[tuple[float, str], Value] = {}

    @classmethod
    def of(cls, graph: Graph, *, training: bool = True, dtype: str = "float32") -> Builder:
        """A builder that continues `graph`: its nodes and states are there, its ids and constants known."""
        b = cls(training=training, dtype=dtype)
        b.states = {state.name: state for state in graph.states}
        b.nodes = list(graph.nodes)
        b.reserve(graph)
        for node in graph.nodes:
            b.remember(node)
        return b

    def reserve(self, graph: Graph) -> None:
        """Never give a new node the id or name of anything in `graph`."""
        for node in graph.nodes:
            self.taken.setdefault(node.id, 1)
        for value in graph.values():
            self.taken.setdefault(value.name, 1)

    def remember(self, node: Node) -> None:
        """Let later uses of the scalar constant that `node` makes find it."""
        if node.op.name == "constant" and node.result.type.shape == ():
            self.constants[float(node.attributes["value"]), node.result.type.dtype] = node.result

    def unique(self, id: str) -> str:
        """`id`, or `id.2`, `id.3`, ... where it is taken."""
        count = self.taken.get(id, 0) + 1
        self.taken[id] = count
        return id if count == 1 else self.unique(f"{id}.{count}")

    def append(
        self,
        op: Op,
        inputs: Sequence[Value],
        types: Sequence[TensorType],
        attributes: Any = EMPTY,
        id: str | None = None,
    ) -> tuple[Value, ...]:
        """Add a node whose result types are known already."""
        name = self.unique(id or (f"{self.prefix}/{op.name}" if self.prefix else op.name))
        if len(types) == 1:
            results: tuple[Value, ...] = (Value(name, types[0]),)
        else:
            results = tuple(Value(f"{name}:{k}", type) for k, type in enumerate(types))
        self.nodes.append(Node(name, op, tuple(inputs), results, attributes))
        return results

    def add(self, name: str, *inputs: Value | Number, id: str | None = None, **attributes: Any) -> Value:
        """The first result of op `name` applied to `inputs`; numbers become constants, composites expand.

        Raises
        ------
        ValueError
            From the op's `infer`, if the types do not fit.
        """
        return self.results(name, *inputs, id=id, **attributes)[0]

    def results(
        self, name: str, *inputs: Value | Number, id: str | None = None, **attributes: Any
    ) -> tuple[Value, ...]:
        """All results, as from `add`.

        Raises
        ------
        ValueError
            From the op's `infer`, if the types do not fit; or if there is no op of that name.
        """
        if name not in REGISTRY:
            raise ValueError(f"no op '{name}' is registered{did_you_mean(name, REGISTRY)}")
        op = REGISTRY[name]
        dtype = next((x.type.dtype for x in inputs if isinstance(x, Value) and x.type.dtype != "bool"), self.dtype)
        values = [x if isinstance(x, Value) else self.constant(x, dtype) for x in inputs]
        attributes = {k: a.default for k, a in op.attributes.items() if not a.required} | attributes
        if attributes.get("dtype") == "float":
            attributes["dtype"] = self.dtype
        if op.expand and (
            op.parameters or not self.keeps(op)
        ):  # who calls with parameters has them in a list of its own
            expanded: Any = op.expand(self, *values, **attributes)
            return cast("tuple[Value, ...]", expanded if isinstance(expanded, tuple) else (expanded,))
        types = op.result_types([value.type for value in values], attributes)
        return self.append(op, values, types, attributes, id)

    def keeps(self, op: Op) -> bool:
        """Whether nodes of this composite are not expanded."""
        return self.keep is not None and self.keep(op)

    def name_result(self, id: str, result: Value, start: int) -> Value:
        """Give the node that makes `result` the id of the composite that was expanded into all nodes since `start`.

        Where that node is older, or a constant, it keeps its own.
        """
        last = self.nodes[-1] if len(self.nodes) > start else None
        if last is None or last.results != (result,) or last.op.name == "constant":
            return result
        named = Value(id, result.type)
        self.nodes[-1] = Node(id, last.op, last.inputs, (named,), last.attributes)
        return named

    def constant(self, value: Number, dtype: str | None = None) -> Value:
        """A scalar constant; equal ones are one node.

        Raises
        ------
        ValueError
            If an integer dtype is to hold a fraction.
        """
        key = (float(value), dtype or self.dtype)
        if key[1] == "int32" and not key[0].is_integer():
            raise ValueError(f"an integer beside int32 values expected, {value} given; convert them with cast")
        if key not in self.constants:
            type = TensorType((), key[1])
            (self.constants[key],) = self.append(REGISTRY["constant"], (), (type,), {"value": value, "dtype": key[1]})
        return self.constants[key]

    def state(self, state: State) -> Value:
        """Register `state`, or find the one of that name; returns what a step reads."""
        return self.states.setdefault(state.name, state).old

    def state_of(self, value: Value) -> State | None:
        """The state that a step reads as `value`."""
        state = self.states.get(value.name)
        return state if state is not None and state.old is value else None

    def step(self) -> Value:
        """The number of steps taken so far, an int32 scalar."""
        if "step" not in self.states:
            old = Value(self.unique("step"), TensorType((), "int32"))
            self.states["step"] = State("step", "step", old, old, 0, trainable=False)
        return self.states["step"].old
