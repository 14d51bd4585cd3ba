"""`nngraph train`, `evaluate` and `predict`, on a small model."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest

import nngraph as ng
from nngraph.cli.choices import choice, data_spec, seeds_of
from nngraph.cli.training import Clock
from nngraph.train.data.sources import DATASETS

BLOBS = "blobs:n=90,noise=0.3,classes=3"


@pytest.fixture(scope="session")
def points(tmp_path_factory):
    """Two numbers in, three classes out."""
    g = ng.Graph("points")
    g.output(g.linear(g.relu(g.linear(g.input("point", (2,)), 8)), 3, name="scores"))
    g.training = {"data": BLOBS, "epochs": 30, "batch_size": 16, "optimizer": {"type": "adam", "learning_rate": 0.03}}
    path = tmp_path_factory.mktemp("models") / "points.json"
    g.save(path)
    return path


@pytest.fixture(scope="session")
def flowers(tmp_path_factory):
    """A table with names of classes, of a scale that needs standardizing."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "flowers.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["length", "width", "kind"])
        for k in range(90):
            writer.writerow([*(rng.normal(1000 * (k % 3), 100, 2)).round(3), ["iris", "rose", "tulip"][k % 3]])
    return path


def test_trains_and_says_how_well(nngraph, points, tmp_path):
    ran = nngraph("train", points, "--run", tmp_path / "run")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[0].startswith("model     points: 51 parameters, float32, ")
    assert lines[1] == f"data      {BLOBS}: 72 examples to train on, 18 held out"
    assert lines[2] == "training  cross_entropy, adam (learning rate 0.03), 30 epochs in batches of 16"
    assert lines[3].startswith("epoch 1/30: loss ")
    assert "validation accuracy" in lines[32]
    assert lines[33].startswith("held-out accuracy 1.0000, loss 0.")
    assert lines[34] == f"saved in {tmp_path / 'run'}; go on with: nngraph evaluate {tmp_path / 'run'}"
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 30


def test_the_run_is_in_runs_by_default(nngraph, points, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert nngraph("train", points, "--epochs", 1, "--quiet").code == 0
    (run,) = (tmp_path / "runs").iterdir()
    assert run.name.startswith("points-")


def test_several_splits_and_their_mean(nngraph, points, tmp_path):
    ran = nngraph("train", points, "--split-seeds", "0-2", "--run", tmp_path / "run", "--epochs", 3)
    results = [line for line in ran.out.splitlines() if line.startswith("split seed")]
    accuracies = [float(line.split()[5].rstrip(",")) for line in results]
    assert len(results) == 3
    assert f"mean of split seeds 0 to 2: held-out accuracy {np.mean(accuracies):.4f}" in ran.out
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"split-0", "split-1", "split-2"}
    again = nngraph("train", "--resume", tmp_path / "run", "--epochs", 5)
    assert again.code == 0, again.err
    assert again.out.count("(5 epochs") == 3
    first = f"nngraph evaluate {tmp_path / 'run' / 'split-0'}"
    assert ran.out.endswith(f"saved in {tmp_path / 'run'}; go on with: {first}\n")
    for command in ("evaluate", "predict"):
        ran = nngraph(command, tmp_path / "run", "--data", BLOBS)
        assert ran.code == 2
        assert "holds a run for each split seed (split-0, split-1, split-2); name one: " in ran.err
        assert ran.err.endswith(f"{first.replace('evaluate', command)}\n")
    assert nngraph(*first.split()[1:]).out.startswith(f"{BLOBS}, held out: ")


def test_resuming_is_the_same_as_not_stopping(nngraph, points, tmp_path):
    nngraph("train", points, "--run", tmp_path / "whole", "--epochs", 6, "--quiet")
    nngraph("train", points, "--run", tmp_path / "part", "--epochs", 2, "--quiet")
    assert nngraph("train", "--resume", tmp_path / "part", "--epochs", 6, "--quiet").code == 0
    whole, part = (tmp_path / name / "last.safetensors" for name in ("whole", "part"))
    assert whole.read_bytes() == part.read_bytes()
    for wrong in (["--seed", 3], [points], ["--loss", "l1"]):
        ran = nngraph("train", *wrong, "--resume", tmp_path / "part")
        assert ran.code == 2
        assert "a resumed run keeps its own" in ran.err


def test_options_beat_the_file(nngraph, points, tmp_path):
    ran = nngraph(
        "train", points, "--run", tmp_path / "run", "--epochs", 2, "--batch-size", 8, "--optimizer",
        "sgd:momentum=0.9,learning_rate=0.01", "--loss", "cross_entropy:label_smoothing=0.1", "--regularizer",
        "l2:strength=0.001", "--dtype", "float64", "--seed", 4, "--threads", 1, "--held-out", 0.5, "--data",
        "blobs:n=60", "--standardize", "--quiet", "--class-weight", "balanced",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[0] == "model     points: 51 parameters, float64, 1 thread, seed 4"
    assert lines[1] == "data      blobs:n=60: 30 examples to train on, 30 held out, standardized"
    assert max(map(len, lines[:4])) <= 110
    assert " ".join(lines[2].split() + lines[3].split()) == (
        "training cross_entropy (label smoothing 0.1), sgd (learning rate 0.01, momentum 0.9), "
        "regularizer l2 (strength 0.001), 2 epochs in batches of 8"
    )
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["dtype"], config["seed"], config["held_out"], config["split_seed"]) == ("float64", 4, 0.5, 0)


def test_early_stopping(nngraph, points, tmp_path):
    arguments = ["--patience", 2, "--validation-split", 0.25, "--learning-rate", 0.3, "--epochs", 500, "--quiet"]
    ran = nngraph("train", points, "--run", tmp_path / "run", *arguments)
    assert "validation_loss not better for 2 epochs" in ran.out
    assert "54 examples to train on, 18 to validate with, 18 held out" in ran.out
    assert json.loads((tmp_path / "run" / "config.json").read_text())["restored"]


def test_evaluates_what_the_run_held_out_or_other_data(nngraph, points, tmp_path):
    trained = nngraph("train", points, "--run", tmp_path / "run", "--quiet").out.splitlines()[3]
    ran = nngraph("evaluate", tmp_path / "run")
    found = ran.out.removeprefix(f"{BLOBS}, held out: ").split(" (")[0]
    assert found == trained.removeprefix("held-out ").split(" (")[0]
    assert "(90 examples)" in nngraph("evaluate", tmp_path / "run" / "best.safetensors", "--data", BLOBS).out
    ng.load_model(tmp_path / "run").save(tmp_path / "alone")
    assert "--data: none given" in nngraph("evaluate", tmp_path / "alone").err


def test_tables_standardizing_and_names_of_classes(nngraph, points, flowers, tmp_path):
    ran = nngraph("train", points, "--data", f"{flowers}:target=kind", "--run", tmp_path / "run", "--quiet")
    assert ran.code == 0, ran.err
    assert "held out, standardized" in " ".join(ran.out.split())  # lines are broken where paths are long
    assert "held-out accuracy 1.0000" in ran.out
    new = tmp_path / "new.csv"
    new.write_text("length,width\n0,10\n2000,1990\n990,1010\n")
    for name in ("out.csv", "out.json", "out.npy", "out.npz"):
        ran = nngraph("predict", tmp_path / "run", "-i", new, "-o", tmp_path / name)
        assert ran.out == f"3 predictions in {tmp_path / name}\n", ran.err
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == ["iris", "tulip", "rose"]
    array = np.load(tmp_path / "out.npy")
    assert float(rows[1]["score of rose"]) == array[1, 1]
    assert [row["class"] for row in json.loads((tmp_path / "out.json").read_text())] == ["iris", "tulip", "rose"]
    assert np.array_equal(np.load(tmp_path / "out.npz")["scores"], array)
    digits = max(len(row["score of rose"].lstrip("-").replace(".", "")) for row in rows)
    assert digits <= 10  # of float32, not those of the float64 that is nearest
    printed = nngraph("predict", tmp_path / "run", "--data", new).out
    assert printed == (tmp_path / "out.csv").read_text()


def test_regression_is_told_by_the_data(nngraph, tmp_path):
    g = ng.Graph("curve")
    g.output(g.linear(g.tanh(g.linear(g.input("x", (1,)), 8)), 1))
    g.save(tmp_path / "curve.json")
    ran = nngraph("train", tmp_path / "curve.json", "--data", "sine:n=100", "--run", tmp_path / "run", "--epochs", 2)
    assert ran.code == 0, ran.err
    assert "training  mean_squared_error, adam" in ran.out
    assert "held-out mae " in ran.out
    assert nngraph("predict", tmp_path / "run", "--data", "sine:n=3").out.startswith("output\n")


def test_a_python_file_may_declare_the_model(nngraph, tmp_path):
    path = tmp_path / "model.py"
    path.write_text(
        "import nngraph as ng\ndef graph():\n    g = ng.Graph('made')\n"
        "    g.output(g.linear(g.input('x', (2,)), 3))\n    return g\n"
    )
    assert nngraph("train", path, "--data", BLOBS, "--epochs", 1, "--run", tmp_path / "run").code == 0
    path.write_text("x = 1\n")
    assert "declares 0 graphs" in nngraph("train", path).err
    path.write_text("x = 1 / 0\n")
    assert "ZeroDivisionError" in nngraph("train", path).err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "moon"], "data 'moon': no dataset and no file is called 'moon'; did you mean 'moons'"),
        (["--data", "digits"], "has samples of shape (8, 8), but the model's input expects (2,)"),
        (["--data", "blobs:n=60,classes=5"], "but the model's output has 3 units"),
        (["--optimizer", "adm"], "optimizer 'adm': not known; did you mean 'adam'?"),
        (["--optimizer", "adam:rate=1"], "optimizer 'adam': no option 'rate'"),
        (["--loss", "l1:x"], "--loss: 'x' in 'l1:x' is no option"),
        (["--split-seeds", "4-0"], "--split-seeds: '4-0' holds no number"),
        (["--split-seeds", "a"], "--split-seeds: 'a' given"),
        (["--resume", "nowhere"], "a resumed run keeps its own"),
    ],
)
def test_bad_input_is_one_line_and_2(nngraph, points, tmp_path, arguments, message):
    ran = nngraph("train", points, "--run", tmp_path / "run", *arguments)
    assert ran.code == 2
    assert message in ran.err
    assert len(ran.err.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_without_a_model(nngraph):
    ran = nngraph("train")
    assert (ran.code, ran.err.startswith("nngraph: MODEL: none given")) == (2, True)
    assert "no such file" in nngraph("train", "nothing.json").err
    assert "no such file" in nngraph("predict", "nothing", "-i", "digits").err
    assert "--output: x.txt given" in nngraph("predict", "nothing", "-i", "digits", "-o", "x.txt").err


def test_a_model_file_is_no_run(nngraph, points):
    for command in ("evaluate", "predict"):
        ran = nngraph(command, points, "--data", BLOBS)
        assert ran.code == 2
        assert f"{points}: is a model file, a run or a checkpoint expected; train it first (nngraph train " in ran.err


def test_files_are_suggested_only_if_much_alike(nngraph, points):
    near, far = points.with_name("pionts.json"), points.with_name("numbers.json")
    assert nngraph("train", near).err.endswith(f"no such file; did you mean '{points.name}'?\n")
    assert nngraph("train", points.with_suffix(".py")).err.endswith(f"no such file; did you mean '{points.name}'?\n")
    assert nngraph("train", far).err.endswith("no such file\n")


def test_help_names_every_dataset(nngraph):
    text = " ".join(nngraph("train", "--help").out.split())
    assert all(source.name in text for source in DATASETS)


def test_compilation_is_timed_apart(monkeypatch):
    times = iter([100.0, 101.0, 103.0, 104.0, 110.0, 110.5, 120.0])
    monkeypatch.setattr("nngraph.cli.training.time", SimpleNamespace(perf_counter=lambda: next(times)))
    clock = Clock()
    for done, total in ((0, 2), (1, 2), (2, 2), (0, 1), (1, 1)):
        clock.compiled(done, total)
    assert clock.text() == "16.50 s + 3.5 s compiling"


def test_forms_of_options():
    assert choice("--loss", "huber") == "huber"
    assert choice("--loss", "huber:delta=0.5,name=x") == {"type": "huber", "delta": 0.5, "name": "x"}
    assert data_spec({"type": "moons", "n": 5, "noise": 0.1}) == "moons:n=5,noise=0.1"
    assert data_spec({"type": "digits"}) == data_spec("digits") == "digits"
    assert seeds_of("--split-seeds", "3,0-2,1") == [3, 0, 1, 2]
