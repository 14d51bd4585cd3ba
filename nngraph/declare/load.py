"""Reading graphs from JSON files."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

from nngraph.declare.check import is_object
from nngraph.declare.graph import Graph
from nngraph.errors import DeclarationError, Errors, nearest

NEAR = 0.75  # how much alike names of files are for one to be meant by the other


def load(path: str | PathLike[str]) -> Graph:
    """Read a graph from a file.

    Parameters
    ----------
    path : path
        A model file ("format": "nngraph-model"), or what networkx's ``node_link_data`` writes.

    Returns
    -------
    Graph
        Its defaults for training are in `Graph.training`.

    Raises
    ------
    Errors
        With one line for everything that is wrong with the file.
    DeclarationError
        If it cannot be read at all.
    """
    try:
        return parse(read(Path(path)), f"{path}: ")
    except DeclarationError as error:
        raise error.with_traceback(None) from error.__cause__


def read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DeclarationError(f"{path}: no such file{near_file(path)}") from None
    except UnicodeDecodeError as error:
        raise DeclarationError(f"{path}: not UTF-8 text (byte {error.start}); is it a model file?") from None
    except OSError as error:
        raise DeclarationError(f"{path}: cannot be read ({error.strerror})") from None


def near_file(path: Path) -> str:
    """``"; did you mean ...?"`` where a model's file beside `path` is called much like it, its suffix apart."""
    beside = path.parent.iterdir() if path.parent.is_dir() else ()
    models = {other.stem: other for other in beside if other.suffix in (".json", ".py")}
    near = nearest(path.stem, models, NEAR)
    return "" if near is None else f"; did you mean '{models[near].name}'?"


def parse(text: str, where: str = "") -> Graph:
    """The graph that the JSON `text` describes; messages begin with `where`."""
    twice: list[str] = []
    try:
        document = json.loads(text, object_pairs_hook=lambda pairs: unique(pairs, twice))
    except json.JSONDecodeError as error:
        message = f"{where}not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        raise DeclarationError(message) from None
    except ValueError as error:  # an integer of more digits than Python converts
        raise DeclarationError(f"{where}not a model file: {error}") from None
    except RecursionError:
        raise DeclarationError(f"{where}not a model file: nested too deeply") from None
    if twice:
        raise Errors([f"{where}{message}" for message in twice])
    return graph_of(document, where)


def unique(pairs: list[tuple[str, Any]], twice: list[str]) -> dict[str, Any]:
    """An object none of whose keys stands twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        inside = f"node '{found['id']}': " if isinstance(found.get("id"), str) else ""
        twice += [f"{inside}'{key}' stands twice in one object; remove one" for key in found if keys.count(key) > 1]
    return found


def graph_of(document: Any, where: str) -> Graph:
    """The graph of a parsed document, of either format."""
    found = document if is_object(document) else {}
    if "format" not in found and "nodes" in found and found.keys() & {"links", "edges"}:
        from nngraph.declare import node_link

        return node_link.graph_of(found, where)
    if found.get("format") != "nngraph-model":
        raise DeclarationError(
            f'{where}neither a model file, which begins {{"format": "nngraph-model", "version": 1, ...}}, '
            "nor networkx node-link JSON"
        )
    from nngraph.declare import model_file

    return model_file.graph_of(found, where)
