"""Any networkx graph whose nodes carry ops becomes a declared graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from nngraph.declare.assemble import assemble
from nngraph.declare.check import is_object, shown
from nngraph.declare.graph import Graph
from nngraph.declare.links import Link, specs_of
from nngraph.errors import DeclarationError

if TYPE_CHECKING:
    import networkx


def from_networkx(graph: networkx.DiGraph[Any] | networkx.MultiDiGraph[Any], name: str | None = None) -> Graph:
    """Declare the network that a networkx graph describes.

    Parameters
    ----------
    graph : networkx.MultiDiGraph or networkx.DiGraph
        Each node has an attribute ``op``, the name of a registered op, and that op's attributes
        (``units=128``); an input has ``op="input"``, ``shape`` without the batch and, if it is not "float",
        ``dtype``. A number in place of an input is given as ``numbers=[(position, number)]``.

        Where a node has several inputs, the attribute ``operand`` of the edges (0, 1, ...) says their order;
        without it the keys of the edges do, if they are 0, 1, ..., or else the order in which the edges were
        added. The graph's attribute ``outputs`` maps output names to nodes; without it, the nodes that lead
        nowhere are the outputs.
    name : str, optional
        By default the graph's own.

    Returns
    -------
    Graph
        A copy: later changes of `graph` do not reach it.

    Raises
    ------
    Errors
        With one line for everything that is wrong.

    Examples
    --------
    >>> import networkx
    >>> wiring = networkx.MultiDiGraph(name="small")
    >>> wiring.add_node("x", op="input", shape=(4,))
    >>> wiring.add_node("y", op="linear", units=2)
    >>> _ = wiring.add_edge("x", "y")
    >>> from_networkx(wiring)
    <Graph 'small': 2 nodes, outputs y>
    """
    try:
        return convert(graph, name)
    except DeclarationError as error:
        raise error.with_traceback(None) from error.__cause__


def convert(graph: Any, name: str | None) -> Graph:
    if not (hasattr(graph, "is_directed") and hasattr(graph, "nodes")):
        raise DeclarationError(f"from_networkx: {shown(graph)} given, a networkx graph expected")
    if not graph.is_directed():
        raise DeclarationError(
            "from_networkx: an undirected graph given, a directed one expected; direct its edges first"
        )
    attributes: Mapping[str, Any] = graph.graph
    problems: list[str] = []
    specs = specs_of(graph.nodes(data=True), links_of(graph), problems, strict=False)
    outputs = attributes.get("outputs")
    if outputs is None:
        outputs = [id for id in graph.nodes if not graph.out_degree(id)]
    found = assemble(name or attributes.get("name") or "graph", specs, named(outputs), problems=problems)
    if training := attributes.get("training"):
        found.training = training
    return found


def links_of(graph: Any) -> Iterable[Link]:
    """The edges, those into one node in the order in which they were added."""
    for target, sources in graph.pred.items():
        for source, edges in sources.items():
            for key, data in edges.items() if graph.is_multigraph() else ((None, edges),):
                yield Link(str(source), str(target), key, data.get("operand"))


def named(outputs: Any) -> dict[str, str]:
    """Output names and nodes, from a mapping or from a list of nodes."""
    pairs: Any = outputs.items() if is_object(outputs) else ((id, id) for id in outputs)
    return {str(name): str(id) for name, id in pairs}
