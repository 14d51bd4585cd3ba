import gzip
import runpy
import zipfile
from pathlib import Path

import numpy as np
import pytest

from nngraph.train.data.specs import load

TOOL = Path(__file__).parents[3] / "tools" / "prepare_digits.py"


def test_what_is_in_it():
    data = load("digits")
    assert data.x.shape == (1797, 8, 8)
    assert data.x.dtype == np.float32
    assert data.x.min() == 0
    assert data.x.max() == 1
    assert np.bincount(data.y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert data.classes == tuple("0123456789")
    assert "CC BY 4.0" in data.description
    first = (data.x[0] * 16).astype(int).ravel()
    assert first[:14].tolist() == [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15]
    assert int((data.x * 16).sum()) == 561718


def test_the_tool_makes_the_file_that_is_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data = load("digits")
    pixels = (data.x * 16).astype(int).reshape(1797, 64)
    lines = [",".join(map(str, [*row, label])) for row, label in zip(pixels, data.y, strict=True)]
    content = gzip.compress("\n".join(lines).encode())
    csv, wheel = tmp_path / "digits.csv.gz", tmp_path / "scikit_learn.whl"
    csv.write_bytes(content)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("sklearn/datasets/data/digits.csv.gz", content)
    tool = runpy.run_path(str(TOOL))
    assert tool["main"]([str(csv), "--check"]) == 0
    target = tmp_path / "digits.npz"
    monkeypatch.setitem(tool["main"].__globals__, "TARGET", target)
    assert tool["main"]([str(wheel)]) == 0
    with np.load(target) as made, np.load(TOOL.parents[1] / "nngraph/train/data/digits.npz") as shipped:
        assert all(np.array_equal(made[name], shipped[name]) for name in ("images", "labels"))
        assert made["images"].dtype == np.uint8
    lines[5] = lines[5].replace(",", ",1", 1)
    csv.write_bytes(gzip.compress("\n".join(lines).encode()))
    assert tool["main"]([str(csv), "--check"]) == 1
