"""The examples in docstrings are executed."""

import doctest
import importlib
from pathlib import Path

import pytest

import nngraph
import nngraph.ops  # all ops are registered before an example adds one: what is there then is what is left
from nngraph.ir.op import REGISTRY

ROOT = Path(nngraph.__file__).parent
WITH_EXAMPLES = [path for path in sorted(ROOT.rglob("*.py")) if ">>>" in path.read_text(encoding="utf-8")]


@pytest.fixture(autouse=True)
def registry():
    """One of the examples adds an op."""
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.stem)
def test_examples(path):
    name = ".".join(("nngraph", *path.relative_to(ROOT).with_suffix("").parts))
    found = doctest.testmod(importlib.import_module(name), raise_on_error=False)
    assert found.attempted > 0
    assert found.failed == 0
