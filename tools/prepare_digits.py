"""Make nngraph/train/data/digits.npz from scikit-learn's copy of the UCI optical digits.

The CSV is `sklearn/datasets/data/digits.csv.gz` in a scikit-learn wheel (`pip download scikit-learn
--no-deps`): 64 pixels and the label a line. With --check, compares its numbers with the file that is there.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import zipfile
from pathlib import Path

import numpy as np

TARGET = Path(__file__).parents[1] / "nngraph" / "train" / "data" / "digits.npz"


def read_csv_or_wheel(path: Path) -> np.ndarray:
    """The table of 1,797 rows of 65 numbers, from the CSV (or CSV.gz) or from the wheel that holds it."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            content = gzip.decompress(wheel.read("sklearn/datasets/data/digits.csv.gz"))
    else:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    table = np.array([line.split(",") for line in content.decode("ascii").split()], np.float64)
    if table.shape != (1797, 65):
        raise SystemExit(f"{path}: holds a table of shape {table.shape}, but (1797, 65) is expected")
    return table.astype(np.uint8)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="digits.csv, digits.csv.gz or a scikit-learn wheel")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args(arguments)
    table = read_csv_or_wheel(options.source)
    arrays = {"images": table[:, :64].reshape(-1, 8, 8), "labels": table[:, 64]}
    if not options.check:
        np.savez_compressed(TARGET, images=arrays["images"], labels=arrays["labels"])
        return 0
    with np.load(TARGET, allow_pickle=False) as archive:
        same = all(np.array_equal(archive[name], array) for name, array in arrays.items())
    print("equal" if same else "different")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
