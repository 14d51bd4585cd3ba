import gzip
from pathlib import Path

import numpy as np
import pytest

from nngraph.errors import DataError
from nngraph.train.data.dataset import Dataset
from nngraph.train.data.specs import load

IRIS = "sepal,petal,species\n1.0,2.0,setosa\n3,4e0,virginica\n\n-5,6,setosa\n"


@pytest.fixture
def write(tmp_path: Path):
    def write(content: str | bytes, name: str = "t.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def read(path: Path, options: str = "", **more: object) -> Dataset:
    return load(f"{path}:{options}" if options else str(path), **more)  # pyright: ignore[reportArgumentType]


def test_text_is_classes(write):
    data = read(write(IRIS), "target=species")
    assert data.x.tolist() == [[1, 2], [3, 4], [-5, 6]]
    assert data.x.dtype == np.float64
    assert data.y.tolist() == [0, 1, 0]
    assert data.classes == ("setosa", "virginica")
    assert data.columns == ("sepal", "petal")
    assert list(data.targets) == ["species"]


def test_known_classes_keep_their_labels(write):
    data = read(write(IRIS), "target=species", classes=("other", "setosa", "virginica"))
    assert data.y.tolist() == [1, 2, 1]
    with pytest.raises(DataError, match="column 'species': has the label 'setosa'"):
        read(write(IRIS), "target=species", classes=("virginica",))


def test_whole_numbers_are_labels_and_others_values(write):
    path = write("a,label,value\n1,3,0.5\n2,0,1\n")
    labels = read(path, "target=label,drop=value")
    assert labels.y.tolist() == [3, 0]
    assert labels.classes == ("0", "1", "2", "3")
    assert labels.columns == ("a",)
    values = read(path, "target=value")
    assert values.task == "regression"
    assert values.y.tolist() == [0.5, 1]
    assert values.columns == ("a", "label")
    assert read(path, "target=label,task=regression").y.dtype == np.float64


def test_quotes_byte_order_mark_and_line_ends(write):
    content = '\ufeff"a, b","say ""c""",y\r\n"1","2",no\r\n3,4,"yes,\nsir"\r\n'
    data = read(write(content), "target=y")
    assert data.columns == ("a, b", 'say "c"')
    assert data.classes == ("no", "yes,\nsir")
    assert data.x.tolist() == [[1, 2], [3, 4]]


def test_gzipped(write):
    assert len(read(write(gzip.compress(IRIS.encode()), "t.csv.gz"), "target=species")) == 3


def test_prediction_needs_no_target(write):
    assert read(write("a,b\n1,2\n"), need_targets=False).x.shape == (1, 2)
    assert read(write("a,b\n1,2\n"), "target=y", need_targets=False).x.shape == (1, 2)
    assert read(write("a,b,y\n1,2,3\n"), "target=y", need_targets=False).x.shape == (1, 2)


def test_several_columns_are_dropped(write):
    assert read(write("id,a,name,y\n7,1,x,0\n8,2,z,1\n"), "target=y,drop=id+name").columns == ("a",)


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (IRIS, "target=kind", "target is 'kind', but its columns are 'sepal', 'petal', 'species'"),
        (IRIS, "", "needs a target column; say .*t.csv:target=NAME; its columns are 'sepal'"),
        (
            IRIS,
            "target=petal",
            "line 2, column 'species': 'setosa' is not a number; drop the column with drop=sp",
        ),
        (IRIS, "target=species,drop=x", "drop is 'x', but its columns are"),
        (IRIS, "target=species,drop=sepal+petal", "has no column left for the features"),
        (IRIS, "target=species,task=regression", "'setosa' in line 2 is not a number to regress to"),
        ("a,y\n1,0\nnan,1\n", "target=y", "line 3, column 'a': holds NaN; fill in"),
        ("a,y\n1,0\n-inf,1\n", "target=y", "line 3, column 'a': holds an infinity"),
        ("a,y\n1,0\n,1\n", "target=y", "line 3, column 'a': is empty; fill in a number"),
        ("a,y\n1,0\n2,\n", "target=y", "line 3: the target is empty"),
        ("a,y\n1,0.5\n2,nan\n", "target=y", "column 'y': holds nan in line 3"),
        ("a,y\n1,0\n2,-1\n", "target=y", "has the label -1 at row 1, but labels start at 0"),
        ("a,y\n1,0\n2,1,5\n", "target=y", "line 3 has 3 cells, but the header has 2; quote cells"),
        ("a,y\n1,0\n2\n", "target=y", "line 3 has 1 cells"),
        ('a,y\n1,0\n"2,1\n', "target=y", "line 3 is malformed CSV"),
        ("1,2,3\n4,5,6\n", "target=y", "its first line holds the number 1; put column names above it"),
        ("a;y\n1;2\n", "target=y", "cells are separated by ';'; separate them by commas"),
        ("a,a,y\n1,2,3\n", "target=y", "its header holds 'a' more than once"),
        ("a,y\n", "target=y", "has a header but no rows"),
        ("", "target=y", "is empty; a header with the names of the columns"),
        (b"a,y\n\xff\xfe,1\n", "target=y", "is not text in UTF-8"),
    ],
)
def test_errors(write, content: str | bytes, options: str, message: str):
    with pytest.raises(DataError, match=message) as raised:
        read(write(content), options)
    assert "t.csv" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_broken_gzip(write):
    with pytest.raises(DataError, match="cannot be read"):
        read(write(gzip.compress(IRIS.encode())[:-9], "t.csv.gz"), "target=species")
    with pytest.raises(DataError, match="cannot be read"):
        read(write("a,y\n1,2\n", "t.csv.gz"), "target=y")
