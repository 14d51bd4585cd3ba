"""The networks of the paper on randomly wired networks, with any wiring (Xie et al. 2019, table 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from nngraph.declare.graph import Graph
from nngraph.declare.value import Value
from nngraph.errors import OptionError, did_you_mean
from nngraph.ops.specification import to_spec
from nngraph.ops.wiring import ExplicitWiring, RandomWiring, Wiring, wiring_from
from nngraph_kernels.record import record

HEAD: Final = 1280  # channels of the last convolution


@record
class Regime:
    """How much a network computes.

    Attributes
    ----------
    stem : tuple of (int, int)
        Before the stages: for each convolution of stride 2 by what fraction the number of channels goes.
    stages : tuple of (int, int)
        For each what part of the nodes it has, one in so many, and how many times the channels.
    edge_dropout, dropout : float
    epochs : int
    """

    stem: tuple[float, ...]
    stages: tuple[tuple[int, int], ...]
    edge_dropout: float
    dropout: float
    epochs: int


REGIMES: Final[Mapping[str, Regime]] = {
    "small": Regime((0.5, 1.0), ((1, 1), (1, 2), (1, 4)), 0.0, 0.0, 250),
    "regular": Regime((0.5,), ((2, 1), (1, 2), (1, 4), (1, 8)), 0.1, 0.2, 100),
}


def randwire(
    wiring: Any = "ws",
    channels: int = 78,
    *,
    regime: str = "small",
    input_shape: Sequence[int] = (224, 224, 3),
    classes: int = 1000,
    name: str | None = None,
) -> Graph:
    """Declare a randomly wired network, as Xie et al. (2019) built them for ImageNet.

    Parameters
    ----------
    wiring : str, mapping, wiring, list of pairs or networkx graph
        Of every stage: a generator (`ng.WS(32, 4, 0.75, seed=1)`, its JSON form or its name) or a graph. Stage i of n
        draws with the seed ``n * seed + i``.
    channels : int
        C of the paper: 78 in the small regime, 109 or 154 in the regular one.
    regime : {"small", "regular"}
        Two convolutions and three stages, or one convolution and four stages, the first of half the nodes.
    input_shape : (int, int, int)
        Height, width and channels of an image.
    classes : int
    name : str, optional

    Returns
    -------
    Graph
        Its defaults for training are the paper's. No weight decay applies to the normalizations.

    Raises
    ------
    OptionError
        If the wiring or an option is wrong.

    Examples
    --------
    >>> randwire("ws", 78)
    <Graph 'randwire_small_ws_78': 15 nodes, outputs logits>
    """
    chosen, plan = wiring_from(wiring), regime_of(regime)
    if not isinstance(channels, int) or channels < 2:
        raise OptionError(f"channels: {channels!r} given, a whole number of at least 2 expected")
    g = Graph(name or f"randwire_{regime}_{chosen.type}_{channels}")
    h = stem(g, g.input("image", shape=input_shape), channels, plan)
    for i, (part, factor) in enumerate(plan.stages):
        given = attributes_of(chosen, i, len(plan.stages), part)
        if plan.edge_dropout:
            given["edge_dropout"] = plan.edge_dropout
        h = g.randwire(h, factor * channels, **given, name=f"stage{i + 1}")
    g.output(head(g, h, classes, plan.dropout))
    g.training = recipe(plan)
    return g


def regime_of(name: str) -> Regime:
    if name not in REGIMES:
        near = did_you_mean(name, REGIMES, f"; one of {', '.join(REGIMES)} expected")
        raise OptionError(f"regime: {name!r} given{near}")
    return REGIMES[name]


def stem(g: Graph, h: Value, channels: int, plan: Regime) -> Value:
    """Convolutions of stride 2, each but the first after ReLU, as in the nodes of the stages."""
    for i, fraction in enumerate(plan.stem, 1):
        if i > 1:
            h = g.relu(h, name=f"relu{i}")
        h = g.conv2d(h, int(channels * fraction), 3, stride=2, bias=False, name=f"conv{i}")
        h = g.batch_norm(h, name=f"norm{i}")
    return h


def head(g: Graph, h: Value, classes: int, dropout: float) -> Value:
    h = g.conv2d(g.relu(h, name="relu"), HEAD, 1, bias=False, name="conv")
    h = g.relu(g.batch_norm(h, name="norm"), name="features")
    h = g.global_average_pool(h, name="pool")
    if dropout:
        h = g.dropout(h, dropout, name="dropout")
    return g.linear(h, classes, name="logits")


def attributes_of(wiring: Wiring, stage: int, stages: int, part: int) -> dict[str, Any]:
    """How one of the stages is wired."""
    if isinstance(wiring, ExplicitWiring):
        return {"edges": wiring.edges}
    if part > 1:
        wiring = replace(wiring, nodes=wiring.nodes // part)
    if isinstance(wiring, RandomWiring):
        wiring = replace(wiring, seed=stages * wiring.seed + stage)
    return {"generator": to_spec(wiring)}


def recipe(plan: Regime) -> dict[str, Any]:
    """Section 4 of the paper."""
    return {
        "loss": {"type": "cross_entropy", "label_smoothing": 0.1},
        "optimizer": {
            "type": "sgd", "learning_rate": {"type": "cosine", "learning_rate": 0.1}, "momentum": 0.9,
            "weight_decay": 5e-5, "decay": ["weight"],
        },
        "epochs": plan.epochs,
        "batch_size": 256,
    }  # fmt: skip
