"""The comparison with other frameworks: peers get the same network, and are held to the same losses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nngraph as ng

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture(autouse=True)
def _tools_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(TOOLS))


def test_peers_take_turns_agree_and_are_written_down(tmp_path):
    command = ["bench_peers.py", "--work", "mlp-2-16-16-2", "--peer", "nngraph", "--peer", "numpy", "--threads", "1"]
    options = ["--turns", "2", "--seconds", "0", "--output", str(tmp_path / "made" / "peers")]
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, *command, *options], cwd=TOOLS, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "made" / "peers.json").read_text())
    (measured,) = document["measurements"]
    assert measured["steps"] == 16
    ours, theirs = measured["rows"]
    assert (ours["peer"], theirs["peer"]) == ("nngraph", "numpy")
    assert len(ours["seconds"]) == 2
    np.testing.assert_allclose(ours["losses"], theirs["losses"], rtol=1e-5)
    assert ours["losses"][-1] < ours["losses"][1]
    assert "| numpy " in (tmp_path / "made" / "peers.md").read_text()


def test_scores_are_asked_for_a_call_a_batch(tmp_path):
    from peers.inference import Predictor
    from peers.prepare import prepare
    from peers.task import load
    from peers.with_nngraph import predictor
    from peers.works import Network

    graph = small_randwire()
    graph.save(tmp_path / "small.json")
    prepare(Network("small", 2, 6, {}, model=str(tmp_path / "small.json"), inference=True), tmp_path)
    task = load(tmp_path, 1)
    asked = Predictor(task, predictor(task))
    scores = asked.results()["scores"]
    assert scores.shape == (6, 3)
    assert asked.run(4) == pytest.approx(np.abs(scores[:2]).mean())
    model = ng.compile(ng.load(tmp_path / "network.json"))
    model.set_parameters(task.parameters)
    assert np.abs(model.predict(task.x) - scores).max() > 0.01  # running statistics are not those of a new network
    model.set_parameters(task.statistics)
    np.testing.assert_array_equal(model.predict(task.x), scores)


def small_randwire() -> ng.Graph:
    g = ng.Graph("small")
    h = g.conv2d(g.input("image", shape=(8, 8, 3)), 4, 3, name="stem")
    wiring = {"type": "ws", "nodes": 12, "k": 4, "p": 0.75, "seed": 1}
    h = g.randwire(g.batch_norm(h, name="norm"), 5, generator=wiring, name="stage")
    g.output(g.linear(g.mean(h, axis=(1, 2)), 3, name="scores"))
    return g


def test_layers_of_stages_are_named_and_wired_as_nngraph_does(tmp_path):
    from peers.prepare import prepare
    from peers.task import load
    from peers.works import SGD, Network

    graph = small_randwire()
    graph.save(tmp_path / "small.json")
    prepare(Network("small", 2, 4, SGD, model=str(tmp_path / "small.json")), tmp_path)
    task = load(tmp_path, 1)
    computed = {layer.id: layer for layer in task.layers}
    lowered = graph.to_json(resolved=True)
    edges = next(node for node in json.loads(lowered)["nodes"] if node["id"] == "stage")["edges"]
    for k in range(12):
        sources = tuple(f"stage/n{a:02}/norm" for a, b in sorted(edges) if b == k)
        assert (f"stage/n{k:02}/sum" in computed) == bool(sources)
        if sources:
            assert computed[f"stage/n{k:02}/sum"].inputs == sources
    owners = {name.rpartition(".")[0] for name in task.parameters}
    with_parameters = ("linear", "conv2d", "depthwise_conv2d", "batch_norm", "weighted_sum")
    assert owners == {layer.id for layer in task.layers if layer.op in with_parameters}
    assert all(np.ptp(value) > 0 for value in task.parameters.values() if value.size > 1)


def test_another_wiring_is_drawn_where_it_is_wanted(tmp_path):
    from peers.prepare import declared
    from peers.works import SGD, Network

    graph = small_randwire()
    graph.save(tmp_path / "small.json", resolved=True)
    work = Network("small", 2, 4, SGD, model=str(tmp_path / "small.json"))
    documents = [json.loads(declared(replace(work, wiring=k), tmp_path).to_json(resolved=True)) for k in range(3)]
    edges = [next(node for node in each["nodes"] if node["id"] == "stage")["edges"] for each in documents]
    own = next(node for node in json.loads(graph.to_json(resolved=True))["nodes"] if node["id"] == "stage")
    assert edges[0] == own["edges"]
    assert len(edges[1]) == len(edges[2]) == 64
    assert edges[1] != edges[2]


@pytest.mark.parametrize(("kernel", "stride", "size"), [(3, 1, 8), (3, 2, 8), (3, 2, 7), (5, 2, 9), (2, 3, 7)])
def test_padding_is_that_of_nngraph(kernel, stride, size):
    from peers.task import Layer, padding

    from nngraph.ir.types import Batch, TensorType
    from nngraph.ops.windows import window_of

    layer = Layer("conv", "conv2d", ("x",), {"kernel_size": kernel, "stride": stride})
    place = window_of(TensorType((Batch(1), size, size, 3), "float32"), kernel, stride, "same")
    assert tuple(padding(layer, (size, size))) == place.padding


def numpy_peers(folder: Path, count: int, version: str = ""):
    from peers.prepare import prepare
    from peers.processes import FRAMEWORKS, Peer
    from peers.works import WORKS

    work = WORKS["mlp-2-16-16-2"]
    framework = replace(next(each for each in FRAMEWORKS if each.name == "numpy"), version=version)
    prepare(work, folder)
    return [Peer(replace(framework, name=f"numpy{k}"), work, sys.executable, folder, 1, None) for k in range(count)]


def end(peer) -> None:
    peer.process.kill()
    peer.process.wait()


def test_a_peer_whose_process_ends_is_left_out(tmp_path, capfd):
    import bench_peers
    import click

    peers = numpy_peers(tmp_path, 3)
    started = tuple(peers)
    for victim, left in ((1, ["numpy0", "numpy2"]), (1, ["numpy0"])):
        end(peers[victim])
        assert bench_peers.take_turns(peers, 16, 1, 0.0) == 16
        assert [peer.name for peer in peers] == left
    lines = [f"numpy{k}: its process ended; what it wrote above says why; left out" for k in (1, 2)]
    assert capfd.readouterr().err.splitlines() == lines
    end(peers[0])
    with pytest.raises(click.ClickException, match="numpy0: its process ended"):
        bench_peers.take_turns(peers, 16, 1, 0.0)
    for peer in started:
        peer.close()


def test_a_peer_of_another_version_is_refused(tmp_path):
    with pytest.raises(ChildProcessError, match=rf"numpy0: version {re.escape(np.__version__)} in .*, expected 1\.0;"):
        numpy_peers(tmp_path, 1, version="1.0")


def test_the_version_of_pytensor_is_the_same_wherever_it_is_written():
    import bench_peers
    from peers.processes import FRAMEWORKS, PYTENSOR

    assert next(each.version for each in FRAMEWORKS if each.name == "pytensor") == PYTENSOR
    assert f"PyTensor (=={PYTENSOR}," in (TOOLS.parent / "pyproject.toml").read_text()
    (told,) = (option.help for option in bench_peers.main.params if option.name == "pytensor")
    assert told.endswith(f"PyTensor {PYTENSOR}.")


def test_the_summary_names_the_peers_that_are_missing():
    from peers.document import summary

    last = summary([measured([2.0, 1.5, 1.0], [2.0, 1.5, 1.0])]).splitlines()[-1]
    assert last.split("|")[-2].strip() == "torch, torch.compile, jax"


def measured(own: list[float], other: list[float]):
    from peers.report import Measurement, Row
    from peers.works import WORKS

    rows = [Row(name, "", 1, 1, 1, [1], 1, 1, losses) for name, losses in (("nngraph", own), ("other", other))]
    return Measurement(WORKS["cnn"], 2, 4, False, rows)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ([2.0, 1.5, 1.0], []),
        ([2.001, 1.5, 1.0], ["cnn, first step: nngraph has the loss 2, other 2.001"]),
        ([2.0, 1.51, 1.0], ["cnn, first epoch"]),
        ([2.0, 1.5, 1.2], ["cnn, turn 2: nngraph has the loss 1, other 1.2"]),
        ([2.0, 1.5, float("nan")], ["cnn, turn 2"]),
    ],
)
def test_losses_that_differ_are_reported(other, said):
    from peers.report import disagreements

    lines = list(disagreements(measured([2.0, 1.5, 1.0], other)))
    assert len(lines) == len(said)
    assert all(line.startswith(start) for line, start in zip(lines, said, strict=True))


@pytest.mark.parametrize("rate", [3e-3, 1e-4])
def test_a_peer_that_takes_half_of_the_steps_is_found(rate):
    """Where losses of both end near 0, and where neither comes far."""
    from peers.report import DRIFT, difference, disagreements

    steps = np.array([0, 16, 32, *range(532, 6000, 500)])
    own, halved = (list(2.0 * np.exp(-rate * taken)) for taken in (steps, np.where(steps > 16, steps / 2 + 8, steps)))
    assert list(disagreements(measured(own, own))) == []
    (line,) = disagreements(measured(own, halved))
    assert line.startswith("cnn, turn ")
    if rate == 3e-3:
        assert difference(own[-1], halved[-1], own[0]) < DRIFT
        (line,) = disagreements(measured([*own[:2], own[-1]], [*halved[:2], halved[-1]]))
        assert "one at most 2 times the other expected" in line


def test_losses_that_are_rounding_errors_may_differ():
    from peers.report import disagreements

    assert list(disagreements(measured([2.0, 1.5, 1e-9], [2.0, 1.5, 1e-8]))) == []
    assert len(list(disagreements(measured([2.0, 1.5, 1e-9], [2.0, 1.5, 1e-6])))) == 1


def test_updates_that_differ_are_reported():
    from peers.report import disagreements, farthest

    own = {"a": np.full(4, 1e-3), "b": np.full((2, 3), 2e-3), "c": np.full(1, 1e-9)}
    worst, found = farthest(own, own | {"b": np.full((2, 3), 1e-3), "c": np.full(1, 5e-9)})
    assert (worst, found) == ("b", pytest.approx(0.5))
    assert farthest(own, own)[1] == 0
    assert farthest(own, {"a": own["a"]})[1] == np.inf
    assert farthest(own, own | {"a": np.full(4, np.nan)})[1] == np.inf
    both = measured([2.0, 1.5, 1.0], [2.0, 1.5, 1.0])
    first, other = both.rows
    (line,) = disagreements(replace(both, rows=[first, replace(other, update_difference=found, worst=worst)]))
    assert line.startswith("cnn, first update: other changes b unlike nngraph")


def test_frameworks_that_are_not_there_are_left_out_with_a_line(monkeypatch, capsys):
    import bench_peers
    from peers import processes

    monkeypatch.setattr(processes.importlib.util, "find_spec", lambda name: None if name == "jax" else object())
    found = [framework.name for framework, _ in bench_peers.frameworks(["numpy", "jax"], {})]
    assert found == ["numpy"]
    assert "jax: left out, no jax here; give an interpreter: --jax PYTHON" in capsys.readouterr().out
