"""What a study keeps: its configuration, and the file of its results."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from nngraph.errors import CheckpointError, OptionError
from nngraph.train.data.specs import load
from nngraph.train.rewiring import rewiring_of
from nngraph.train.study import (
    Result,
    Study,
    Trial,
    digest_of,
    joined,
    labeled_wirings,
    read_study,
    summary,
    trials_of,
    write_study,
)
from nngraph.train.study_results import RESULTS, ResultsFile

WIRINGS = labeled_wirings([rewiring_of("", "ws:4,0.75"), rewiring_of("", "chain")])
MODEL = {
    "name": "wired", "training": {"epochs": 3}, "outputs": ["a"],
    "nodes": [{"id": "a", "op": "randwire", "generator": {"type": "er", "nodes": 8, "p": 0.5, "seed": 0}}],
}  # fmt: skip
OPTIONS = {"data": "digits", "epochs": 5, "loss": "cross_entropy", "split_seed": 0}
STUDY = Study(MODEL, None, OPTIONS, None, "d" * 16, WIRINGS, trials_of(WIRINGS.values(), (0, 1)))
WS, CHAIN = Trial("ws:4,0.75", 0), Trial("chain", 0)


def result(trial, accuracy=0.9, study=STUDY):
    return Result(trial, {"loss": 0.5, "accuracy": accuracy}, 100, 2000, 5, 1.5, study.configuration(trial))


def test_a_study_is_kept_as_it_is(tmp_path):
    write_study(STUDY, tmp_path)
    assert read_study(tmp_path) == STUDY
    assert [trial.run for trial in STUDY.trials] == [
        "ws-4,0.75/seed-0", "ws-4,0.75/seed-1", "chain/seed-0", "chain/seed-1",
    ]  # fmt: skip
    (tmp_path / "study.json").write_text('{"format": "nngraph-study"}')
    with pytest.raises(CheckpointError, match="is no study of this version"):
        read_study(tmp_path)
    with pytest.raises(CheckpointError, match=r"nowhere: holds no study, for there is no study\.json in it"):
        read_study(tmp_path / "nowhere")


def test_the_configuration_is_all_that_decides():
    hashes = {STUDY.configuration(trial) for trial in STUDY.trials}
    assert len(hashes) == 4
    others = [
        replace(STUDY, options=OPTIONS | {"epochs": 6}), replace(STUDY, data="e" * 16),
        replace(STUDY, seed=7), replace(STUDY, model=MODEL | {"outputs": []}),
    ]  # fmt: skip
    for other in others:
        assert other.configuration(WS) != STUDY.configuration(WS)
    same = [replace(STUDY, trials=(WS,)), replace(STUDY, model=MODEL | {"training": {}})]
    for other in same:
        assert other.configuration(WS) == STUDY.configuration(WS)
    fixed = replace(STUDY, seed=7)
    assert (fixed.seed_of(Trial("ws:4,0.75", 1)), STUDY.seed_of(Trial("ws:4,0.75", 1))) == (7, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"options": OPTIONS | {"epochs": 6}},
            "epochs: 6 given, but the study in {} has 5; give that again, or choose",
        ),
        ({"options": OPTIONS | {"patience": 2}}, "patience: 2 given, but the study in {} has none"),
        ({"options": OPTIONS | {"data": "moons"}}, "data: moons given, but the study in {} has digits"),
        ({"seed": 3}, "seed: 3 given, but the study in {} has none; leave it out, or choose another --run"),
        ({"model": MODEL | {"nodes": []}}, "MODEL: 'wired' differs from the model of the study in {}"),
        ({"data": "e" * 16}, "data: digits holds other examples than the study in {} was begun with"),
    ],
)
def test_what_differs_is_named(tmp_path, change, message):
    with pytest.raises(OptionError) as raised:
        joined(STUDY, replace(STUDY, **change), tmp_path)
    assert str(raised.value).startswith(message.format(tmp_path))


def test_trials_are_added(tmp_path):
    more = labeled_wirings([rewiring_of("", "dense"), rewiring_of("", "chain")])
    both = joined(STUDY, replace(STUDY, wirings=more, trials=trials_of(more.values(), (1, 2))), tmp_path)
    assert list(both.wirings) == ["ws:4,0.75", "chain", "dense"]
    assert both.trials[4:] == (Trial("dense", 1), Trial("dense", 2), Trial("chain", 2))


def test_results_are_kept_and_gone_on_from(tmp_path):
    with ResultsFile(tmp_path) as results:
        results.add(result(WS, 0.25))
        results.add(result(CHAIN))
    lines = [json.loads(line) for line in (tmp_path / RESULTS).read_text().splitlines()]
    assert lines[0] == {
        "generator": "ws:4,0.75", "seed": 0, "loss": 0.5, "accuracy": 0.25, "parameters": 100, "multiply_adds": 2000,
        "epochs": 5, "seconds": 1.5, "run": "ws-4,0.75/seed-0", "configuration": STUDY.configuration(WS),
    }  # fmt: skip
    with (tmp_path / RESULTS).open("a") as file:
        file.write('{"generator": "ws:4,0.')  # the process was killed
    with ResultsFile(tmp_path) as results:
        assert results.results == {WS: result(WS, 0.25), CHAIN: result(CHAIN)}
        assert results.pending(STUDY) == [Trial("ws:4,0.75", 1), Trial("chain", 1)]
        begun = tmp_path / "chain" / "seed-1"
        begun.mkdir(parents=True)
        (begun / "metrics.jsonl").write_text("{}\n")
        configuration = STUDY.configuration(Trial("chain", 1))
        (begun / "config.json").write_text(json.dumps({"configuration": configuration}))
        assert results.pending(STUDY) == [Trial("chain", 1), Trial("ws:4,0.75", 1)]
        results.add(result(Trial("chain", 1)))
    assert len((tmp_path / RESULTS).read_text().splitlines()) == 3


def test_results_of_another_configuration_are_refused(tmp_path):
    other = replace(STUDY, options=OPTIONS | {"epochs": 6})
    with ResultsFile(tmp_path) as results:
        results.add(result(WS))
        with pytest.raises(CheckpointError, match="the result of ws:4,0.75 seed 0 is of another configuration"):
            results.pending(other)
        run = tmp_path / CHAIN.run
        run.mkdir(parents=True)
        (run / "metrics.jsonl").write_text("{}\n")
        (run / "config.json").write_text("{}")
        with pytest.raises(CheckpointError, match=r"chain/seed-0/last\.safetensors is of another configuration"):
            results.pending(STUDY)


def test_one_process_at_a_time(tmp_path):
    with ResultsFile(tmp_path), pytest.raises(OptionError, match="another process works on"):
        ResultsFile(tmp_path).__enter__()
    (tmp_path / RESULTS).write_text("[]\n")
    with pytest.raises(CheckpointError, match="line 1 is no result of a study"):
        ResultsFile(tmp_path).__enter__()
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match="cannot be written"):
        ResultsFile(tmp_path / "file")


def test_summary():
    numbers = [0.9, 0.94, 0.95]
    found = summary("ws:4,0.75", [result(WS, number) for number in numbers])
    assert found.means["accuracy"] == pytest.approx(np.mean(numbers))
    assert found.deviations["accuracy"] == pytest.approx(np.std(numbers, ddof=1))
    assert (found.count, found.parameters, found.multiply_adds, found.seconds) == (3, 100, 2000, 1.5)
    assert math.isnan(summary("chain", [result(CHAIN)]).deviations["loss"])


def test_data_is_known_by_its_numbers():
    digests = [digest_of(load(spec)) for spec in ("moons:n=50", "moons:n=50,seed=1", "moons:n=51", "digits")]
    assert len(set(digests)) == 4
    assert digest_of(load("moons:n=50")) == digests[0]
