"""CIFAR-10 in both of its forms; pickles that hold anything else are refused, and nothing in them is called."""

import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nngraph.errors import DataError
from nngraph.train.data.cifar import CLASSES
from nngraph.train.data.plain_pickle import RefusedPickle, read_plain
from nngraph.train.data.specs import load

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
LABELS = [6, 9, 9, 4, 1, 0]


def planes(images: np.ndarray) -> np.ndarray:
    return images.transpose(0, 3, 1, 2).reshape(len(images), -1)


def binary(images: np.ndarray, labels: list[int]) -> bytes:
    return b"".join(bytes([label]) + p.tobytes() for p, label in zip(planes(images), labels, strict=True))


def python2(images: np.ndarray, labels: list[int]) -> bytes:
    """A batch as Python 2 has written those of CIFAR-10: protocol 2, strings of bytes."""

    def text(word: bytes) -> bytes:
        return b"U" + bytes([len(word)]) + word if len(word) < 256 else b"T" + struct.pack("<I", len(word)) + word

    numbers = b"".join(b"K" + bytes([label]) for label in labels)
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x08cnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
        + b"(K\x01K" + bytes([len(labels)]) + b"M\x00\x0c\x86cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R"
        + b"(K\x03" + text(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        + text(planes(images).tobytes()) + b"tb"
    )  # fmt: skip
    names = b"".join(text(b"image_%d.png" % k) for k in range(len(labels)))
    items = text(b"batch_label") + text(b"training batch 1 of 5") + text(b"labels") + b"]q\x02(" + numbers + b"e"
    return b"\x80\x02}q\x01(" + items + text(b"data") + array + text(b"filenames") + b"](" + names + b"eu."


@pytest.fixture
def directories(tmp_path: Path) -> dict[str, Path]:
    """The same images in three forms, in two files and one for the test."""
    forms = {
        "binary": (".bin", binary),
        "python2": ("", python2),
        "python3": ("", lambda x, y: pickle.dumps({b"data": planes(x), b"labels": y}, 4)),
        "python3-2": ("", lambda x, y: pickle.dumps({"data": planes(x), "labels": y}, 2)),
    }
    found: dict[str, Path] = {}
    for name, (suffix, write) in forms.items():
        folder = found[name] = tmp_path / name
        folder.mkdir()
        for file, part in (("data_batch_1", slice(0, 3)), ("data_batch_2", slice(3, 5)), ("test_batch", slice(5, 6))):
            (folder / (file + suffix)).write_bytes(write(IMAGES[part], LABELS[part]))
    return found


def test_both_forms(directories: dict[str, Path]):
    for folder in directories.values():
        for spec in (f"{folder}", f"cifar10:{folder}", f"cifar10:{folder},part=train", f"cifar10:{folder}:part=train"):
            data = load(spec)
            assert data.x.dtype == np.uint8
            assert np.array_equal(data.x, IMAGES[:5])
            assert data.y.tolist() == LABELS[:5]
            assert data.classes == CLASSES
        data = load(f"{folder}:part=test")
        assert np.array_equal(data.x, IMAGES[5:])
        assert data.y.tolist() == LABELS[5:]


def test_numpy_reads_what_the_test_writes():
    """The pickle written here is one that Python would read as CIFAR-10's are read."""
    batch = pickle.loads(python2(IMAGES, LABELS), encoding="bytes")
    assert np.array_equal(batch[b"data"], planes(IMAGES))
    assert batch[b"labels"] == LABELS


class Call:
    """Something that a pickle would call."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.reduced


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("name", "arguments"), [("os.mkdir", ("{}/made",)), ("builtins.exec", ("open('{}/made', 'w')",))]
)
def test_nothing_is_called(protocol: int, name: str, arguments: tuple[str], tmp_path: Path):
    function = {"os.mkdir": os.mkdir, "builtins.exec": exec}[name]
    content = pickle.dumps({b"data": Call(function, arguments[0].format(tmp_path)), b"labels": [1]}, protocol)
    (tmp_path / "data_batch_1").write_bytes(content)
    with pytest.raises(
        DataError, match=r"data_batch_1: is no batch of CIFAR-10 \(it (names '|holds an instr)"
    ) as error:
        load(str(tmp_path))
    assert "\n" not in str(error.value)
    assert os.listdir(tmp_path) == ["data_batch_1"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "malformed"),
        (b"\x80\x02}q\x01", "it has no end|malformed"),
        (b"\x80\x02cos\nsystem\n.", "it names 'os.system', which is never loaded"),
        (b"\x80\x02cnumpy\nload\n.", "it names 'numpy.load', which is never loaded"),
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93.", "it names 'posix.system'"),
        (b"\x80\x02K\x01K\x02R.", "malformed"),
        (b"\x80\x02}K\x01b.", "malformed"),
        (b"\x80\x02]K\x01K\x02s.", "malformed"),
        (b"\x80\x02}]K\x02s.", "malformed"),
        (b"\x80\x02(K\x01K\x02o.", "it holds an instruction OBJ"),
        (b"\x80\x02\x82\x01.", "it holds an instruction EXT1"),
        (b"\x80\x02h\xff.", "malformed"),
        (b"\x80\x02\x8e\xff\xff\xff\xff\xff\xff\xff\x0f.", "malformed"),
        (b"\x80\x02r\xff\xff\xff\x7f.", "malformed"),  # a place in the memo that would take gigabytes
        (b"\x80\x02K\x01r\xff\xff\xff\x7f.", None),
    ],
)
def test_pickles_that_hold_something_else(content: bytes, message: str | None):
    if message is None:
        assert read_plain(content) == 1
        return
    with pytest.raises(RefusedPickle, match=message):
        read_plain(content)


def changed(**given: object) -> bytes:
    batch = {b"data": planes(IMAGES), b"labels": LABELS} | {k.encode(): v for k, v in given.items()}
    return pickle.dumps({key: value for key, value in batch.items() if value is not None}, 4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (changed(data=None), "its 'data' are missing"),
        (changed(labels=None), "its 'labels' are missing"),
        (changed(labels=[1, 2]), r"shape \(6, 3072\), where \(2, 3072\) is expected"),
        (changed(labels=[10] * 6), "the label 10 of image 0, but those of CIFAR-10 are 0 to 9"),
        (changed(labels=[2**70] * 6), "is no batch of CIFAR-10"),
        (changed(labels=["a"] * 6), "is no batch of CIFAR-10"),
        (changed(data=planes(IMAGES).astype(np.int64)), "are not uint8"),
        (changed(data=np.asfortranarray(planes(IMAGES))), "shape"),
        (changed(data=planes(IMAGES)[:, :300]), r"shape \(6, 300\)"),
        (pickle.dumps([1, 2], 4), "it holds no dictionary"),
    ],
)
def test_batches_that_are_none(content: bytes, message: str, tmp_path: Path):
    (tmp_path / "data_batch_1").write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        load(str(tmp_path))
    assert "\n" not in str(error.value)
    assert "data_batch_1" in str(error.value)


def test_binary_files_that_are_not_whole(tmp_path: Path):
    file = tmp_path / "data_batch_1.bin"
    for content, message in (
        (binary(IMAGES, LABELS)[:-1], "has 18437 bytes, which is no multiple of 3073"),
        (b"", "has 0 bytes"),
        (binary(IMAGES, [*LABELS[:5], 77]), "has the label 77 of image 5"),
    ):
        file.write_bytes(content)
        with pytest.raises(DataError, match=message):
            load(str(tmp_path))
    with pytest.raises(DataError, match=r"holds no test_batch.bin or test_batch; unpack"):
        load(f"{tmp_path}:part=test")
    with pytest.raises(DataError, match=r"names no directory; say cifar10:DIRECTORY"):
        load("cifar10")
    with pytest.raises(DataError, match="is no directory"):
        load(f"cifar10:{file}")


def answer(content: bytes) -> str:
    """Why a pickle is refused, if it is."""
    try:
        read_plain(content)
    except RefusedPickle as error:
        return str(error)
    return ""


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data())
def test_changed_pickles(data: st.DataObject):
    """Whatever is changed in a batch, reading it ends with a batch or with one refusal."""
    content = bytearray(python2(IMAGES[:1, :, :, :], LABELS[:1]))
    head = content.index(b"data") + 200  # what follows are pixels
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, head))] = data.draw(st.integers(0, 255))
    assert "\n" not in answer(bytes(content))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=60))
@example(b"\x80\x02}(e.")
@example(b"(d.")
def test_any_bytes(content: bytes):
    assert "\n" not in answer(content)
