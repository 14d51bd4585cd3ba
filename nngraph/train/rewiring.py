"""Other wirings for the randomly wired nodes of a model: what ``ws:4,0.75`` says, and a model file so wired."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from nngraph.errors import OptionError

RANDWIRE: Final = "randwire"
PARAMETERS: Final[Mapping[str, tuple[str, ...]]] = {
    "er": ("p",), "ba": ("m",), "ws": ("k", "p"), "chain": (), "residual": (), "dense": (),
}  # fmt: skip
NODES: Final = "nodes"
AS_DECLARED: Final = "as declared"

Document = dict[str, Any]  # a model file's


@dataclass(frozen=True, slots=True)
class Wiring:
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
        return self.generator is not None and bool(PARAMETERS[self.generator["type"]])


DECLARED: Final = Wiring(AS_DECLARED, None)


def wiring_of(option: str, text: str) -> Wiring:
    """What ``ws:4,0.75``, ``ws:k=4,p=0.75,nodes=16`` or ``chain`` says.

    Raises
    ------
    OptionError
        Naming `option`, if it says nothing that is known.
    """
    name, _, rest = text.strip().partition(":")
    if name not in PARAMETERS:
        near = difflib.get_close_matches(name, PARAMETERS, 1)
        mend = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(PARAMETERS)}"
        raise OptionError(f"{option}: no wiring is called '{name}'; {mend}")
    found: dict[str, Any] = {}
    for place, part in enumerate(filter(None, rest.split(","))):
        key, number = pair_of(name, place, part)
        if key is None or number is None or key in found:
            raise OptionError(f"{option}: '{text}' given, {form(name)} expected")
        found[key] = number
    if not set(PARAMETERS[name]) <= found.keys():
        raise OptionError(f"{option}: '{text}' given, {form(name)} expected")
    own = [f"{found[key]:g}" for key in PARAMETERS[name]]
    own += [f"{NODES}={found[NODES]:g}"] if NODES in found else []
    generator = {"type": name} | {key: found[key] for key in (*PARAMETERS[name], NODES) if key in found}
    return Wiring(f"{name}:{','.join(own)}" if own else name, generator)


def pair_of(name: str, place: int, part: str) -> tuple[str | None, int | float | None]:
    """A parameter and its value; None for what is not one."""
    key, equals, value = part.rpartition("=")
    named = PARAMETERS[name]
    if equals:
        key = key.strip()
        return (key if key in (*named, NODES) else None), number_of(value)
    return (named[place] if place < len(named) else None), number_of(value)


def number_of(text: str) -> int | float | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def form(name: str) -> str:
    """How a wiring is written: ``ws:K,P, as in ws:4,0.75``."""
    named = PARAMETERS[name]
    if not named:
        return f"{name} or {name}:{NODES}=N"
    example = {"er": "0.2", "ba": "5", "ws": "4,0.75"}[name]
    return f"{name}:{','.join(named).upper()}, as in {name}:{example},"


def wired_nodes(document: Document) -> list[Document]:
    """The randomly wired nodes of a model file, in order."""
    return [node for node in document["nodes"] if node["op"] == RANDWIRE]


def rewired(document: Document, wiring: Wiring, seed: int) -> Document:
    """The model file with another wiring.

    Parameters
    ----------
    document : dict
        Is not changed.
    wiring : Wiring
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
        nodes.append(node if node["op"] != RANDWIRE else with_generator(node, wiring.generator, next(seeds)))
    return document | {"nodes": nodes}


def with_generator(node: Document, generator: Mapping[str, Any], seed: int) -> Document:
    """The node, wired by a generator in place of whatever wired it."""
    kept = {name: item for name, item in node.items() if name not in ("generator", "edges")}
    return kept | {"generator": {NODES: node_count(node)} | dict(generator) | {"seed": seed}}


def node_count(node: Document) -> int:
    """How many nodes a randomly wired node's graph has."""
    if generator := node.get("generator"):
        return generator[NODES]
    return 1 + max(end for edge in node["edges"] for end in edge)
