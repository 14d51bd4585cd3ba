"""The source of layers, with that of the functions they call."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from types import ModuleType
from typing import Any, Final

from nngraph.export.numpy_file import images, layers

MODULES: Final[tuple[ModuleType, ...]] = (layers, images)
RENAMED: Final = {"slice": "take_slice"}  # what else Python has a word for


@cache
def functions() -> Mapping[str, Callable[..., Any]]:
    """All functions of the modules by name, in the order in which they stand there."""
    found: dict[str, Callable[..., Any]] = {}
    for module in MODULES:
        own = inspect.getmembers(module, inspect.isfunction)
        own = [(name, function) for name, function in own if function.__module__ == module.__name__]
        found |= dict(sorted(own, key=lambda pair: pair[1].__code__.co_firstlineno))
    return found


def function_of(op: str) -> str | None:
    """The name of the function that computes an op; None where there is none."""
    name = RENAMED.get(op, op)
    return name if name in functions() else None


@cache
def accepted(name: str) -> frozenset[str] | None:
    """The attributes that a function takes; None: whatever it passes on."""
    parameters = inspect.signature(functions()[name]).parameters.values()
    passed_on = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    return None if passed_on else frozenset(parameter.name for parameter in parameters)


@cache
def tree_of(name: str) -> ast.Module:
    return ast.parse(inspect.getsource(functions()[name]))


def called_by(name: str) -> set[str]:
    """Those of the functions that one of them names."""
    return {node.id for node in ast.walk(tree_of(name)) if isinstance(node, ast.Name)} & functions().keys()


def needed(names: Iterable[str]) -> list[str]:
    """The functions of these names and all that they call, in the order in which they stand."""
    found, rest = set[str](), set(names)
    while rest:
        name = rest.pop()
        found.add(name)
        rest |= called_by(name) - found
    return [name for name in functions() if name in found]


def source_of(name: str) -> str:
    """A function's text, without the types of its arguments, which say nothing here."""
    text = inspect.getsource(functions()[name]).rstrip("\n")
    text = re.sub(r"\(\n    (.*)\n\)", r"(\1)", text.replace(": Any = ", "="), count=1)  # arguments fit on a line now
    return re.sub(r": Any| -> Any|  # noqa: \w+", "", text)


def uses_math(names: Iterable[str]) -> bool:
    """Whether any of the functions needs Python's `math`."""
    trees = (ast.walk(tree_of(name)) for name in names)
    return any(isinstance(node, ast.Name) and node.id == "math" for tree in trees for node in tree)
