"""`nngraph inspect` of a run's directory, or of a checkpoint, as of what it was trained from."""

import re

import numpy as np
import pytest

import nngraph as ng
from nngraph.draw.arrays import figure, line_of
from nngraph.train.data.specs import load
from nngraph.train.data.splits import split
from tests.draw.pictures import needs_graphviz


@pytest.fixture(scope="module")
def run(tmp_path_factory, small):
    """Standardized, in float64, with another loss and batch size than its file says."""
    from nngraph.cli.main import run as command

    folder = tmp_path_factory.mktemp("runs")
    random = np.random.default_rng(0)
    np.savez(folder / "data.npz", x=random.normal(5.0, 3.0, size=(60, 6)), y=random.integers(0, 3, 60))
    options = f"--epochs 2 --batch-size 7 --dtype float64 --standardize --quiet --data {folder / 'data.npz'}"
    assert command(["train", str(small), "--run", str(folder / "run"), *options.split()]) == 0
    return folder / "run"


@pytest.mark.parametrize("part", ["", "last.safetensors"])
def test_it_is_looked_at_as_a_model_file(nngraph, run, small, part):
    ran = nngraph("inspect", run / part)
    assert ran.code == 0
    assert ran.out.startswith("small: predict, float64\n")
    rows = ran.out.splitlines()[3:]
    assert [row.split()[0] for row in rows[:4]] == [
        row.split()[0] for row in nngraph("inspect", small).out.splitlines()[3:7]
    ]
    assert "batch 7," in nngraph("inspect", run, "--memory").out
    assert "float64" in nngraph("inspect", run / part, "--after", "fuse", "--format", "text").out
    assert "float32[batch, 5]" in nngraph("inspect", run, "--after", "lower", "--dtype", "float32").out


def titles(picture: str, id: str) -> dict[str, str]:
    """What the pointer is told over an item."""
    text = re.search(rf"<title>{re.escape(id)} \([^)]*\)\n([^<]*)</title>", picture)
    assert text is not None
    return dict(line.split(": ", 1) for line in text[1].splitlines() if ": " in line)


@needs_graphviz
def test_values_are_those_of_its_parameters_on_what_it_held_out(nngraph, run):
    model = ng.load_model(run)
    _, held_out = split(load(str(run.parent / "data.npz")), 0.2, seed=0)
    picture = nngraph("inspect", run, "--values", "--example", 3).out
    weight = np.asarray(model.parameters()["h1.weight"])
    assert titles(picture, "h1.weight")["value"] == line_of(weight.T)  # as it is held, inputs first
    x, y = held_out.x[3:4], held_out.y[3:4]
    loss = model.evaluate(x, y)["loss"]
    above = re.findall(r'class="shape value"[^>]*>([^<]*)<', picture)
    assert above.count(figure(loss)) >= 1
    gradients = model.loss_and_gradients(x, y)[1]
    assert titles(picture, "logits.bias")["gradient"] == line_of(gradients["logits.bias"])


@needs_graphviz
def test_data_may_be_named(nngraph, run):
    assert nngraph("inspect", run, "--values", "--data", run.parent / "data.npz", "--example", 59).code == 0
    ran = nngraph("inspect", run, "--values", "--example", 12)
    assert "--example: 12 given, but" in ran.err
    assert "held out has 12 examples, counted from 0" in ran.err


def test_a_checkpoint_of_a_model_that_no_command_trained(nngraph, tmp_path, small):
    model = ng.compile(ng.load(small), dtype="float64")
    model.save(tmp_path / "model.safetensors")
    assert nngraph("inspect", tmp_path / "model.safetensors", "--memory").out.startswith(
        "small: train, float64, batch 16"
    )


def test_other_directories(nngraph, run, tmp_path):
    ran = nngraph("inspect", tmp_path)
    assert ran.code == 2
    assert ran.err == (
        f"nngraph: {tmp_path}: is no run directory with a checkpoint, for it holds no last.safetensors\n"
    )
    (tmp_path / "model.json").write_text((run / "model.json").read_text())
    ran = nngraph("inspect", tmp_path)
    assert ran.err.endswith(f"holds no checkpoint yet; look at the model file in it, {tmp_path / 'model.json'}\n")
    for command in (["compile"], ["gradcheck"], ["train"], ["bench", "model"]):
        ran = nngraph(*command, run)
        assert ran.code == 2
        assert ran.err == (
            f"nngraph: {run}: is a directory, a model file expected; this run's is {run / 'model.json'}\n"
        )
