"""Wirings as the paper defines them, and what is refused."""

import networkx as nx
import numpy as np
import pytest

from nngraph.errors import OptionError
from nngraph.ops.specification import from_spec, to_spec
from nngraph.ops.wiring import (
    BA,
    ER,
    WIRINGS,
    WS,
    Chain,
    DenseBlock,
    ExplicitWiring,
    ResidualChain,
    edges_of,
    explicit,
    predecessors_of,
    wiring_from,
)

RANDOM = [ER(32, 0.2), BA(32, 5), WS(32, 4, 0.75)]


def graph(wiring):
    made = nx.DiGraph()
    made.add_nodes_from(range(wiring.nodes))
    made.add_edges_from(edges_of(wiring))
    return made


@pytest.mark.parametrize("kind", RANDOM, ids=lambda wiring: wiring.type)
def test_edges_point_from_the_smaller_index_to_the_larger_in_one_piece(kind):
    for seed in range(40):
        made = graph(type(kind)(32, *([kind.m] if kind.type == "ba" else []), seed=seed))
        assert all(source < target for source, target in made.edges)
        assert nx.is_weakly_connected(made)


def test_ws_is_that_of_networkx():
    for seed in range(20):
        expected = nx.connected_watts_strogatz_graph(32, 4, 0.75, seed=seed)
        assert edges_of(WS(32, 4, 0.75, seed=seed)) == tuple(sorted((min(e), max(e)) for e in expected.edges))


def test_ws_without_rewiring_is_the_ring():
    assert edges_of(WS(6, 2, 0.0)) == ((0, 1), (0, 5), (1, 2), (2, 3), (3, 4), (4, 5))
    assert edges_of(WS(6, 4, 0.0))[:4] == ((0, 1), (0, 2), (0, 4), (0, 5))


def test_er_joins_each_pair_with_probability_p():
    counts = [len(edges_of(ER(32, 0.2, seed=seed))) for seed in range(200)]
    pairs = 32 * 31 / 2
    assert np.mean(counts) == pytest.approx(0.2 * pairs, abs=4 * np.sqrt(pairs * 0.2 * 0.8 / 200))


def test_a_draw_in_pieces_gives_way_to_the_next():
    wirings = [ER(8, 0.3, seed=seed) for seed in range(30)]
    first = [nx.gnp_random_graph(8, 0.3, seed=seed) for seed in range(30)]
    kept = [tuple(sorted(map(tuple, map(sorted, g.edges)))) == edges_of(w) for g, w in zip(first, wirings, strict=True)]
    assert kept == [nx.is_connected(g) for g in first]
    assert not all(kept)


def test_ba_begins_with_m_nodes_without_edges():
    """Every node that came later has m edges to earlier ones; the first to come has one to each that there was."""
    for m in (1, 5):
        before = predecessors_of(32, edges_of(BA(32, m, seed=3)))
        assert [len(sources) for sources in before] == [0] * m + [m] * (32 - m)
        assert before[m] == list(range(m))


def test_ba_prefers_nodes_of_many_edges():
    degrees = np.array([[d for _, d in graph(BA(32, 5, seed=seed)).degree] for seed in range(50)])
    assert degrees[:, :8].mean() > 2 * degrees[:, -8:].mean()


def test_regular_wirings():
    assert edges_of(Chain(4)) == ((0, 1), (1, 2), (2, 3))
    assert edges_of(ResidualChain(5)) == ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4))
    assert edges_of(DenseBlock(4)) == ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
    assert edges_of(Chain(1)) == ()


def test_a_seed_says_which_is_drawn():
    for kind in RANDOM:
        again = from_spec(WIRINGS, to_spec(kind))
        assert again == kind
        assert edges_of(again) == edges_of(kind)
    assert edges_of(WS(32, 4, 0.75, seed=1)) != edges_of(WS(32, 4, 0.75, seed=2))


def test_edges_can_be_written_out():
    wiring = explicit(WS(32, 4, 0.75, seed=5))
    assert edges_of(wiring_from(to_spec(wiring))) == edges_of(WS(32, 4, 0.75, seed=5))
    assert explicit(wiring) is wiring
    assert wiring_from([[0, 1], [0, 2]]) == ExplicitWiring(3, ((0, 1), (0, 2)))
    assert wiring_from({"type": "edges"}).nodes == 1


def test_any_networkx_graph():
    ring = nx.cycle_graph(["b", "a", "c"])
    assert edges_of(wiring_from(ring)) == ((0, 1), (0, 2), (1, 2))
    directed = nx.DiGraph([("x", "y"), ("z", "x")])
    assert edges_of(wiring_from(directed)) == ((0, 1), (2, 0))
    assert wiring_from(nx.empty_graph(1)) == ExplicitWiring(1)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"type": "ws", "k": 3}, "wiring 'ws': k=3 given, an even number expected"),
        ({"type": "ws", "nodes": 4, "k": 4}, "wiring 'ws': k=4 given for 4 nodes, fewer neighbors than nodes expected"),
        ({"type": "ws", "p": 1.5}, "wiring 'ws': attribute 'p': 1.5 given, a finite number between 0 and 1 expected"),
        ({"type": "er", "p": -0.1}, "wiring 'er': attribute 'p': -0.1 given"),
        ({"type": "er", "p": 0.0}, "wiring 'er': p=0 given, which joins nothing"),
        ({"type": "er", "nodes": 40, "p": 1e-4}, "none of 1000 graphs drawn is in one piece"),
        ({"type": "ba", "nodes": 5, "m": 5}, "wiring 'ba': m=5 given for 5 nodes"),
        ({"type": "residual", "nodes": 4, "span": 4}, "wiring 'residual': span=4 given for 4 nodes, less expected"),
        ({"type": "chain", "nodes": 0}, "attribute 'nodes': 0 given, an integer of at least 1 expected"),
        ({"type": "ws", "k": 4, "q": 1}, "no option 'q'"),
        ("wss", "did you mean 'ws'?"),
        ([[0, 1], [2, 3]], "several pieces given \\(nothing joins 0 and 2\\)"),
        ([[0, 1], [1, 2], [2, 0]], "a cycle given \\(0 -> 2 -> 1 -> 0\\)|a cycle given \\(.* -> .*\\)"),
        ([[1, 1]], "a cycle given \\(1 -> 1\\)"),
        ([[0, 1], [0, 1]], "the edge from 0 to 1 stands twice"),
        ({"type": "edges", "nodes": 2, "edges": [[0, 2]]}, "indices below that expected"),
        ([[0, -1]], "pairs of integers of at least 0"),
        (nx.DiGraph([("a", "b"), ("b", "a")]), "wiring: a cycle given \\((a -> b -> a|b -> a -> b)\\)"),
        (nx.Graph([("a", "b"), ("c", "d")]), "nothing joins 'a' and 'c'"),
        (nx.MultiGraph([("a", "b"), ("a", "b")]), "the edge from 'a' to 'b' stands twice"),
        (nx.Graph(), "a graph without nodes"),
        (
            np.array([[0, 1], [1, 2]]),
            "given; expected a name, .* a list of pairs of nodes, or a networkx",
        ),
    ],
)
def test_refused(spec, message):
    with pytest.raises(OptionError, match=message) as caught:
        edges_of(wiring_from(spec))
    assert "\n" not in str(caught.value)
