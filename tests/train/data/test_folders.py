"""Folders of images, a class each."""

import sys
from pathlib import Path

import numpy as np
import pytest

from nngraph.errors import DataError
from nngraph.train.data.dataset import take
from nngraph.train.data.specs import load

Image = pytest.importorskip("PIL.Image")
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (3, 5, 4, 3), dtype=np.uint8)


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    for name, pixels in (("cat/2.png", PIXELS[0]), ("cat/10.PNG", PIXELS[1]), ("dog/1.bmp", PIXELS[2])):
        save(root / name, pixels)
    (root / "cat" / "notes.txt").write_text("no image")
    (root / ".hidden").mkdir()
    return root


def test_a_folder_for_each_class(photos: Path):
    for spec in (f"{photos}", f"folders:{photos}", f"{photos}:channels=3"):
        data = load(spec)
        assert data.classes == ("cat", "dog")
        assert data.y.tolist() == [0, 0, 1]
        assert data.x.dtype == np.uint8
        assert np.array_equal(data.x, PIXELS[[1, 0, 2]])  # by name: 10 before 2
        assert data.files == ("cat/10.PNG", "cat/2.png", "dog/1.bmp")
        assert take(data, np.array([2, 0])).files == ("dog/1.bmp", "cat/10.PNG")
    assert load(str(photos), classes=("dog", "bird", "cat")).y.tolist() == [2, 2, 0]
    with pytest.raises(DataError, match="its folders: has the label 'cat' at row 0, but the classes are 'dog', 'bird'"):
        load(str(photos), classes=("dog", "bird"))


def test_sizes_and_channels(photos: Path):
    assert load(f"{photos}:size=8").x.shape == (3, 8, 8, 3)
    assert load(f"{photos}:size=2x3,channels=1").x.shape == (3, 2, 3, 1)
    gray = load(f"{photos}:channels=1").x
    expected = (PIXELS[0] @ [0.299, 0.587, 0.114]).round()
    assert np.abs(gray[1, ..., 0] - expected).max() <= 1
    save(photos / "dog" / "2.png", PIXELS[0, :3])
    with pytest.raises(DataError, match=r"2.png: has 3 x 4 pixels, but cat/10.PNG has 5 x 4; resize all with size="):
        load(str(photos))
    assert load(f"{photos}:size=5x4").x.shape == (4, 5, 4, 3)


def test_other_modes(photos: Path):
    """Palettes, gray and transparency all become red, green and blue."""
    save(photos / "dog" / "2.png", PIXELS[0, ..., 0])
    save(photos / "dog" / "3.png", np.dstack([PIXELS[0], PIXELS[0, ..., :1]]))
    Image.fromarray(PIXELS[1]).convert("P").save(photos / "dog" / "4.gif")
    x = load(str(photos)).x
    assert x.shape == (6, 5, 4, 3)
    assert np.array_equal(x[3], np.repeat(PIXELS[0, ..., :1], 3, axis=2))
    assert np.array_equal(x[4], PIXELS[0])


def test_images_to_predict(tmp_path: Path):
    save(tmp_path / "new" / "a.png", PIXELS[0])
    data = load(f"{tmp_path}/new", classes=("cat", "dog"), need_targets=False)
    assert np.array_equal(data.x, PIXELS[:1])
    assert not data.targets
    assert data.files == ("a.png",)
    save(tmp_path / "emu" / "new" / "a.png", PIXELS[1])  # in a folder that is no class of the training
    data = load(f"{tmp_path}/emu", classes=("cat", "dog"), need_targets=False)
    assert np.array_equal(data.x, PIXELS[1:2])
    assert not data.targets
    with pytest.raises(DataError, match="holds no folders with images"):
        load(f"{tmp_path}/new")


@pytest.mark.parametrize("size", ["0", "8x", "x8", "8x8x3", "big", "-1", "123456"])
def test_sizes_that_are_none(photos: Path, size: str):
    with pytest.raises(DataError, match=f"size is '{size}', but HEIGHTxWIDTH is expected"):
        load(f"{photos}:size={size}")


def test_files_that_are_no_images(photos: Path, monkeypatch: pytest.MonkeyPatch):
    for content in (b"", b"GIF89a", (photos / "cat" / "2.png").read_bytes()[:60]):
        (photos / "dog" / "1.bmp").write_bytes(content)
        with pytest.raises(DataError, match="1.bmp: is no readable image .*; remove it") as error:
            load(str(photos))
        assert "\n" not in str(error.value)
    (photos / "dog" / "1.bmp").unlink()
    with pytest.raises(DataError, match="the folder 'dog' holds no images"):
        load(str(photos))
    (photos / "dog").rmdir()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 15)
    with pytest.raises(DataError, match="is larger than 15 pixels"):
        load(f"{photos}:size=2")
    with pytest.raises(DataError, match="is no directory"):
        load(f"folders:{photos}/cat/2.png")


def test_without_pillow(photos: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(
        DataError, match=r"read with Pillow, which is missing; .*pip install 'nngraph\[data\]'"
    ) as error:
        load(str(photos))
    assert "\n" not in str(error.value)
