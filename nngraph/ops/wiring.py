"""Wirings: which node of a stage reads which others (Xie et al., Exploring Randomly Wired Neural Networks, 2019).

A wiring is its number of nodes and its edges, each from one node to another, without cycles and in one piece. The
random ones are undirected graphs whose edges are made to point from the smaller index to the larger. Indices follow
the paper: by chance in ER, by the order of insertion in BA, around the ring in WS.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from nngraph.errors import OptionError
from nngraph.ops.specification import Specification, family, from_spec, option
from nngraph_kernels.record import record

if TYPE_CHECKING:
    from random import Random

    import networkx

Edge = tuple[int, int]
TRIES = 1000  # draws of a random graph before it is held to be hopeless that one is in one piece


@record
class Wiring(Specification):
    """Base of the wirings.

    Attributes
    ----------
    nodes : int
        How many there are, those that read the stage's input and those that make its output among them.
    """

    family: ClassVar[str] = "wiring"
    nodes: int = option(32, "number of nodes", "int", minimum=1)

    def edges_between(self) -> Iterable[Edge]:
        """Pairs (from, to)."""
        raise NotImplementedError

    def refuse(self, message: str) -> OptionError:
        return OptionError(f"wiring '{self.type}': {message}")


WIRINGS = family("wiring", Wiring)


def wiring_from(spec: Any) -> Wiring:
    """A wiring from its name, its JSON form ``{"type": name, ...}``, a networkx graph, a list of edges, or itself.

    Raises
    ------
    OptionError
        If an option is wrong, or the graph has a cycle or is in several pieces.
    """
    if hasattr(spec, "is_directed") and hasattr(spec, "nodes"):
        return wiring_of_graph(spec)
    if isinstance(spec, (list, tuple)):
        return ExplicitWiring(edges=tuple(spec))  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(spec, (str, Mapping, Wiring, type)):
        return from_spec(WIRINGS, spec)  # pyright: ignore[reportUnknownArgumentType]
    given = " ".join(repr(spec).split())
    raise OptionError(
        f"wiring: {given} given; expected a name, such as 'ws', ng.WS(...) or another wiring, a list of pairs of "
        "nodes, or a networkx graph"
    )


def edges_of(wiring: Wiring) -> tuple[Edge, ...]:
    """Its edges, sorted."""
    return drawn(wiring)


@lru_cache(maxsize=256)
def drawn(wiring: Wiring) -> tuple[Edge, ...]:
    return tuple(sorted(wiring.edges_between()))


def explicit(wiring: Wiring) -> ExplicitWiring:
    """The same wiring with its edges written out, so that nothing has to be drawn again."""
    if isinstance(wiring, ExplicitWiring):
        return wiring
    return ExplicitWiring(wiring.nodes, edges_of(wiring))


def order_of(before: Sequence[Sequence[int]]) -> Sequence[int]:
    """The nodes, each after those that it reads: by index where that is such an order."""
    if all(source < i for i, sources in enumerate(before) for source in sources):
        return range(len(before))
    return tuple(TopologicalSorter(dict(enumerate(before))).static_order())


def predecessors_of(nodes: int, edges: Iterable[Edge]) -> list[list[int]]:
    """For each node those that it reads, in ascending order."""
    found: list[list[int]] = [[] for _ in range(nodes)]
    for source, target in sorted(edges):
        found[target].append(source)
    return found


@record
class RandomWiring(Wiring):
    """Base of those that are drawn; a draw in several pieces is thrown away, and the next one follows from the seed."""

    _: KW_ONLY
    seed: int = option(0, "of the random draws", "int", minimum=0)

    def draw(self, random: Random) -> Any:
        """A networkx.Graph."""
        raise NotImplementedError

    def edges_between(self) -> Iterable[Edge]:
        """The edges of the first draw that is in one piece, each from the smaller index to the larger."""
        from random import Random

        import networkx

        random = Random(self.seed)
        for _ in range(TRIES):
            graph = self.draw(random)
            if networkx.is_connected(graph):
                return [(min(edge), max(edge)) for edge in graph.edges]
        raise self.refuse(f"none of {TRIES} graphs drawn is in one piece; ask for more edges")


@WIRINGS.register
@record
class ER(RandomWiring):
    """Every pair of nodes is joined with probability p (Erdős and Rényi 1959)."""

    type: ClassVar[str] = "er"
    p: float = option(0.2, "probability that two nodes are joined", minimum=0.0, maximum=1.0)

    def __post_init__(self) -> None:
        Specification.__post_init__(self)
        if self.p == 0 and self.nodes > 1:
            raise self.refuse("p=0 given, which joins nothing; a probability above 0 expected")

    def draw(self, random: Random) -> Any:
        import networkx

        return networkx.gnp_random_graph(self.nodes, self.p, seed=random)  # pyright: ignore[reportUnknownVariableType]


@WIRINGS.register
@record
class BA(RandomWiring):
    """Nodes come one by one, each with m edges to nodes chosen by their number of edges (Albert and Barabási 2002)."""

    type: ClassVar[str] = "ba"
    m: int = option(5, "edges that each new node brings", "int", minimum=1)

    def __post_init__(self) -> None:
        Specification.__post_init__(self)
        if self.m >= self.nodes:
            raise self.refuse(f"m={self.m} given for {self.nodes} nodes, fewer edges a node than nodes expected")

    def draw(self, random: Random) -> Any:
        """It begins with m nodes and no edges, so that the first node to come is joined to all of them."""
        import networkx

        begin: networkx.Graph[int] = networkx.Graph()
        begin.add_nodes_from(range(self.m + 1))
        begin.add_edges_from((i, self.m) for i in range(self.m))
        return networkx.barabasi_albert_graph(self.nodes, self.m, seed=random, initial_graph=begin)


@WIRINGS.register
@record
class WS(RandomWiring):
    """A ring of nodes joined to their k nearest, each edge rewired with probability p (Watts and Strogatz 1998)."""

    type: ClassVar[str] = "ws"
    k: int = option(4, "neighbors of each node on the ring, half of them on either side", "int", minimum=2)
    p: float = option(0.75, "probability that an edge is rewired", minimum=0.0, maximum=1.0)

    def __post_init__(self) -> None:
        Specification.__post_init__(self)
        if self.k % 2:
            raise self.refuse(f"k={self.k} given, an even number expected, for half of them lie on either side")
        if self.k >= self.nodes:
            raise self.refuse(f"k={self.k} given for {self.nodes} nodes, fewer neighbors than nodes expected")

    def draw(self, random: Random) -> Any:
        import networkx

        return networkx.watts_strogatz_graph(self.nodes, self.k, self.p, seed=random)  # pyright: ignore[reportUnknownVariableType]


@WIRINGS.register
class Chain(Wiring):
    """One node after the other."""

    __slots__ = ()
    type: ClassVar[str] = "chain"

    def edges_between(self) -> Iterable[Edge]:
        return pairwise(range(self.nodes))


@WIRINGS.register
@record
class ResidualChain(Wiring):
    """A chain in which every node also reads the one that stands `span` before it, past those between."""

    type: ClassVar[str] = "residual"
    span: int = option(2, "how far a shortcut leads", "int", minimum=2)

    def __post_init__(self) -> None:
        Specification.__post_init__(self)
        if self.span >= self.nodes:
            raise self.refuse(f"span={self.span} given for {self.nodes} nodes, less expected: no shortcut fits in")

    def edges_between(self) -> Iterable[Edge]:
        yield from pairwise(range(self.nodes))
        yield from ((i, i + self.span) for i in range(self.nodes - self.span))


@WIRINGS.register
class DenseBlock(Wiring):
    """Every node reads all nodes before it."""

    __slots__ = ()
    type: ClassVar[str] = "dense"

    def edges_between(self) -> Iterable[Edge]:
        return combinations(range(self.nodes), 2)


@WIRINGS.register
@record
class ExplicitWiring(Wiring):
    """Edges written out; without a number of nodes there are as many as the largest index asks for."""

    type: ClassVar[str] = "edges"
    nodes: int = option(None, "number of nodes; by default one more than the largest index", "int", minimum=1)
    edges: tuple[Edge, ...] = option((), "pairs (from, to) of indices that count from 0", "pairs")

    def __post_init__(self) -> None:
        Specification.__post_init__(self)
        given: Any = self.nodes
        if given is None:
            object.__setattr__(self, "nodes", 1 + max((max(edge) for edge in self.edges), default=0))
        try:
            check_edges(range(self.nodes), self.edges)
        except ValueError as error:
            raise self.refuse(str(error)) from None

    def edges_between(self) -> Iterable[Edge]:
        return self.edges


def wiring_of_graph(graph: Any) -> ExplicitWiring:
    """That of a networkx graph; its nodes are counted in the order in which they were added.

    Edges of an undirected one point from the node that was added before to the one that was added after.
    """
    names: list[Any] = list(graph.nodes)
    index = {name: i for i, name in enumerate(names)}
    edges = [(index[source], index[target]) for source, target in graph.edges()]
    if not graph.is_directed():
        edges = [(min(edge), max(edge)) for edge in edges]
    if not names:
        raise OptionError("wiring: a graph without nodes given, at least one node expected")
    try:
        check_edges(names, edges)
    except ValueError as error:
        raise OptionError(f"wiring: {error}") from None
    return ExplicitWiring(len(names), tuple(sorted(edges)))


def check_edges(names: Sequence[Any], edges: Sequence[Edge]) -> None:
    """Whether they join nodes that there are, into one piece, once each and without a cycle.

    Raises
    ------
    ValueError
        If they do not; nodes go by these `names`.
    """
    before: dict[int, list[int]] = {i: [] for i in range(len(names))}
    for source, target in edges:
        if max(source, target) >= len(names):
            raise ValueError(f"edge [{source}, {target}] given for {len(names)} nodes, indices below that expected")
        if source in before[target]:
            raise ValueError(f"the edge from {names[source]!r} to {names[target]!r} stands twice; remove one")
        before[target].append(source)
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        cycle = " -> ".join(str(names[i]) for i in error.args[1])
        raise ValueError(f"a cycle given ({cycle}), edges without one expected; turn an edge round") from None
    if apart := set(before) - reached(before):
        raise ValueError(
            f"a graph in several pieces given (nothing joins {names[0]!r} and {names[min(apart)]!r}), one piece "
            "expected; add an edge between them"
        )


def reached(before: Mapping[int, Sequence[int]]) -> set[int]:
    """The nodes that edges join to node 0, whichever way they point."""
    neighbors = {i: set(sources) for i, sources in before.items()}
    for target, sources in before.items():
        for source in sources:
            neighbors[source].add(target)
    found, pending = {0}, [0]
    while pending:
        fresh = neighbors[pending.pop()] - found
        found |= fresh
        pending += fresh
    return found
