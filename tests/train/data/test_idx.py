import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from nngraph.errors import DataError
from nngraph.train.data.idx import read_idx
from nngraph.train.data.specs import load

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}
IMAGES = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
LABELS = np.array([3, 1, 0, 2, 3], np.uint8)


def idx(array: np.ndarray) -> bytes:
    code = CODES[array.dtype.str[1:]]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("zipped", [False, True])
def test_round_trip(tmp_path: Path, dtype: str, zipped: bool):
    array = np.arange(-6, 6).reshape(2, 3, 2).astype(dtype)
    content = idx(array)
    (tmp_path / "a").write_bytes(gzip.compress(content) if zipped else content)
    again = read_idx(tmp_path / "a")
    assert again.dtype == np.dtype(dtype)
    assert again.dtype.isnative
    assert np.array_equal(again, array)


@pytest.mark.parametrize("images", ["train-images-idx3-ubyte", "train-images.idx3-ubyte", "train-images-idx3-ubyte.gz"])
@pytest.mark.parametrize("gzip_labels", [False, True])
def test_a_directory(tmp_path: Path, images: str, gzip_labels: bool):
    pack = gzip.compress if images.endswith(".gz") else bytes
    (tmp_path / images).write_bytes(pack(idx(IMAGES)))
    labels = images.replace("images", "labels").replace("idx3", "idx1").removesuffix(".gz")
    (tmp_path / (labels + ".gz" * gzip_labels)).write_bytes((gzip.compress if gzip_labels else bytes)(idx(LABELS)))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(IMAGES[:2]))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(LABELS[:2]))
    for spec in (
        f"{tmp_path}",
        f"{tmp_path}/",
        f"mnist:{tmp_path},part=train",
        f"{tmp_path}:part=train",
        f"{tmp_path / images}",
    ):
        data = load(spec)
        assert data.x.dtype == np.uint8
        assert np.array_equal(data.x, IMAGES[..., np.newaxis])  # a channel
        assert np.array_equal(data.y, LABELS)
        assert data.classes == ("0", "1", "2", "3")
    assert len(load(f"{tmp_path}:part=test")) == 2


def test_labels_elsewhere_or_none(tmp_path: Path):
    (tmp_path / "scans").write_bytes(idx(IMAGES))
    (tmp_path / "truth").write_bytes(idx(LABELS))
    assert np.array_equal(load(f"{tmp_path}/scans:labels={tmp_path}/truth").y, LABELS)
    assert not load(f"{tmp_path}/scans", need_targets=False).targets
    with pytest.raises(DataError, match="scans: no file of labels beside it; say labels=FILE"):
        load(f"{tmp_path}/scans")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with nothing"),
        (b"\0\0", "begins with 00 00, not like 00 00 08 03"),
        (b"\x01\0\x08\x01aaaa", "is no IDX file: it begins with 01 00 08 01"),
        (b"\0\0\x0a\x01\0\0\0\x01a", "it begins with 00 00 0a 01"),
        (b"\0\0\x08\0", "it begins with 00 00 08 00"),
        (b"\0\0\x08\x03\0\0\0\x05", "its header ends after 8 bytes of 16"),
        (idx(IMAGES)[:-1], r"says \(5, 4, 3\) of uint8, 60 bytes, but 59 follow; copy the file again"),
        (idx(IMAGES) + b"x", "60 bytes, but more follow"),
        (b"\0\0\x0e\x04" + b"\xff" * 16 + b"data", "of float64, .* bytes, but 4 follow"),
        (gzip.compress(idx(IMAGES))[:-5], "cannot be read"),
        (b"\x1f\x8bnot really", "cannot be read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # the bytes of gzip hold the time
)
def test_malformed(tmp_path: Path, content: bytes, message: str):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))
    with pytest.raises(DataError, match=message) as raised:
        load(str(tmp_path))
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


def test_lengths_differ(tmp_path: Path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(IMAGES))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS[:3]))
    with pytest.raises(DataError, match="input 'image' has 5, target 'label' has 3"):
        load(str(tmp_path))


def test_directories_without(tmp_path: Path):
    with pytest.raises(DataError, match="holds no data; those of CIFAR-10, IDX files named as MNIST's"):
        load(str(tmp_path))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(IMAGES))
    with pytest.raises(DataError, match="holds no train-images-idx3-ubyte or train-images-idx3-ubyte.gz"):
        load(str(tmp_path))
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(IMAGES))
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(IMAGES)))
    with pytest.raises(DataError, match="name one of them"):
        load(str(tmp_path))
    with pytest.raises(DataError, match="part is 'dev', but 'train', 'test' are accepted"):
        load(f"{tmp_path}:part=dev")
    with pytest.raises(DataError, match="nolabels: cannot be read"):
        load(f"{tmp_path}/train-images-idx3-ubyte:labels={tmp_path}/nolabels")
