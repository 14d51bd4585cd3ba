"""Plots of runs: files, and what is drawn in them, on networks whose answers are known."""

import json
import sys

import numpy as np
import pytest

import nngraph as ng
from nngraph.cli.main import run as command
from nngraph.errors import CheckpointError, OptionError
from nngraph.train import data

pytest.importorskip("matplotlib", reason="plots need matplotlib")

from nngraph.plot import curves, figure, line, plane, plot
from nngraph.plot.layers import hidden_layers, values_at
from nngraph.plot.run import Group, Points, Run, directories, rates, read_groups, read_run, short_names

MOONS = "moons:n=80,noise=0.1"


@pytest.fixture(scope="session")
def planar(tmp_path_factory):
    """A run on points of the plane, standardized, with a schedule."""
    g = ng.Graph("planar")
    h = g.tanh(g.batch_norm(g.linear(g.input("point", (2,)), 6, name="first")), name="hidden")
    h = g.relu(g.linear(h, 2, name="second"), name="two")
    g.output(g.linear(h, 2, name="scores"))
    g.training = {
        "data": MOONS, "epochs": 4, "batch_size": 16, "loss": "cross_entropy",
        "optimizer": {"type": "sgd", "learning_rate": {"type": "cosine", "learning_rate": 0.1}},
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("runs")
    g.save(folder / "planar.json")
    run = folder / "planar"
    assert command(["train", str(folder / "planar.json"), "--run", str(run), "--quiet", "--standardize"]) == 0
    return run


@pytest.fixture(scope="session")
def splits(tmp_path_factory):
    """Two trainings of a curve's fit, that hold out different points."""
    g = ng.Graph("curve")
    g.output(g.linear(g.relu(g.linear(g.input("x", (1,)), 5)), 1, name="y"))
    g.training = {"data": "sine:n=40", "epochs": 3, "batch_size": 8, "loss": "mean_squared_error"}
    folder = tmp_path_factory.mktemp("runs")
    g.save(folder / "curve.json")
    asked = ["train", str(folder / "curve.json"), "--run", str(folder / "curve"), "--split-seeds", "0-1", "--quiet"]
    assert command(asked) == 0
    return folder / "curve"


def titles(drawn):
    return [ax.get_title(loc="left") for ax in drawn.get_axes() if ax.get_visible()]


def known(weight, bias, relu=True):
    """One input, one ReLU unit for each weight, their sum."""
    g = ng.Graph("known")
    h = g.linear(g.input("x", (1,)), len(weight), name="hidden")
    g.output(g.linear(g.relu(h, name="bent") if relu else g.tanh(h), 1, name="y"))
    model = ng.compile(g, loss="mean_squared_error")
    given = {"hidden.weight": np.reshape(weight, (-1, 1)), "hidden.bias": np.array(bias)}
    model.set_parameters({**given, "y.weight": np.ones((1, len(weight))), "y.bias": np.array([0.25])})
    return model


def on_a_line(x):
    return Points(data.from_arrays(np.reshape(x, (-1, 1)), np.zeros(len(x))), None)


def test_files_of_each_format(planar, tmp_path):
    for suffix, begins in ((".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF")):
        path = tmp_path / f"drawn{suffix}"
        assert command(["plot", str(planar), "-o", str(path)]) == 0
        assert path.read_bytes().startswith(begins)
    first = (tmp_path / "drawn.svg").read_bytes()
    plot(planar, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_bytes() == first
    assert len(list(tmp_path.iterdir())) == 4


def test_a_plane_is_shown_with_every_hidden_layer(planar):
    assert titles(figure(planar)) == [
        "Loss", "Accuracy", "Learning rate", "Decision in the input plane", "Warped by “hidden” (6 units)",
        "Warped by “two” (2 units)",
    ]  # fmt: skip


def test_runs_are_compared_and_splits_are_one_curve(planar, splits, tmp_path):
    drawn = figure([planar, splits])
    assert titles(drawn)[:4] == ["Loss", "Accuracy", "Mean absolute error", "Learning rate"]
    assert "Fit: " in titles(drawn)[-2]
    legend = [text.get_text() for part in drawn.subfigs[:1] for each in part.legends for text in each.get_texts()]
    assert legend == ["planar", "curve (mean of 2, least to greatest)", "validation, dot: best", "training"]
    loss = drawn.get_axes()[0]
    (group,) = read_groups([splits])
    both = np.array([run.metrics["validation_loss"] for run in group.runs])
    assert any(
        np.allclose(shown.get_ydata(), both.mean(axis=0)) for shown in loss.get_lines() if len(shown.get_ydata()) == 3
    )


def test_runs_of_other_networks_have_curves_alone(tmp_path):
    g = ng.Graph("three")
    g.output(g.linear(g.input("x", (3,)), 2))
    model = ng.compile(g, loss="mean_squared_error", optimizer="adam")
    x = np.random.default_rng(0).normal(size=(20, 3))
    model.fit(x, x[:, :2], epochs=2, run=tmp_path / "run")
    assert titles(figure(tmp_path / "run")) == ["Loss", "Mean absolute error", "Learning rate"]


def test_hidden_layers_end_where_the_next_thing_begins():
    g = ng.Graph("layers")
    a = g.relu(g.batch_norm(g.linear(g.input("x", (4,)), 4)), name="a")
    b = g.dropout(g.tanh(g.linear(a, 4)), 0.5, name="b")
    both = g.add(a, b)
    c = g.linear(both, 3, name="c")
    g.output(g.linear(c, 2))
    assert hidden_layers(g.declaration()) == ["a", "b", "c"]


def test_values_of_nodes_are_those_of_the_network(planar):
    model = ng.load_model(planar)
    x = data.load(MOONS).x
    assert model.trainee.standardizer is not None
    found = values_at(model, ["scores", "two"], x)
    np.testing.assert_allclose(found["scores"], model.predict(x), rtol=1e-4, atol=1e-5)
    parameters = model.parameters()
    again = found["two"] @ parameters["scores.weight"].T + parameters["scores.bias"]
    np.testing.assert_allclose(again, found["scores"], rtol=1e-4, atol=1e-5)


def test_corners_are_where_a_unit_goes_through_zero():
    fit = line.fit_of(known([1.0, 2.0, -1.0, 1.0], [-0.5, -0.5, -0.3, 9.0]), on_a_line(np.linspace(-1, 1, 9)))
    np.testing.assert_allclose(fit.corners, [-0.3, 0.25, 0.5], atol=1e-6)
    assert fit.units == 4
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    line.draw_fit(ax, fit)
    assert ax.get_title() == "Fit: 4 straight pieces of 4 ReLU units"
    smooth = line.fit_of(known([1.0], [0.0], relu=False), on_a_line([-1.0, 1.0]))
    assert (smooth.units, len(smooth.corners)) == (0, 0)


def test_units_add_up_to_the_network():
    model = known([1.0, -2.0], [0.1, 0.2])
    fit = line.fit_of(model, on_a_line([-1.0, 1.0]))
    id, weights, bias = line.summed_units(model)
    assert (id, bias) == ("bent", 0.25)
    values = values_at(model, [id], fit.x[:, None])[id]
    np.testing.assert_allclose(values @ weights + bias, fit.y[:, 0], atol=1e-5)


def linear_plane(classes, bias):
    g = ng.Graph("plane")
    g.output(g.linear(g.input("p", (2,)), len(bias), name="scores"))
    model = ng.compile(g, loss="cross_entropy" if len(bias) > 1 else "binary_cross_entropy")
    model.set_parameters({"scores.weight": np.array(classes), "scores.bias": np.array(bias)})
    x = np.array([[-1.0, -1.0], [1.0, 1.0], [1.0, -1.0], [-1.0, 1.0]])
    return plane.plane_of(model, Points(data.from_arrays(x, np.array([0, 1, 1, 0])), None))


@pytest.mark.parametrize(
    ("weight", "bias"),
    [([[0.0, 0.0], [2.0, 0.0]], [0.5, 0.0]), ([[2.0, 0.0]], [-0.5])],
    ids=["two scores", "one score"],
)
def test_the_boundary_is_where_scores_are_equal(weight, bias):
    shown = linear_plane(weight, bias)
    (boundary,) = shown.boundary
    np.testing.assert_allclose(boundary[:, 0], 0.25, atol=1e-6)
    colored = plane.region_colors(shown)
    assert colored[0, 0, 2] > colored[0, 0, 0]  # blue on the left
    assert colored[0, -1, 2] < colored[0, -1, 0]


def test_a_layer_of_many_units_is_shown_on_its_principal_axes():
    g = ng.Graph("wide")
    h = g.linear(g.input("p", (2,)), 5, name="wide")
    g.output(g.linear(h, 2))
    shown = plane.plane_of(ng.compile(g, loss="cross_entropy", seed=3), Points(data.load(MOONS), None))
    warp = plane.warp_of(shown, "wide")
    assert warp.share == pytest.approx(1.0)  # a linear image of a plane is a plane
    np.testing.assert_allclose(warp.axes.T @ warp.axes, np.eye(2), atol=1e-9)
    x = shown.points.training.x
    between = np.linalg.norm(x[:, None] - x[None], axis=-1) > 0.5
    sent = warp.places(x)
    whole = values_at(shown.model, ["wide"], x)["wide"]
    distance = np.linalg.norm(sent[:, None] - sent[None], axis=-1)
    np.testing.assert_allclose(
        distance[between], np.linalg.norm(whole[:, None] - whole[None], axis=-1)[between], rtol=1e-4
    )


def test_learning_rates_are_those_of_the_schedule(planar):
    at, rate = rates(read_run(planar, "planar"))
    np.testing.assert_allclose(rate, 0.05 * (1 + np.cos(np.pi * at / 4)), atol=1e-12)
    assert len(at) == 4 * 4  # every step of 64 examples in batches of 16


def test_a_group_of_runs_of_unequal_lengths(tmp_path):
    def run(*loss):
        epochs = np.arange(1, len(loss) + 1)
        return Run(tmp_path, "run", "", (), {}, epochs, epochs * 5, {"loss": np.array(loss)})

    group = Group("group", (run(4.0, 2.0), run(2.0, 1.0, 0.5)))
    column = group.column("loss")
    np.testing.assert_allclose([column.mean, column.low, column.high], [[3, 1.5, 0.5], [2, 1, 0.5], [4, 2, 0.5]])
    assert group.column("accuracy") is None
    assert curves.metric_names([group]) == ["loss"]


def test_names_are_as_short_as_they_can_be(tmp_path, planar, splits):
    paths = [tmp_path / "a" / "x", tmp_path / "b" / "x", tmp_path / "y"]
    assert short_names(paths) == ["a/x", "b/x", "y"]
    assert directories(planar) == [[planar]]
    assert directories(splits) == [[splits / "split-0", splits / "split-1"]]
    study = [tmp_path / wiring / f"seed-{seed}" for wiring in ("chain", "ws-4") for seed in (0, 1)]
    for run in study:
        run.mkdir(parents=True)
        (run / "metrics.jsonl").touch()
    assert directories(tmp_path) == [study[:2], study[2:]]


def test_a_line_that_was_cut_off_is_left_out(planar, tmp_path):
    for name in ("config.json", "model.json"):
        (tmp_path / name).write_text((planar / name).read_text())
    lines = (planar / "metrics.jsonl").read_text().splitlines()
    (tmp_path / "metrics.jsonl").write_text("\n".join([*lines[:3], lines[3][:20]]))
    assert list(read_run(tmp_path, "run").epochs) == [1, 2, 3]
    for wrong in ("[1]", '{"epoch": 1, "step": 2, "loss": "low"}', '{"loss": 1}'):
        (tmp_path / "metrics.jsonl").write_text("\n".join([wrong, *lines]))
        with pytest.raises(CheckpointError, match=r"metrics.jsonl, line 1: is not a line of metrics"):
            read_run(tmp_path, "run")
    (tmp_path / "metrics.jsonl").write_text("")
    with pytest.raises(CheckpointError, match="holds no epoch yet"):
        read_run(tmp_path, "run")


def test_what_is_refused(planar, tmp_path, capsys):
    assert command(["plot", str(planar), "-o", str(tmp_path / "drawn.bmp")]) == 2
    assert "ends in .svg, .png or .pdf expected" in capsys.readouterr().err
    assert command(["plot", str(tmp_path / "none"), "-o", str(tmp_path / "drawn.png")]) == 2
    assert "none: no such directory; give one that `nngraph train` wrote" in capsys.readouterr().err
    assert command(["plot", str(planar), "-o", str(tmp_path / "no" / "drawn.png")]) == 2
    assert "cannot be written (No such file or directory); check the folder" in capsys.readouterr().err
    assert command(["plot", str(planar), "-o", str(tmp_path / "drawn.png"), "--data", "sine"]) == 2
    assert "points of shape (1,) given" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_one_line_says_what_to_install(planar, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert command(["plot", str(planar), "-o", str(tmp_path / "drawn.png")]) == 2
    assert capsys.readouterr().err.endswith("install it with: pip install 'nngraph[plot]'\n")


def test_data_that_a_run_does_not_know(tmp_path):
    """A run from Python says nothing of its data: the curves alone, unless points are given."""
    g = ng.Graph("own")
    g.output(g.linear(g.tanh(g.linear(g.input("p", (2,)), 3)), 2))
    points = data.load(MOONS)
    model = ng.compile(g, loss="cross_entropy", optimizer="adam")
    model.fit(points.x, points.y, epochs=1, run=tmp_path / "run")
    assert json.loads((tmp_path / "run" / "config.json").read_text()).get("data") is None
    assert len(titles(figure(tmp_path / "run"))) == 3
    assert "Decision in the input plane" in titles(figure(tmp_path / "run", data=MOONS))
    with pytest.raises(OptionError, match="ends in"):
        plot(tmp_path / "run", tmp_path / "drawn")


def test_a_run_that_was_killed_before_it_was_saved_has_curves(planar, tmp_path):
    for name in ("config.json", "model.json", "metrics.jsonl"):
        (tmp_path / name).write_text((planar / name).read_text())
    assert titles(figure(tmp_path)) == ["Loss", "Accuracy", "Learning rate"]
