"""Other wirings for the randomly wired nodes of a model: what ``ws:4,0.75`` says, and a model file so wired."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from nngraph.errors import OptionError
from nngraph.ops.randwire import GENERATOR
from nngraph.ops.specification import attributes_of, suggestion, to_spec
from nngraph.ops.wiring import WIRINGS, ExplicitWiring, RandomWiring, wiring_from
from nngraph_kernels.record import record

RANDWIRE: Final = "randwire"
NODES, SEED = "nodes", "seed"
MANY: Final = 1 << 30  # nodes, so that no option is too large for them yet
AS_DECLARED: Final = "as declared"

Document = dict[str, Any]  # a model file's


@record
class Rewiring:
    """A generator of wirings.

    Attributes
    ----------
    label : str
        As users write it, always in the same form.
    generator : mapping or None
        As a `randwire` node has it, without the seed, and without the number of nodes where that is the node's own;
        None leaves the wirings of the model as they are.
    """

    label: str
    generator: Mapping[str, Any] | None

    @property
    def random(self) -> bool:
        """Whether another seed gives another wiring."""
        return self.generator is not None and issubclass(WIRINGS.members[self.generator["type"]], RandomWiring)


DECLARED: Final = Rewiring(AS_DECLARED, None)


def rewiring_of(option: str, text: str) -> Rewiring:
    """What ``ws:4,0.75``, ``ws:k=4,p=0.75,nodes=16``, ``ws`` or ``chain`` says; values may be left out at the end.

    Raises
    ------
    OptionError
        Naming `option`, if it says nothing that is known.
    """
    name, _, rest = text.strip().partition(":")
    kinds = {kind: made for kind, made in WIRINGS.members.items() if kind != ExplicitWiring.type}
    if name not in kinds:
        raise OptionError(f"{option}: no wiring is called '{name}'{suggestion(name, kinds)}")
    names = [key for key in attributes_of(kinds[name]) if key not in (NODES, SEED)]
    found: dict[str, Any] = {}
    for place, part in enumerate(filter(None, rest.split(","))):
        key, number = pair_of(names, place, part)
        if key is None or number is None or key in found:
            raise OptionError(f"{option}: '{text}' given, {form(name, names)} expected")
        found[key] = number
    try:
        whole = to_spec(wiring_from({"type": name, NODES: MANY} | found))
    except OptionError as error:
        raise OptionError(f"{option}: {error}") from None
    generator = {key: whole[key] for key in ("type", *names, *([NODES] if NODES in found else ()))}
    own = [short(generator[key]) for key in names] + ([f"{NODES}={found[NODES]}"] if NODES in found else [])
    return Rewiring(f"{name}:{','.join(own)}" if own else name, generator)


def pair_of(names: list[str], place: int, part: str) -> tuple[str | None, int | float | None]:
    """An option and its value; None for what is not one."""
    key, equals, value = part.rpartition("=")
    if equals:
        return (key.strip() if key.strip() in (*names, NODES) else None), number_of(value)
    return (names[place] if place < len(names) else None), number_of(value)


def number_of(text: str) -> int | float | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def short(number: float) -> str:
    """Without needless digits, and without losing any."""
    return text if float(text := f"{number:g}") == number else repr(number)


def form(name: str, names: list[str]) -> str:
    """How a wiring is written: ``ws:K,P``."""
    own = f"{name}:{','.join(names).upper()}" if names else name
    return f"{own} or {own}{',' if names else ':'}{NODES}=N"


def wired_nodes(document: Document) -> list[Document]:
    """The randomly wired nodes of a model file, in order."""
    return [node for node in document["nodes"] if node["op"] == RANDWIRE]


def rewired(document: Document, wiring: Rewiring, seed: int) -> Document:
    """The model file with another wiring.

    Parameters
    ----------
    document : dict
        Is not changed.
    wiring : Rewiring
    seed : int
        Node i of the n that are randomly wired, in the order of the file, gets the seed ``seed * n + i``: no two
        nodes share one, in one network or in those of different seeds.
    """
    if wiring.generator is None:
        return document
    count = len(wired_nodes(document))
    nodes: list[Document] = []
    seeds = iter(range(seed * count, (seed + 1) * count))
    for node in document["nodes"]:
        nodes.append(node if node["op"] != RANDWIRE else with_generator(node, wiring, next(seeds)))
    return document | {"nodes": nodes}


def with_generator(node: Document, wiring: Rewiring, seed: int) -> Document:
    """The node, wired by a generator in place of whatever wired it."""
    kept = {name: item for name, item in node.items() if name not in ("generator", "edges")}
    drawn = {SEED: seed} if wiring.random else {}
    return kept | {"generator": {NODES: node_count(node), **(wiring.generator or {}), **drawn}}


def node_count(node: Document) -> int:
    """How many nodes a randomly wired node's graph has."""
    edges = node.get("edges")
    if edges is not None:
        return 1 + max((end for edge in edges for end in edge), default=0)
    return wiring_from(node.get("generator", GENERATOR)).nodes
