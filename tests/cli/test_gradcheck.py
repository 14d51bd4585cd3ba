"""`nngraph gradcheck`: what it passes, what it skips and what it finds."""

import json

import numpy as np
import pytest

import nngraph as ng
from nngraph.cli.gradcheck import programs_of
from nngraph.domains import random_inputs
from nngraph.gradcheck import check_gradients
from nngraph.gradcheck.check import Differences, check_parameter
from nngraph.programs import scheduled
from nngraph.report.compilation import objective_of

KINKED = {
    "format": "nngraph-model", "version": 1, "name": "kinked", "inputs": {"x": {"shape": [3]}},
    "nodes": [
        {"id": "h", "op": "linear", "inputs": ["x"], "units": 4},
        {"id": "y", "op": "abs", "inputs": ["h"]},
    ],
    "outputs": ["y"],
    "training": {"loss": "sum_squared_error"},
}  # fmt: skip


@pytest.fixture(scope="module")
def kinked(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "kinked.json"
    path.write_text(json.dumps(KINKED))
    return path


def test_every_element_of_a_small_net(nngraph, small):
    ran = nngraph("gradcheck", small)
    assert ran.code == 0
    assert "every element" in ran.out
    assert ran.out.splitlines()[-1].startswith("passed: ")
    found = nngraph("gradcheck", small, "--json").json[str(small)]
    assert sum(p["directions"] + p["skipped"] for p in found["parameters"]) == 53
    assert all(p["error"] < 1e-6 for p in found["parameters"])


def test_random_directions_of_a_larger_one(small):
    report = check_gradients(programs_of(small, None, 0, 1), full_below=10, directions=7)
    assert not report.full
    assert [p.directions + p.skipped for p in report.parameters] == [7, 5, 7, 3]
    assert report.passed


def test_several_models_get_a_line_each(nngraph, small, kinked):
    ran = nngraph("gradcheck", small, kinked)
    assert ran.code == 0
    assert [line.split()[-1] for line in ran.out.splitlines()[1:]] == ["passed", "passed"]


def test_a_kink_is_skipped_and_counted(kinked):
    programs = programs_of(kinked, None, 0, 1)
    inputs = {"x": np.array([[1.0, 0.0, 0.0]]), "target": np.full((1, 4), 5.0)}
    programs.compile("gradients")
    programs.store.write("h.weight", 0.5)
    programs.store.write("h.bias", (-0.5, 0.5, -0.5 + 3e-7, 0.5))
    found = check_parameter(Differences(programs, inputs, 1), "h.bias", None, 1e-5, 1e-3, np.random.default_rng(0))
    assert (found.directions, found.skipped) == (2, 2)
    assert found.passed


def test_a_strong_bend_is_no_kink(kinked):
    programs = programs_of(kinked, None, 0, 1)
    inputs = {"x": np.array([[1e4, 0.0, 0.0]]), "target": np.full((1, 4), 5.0)}
    programs.compile("gradients")
    programs.store.write("h.weight", 0.7)
    found = check_parameter(Differences(programs, inputs, 1), "h.weight", None, 1e-5, 1e-9, np.random.default_rng(0))
    assert found.skipped == 0


def test_a_wrong_gradient_is_found_and_named(nngraph, small, monkeypatch):
    true = Differences.__post_init__

    def wrong(self):
        true(self)
        self.gradients["h1.bias"][2] += 0.01

    monkeypatch.setattr(Differences, "__post_init__", wrong)
    ran = nngraph("gradcheck", small)
    assert ran.code == 1
    assert ran.err.startswith(f"nngraph: {small}: parameter 'h1.bias': gradient ")
    assert len(ran.err.splitlines()) == 1
    assert "FAILED" in ran.out


def test_nothing_compared_is_not_passed(nngraph, kinked):
    ran = nngraph("gradcheck", kinked, "--eps", 30)
    assert ran.code == 1
    assert ran.err == (
        f"nngraph: {kinked}: parameter 'h.weight': nothing compared, for all 12 directions lead over kinks; give a "
        "smaller --eps or another --seed\n"
    )
    assert "all skipped" in ran.out


def test_inputs_are_drawn_inside_their_domains():
    g = ng.Graph("domains")
    word, x = g.input("word", (3,), dtype="int32"), g.input("x", (4,))
    switch = g.input("switch", (4,), dtype="bool")
    h = g.concat([g.flatten(g.embedding(word, 5, 2)), g.where(switch, g.log(x), x)])
    g.output(g.linear(h, 7, name="scores"))
    g.training = {"loss": "cross_entropy"}
    objective = objective_of(g)
    assert objective
    from nngraph.programs import Programs

    programs = Programs(g.declaration(), objective, dtype="float64")
    values = scheduled(programs.compile("gradients")).graph.inputs
    drawn = random_inputs(g.declaration(), objective, values, 200, np.random.default_rng(0))
    assert set(np.unique(drawn["word"])) == set(range(5))
    assert drawn["x"].min() > 0
    assert drawn["switch"].dtype == bool
    assert set(np.unique(drawn["target"])) == set(range(7))
    assert check_gradients(programs).passed


def test_a_model_without_a_loss_needs_one(nngraph, lossless):
    ran = nngraph("gradcheck", lossless)
    assert ran.code == 2
    assert (
        ran.err == f"nngraph: {lossless}: names no loss; give one with --loss, for example --loss sum_squared_error\n"
    )
    assert nngraph("gradcheck", lossless, "--loss", "sum_squared_error").code == 0
