"""`Graph`: a network declared node by node, over a networkx.MultiDiGraph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import nngraph.ops  # noqa: F401  # pyright: ignore[reportUnusedImport]  (fills the registry)
from nngraph.declare import check
from nngraph.declare.check import Problems, shown
from nngraph.declare.methods import bind, declarable, method_of
from nngraph.declare.names import bad_id, bad_title
from nngraph.declare.op_methods import OpMethods
from nngraph.declare.parameters import check_node, check_owner
from nngraph.declare.value import Operand, Value
from nngraph.declare.wiring import Wiring
from nngraph.errors import DeclarationError, Errors, did_you_mean
from nngraph.ir.declaration import INPUT, Declared, Number
from nngraph.ir.op import REGISTRY, Op
from nngraph.ir.types import TensorType

if TYPE_CHECKING:
    import networkx

    from nngraph.draw.drawing import Drawing


class Graph(OpMethods):
    """A neural network, declared as a graph.

    Every registered op is a method: it takes values (and, for arithmetic, numbers), adds a node and returns
    the node's value. Shapes are inferred at once, and what does not fit raises at the line that says it.

    Parameters
    ----------
    name : str
        Shown in drawings and tables, and kept in files.

    Attributes
    ----------
    wiring : Wiring
        The declared nodes and edges in plain dictionaries of networkx's layout; to be read, not changed. `nx` is the
        same graph as networkx's own.
    types : dict of str to TensorType
        Of each node's value.

    Examples
    --------
    >>> g = Graph("digits")
    >>> x = g.input("image", shape=(64,))
    >>> h = g.relu(g.linear(x, 128, name="h1"))
    >>> g.output(g.linear(h, 10, name="logits"))
    <logits: float[batch, 10]>
    """

    def __init__(self, name: str = "graph") -> None:
        if wrong := bad_title(name):
            raise DeclarationError(f"graph: {wrong}")
        self.wiring = Wiring(name)
        self.types: dict[str, TensorType] = {}
        self._counts: dict[str, int] = {}
        self._view: networkx.MultiDiGraph[str] | None = None

    @property
    def name(self) -> str:
        return self.wiring.graph["name"]

    @property
    def nx(self) -> networkx.MultiDiGraph[str]:
        """The graph itself, as a networkx.MultiDiGraph: what is changed there is changed here."""
        if self._view is None:
            import networkx

            graph: Any = networkx.MultiDiGraph()  # pyright: ignore[reportUnknownVariableType]
            graph.graph = self.wiring.graph
            graph._node = self.wiring.nodes
            graph._adj = self.wiring.adj
            graph._pred = self.wiring.pred
            self._view = graph
        assert self._view is not None
        return self._view

    def input(self, name: str, shape: int | Sequence[int] = (), dtype: str = "float") -> Value:
        """Declare an input of the network.

        Parameters
        ----------
        name : str
            Its id, and the name under which data is given.
        shape : tuple of int
            Of one example, without the batch.
        dtype : {"float", "int32", "bool", "float32", "float64"}
            Element type; "float" is the one that the model is compiled for.

        Returns
        -------
        Value
        """
        try:
            sizes, dtype = check.check_input(shape, dtype)
            self._check_id(name)
        except Problems as problem:
            raise DeclarationError(f"input {shown(name)}: {problem.text}") from None
        return self._insert(name, {"op": INPUT, "shape": sizes, "dtype": dtype}, (), check.input_type(sizes, dtype))

    def output(self, value: Value, name: str | None = None) -> Value:
        """Declare that `value` leaves the network.

        Parameters
        ----------
        value : Value
        name : str, optional
            Under which results and losses refer to it; the node's id by default.

        Returns
        -------
        Value
            The same value.
        """
        try:
            self._check_value(value)
            key = value.id if name is None else name
            if wrong := bad_id(key):
                raise Problems(wrong)
            if key in self.wiring.graph["outputs"]:
                raise Problems("this name is an output already; give another name=")
        except Problems as problem:
            title = shown(name if name is not None else getattr(value, "id", value))
            raise DeclarationError(f"output {title}: {problem.text}") from None
        self.wiring.graph["outputs"][key] = value.id
        return value

    @property
    def outputs(self) -> dict[str, Value]:
        """The values that leave the network, by name."""
        return {name: self[id] for name, id in self.wiring.graph["outputs"].items()}

    @property
    def training(self) -> dict[str, Any]:
        """Defaults for training, as in the model file: loss, optimizer, regularizer, epochs, batch_size."""
        return self.wiring.graph.get("training", {})

    @training.setter
    def training(self, given: Mapping[str, Any]) -> None:
        from nngraph.declare.model_file import training_problems

        if problems := training_problems(given):
            raise Errors(problems)
        self.wiring.graph["training"] = dict(given)

    def declaration(self) -> Declared:
        """What `lower` takes: this graph, checked anew if `nx` was handed out and may have been changed."""
        if self._view is None:
            return self.wiring
        from nngraph.declare.networkx_graph import from_networkx

        return from_networkx(self._view).wiring

    def to_json(self, format: str = "model", *, resolved: bool = False) -> str:
        """The graph as JSON.

        Parameters
        ----------
        format : {"model", "node-link"}
            A model file, or what networkx reads with ``node_link_graph``.
        resolved : bool
            Write out what would be drawn at random: the edges of wirings.
        """
        from nngraph.declare.save import to_json

        return to_json(self, format, resolved=resolved)

    def save(self, path: str | PathLike[str], format: str = "model", *, resolved: bool = True) -> None:
        """Write the graph to a JSON file, which is there entirely or not at all.

        Parameters
        ----------
        path : path
        format : {"model", "node-link"}
            A model file, or what networkx reads with ``node_link_graph``.
        resolved : bool
            Write out what is drawn at random, the edges of wirings, rather than the generator and its seed.
        """
        from nngraph.declare.save import save

        save(self, path, format, resolved=resolved)

    def draw(
        self,
        path: str | PathLike[str] | None = None,
        format: str | None = None,
        *,
        after: str | None = None,
        expand: Iterable[str] | str = (),
    ) -> Drawing:
        """A picture of the graph, or of what the compiler makes of it.

        Parameters
        ----------
        path : path, optional
            A file to write it to, which is there entirely or not at all.
        format : {"svg", "html", "png", "dot", "mermaid", "text"}, optional
            By default what the path's suffix says, or svg. svg, png and html need pygraphviz
            (``pip install "nngraph[diagram]"``).
        after : str, optional
            A stage or pass of the compiler, such as "differentiate", "fuse" or "plan": the training step as that has
            left it, or the prediction of a graph without a loss.
        expand : str or iterable of str
            Ids of the groups (stages, blocks, composite nodes) that are drawn open; "all" for all of them.

        Returns
        -------
        Drawing
            Which a notebook shows.

        Raises
        ------
        OptionError
            If an argument is none of what is expected, or pygraphviz is needed and not installed.
        """
        from nngraph.draw.drawing import draw

        return draw(self, path, format, after=after, expand=expand)

    def _repr_svg_(self) -> str | None:
        from nngraph.draw.drawing import shown

        return shown(self, "svg")

    def _repr_html_(self) -> str | None:
        from nngraph.draw.drawing import shown

        return shown(self, "html")

    def apply(self, op: str, inputs: Sequence[Operand], *, name: str | None = None, **attributes: Any) -> Value:
        """Add a node of the op of that name: what the op's method does, for names known at run time only.

        Parameters
        ----------
        op : str
        inputs : sequence of Value or number
        name : str, optional
        **attributes
            The op's.

        Returns
        -------
        Value
        """
        try:
            return self._add(check.find_op(op), list(inputs), attributes, name)
        except Problems as problem:
            raise DeclarationError(f"node {shown(name or op)}: {problem.text}") from None
        except DeclarationError as error:
            raise error.with_traceback(None) from error.__cause__

    def declare(self, op: Op, inputs: Sequence[Any], keywords: dict[str, Any], name: str | None) -> Value:
        """What the op methods do: sort the arguments, then add the node."""
        try:
            operands, attributes = bind(op, inputs, keywords)
        except Problems as problem:
            raise DeclarationError(f"node {shown(name or op.name)} ({op.name}): {problem.text}") from None
        return self._add(op, operands, attributes, name)

    def _add(self, op: Op, operands: list[Any], attributes: Mapping[str, Any], name: str | None) -> Value:
        """Check a node, infer its type and add it."""
        try:
            sources = [self._source(operand) for operand in operands]
            given = {key: x.id if isinstance(x, Value) else x for key, x in attributes.items()}
            check.check_operands(op, sources)
            types = [self.types[x] if isinstance(x, str) else x for x in sources]
            type, kept = check_node(op, types, given)
            if "shared_with" in kept:
                check_owner(self.wiring, self.types, op, types, kept)
                owner: str = kept["shared_with"]
                kept["shared_with"] = self.wiring.nodes[owner].get("shared_with", owner)
            if name is not None:
                self._check_id(name)
        except Problems as problem:
            title = shown(name or self._unused(op.name))
            raise DeclarationError(f"node {title} ({op.name}): {problem.text}") from problem.__cause__
        return self._insert(name or self._unused(op.name), {"op": op.name, **kept}, sources, type)

    def _source(self, operand: Any) -> str | Number:
        """An operand as a node's id or a number."""
        if isinstance(operand, Value):
            self._check_value(operand)
            return operand.id
        number = check.as_number(operand)
        if number is None:
            raise Problems(f"{shown(operand)} given as an input, a value of this graph expected")
        return number

    def _check_value(self, value: Any) -> None:
        if not isinstance(value, Value):
            raise Problems(f"{shown(value)} given, a value of this graph expected")
        if value.graph is not self:
            raise Problems(f"value '{value.id}' belongs to another graph, '{value.graph.name}'; declare it in this one")

    def _check_id(self, id: Any) -> None:
        if wrong := bad_id(id):
            raise Problems(wrong)
        if id in self.wiring.nodes:
            op = self.wiring.nodes[id]["op"]
            raise Problems(f"its id is taken by a node of op '{op}'; give another name=")

    def _unused(self, op: str) -> str:
        """An id for an unnamed node: the op's name and the first number that is free."""
        number = self._counts.get(op, 0) + 1
        while f"{op}_{number}" in self.wiring.nodes:
            number += 1
        self._counts[op] = number - 1
        return f"{op}_{number}"

    def _insert(self, id: str, attributes: dict[str, Any], sources: Sequence[str | Number], type: TensorType) -> Value:
        """Add a node that has been checked."""
        attributes["type"] = check.type_text(type)
        self.wiring.add(id, attributes)
        self.wiring.connect(id, sources)
        self.types[id] = type
        return Value(self, id, type)

    def __getitem__(self, id: str) -> Value:
        """The value of the node of that id."""
        if id in self.wiring.nodes and id not in self.types and self._view is not None:
            self._learn_types()
        if id not in self.types:
            near = did_you_mean(str(id), self.types)
            raise DeclarationError(f"graph '{self.name}': no node '{id}'{near}")
        return Value(self, id, self.types[id])

    def _learn_types(self) -> None:
        """Infer the types of nodes that were added through `nx`."""
        from nngraph.declare.networkx_graph import from_networkx

        assert self._view is not None
        self.types = from_networkx(self._view).types

    def __contains__(self, id: object) -> bool:
        return id in self.wiring.nodes

    def __len__(self) -> int:
        """The number of nodes, inputs included."""
        return len(self.wiring.nodes)

    def __repr__(self) -> str:
        outputs = ", ".join(self.wiring.graph["outputs"]) or "none"
        return f"<Graph '{self.name}': {len(self)} nodes, outputs {outputs}>"


for declared in declarable():
    if declared not in Graph.__dict__:
        setattr(Graph, declared, method_of(REGISTRY[declared]))
