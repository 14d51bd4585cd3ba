"""Where data comes from: named datasets, and formats of files."""

from __future__ import annotations

from collections.abc import Callable

from nngraph.train.data import generated
from nngraph.train.data.cifar import load_cifar
from nngraph.train.data.csv_table import load_csv
from nngraph.train.data.dataset import Dataset
from nngraph.train.data.digits import digits
from nngraph.train.data.folders import load_folders
from nngraph.train.data.idx import load_idx
from nngraph.train.data.npy import load_npy
from nngraph.train.data.npz import load_npz
from nngraph_kernels.record import record

TASKS = ("classification", "regression")


@record
class DataOption:
    """A ``key=value`` that a source takes.

    Attributes
    ----------
    default : int, float, str or None
        None where there is no value by default.
    choices : tuple of str or int
        All accepted values; empty where any will do.
    """

    name: str
    type: type[int | float | str]
    default: int | float | str | None
    summary: str
    choices: tuple[str | int, ...] = ()


@record
class DataSource:
    """A named dataset, or a format of files.

    Attributes
    ----------
    name : str
        The name in a spec, or the format's.
    summary : str
    make : callable
        From the options, for a file from its path first, to the Dataset.
    options : tuple of DataOption
    """

    name: str
    summary: str
    make: Callable[..., Dataset]
    options: tuple[DataOption, ...] = ()


def _points(name: str, summary: str, make: Callable[..., Dataset], noise: float, *more: DataOption) -> DataSource:
    options = (
        DataOption("n", int, 500, "number of points"),
        DataOption("noise", float, noise, "deviation of the noise"),
        DataOption("seed", int, 0, "what the noise depends on"),
    )
    return DataSource(name, summary, make, options + more)


DATASETS: tuple[DataSource, ...] = (
    DataSource("digits", "1,797 handwritten digits of 8x8 pixels (UCI), inside the package", digits),
    _points("moons", "two interleaved half circles", generated.moons, 0.1),
    _points(
        "circles",
        "a circle within a circle",
        generated.circles,
        0.1,
        DataOption("factor", float, 0.5, "radius of the inner circle"),
    ),
    _points(
        "spirals",
        "arms that wind out from the origin",
        generated.spirals,
        0.05,
        DataOption("classes", int, 2, "number of arms"),
        DataOption("turns", float, 1.0, "turns of an arm"),
    ),
    _points("xor", "opposite quadrants of a square", generated.xor, 0.1),
    _points(
        "blobs",
        "round clouds around points of a circle",
        generated.blobs,
        0.3,
        DataOption("classes", int, 3, "number of clouds"),
    ),
    _points("sine", "y = sin(2πx) over [-1, 1], regression", generated.sine, 0.05),
    _points("step", "y = 1 where x > 0, else 0, over [-1, 1], regression", generated.step, 0.05),
    DataSource(
        "images",
        "random images of bytes, of which a class's resemble each other",
        generated.images,
        (
            DataOption("n", int, 1000, "number of images"),
            DataOption("size", int, 32, "height and width"),
            DataOption("channels", int, 3, "numbers of a pixel"),
            DataOption("classes", int, 10, "number of classes"),
            DataOption("noise", float, 0.5, "share of noise, from 0 to 1"),
            DataOption("seed", int, 0, "what the images depend on"),
        ),
    ),
    DataSource(
        "random",
        "standard normal numbers in and out, regression",
        generated.random,
        (
            DataOption("n", int, 64, "number of examples"),
            DataOption("inputs", int, 1000, "numbers that go in"),
            DataOption("outputs", int, 10, "numbers to come out"),
            DataOption("seed", int, 0, "what the numbers depend on"),
        ),
    ),
)
_TASK = DataOption("task", str, None, "what the target is, where its type does not say", TASKS)
NPZ = DataSource(
    ".npz",
    "NumPy archive with arrays x and y",
    load_npz,
    (
        DataOption("x", str, None, "key of the input"),
        DataOption("y", str, None, "key of the target"),
        _TASK,
    ),
)
CSV = DataSource(
    ".csv",
    "table with a header, comma-separated, or .csv.gz",
    load_csv,
    (
        DataOption("target", str, None, "column to predict"),
        DataOption("drop", str, None, "columns to leave out, joined by +"),
        _TASK,
    ),
)
IDX = DataSource(
    "IDX",
    "images and labels as of MNIST, .gz or not: a directory or the file of images",
    load_idx,
    (
        DataOption("part", str, "train", "which files of a directory", ("train", "test")),
        DataOption("labels", str, None, "file of labels"),
        _TASK,
    ),
)
NPY = DataSource(
    ".npy",
    "NumPy array; of uint8 it is mapped, and may be larger than memory",
    load_npy,
    (DataOption("labels", str, None, ".npy file of targets"), _TASK),
)
_PART = DataOption("part", str, "train", "which of its files", ("train", "test"))
CIFAR = DataSource("cifar10", "CIFAR-10: the directory of its binary or Python files", load_cifar, (_PART,))
FOLDERS = DataSource(
    "folders",
    "a directory with a folder of images for each class (needs Pillow)",
    load_folders,
    (
        DataOption("size", str, None, "what images are resized to, HEIGHTxWIDTH or one number"),
        DataOption("channels", int, 3, "3 for color, 1 for gray", (1, 3)),
    ),
)
FORMATS: tuple[DataSource, ...] = (NPZ, CSV, NPY, IDX, CIFAR, FOLDERS)
NAMED = {"cifar10": CIFAR, "mnist": IDX, "folders": FOLDERS}  # directories may be called so: cifar10:DIRECTORY
