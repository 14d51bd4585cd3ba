"""Events for TensorBoard: what is written is read back from the file."""

import json
import struct
import sys

import numpy as np
import pytest

import nngraph as ng
from nngraph.cli.main import run as command
from nngraph.errors import OptionError

pytest.importorskip("tensorboardX", reason="events are written with tensorboardX")


@pytest.fixture
def model_file(tmp_path):
    g = ng.Graph("points")
    g.output(g.linear(g.relu(g.linear(g.input("point", (2,)), 4)), 2))
    rate = {"type": "exponential", "learning_rate": 0.1, "factor": 0.5, "epochs": 1}
    g.training = {
        "data": "moons:n=50",
        "epochs": 3,
        "batch_size": 16,
        "optimizer": {"type": "sgd", "learning_rate": rate},
    }
    g.save(tmp_path / "points.json")
    return tmp_path / "points.json"


def events(folder):
    """All events of a folder, file by file: a length, its checksum, the message and its checksum, each time."""
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted(folder.iterdir(), key=lambda path: int(path.suffix[1:])):
        content, at = path.read_bytes(), 0
        while at < len(content):
            (length,) = struct.unpack_from("<Q", content, at)
            found.append(Event.FromString(content[at + 12 : at + 12 + length]))
            at += 16 + length
    return found


def scalars(folder):
    """By name: steps and numbers."""
    found = {}
    for event in events(folder):
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def test_scalars_are_those_of_the_metrics(model_file, tmp_path):
    run = tmp_path / "run"
    assert command(["train", str(model_file), "--run", str(run), "--tensorboard", "--quiet"]) == 0
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    training, validation = (scalars(run / "tensorboard" / part) for part in ("training", "validation"))
    assert set(training) == {"loss", "accuracy", "learning_rate"}
    assert set(validation) == {"loss", "accuracy"}
    for found, prefix in ((training, ""), (validation, "validation_")):
        for name in ("loss", "accuracy"):
            assert [step for step, _ in found[name]] == [line["step"] for line in lines] == [3, 6, 9]
            np.testing.assert_allclose([x for _, x in found[name]], [line[prefix + name] for line in lines], rtol=1e-6)
    last_steps = np.array([2, 5, 8])
    np.testing.assert_allclose([x for _, x in training["learning_rate"]], 0.1 * 0.5 ** (last_steps / 3), rtol=1e-6)
    first = events(run / "tensorboard" / "training")[0]
    assert first.file_version.startswith("brain.Event:")


def test_a_resumed_run_goes_on_and_hides_what_came_after(model_file, tmp_path):
    run = tmp_path / "run"
    assert command(["train", str(model_file), "--run", str(run), "--tensorboard", "--quiet"]) == 0
    assert command(["train", "--resume", str(run), "--epochs", "5", "--quiet"]) == 0
    assert json.loads((run / "config.json").read_text())["tensorboard"] is True
    found = scalars(run / "tensorboard" / "training")
    assert [step for step, _ in found["loss"]] == [3, 6, 9, 12, 15]
    begun = [event.step for event in events(run / "tensorboard" / "training") if event.HasField("session_log")]
    assert begun == [10]


def test_no_files_unless_asked(model_file, tmp_path):
    assert command(["train", str(model_file), "--run", str(tmp_path / "run"), "--quiet"]) == 0
    assert not (tmp_path / "run" / "tensorboard").exists()


def test_from_python_it_needs_a_run():
    g = ng.Graph("net")
    g.output(g.linear(g.input("x", (2,)), 1))
    model = ng.compile(g, loss="mean_squared_error", optimizer="adam")
    with pytest.raises(OptionError, match="without a run, whose directory holds its files; give run=PATH"):
        model.fit(np.zeros((4, 2)), np.zeros(4), tensorboard=True)


def test_without_the_package_one_line_says_what_to_install(model_file, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    assert command(["train", str(model_file), "--run", str(tmp_path / "run"), "--tensorboard", "--quiet"]) == 2
    assert capsys.readouterr().err.endswith("install it with: pip install 'nngraph[tensorboard]'\n")
    assert not (tmp_path / "run").exists()
