from pathlib import Path

import numpy as np
import pytest

from nngraph.errors import DataError, OptionError
from nngraph.train.data.generated import moons
from nngraph.train.data.sources import DATASETS, FORMATS, DataSource
from nngraph.train.data.specs import load


@pytest.mark.parametrize("source", DATASETS, ids=lambda source: source.name)
def test_every_dataset_is_made_by_its_name_and_defaults(source: DataSource):
    data = load(source.name)
    assert data.name == source.name
    spec = ",".join(f"{option.name}={option.default}" for option in source.options)
    assert np.array_equal(load(f"{source.name}:{spec}" if spec else source.name).x, data.x)


@pytest.mark.parametrize("source", [*DATASETS, *FORMATS], ids=lambda source: source.name)
def test_every_source_says_what_it_is(source: DataSource):
    assert source.summary
    assert all(option.summary for option in source.options)


def test_options():
    data = load("moons:n=50,noise=0.2,seed=3")
    assert np.array_equal(data.x, moons(50, 0.2, 3).x)
    assert len(load("moons: n = 50 , noise = 0")) == 50
    assert len(load("moons:")) == 500


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("moon", "data 'moon': no dataset and no file is called 'moon'; did you mean 'moons'\\?"),
        ("qqq", "called 'qqq'; known are 'digits', 'moons'"),
        ("moons:nois=1", "data 'moons:nois=1': moons has no option 'nois'; did you mean 'noise'\\?"),
        ("moons:zz=1", "moons has no option 'zz'; known are 'n', 'noise', 'seed'"),
        ("moons:n=many", "n is 'many', but a whole number is expected"),
        ("moons:n=1.5", "n is '1.5', but a whole number"),
        ("moons:noise=loud", "noise is 'loud', but a number is expected"),
        ("moons:n", "'n' is no option; write key=value, joined by commas"),
        ("moons:n=", "'n=' is no option"),
        ("moons:n=1,n=2", "the option 'n' is given twice"),
        ("digits:n=3", "digits takes no options, but 'n' is given"),
        (
            "missing.npz",
            "missing.npz: no such file; give a path that exists or one of the datasets digits, moons",
        ),
        ("no/where", "no/where: no such file"),
        ("missing.csv:target=y", "missing.csv: no such file"),
    ],
)
def test_errors(spec: str, message: str):
    with pytest.raises(DataError, match=message) as raised:
        load(spec)
    assert "\n" not in str(raised.value)


def test_options_out_of_range_come_from_the_dataset():
    with pytest.raises(OptionError, match="moons: n is 0"):
        load("moons:n=0")


def test_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match="notes.txt: is of no known format; .npz, .npy, .csv and IDX files are read"):
        load(f"{tmp_path}/notes.txt")
    np.savez(tmp_path / "a:b=c.npz", x=[1.0], y=[0])
    assert len(load(f"{tmp_path}/a:b=c.npz")) == 1
    assert len(load(f"{tmp_path}/a:b=c.npz:task=regression")) == 1
    with pytest.raises(DataError, match="task is 'guess', but 'classification', 'regression' are accepted"):
        load(f"{tmp_path}/a:b=c.npz:task=guess")
    with pytest.raises(DataError, match="'task' is no option"):
        load(f"{tmp_path}/a:b=c.npz:task")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert len(load("digits")) == 1797
    with pytest.raises(DataError, match="digits: holds no data"):
        load("./digits")
