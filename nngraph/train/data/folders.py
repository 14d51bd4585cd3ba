"""Images in folders, a folder for each class, read with Pillow."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nngraph.errors import DataError
from nngraph.train.data.dataset import Dataset, encode_labels, from_arrays, names

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
MODES = {1: "L", 3: "RGB"}


def is_image_folder(directory: Path) -> bool:
    """Whether a directory holds images, or folders that do."""
    return bool(_images(directory)) or any(_images(folder) for folder in _folders(directory))


def load_folders(
    path: Path,
    *,
    size: str = "",
    channels: int = 3,
    classes: Sequence[str] = (),
    need_targets: bool = True,
) -> Dataset:
    """A dataset from a directory with a folder of images for each class, which the folder's name is.

    Parameters
    ----------
    path : pathlib.Path
    size : str
        ``HEIGHTxWIDTH``, or one number for both: what images are resized to. Without it all must have one size.
    channels : {3, 1}
        Color or gray.
    classes, need_targets
        As for `nngraph.train.data.load`; where targets are not needed, folders may have any names, or there may be
        none.

    Notes
    -----
    All images are held in memory, as uint8.
    """
    wanted = _size(path, size)
    if not path.is_dir():
        raise DataError(f"{path}: is no directory, but one with a folder of images for each class is expected")
    files = [file for folder in _folders(path) for file in _images(folder)]
    targets = [file.parent.name for file in files] if need_targets else []
    if not files and not need_targets:
        files = _images(path)
    if not files:
        raise DataError(f"{path}: holds no folders with images ({', '.join(SUFFIXES)}); put each class into one")
    empty = [folder.name for folder in _folders(path) if targets and not _images(folder)]
    if empty:
        raise DataError(f"{path}: the folder {names(empty[:1])} holds no images; put some there, or remove it")
    labels, classes = encode_labels(targets, f"{path}: its folders", tuple(classes)) if targets else (None, classes)
    data = from_arrays(
        {"image": _read_all(path, files, wanted, channels)},
        None if labels is None else {"label": labels},
        name=str(path),
        task="classification",
        classes=classes,
        description=f"{len(files)} images in folders of {path.name}",
    )
    return replace(data, files=tuple(file.relative_to(path).as_posix() for file in files))


def _size(path: Path, text: str) -> tuple[int, int] | None:
    if not text:
        return None
    match = re.fullmatch(r"([1-9]\d{0,4})(?:x([1-9]\d{0,4}))?", text)
    if match is None:
        raise DataError(f"{path}: size is {text!r}, but HEIGHTxWIDTH is expected, as in 32x48, or one number for both")
    return int(match[1]), int(match[2] or match[1])


def _folders(directory: Path) -> list[Path]:
    return sorted(folder for folder in directory.iterdir() if folder.is_dir() and not folder.name.startswith("."))


def _images(directory: Path) -> list[Path]:
    files = (file for file in directory.iterdir() if file.suffix.lower() in SUFFIXES)
    return sorted(file for file in files if file.is_file() and not file.name.startswith("."))


def _read_all(path: Path, files: Sequence[Path], size: tuple[int, int] | None, channels: int) -> np.ndarray:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        mend = "install it with: pip install 'nngraph[data]'"
        raise DataError(f"{path}: images in folders are read with Pillow, which is missing; {mend}") from None
    found: np.ndarray | None = None
    for number, file in enumerate(files):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                warnings.simplefilter("ignore", UserWarning)
                with Image.open(file) as image:
                    shape = size or _same_size(files[0], file, found, image)
                    if found is None:
                        found = np.empty((len(files), *shape, channels), np.uint8)
                    found[number] = _pixels(image, shape, channels)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise DataError(f"{file}: is larger than {Image.MAX_IMAGE_PIXELS} pixels; make it smaller") from None
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise DataError(f"{file}: is no readable image ({reason}); remove it, or save it again") from None
        except MemoryError:
            raise DataError(f"{path}: {len(files)} images do not fit into memory; save them as a .npy file") from None
    assert found is not None
    return found


def _same_size(first: Path, file: Path, found: np.ndarray | None, image: Image) -> tuple[int, int]:
    """The size of an image, which is that of the first one."""
    height, width = image.height, image.width
    if found is not None and found.shape[1:3] != (height, width):
        sizes = (
            f"{height} x {width} pixels, but {first.parent.name}/{first.name} has {found.shape[1]} x {found.shape[2]}"
        )
        raise DataError(f"{file}: has {sizes}; resize all with size=HEIGHTxWIDTH")
    return height, width


def _pixels(image: Image, shape: tuple[int, int], channels: int) -> np.ndarray:
    converted = image.convert(MODES[channels])
    if (converted.height, converted.width) != shape:
        converted = converted.resize((shape[1], shape[0]))
    return np.asarray(converted, np.uint8).reshape(*shape, channels)
