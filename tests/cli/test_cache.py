"""`nngraph cache`: what is there, why a kernel is missing, and how it goes."""

import json
import os

import pytest

from nngraph.emit.cache import KernelCache
from nngraph.emit.directory import pack_object
from nngraph.emit.fingerprint import source_key, toolchain

SOURCE = "def ng_some(args, thread, threads):\n    pass\n"


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """A cache with a kernel of this fingerprint and one of another, without any compilation."""
    monkeypatch.setenv("NNGRAPH_CACHE_DIR", str(tmp_path))
    current = toolchain()
    put(tmp_path / current.digest, current.parts, "ng_some")
    put(tmp_path / "0123456789abcdef", current.parts | {"numba": "0.1"}, "ng_old")
    return tmp_path


def put(folder, parts, name):
    folder.mkdir(mode=0o700)
    (folder / "fingerprint.json").write_text(json.dumps(parts))
    (folder / f"{name}.py").write_text(SOURCE)
    (folder / f"{name}.o").write_bytes(pack_object(source_key(SOURCE), b"code"))


def test_fingerprints_the_one_in_use_first(nngraph, directory):
    lines = nngraph("cache").out.splitlines()
    assert lines[0] == str(directory)
    assert lines[3].split()[:2] == [toolchain().digest, "1"]
    assert lines[3].endswith("in use")
    assert lines[4].endswith(f"numba 0.1 -> {toolchain().parts['numba']}")
    assert lines[5].split()[:2] == ["all", "2"]
    assert nngraph("cache", "list").out == nngraph("cache").out


def test_every_kernel(nngraph, directory):
    out = nngraph("cache", "list", "--kernels").out
    assert "ng_some" in out
    assert "ng_old" in out
    found = nngraph("cache", "list", "--json").json
    assert {kernel["name"] for kernel in found["kernels"]} == {"ng_some", "ng_old"}


def test_why_a_kernel_is_missing(nngraph, small, directory):
    out = nngraph("cache", "why", small, "--purpose", "predict").out
    assert "logits" in out
    assert out.splitlines()[0].split() == ["kernel", "computes", "state"]
    assert out.count("not in cache") == 2
    assert out.splitlines()[-1] == "0 of 2 kernels are in the cache"


def test_where_a_kernel_is(nngraph, directory):
    assert "compiled, " in nngraph("cache", "why", "ng_some").out
    assert nngraph("cache", "why", "ng_old").out.rstrip().endswith("of another fingerprint")
    ran = nngraph("cache", "why", "ng_none")
    assert ran.code == 2
    assert "kernel 'ng_none': not in the cache" in ran.err


def test_missing_says_what_entries_would_compile(directory):
    cache = KernelCache(directory)
    assert cache.missing({"ng_some": SOURCE}) == {}
    assert cache.missing({"ng_some": SOURCE + "#"}) == {
        "ng_some": "its source, or what it imports from nngraph_kernels, changed"
    }
    assert list(cache.missing({"ng_old": SOURCE})) == ["ng_old"]


def test_clear(nngraph, directory):
    assert nngraph("cache", "clear", "--others").code == 0
    assert {path.name for path in directory.iterdir() if path.is_dir()} == {toolchain().digest}
    assert "removed" in nngraph("cache", "clear").out
    assert list(directory.iterdir()) == []


def test_prune_removes_other_fingerprints_first(nngraph, directory):
    os.utime(directory / toolchain().digest / "ng_some.py", (0, 0))
    assert nngraph("cache", "prune", "--to", "150B").code == 0
    assert [path.stem for path in directory.rglob("*.o")] == ["ng_some"]
    ran = nngraph("cache", "prune", "--to", "much")
    assert (ran.code, ran.err) == (2, "nngraph: --to: 'much' given, a size such as 100MB or 1GiB expected\n")


def test_path(nngraph, directory):
    assert nngraph("cache", "path").out == f"{directory / toolchain().digest}\n"
