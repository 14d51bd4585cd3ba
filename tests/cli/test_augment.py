"""`nngraph train` on images: bytes are standardized, and augmented where that is said."""

import json
from pathlib import Path
from typing import Any

import pytest

import nngraph as ng
from nngraph.cli.choices import switches
from nngraph.errors import OptionError

DATA = "images:n=60,size=8,classes=3,noise=0.3"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    g = ng.Graph("small")
    g.output(g.linear(g.reshape(g.input("image", (8, 8, 3)), (192,)), 3, name="scores"))
    g.training = {"data": DATA, "epochs": 3, "optimizer": {"type": "sgd", "learning_rate": 0.01}}
    g.training["augment"] = {"flip": True}
    path = tmp_path_factory.mktemp("models") / "small.json"
    g.save(path)
    return path


def config_of(run: Path) -> dict[str, Any]:
    return json.loads((run / "config.json").read_text())


def test_the_models_augmentation_or_that_of_the_command(nngraph: Any, small: Path, tmp_path: Path):
    ran = nngraph("train", small, "--run", tmp_path / "a")
    assert ran.code == 0, ran.err
    assert f"{DATA}: 48 examples to train on, 12 held out, standardized, augmented (flip)" in " ".join(ran.out.split())
    assert config_of(tmp_path / "a")["augment"] == {"crop": 0, "flip": True}
    ran = nngraph("train", small, "--run", tmp_path / "b", "--augment", "crop=2, flip")
    assert "augmented (crop 2, flip)" in " ".join(ran.out.split())
    assert config_of(tmp_path / "b")["augment"] == {"crop": 2, "flip": True}
    ran = nngraph("train", small, "--run", tmp_path / "c", "--augment", "flip=false", "--no-standardize")
    assert "augmented" not in ran.out
    assert "standardized" not in ran.out
    assert config_of(tmp_path / "c")["augment"] is None


def test_a_run_goes_on_with_its_augmentation(nngraph: Any, small: Path, tmp_path: Path):
    whole = nngraph("train", small, "--run", tmp_path / "whole", "--augment", "crop=1,flip", "--epochs", 4)
    assert nngraph("train", small, "--run", tmp_path / "run", "--augment", "crop=1,flip", "--epochs", 2).code == 0
    ran = nngraph("train", "--resume", tmp_path / "run", "--epochs", 4)
    assert ran.code == 0, ran.err
    held_out = [line.partition(" (")[0] for line in whole.out.splitlines() if line.startswith("held-out")]
    assert held_out[0] in ran.out
    assert config_of(tmp_path / "run")["augment"] == {"crop": 1, "flip": True}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("crops=1", "augment: there is no option 'crops'; did you mean 'crop'"),
        ("crop=1.5", "augment: crop is 1.5, but a whole number of pixels from 0 is expected"),
        ("crop", "augment: crop is True, but a whole number"),
        ("crop=8", "crop is 8, but the images of input 'image' are of 8 x 8 pixels; give less than 8"),
        ("flip=", "--augment: 'flip=' in 'flip=' is no option; write name=value or name"),
    ],
)
def test_options_that_are_not_accepted(nngraph: Any, small: Path, tmp_path: Path, given: str, message: str):
    ran = nngraph("train", small, "--run", tmp_path / "run", "--augment", given)
    assert ran.code == 2
    assert message in ran.err
    assert not (tmp_path / "run").exists()


def test_switches():
    assert switches("--augment", "crop=4, flip") == {"crop": 4, "flip": True}
    assert switches("--augment", "") == {}
    with pytest.raises(OptionError, match="'flip' in 'flip,flip' is no option"):
        switches("--augment", "flip,flip")


@pytest.mark.parametrize(
    ("augment", "message"),
    [({"crp": 1}, "training: augment: unknown field 'crp'; did you mean 'crop'"), ({"crop": -1}, "crop: -1 given")],
)
def test_a_models_file_says_what_is_wrong(small: Path, tmp_path: Path, augment: dict[str, int], message: str):
    document = json.loads(small.read_text())
    document["training"]["augment"] = augment
    (tmp_path / "model.json").write_text(json.dumps(document))
    with pytest.raises(ng.Errors, match=message):
        ng.load(tmp_path / "model.json")
