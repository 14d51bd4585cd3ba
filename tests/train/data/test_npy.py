"""Arrays in .npy files; of bytes they stay in the file."""

import mmap
from pathlib import Path

import numpy as np
import pytest

import nngraph as ng
from nngraph.errors import DataError
from nngraph.run.feed import Gather
from nngraph.train.data.specs import load
from nngraph.train.data.splits import split
from nngraph.train.data.standardizer import fit_standardizer
from nngraph.train.data.stored import Stored
from nngraph.train.gathers import gather_of

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 6, 5, 3), dtype=np.uint8)
LABELS = np.arange(40) % 3


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    np.save(tmp_path / "x.npy", IMAGES)
    np.save(tmp_path / "y.npy", LABELS)
    return tmp_path


def owner(array: np.ndarray) -> object:
    found: object = array
    while isinstance(found, np.ndarray) and found.base is not None:
        found = found.base
    return found


def test_bytes_are_mapped_to_the_batch(directory: Path):
    data = load(f"{directory}/x.npy:labels={directory}/y.npy")
    assert np.array_equal(data.x, IMAGES)
    assert data.y.tolist() == LABELS.tolist()
    training, held_out = split(data, 0.25, seed=1)
    for part in (data, training, held_out):
        array = part.inputs["x"]
        examples = array if isinstance(array, Stored) else Stored(array)
        gather = gather_of(examples, "float32")
        assert isinstance(gather.file, mmap.mmap)
        assert gather.file is owner(gather.array)
    assert gather_of(Stored(IMAGES), "float32").file is None
    scale = fit_standardizer(training)
    chosen = training.x.reshape(-1, 3)
    np.testing.assert_allclose(scale.mean["x"], chosen.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(scale.std["x"], chosen.std(axis=0), rtol=1e-13)


def test_pages_of_the_next_batch_are_asked_for(directory: Path, monkeypatch: pytest.MonkeyPatch):
    """A training on a mapped file is that on the array, whether or not the system is asked for pages."""
    g = ng.Graph("images")
    g.output(g.linear(g.reshape(g.input("image", (6, 5, 3)), (90,)), 3, name="scores"))
    mapped = load(f"{directory}/x.npy:labels={directory}/y.npy")
    found: list[dict[str, np.ndarray]] = []
    for asked in (True, False):
        if not asked:
            monkeypatch.setattr(Gather, "file", None)
        m = ng.compile(g, loss="cross_entropy", optimizer=ng.SGD(0.001))
        m.fit(mapped, epochs=2, batch_size=7, validation=0.2)
        found.append(m.parameters())
    assert found[0].keys() == found[1].keys()
    assert all(np.array_equal(found[0][name], found[1][name]) for name in found[0])


def test_other_numbers_and_labels(directory: Path):
    np.save(directory / "f.npy", IMAGES.astype(np.float64))
    np.save(directory / "names.npy", np.array(["a", "b", "c"])[LABELS])
    data = load(f"{directory}/f.npy:labels={directory}/names.npy")
    assert data.x.dtype == np.float64
    assert owner(data.x) is not None
    assert data.classes == ("a", "b", "c")
    assert not load(f"{directory}/x.npy", need_targets=False).targets
    with pytest.raises(DataError, match=r"x.npy: needs a file of targets; say .*x.npy:labels=FILE.npy"):
        load(f"{directory}/x.npy")


def test_files_that_are_not_whole(directory: Path):
    whole = (directory / "x.npy").read_bytes()
    np.save(directory / "objects.npy", np.array([{}, None]), allow_pickle=True)
    np.save(directory / "f.npy", np.asfortranarray(IMAGES))
    large = whole[:128].replace(b"(40, ", b"(40000000000, ").replace(b"               ", b"", 1)
    for content, message in (
        (b"", "is no readable .npy file"),
        (whole[:-1], "mmap length is greater"),
        (whole[:100], "is no readable .npy file"),
        (b"\x80\x02cos\nsystem\n.", "magic string is not correct"),
        (whole[:8] + len(large[10:128]).to_bytes(2, "little") + large[10:], "is no readable .npy file"),
        ((directory / "objects.npy").read_bytes(), "Python objects"),
        ((directory / "f.npy").read_bytes(), "is in Fortran's order"),
    ):
        (directory / "x.npy").write_bytes(content)
        with pytest.raises(DataError, match=message) as error:
            load(f"{directory}/x.npy:labels={directory}/y.npy")
        assert "\n" not in str(error.value)
    np.save(directory / "x.npy", IMAGES)
    with pytest.raises(DataError, match="none.npy: cannot be read"):
        load(f"{directory}/x.npy:labels={directory}/none.npy")
