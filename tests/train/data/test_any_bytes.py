"""Whatever a file holds, a loader answers with a Dataset or one DataError of one line."""

import gzip
import io
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nngraph.errors import DataError
from nngraph.train.data.dataset import Dataset
from nngraph.train.data.specs import load


def answer(name: str, content: bytes, options: str = "") -> Dataset | None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / name
        path.write_bytes(content)
        try:
            return load(f"{path}{options}", need_targets=False)
        except DataError as error:
            message = str(error)
    assert "\n" not in message
    assert name in message
    return None


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from('ay,"\n\r\t ;1-.en\0٣_\x85\u2028'), max_size=60))
@example("a,y\n1,\0\n")
@example('"1\n1"\r;')
@example("a\x85b,y\n1,2\n")
@example("a,y\n" + "9" * 400 + ",1\n")
@example("a,y\n1," + "9" * 400 + "\n")
def test_csv(text: str):
    answer("t.csv", text.encode(), ":target=y")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40), st.sampled_from([8, 9, 11, 12, 13, 14]), st.integers(1, 4), st.booleans())
def test_idx(content: bytes, code: int, rank: int, zipped: bool):
    content = struct.pack("BBBB", 0, 0, code, rank) + content
    answer("scans", gzip.compress(content) if zipped else content)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_changed_archives(data: st.DataObject):
    file = io.BytesIO()
    np.savez_compressed(file, x=np.arange(6.0).reshape(3, 2), y=np.arange(3))
    content = bytearray(file.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    answer(
        "d.npz",
        bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content),
    )


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".csv", ".csv.gz", "", ".gz"])
@settings(max_examples=30, deadline=None)
@given(content=st.binary(max_size=50))
def test_noise(suffix: str, content: bytes):
    answer("data" + suffix, content)
    answer("data" + suffix, b"\x1f\x8b\x08\x00" + content)
