"""`nngraph sweep`: trainings side by side, gone on with after an interruption, and what they come to."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

import nngraph as ng
from nngraph.cli.main import run
from nngraph.cli.trial_processes import Workers
from nngraph.cli.trial_worker import Trainer, seconds_of
from nngraph.ops.wiring import WS, Chain, edges_of
from nngraph.train.study import Trial, read_study

BLOBS = "blobs:n=90,noise=0.3,classes=3"
FIRST, SECOND = Trial("as declared", 0), Trial("as declared", 1)


@pytest.fixture(scope="session")
def points(tmp_path_factory):
    """Two numbers in, three classes out."""
    g = ng.Graph("points")
    g.output(g.linear(g.relu(g.linear(g.input("point", (2,)), 8)), 3, name="scores"))
    g.training = {"data": BLOBS, "epochs": 4, "batch_size": 16, "split_seeds": [3, 4]}
    path = tmp_path_factory.mktemp("models") / "points.json"
    g.save(path)
    return path


@pytest.fixture(scope="session")
def wired(tmp_path_factory):
    """Two stages of wired nodes."""
    g = ng.Graph("wired")
    h = g.randwire(g.input("image", (8, 8, 1)), channels=4, generator={"type": "er", "nodes": 6, "p": 0.5}, name="a")
    h = g.randwire(h, channels=4, edges=[[0, 1], [1, 2], [0, 2], [2, 3]], name="b")
    g.output(g.linear(g.flatten(h), 10, name="scores"))
    g.training = {"data": "digits", "epochs": 1, "batch_size": 128}
    path = tmp_path_factory.mktemp("models") / "wired.json"
    g.save(path)
    return path


@pytest.fixture(scope="session")
def two_seeds(points, tmp_path_factory):
    study = tmp_path_factory.mktemp("studies") / "study"
    assert run(["sweep", str(points), "--seeds", "0-1", "--run", str(study), "--quiet"]) == 0
    return study


@pytest.fixture
def swept(two_seeds, tmp_path):
    """Two seeds have been trained."""
    return shutil.copytree(two_seeds, tmp_path / "study")


def lines_of(study):
    return [json.loads(line) for line in (study / "results.jsonl").read_text().splitlines()]


def test_seeds_of_trainings(nngraph, points, tmp_path):
    ran = nngraph("sweep", points, "--seeds", "0-2", "--run", tmp_path / "study")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0].startswith("study     points: as declared; seeds 0 to 2: 3 trainings")
    assert lines[1] == f"data      {BLOBS}: 72 examples to train on, 18 held out"
    assert lines[2] == "training  cross_entropy, adam (learning rate 0.001), 4 epochs in batches of 16"
    results = {line["seed"]: line for line in lines_of(tmp_path / "study")}
    assert sorted(re.sub(r"^\d/3 | \(.*", "", line) for line in lines[3:6]) == [
        f"as declared seed {seed}: accuracy {results[seed]['accuracy']:.4f}, loss {results[seed]['loss']:.4f}"
        for seed in range(3)
    ]
    assert lines[6].split() == ["wiring", "n", "accuracy", "loss", "parameters", "multiply-adds", "time"]
    cells = lines[7].split()
    mean = sum(line["accuracy"] for line in results.values()) / 3
    assert cells[:5] == ["as", "declared", "3", f"{mean:.4f}", "±"]
    assert cells[9:11] == ["51", "40"]
    alone = nngraph("train", points, "--seed", 1, "--split-seeds", 3, "--run", tmp_path / "alone", "--quiet")
    assert f"accuracy {results[1]['accuracy']:.4f}, loss {results[1]['loss']:.4f}" in alone.out
    run = tmp_path / "study" / results[1]["run"]
    kept, by_hand = (ng.load_model(path).parameters() for path in (run, tmp_path / "alone"))
    assert all((kept[name] == by_hand[name]).all() for name in kept)


def test_wirings(nngraph, wired, tmp_path):
    study = tmp_path / "study"
    wirings = ["--wirings", "ws:2,0.5", "--wirings", "chain"]
    ran = nngraph("sweep", wired, *wirings, "--seeds", "1,4", "--run", study)
    assert (ran.code, ran.err) == (0, "")
    for seed in (1, 4):
        stages = edges_in(study / "ws-2,0.5" / f"seed-{seed}")
        assert stages == [edges_of(WS(6, 2, 0.5, seed=2 * seed)), edges_of(WS(4, 2, 0.5, seed=2 * seed + 1))]
        assert edges_in(study / "chain" / f"seed-{seed}") == [edges_of(Chain(6)), edges_of(Chain(4))]
    found = {(line["generator"], line["seed"]): line for line in lines_of(study)}
    assert [line.split()[:2] for line in ran.out.splitlines()[-3:-1]] == [["ws:2,0.5", "2"], ["chain", "2"]]
    for wiring in ("ws:2,0.5", "chain"):
        first, second = found[wiring, 1], found[wiring, 4]
        assert first["loss"] != second["loss"]
        table = next(line for line in ran.out.splitlines()[-3:] if line.startswith(wiring))
        assert f"  {round((first['parameters'] + second['parameters']) / 2):,}  " in table
    sizes = nngraph("inspect", study / "ws-2,0.5" / "seed-4" / "model.json", "--json").json["totals"]
    line = found["ws:2,0.5", 4]
    assert (sizes["parameters"], sizes["multiply_adds"]) == (line["parameters"], line["multiply_adds"])


def edges_in(run):
    nodes = json.loads((run / "model.json").read_text())["nodes"]
    return [tuple(map(tuple, node["edges"])) for node in nodes if node["op"] == "randwire"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--wirings", "ws:4,0.5"], "--wirings ws:4,0.5: node 'b' (randwire): wiring 'ws': k=4 given for 4 nodes"),
        (["--wirings", "ba:7,nodes=7"], "--wirings: wiring 'ba': m=7 given for 7 nodes"),
        (["--wirings", "ws:2,0.5", "--wirings", "chain", "--seed", 3], "--seed: 3 given, but trainings 'chain' differ"),
    ],
)
def test_wirings_that_do_not_fit(nngraph, wired, tmp_path, arguments, message):
    ran = nngraph("sweep", wired, "--run", tmp_path / "study", *arguments)
    assert ran.code == 2
    assert ran.err.startswith(f"nngraph: {message}"), ran.err
    assert not (tmp_path / "study").exists()


def test_a_study_is_no_run_to_evaluate(nngraph, swept):
    ran = nngraph("evaluate", swept)
    assert ran.code == 2
    assert f"{swept}: holds a study of 2 trainings; name one: nngraph evaluate {swept}/" in ran.err


def test_what_is_trained_is_not_trained_again(nngraph, points, swept):
    before = (swept / "results.jsonl").read_text()
    ran = nngraph("sweep", points, "--seeds", "1-2", "--run", swept, "--jobs", 1)
    assert ran.code == 0, ran.err
    assert "seeds 0 to 2: 3 trainings, 1 of them to do\n" in ran.out
    assert "3/3 as declared seed 2: " in ran.out
    after = (swept / "results.jsonl").read_text()
    assert after.startswith(before)
    assert [line["seed"] for line in lines_of(swept)][2:] == [2]
    ran = nngraph("sweep", "--resume", swept)
    assert (ran.code, (swept / "results.jsonl").read_text()) == (0, after)
    assert "as declared  3 " in ran.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", 5], "epochs: 5 given, but the study in "),
        (["--data", "moons"], "data: moons given, but the study in "),
        (["--split-seed", 4], "split_seed: 4 given, but the study in "),
    ],
)
def test_a_study_keeps_its_configuration(nngraph, points, swept, arguments, message):
    ran = nngraph("sweep", points, "--run", swept, *arguments)
    assert ran.code == 2
    assert ran.err.startswith(f"nngraph: {message}")
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--wirings", "ws:4,0.75"], "--wirings: {} has no 'randwire' node to wire; leave --wirings out"),
        (["--wirings", "ws:4,x"], "--wirings: 'ws:4,x' given, ws:K,P or ws:K,P,nodes=N expected"),
        (["--seed", 3], "--seed: 3 given, but trainings 'as declared' differ in that seed alone"),
        (["--seeds", "4-0"], "--seeds: '4-0' holds no number"),
        (["--data", "digits"], "has samples of shape (8, 8), but the model's input expects (2,)"),
        (["--optimizer", "adm"], "optimizer 'adm': not known"),
        (["--resume", "nowhere"], "--resume: MODEL, run given with it; a resumed study keeps its own"),
    ],
)
def test_bad_input_is_one_line_and_2(nngraph, points, tmp_path, arguments, message):
    ran = nngraph("sweep", points, "--run", tmp_path / "study", *arguments)
    assert ran.code == 2
    assert message.format(points) in ran.err
    assert len(ran.err.splitlines()) == 1
    assert not (tmp_path / "study").exists()


def test_without_a_model(nngraph, tmp_path):
    assert nngraph("sweep").err.startswith("nngraph: MODEL: none given")
    assert "holds no study" in nngraph("sweep", "--resume", tmp_path).err


def test_a_training_that_fails_stops_no_other(nngraph, points, tmp_path):
    study = tmp_path / "study"
    (study / FIRST.run).parent.mkdir(parents=True)
    (study / FIRST.run).write_text("in the way")
    ran = nngraph("sweep", points, "--seeds", "0-1", "--run", study)
    assert ran.code == 1
    assert "as declared seed 0: failed: run: " in ran.out
    assert ran.out.splitlines()[-3].split()[:4] == ["wiring", "n", "failed", "accuracy"]
    assert ran.out.splitlines()[-2].split()[:4] == ["as", "declared", "1", "1"]
    first, last = ran.err.splitlines()
    assert first.startswith(f"nngraph: as declared seed 0: run: {study / FIRST.run} cannot be written")
    assert last == (f"nngraph: 1 of 2 trainings failed; to try them again, go on with: nngraph sweep --resume {study}")
    (study / FIRST.run).unlink()
    ran = nngraph("sweep", "--resume", study)
    assert ran.code == 0, ran.err
    assert [line["seed"] for line in lines_of(study)] == [1, 0]


def test_a_training_goes_on_where_it_was_interrupted(swept, monkeypatch, tmp_path):
    whole = (swept / FIRST.run / "last.safetensors").read_bytes()
    expected = next(line for line in lines_of(swept) if line["seed"] == 0)
    (swept / FIRST.run).rename(tmp_path / "whole")
    monkeypatch.setattr("nngraph.cli.trial_worker.SECONDS", 0.0)
    answers = []

    def interrupt(answer):
        answers.append(answer)
        if answer.get("epoch") == 2 and len(answers) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Trainer(swept, 1, interrupt).answer(FIRST)
    Trainer(swept, 1, answers.append).answer(FIRST)
    assert [answer.get("epoch") for answer in answers] == [1, 2, 3, 4, None]
    found = answers[-1]["result"]
    assert {**found, "seconds": 0} == {**expected, "seconds": 0}
    assert (swept / FIRST.run / "last.safetensors").read_bytes() == whole


def test_a_defect_is_told_and_kept(swept, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("nngraph.cli.trial_worker.graph_for", broken)
    answers = []
    Trainer(swept, 1, answers.append).answer(FIRST)
    path = swept / FIRST.run / "error.txt"
    assert answers == [{"error": f"ZeroDivisionError: division by zero (a defect of nngraph; {path} shows where)"}]
    assert "Traceback" in path.read_text()


def test_seconds_of_a_run_that_was_gone_on_with(tmp_path):
    times = [1.0, 2.0, 0.5, 1.5, 0.25]
    (tmp_path / "metrics.jsonl").write_text("".join(f'{{"seconds": {time}}}\n' for time in times))
    assert seconds_of(tmp_path) == 2.0 + 1.5 + 0.25


DYING = """
import os, signal, sys
for line in sys.stdin:
    print('{"epoch": 1, "epochs": 2, "metrics": {}}\\n{"result', end="", flush=True)
    if "0" in line:
        os.kill(os.getpid(), signal.SIGKILL)
    print('": {}}', flush=True)
    if "1" in line:
        sys.exit("cannot go on")
"""


def test_a_process_that_dies_is_replaced(tmp_path):
    workers = Workers(tmp_path, 1, 1)
    workers.command = [sys.executable, "-c", DYING]
    trials = [Trial("w", seed) for seed in (2, 0, 1, 3)]
    try:
        heard = list(workers.run(trials))
    finally:
        workers.close()
    progress = {"epoch": 1, "epochs": 2, "metrics": {}}
    assert heard[:4] == [
        (trials[0], progress), (trials[0], {"result": {}}), (trials[1], progress),
        (trials[1], {"error": "its process was ended by SIGKILL (out of memory?)"}),
    ]  # fmt: skip
    assert heard[4:6] == [(trials[2], progress), (trials[2], {"result": {}})]
    assert heard[-1] == (trials[3], {"result": {}}) or heard[-1][1]["error"].endswith("exit status 1: cannot go on")


def test_ctrl_c_saves(points, tmp_path):
    study = tmp_path / "study"
    process = subprocess.Popen(
        [sys.executable, "-m", "nngraph", "sweep", str(points), "--seeds", "0-2", "--epochs", "1000000", "--jobs", "2",
         "--run", str(study)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    while not all(trained(study / trial.run) for trial in (FIRST, SECOND)):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    message = f"0 of 3 trained, what was under way is saved; go on with: nngraph sweep --resume {study}"
    assert err.splitlines() == [message, "", "nngraph: interrupted"]
    kept = read_study(study)
    for trial in (FIRST, SECOND):
        epochs = ng.load_model(study / trial.run).trainee.position.epoch
        assert 0 < epochs == len((study / trial.run / "metrics.jsonl").read_text().splitlines())
        config = json.loads((study / trial.run / "config.json").read_text())
        assert config["configuration"] == kept.configuration(trial)


def trained(run):
    return (run / "metrics.jsonl").is_file() and (run / "metrics.jsonl").stat().st_size > 0
