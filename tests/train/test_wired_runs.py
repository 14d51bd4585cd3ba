"""Runs of randomly wired networks: their edges, parts and running statistics are kept."""

import json

import numpy as np
import pytest

import nngraph as ng
from nngraph.ops.wiring import edges_of
from nngraph.train.data import digits
from tests.train.networks import same

DIGITS = digits.digits()
X, Y = DIGITS.x[:96, :, :, None], DIGITS.y[:96]


def model(seed=0):
    g = ng.Graph("wired")
    h = g.randwire(g.input("image", (8, 8, 1)), 4, ng.WS(4, 2, 0.5, seed=seed), edge_dropout=0.3, name="stage")
    g.output(g.linear(g.global_average_pool(h), 10, name="logits"))
    return ng.compile(g, loss="cross_entropy", optimizer=ng.SGD(0.1, momentum=0.9), threads=1)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "wired"
    m = model()
    m.fit(X, Y, epochs=2, batch_size=32, run=path)
    return m, path


def test_a_run_keeps_the_edges_and_not_the_seed(run):
    m, path = run
    (stage,) = [node for node in json.loads((path / "model.json").read_text())["nodes"] if node["op"] == "randwire"]
    assert "generator" not in stage
    assert stage["edges"] == [list(edge) for edge in edges_of(ng.WS(4, 2, 0.5, seed=0))]
    assert m.graph.nx.nodes["stage"]["generator"]["seed"] == 0


def test_a_run_comes_back_as_it_was(run):
    m, path = run
    again = ng.load_model(path, threads=1)
    assert same(m.parameters(), again.parameters())
    assert np.array_equal(m.predict(X), again.predict(X))
    assert "stage/n01/norm.running_mean" in again.programs.store.arrays
    assert (again.programs.store.arrays["stage/n01/norm.running_variance"] != 1).all()


def test_training_goes_on_as_if_it_had_not_ended(run):
    _, path = run
    whole = model()
    whole.fit(X, Y, epochs=3, batch_size=32)
    again = ng.load_model(path, threads=1)
    again.fit(X, Y, epochs=1, batch_size=32)
    assert same(whole.parameters(), again.parameters())


def test_another_wiring_is_another_model(run):
    _, path = run
    with pytest.raises(ng.CheckpointError, match="is expected"):
        model(seed=3).fit(X, Y, epochs=3, batch_size=32, run=path, resume=True)
