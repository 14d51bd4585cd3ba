"""What is on disk is listed, and removed without touching anything else."""

import os
from pathlib import Path

import pytest

from nngraph.emit.inventory import cached_kernels, clear, prune


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for folder in ("old", "new"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "fingerprint.json").write_text("{}")
        for k in range(2):
            for suffix, nbytes in ((".py", 10), (".o", 90)):
                file = tmp_path / folder / f"ng_{folder}{k}{suffix}"
                file.write_bytes(b"x" * nbytes)
                os.utime(file, (k, k) if folder == "old" else (100 - k, 100 - k))
    (tmp_path / "new" / "ng_failed.py").write_text("oops")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("not a kernel")
    return tmp_path


def test_lists_the_newest_first(directory: Path) -> None:
    kernels = cached_kernels(directory)
    assert [k.name for k in kernels] == ["ng_failed", "ng_new0", "ng_new1", "ng_old1", "ng_old0"]
    assert [(k.nbytes, k.compiled) for k in kernels] == [(4, False)] + [(100, True)] * 4
    assert kernels[1].folder == directory / "new"
    assert cached_kernels(directory / "absent") == []


def test_clears_all_or_all_but_one(directory: Path) -> None:
    assert clear(directory, keep={"new"}) == 202
    assert {k.folder.name for k in cached_kernels(directory)} == {"new"}
    assert clear(directory) == 206
    assert [path.name for path in directory.iterdir()] == ["mine"]
    assert (directory / "mine" / "thesis.txt").exists()


@pytest.mark.parametrize(
    ("limit", "left"),
    [
        (1000, ["ng_failed", "ng_new0", "ng_new1", "ng_old1", "ng_old0"]),
        (304, ["ng_failed", "ng_new0", "ng_new1", "ng_old1"]),
        (303, ["ng_failed", "ng_new0", "ng_new1"]),
        (110, ["ng_failed", "ng_new0"]),
        (0, []),
    ],
)
def test_prunes_other_fingerprints_then_the_oldest(directory: Path, limit: int, left: list[str]) -> None:
    freed = prune(directory, limit, current={"new"})
    assert [k.name for k in cached_kernels(directory)] == left
    assert freed == 404 - sum(k.nbytes for k in cached_kernels(directory))
