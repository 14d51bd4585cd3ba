"""A source's key covers what it imports from the kernels' package."""

from pathlib import Path

import pytest

from nngraph.emit import fingerprint


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "vectors").mkdir()
    files = {
        "__init__.py": "",
        "math.py": "import os\nfrom nngraph_kernels.vectors import load\n",
        "random.py": "import numpy\n",
        "vectors/__init__.py": "from nngraph_kernels.vectors.kinds import kind\n",
        "vectors/kinds.py": "kind = 1\n",
        "local.py": "from . import random\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(fingerprint, "_package_root", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("source", "covered"),
    [
        ("", set()),
        ("import numpy", set()),
        ("from nngraph_kernels.random import uniform", {"random.py"}),
        ("def f():\n    import nngraph_kernels.random", {"random.py"}),
        ("from nngraph_kernels.math import exp", {"math.py", "vectors/__init__.py", "vectors/kinds.py"}),
        ("from nngraph_kernels.vectors.kinds import k", {"vectors/kinds.py"}),
        ("from nngraph_kernels.local import f", {"every one"}),
        ("from nngraph_kernels import random", {"every one"}),
    ],
)
def test_a_key_changes_with_the_files_imported(package: Path, source: str, covered: set[str]) -> None:
    def key() -> bytes:
        fingerprint._closure.cache_clear()
        fingerprint._file_digest.cache_clear()
        return fingerprint.source_key(source)

    names = [str(path.relative_to(package)) for path in package.rglob("*.py")]
    for name in names:
        before = key()
        (package / name).write_text((package / name).read_text() + "# changed\n")
        assert (key() != before) == (name in covered or "every one" in covered), name
    fingerprint._closure.cache_clear()
    fingerprint._file_digest.cache_clear()


def test_a_key_changes_with_the_source() -> None:
    assert fingerprint.source_key("a = 1\n") == fingerprint.source_key("a = 1\n")
    assert fingerprint.source_key("a = 1\n") != fingerprint.source_key("a = 2\n")


def test_the_toolchain_names_versions_and_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import version

    monkeypatch.delenv("NUMBA_CPU_NAME", raising=False)
    here = fingerprint.toolchain()
    assert here.parts["numba"] == version("numba")
    assert here.parts["llvmlite"] == version("llvmlite")
    assert here == fingerprint.toolchain()
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    there = fingerprint.toolchain()
    assert there.parts["cpu"] == "generic"
    assert there.digest != here.digest
