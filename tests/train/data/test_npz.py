import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from nngraph.errors import DataError
from nngraph.train.data.specs import load

X, Y = np.arange(6.0).reshape(3, 2), np.array([0, 1, 1])


@pytest.mark.parametrize(("x", "y"), [("x", "y"), ("X", "Y"), ("X", "y"), ("inputs", "targets"), ("images", "labels")])
def test_usual_keys(tmp_path: Path, x: str, y: str):
    np.savez_compressed(tmp_path / "d.npz", **{x: X, y: Y})
    data = load(str(tmp_path / "d.npz"))
    assert np.array_equal(data.x, X)
    assert np.array_equal(data.y, Y)
    assert (list(data.inputs), list(data.targets)) == (["x"], ["y"])


def test_keys_by_option(tmp_path: Path):
    np.savez(tmp_path / "d.npz", x_train=X, y_train=Y, x_test=X[:1], y_test=Y[:1])
    assert len(load(f"{tmp_path}/d.npz:x=x_test,y=y_test")) == 1
    with pytest.raises(DataError, match="no input among its arrays 'x_train', .*, or say x=KEY"):
        load(f"{tmp_path}/d.npz")
    with pytest.raises(DataError, match="has no array 'x_dev' for the input; it holds 'x_train'"):
        load(f"{tmp_path}/d.npz:x=x_dev")


def test_several_by_name(tmp_path: Path):
    arrays = {"inputs/left": X, "inputs/right": X + 1, "targets/out": Y, "targets/value": X[:, :1]}
    np.savez(tmp_path / "d.npz", **arrays)
    data = load(f"{tmp_path}/d.npz")
    assert list(data.inputs) == ["left", "right"]
    assert list(data.targets) == ["out", "value"]


def test_weights_and_classes(tmp_path: Path):
    np.savez(
        tmp_path / "d.npz",
        x=X,
        y=np.array(["no", "yes", "no"]),
        sample_weight=[1, 2, 3],
        classes=["yes", "no"],
    )
    data = load(f"{tmp_path}/d.npz")
    assert data.y.tolist() == [1, 0, 1]
    assert data.classes == ("yes", "no")
    assert data.weights is not None
    assert data.weights.tolist() == [1, 2, 3]


def test_prediction_needs_no_target(tmp_path: Path):
    np.savez(tmp_path / "d.npz", x=X)
    assert not load(f"{tmp_path}/d.npz", need_targets=False).targets
    with pytest.raises(DataError, match="no target among its arrays 'x'; name it 'y' or 'targets/NAME', or say y=K"):
        load(f"{tmp_path}/d.npz")


def test_pickles_are_refused(tmp_path: Path):
    np.savez(tmp_path / "d.npz", x=np.array([{}, 1], object), y=Y)
    with pytest.raises(DataError, match="array 'x' holds Python objects, which are never loaded"):
        load(f"{tmp_path}/d.npz")


def npy(header: str, content: bytes = b"") -> bytes:
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content


HUGE = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"


@pytest.mark.parametrize(
    ("member", "content", "message"),
    [
        (
            "x.npy",
            npy("{'descr': '<f8', 'fortran_order': False, 'shape': (9,), }", b"12345678"),
            "'x'|readable",
        ),
        ("x.npy", npy("{'descr': nonsense}"), "array 'x' is malformed"),
        ("x.npy", npy(HUGE), "array 'x' is malformed|no readable"),
        ("x.txt", b"hello", "array 'x.txt' is no array but another file"),
    ],
)
def test_malformed_members(tmp_path: Path, member: str, content: bytes, message: str):
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
        archive.writestr(member, content)
    with pytest.raises(DataError, match=message) as raised:
        load(f"{tmp_path}/d.npz")
    assert "\n" not in str(raised.value)


def saved() -> bytes:
    file = io.BytesIO()
    np.savez(file, x=np.arange(900.0).reshape(300, 3), y=np.arange(300))
    return file.getvalue()


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x80\x04K\x01.", npy("{}"), saved()[:-9], saved()[:500]], ids=range(6)
)
def test_other_files(tmp_path: Path, content: bytes):
    (tmp_path / "d.npz").write_bytes(content)
    with pytest.raises(DataError, match="is no readable .npz file"):
        load(f"{tmp_path}/d.npz")


def test_a_flipped_byte_is_noticed(tmp_path: Path):
    content = bytearray(saved())
    content[400] ^= 255
    (tmp_path / "d.npz").write_bytes(content)
    with pytest.raises(DataError, match="Bad CRC-32"):
        load(f"{tmp_path}/d.npz")


def test_two_candidates(tmp_path: Path):
    np.savez(tmp_path / "d.npz", x=X, X=X, y=Y)
    with pytest.raises(DataError, match="'x', 'X' could each be the input; say which with x=KEY"):
        load(f"{tmp_path}/d.npz")
    np.savez(tmp_path / "d.npz", x=X, y=Y, **{"targets/z": Y})
    with pytest.raises(DataError, match="'y', 'targets/z' could each be the target"):
        load(f"{tmp_path}/d.npz")


def test_checks_of_the_arrays_name_the_file(tmp_path: Path):
    np.savez(tmp_path / "d.npz", x=X, y=Y[:2])
    with pytest.raises(DataError, match="d.npz: lengths differ: input 'x' has 3, target 'y' has 2"):
        load(f"{tmp_path}/d.npz")
