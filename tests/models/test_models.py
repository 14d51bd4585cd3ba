"""Every model that is shipped loads, compiles and learns; the examples show what they say."""

from pathlib import Path

import numpy as np
import pytest

import nngraph as ng
from nngraph.cli.arguments import load_graph
from nngraph.emit.cache import user_cache
from nngraph.train import data
from tests import compiled
from tests.random_checks import kernel_sources_of

ROOT = Path(__file__).resolve().parents[2] / "models"
FILES = sorted(path for path in ROOT.rglob("*") if path.suffix in (".json", ".py"))
PAPER = sorted((ROOT / "randwire").iterdir())  # networks for ImageNet, too large to be trained here
TRAINED = [path for path in FILES if path not in PAPER]
EPOCHS, IMAGES = 3, 192


def title(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture(scope="module", autouse=True)
def kernels():
    """Those of all models, compiled together."""
    found = {}
    for path in TRAINED:
        programs = ng.compile(load_graph(path)).programs
        assert programs.optimizer is not None
        programs.optimizer = programs.optimizer.resolve(10, 10)  # schedules as long as the training
        found |= kernel_sources_of(programs, ("train", "evaluate"))
    compiled.entries(user_cache(), found)


@pytest.mark.parametrize("path", TRAINED, ids=title)
def test_learns(path):
    """The loss goes down; in the midst of a training, where running statistics lag behind, that of the training."""
    graph = load_graph(path)
    given = data.load(graph.training["data"])
    x, y = (z[:IMAGES] if given.x.dtype == np.uint8 else z for z in (given.x, given.y))
    model = ng.compile(graph, threads=1)
    before = model.evaluate(x, y)["loss"]
    options = {"batch_size": graph.training["batch_size"], "standardize": graph.training.get("standardize", False)}
    history = model.fit(x, y, epochs=EPOCHS, **options)
    assert len(history["loss"]) == EPOCHS
    if any(node["op"] in ("batch_norm", "randwire") for node in graph.wiring.nodes.values()):
        assert history["loss"][-1] < 0.99 * history["loss"][0]
    else:
        assert model.evaluate(x, y)["loss"] < 0.98 * before


@pytest.mark.parametrize("path", PAPER, ids=title)
def test_networks_of_the_paper(path):
    """What `ng.randwire` makes of their names."""
    regime, wiring, channels = path.stem.split("_")
    assert path.read_text() == ng.randwire(wiring, int(channels), regime=regime).to_json()


@pytest.mark.parametrize("path", TRAINED, ids=title)
def test_says_all_that_training_needs(path):
    training = load_graph(path).training
    assert {"loss", "optimizer", "epochs", "batch_size", "data"} <= set(training)


def test_readme_names_every_model():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in FILES:
        if path.parent == ROOT and not path.stem.startswith("classify2d"):
            assert path.name in text
        else:
            assert path.stem.removeprefix("classify2d") in text


def run(name):
    from runpy import run_path

    return run_path(str(ROOT / name))


def test_twenty_lines_follow_the_script():
    """The loss curve of the NumPy script, from the same start, to 1e-6 over 500 steps in float64."""
    found = run("twenty_line_net.py")
    ours, theirs = found["nngraph_losses"](500), found["numpy_losses"](500)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_more_bumps_come_nearer():
    """Stairs half as wide leave half the error."""
    module = run("universal_approximation.py")
    x = np.linspace(0.1, 0.9, 200)[:, None]
    errors = []
    for bumps in (16, 32, 64):
        model = ng.compile(module["graph"](bumps), dtype="float64")
        model.set_parameters(module["bump_weights"](bumps))
        errors.append(np.abs(model.predict(x) - module["curve"](x)).max())
    assert errors[1] < errors[0] / 1.7
    assert errors[2] < errors[1] / 1.7


def test_warped_space_is_split_by_a_line():
    module = run("space_warping.py")
    model, x, y = module["warp"]()
    assert module["line_accuracy"](x, y) < 0.7
    assert module["line_accuracy"](model.predict(x)["warped"], y) > 0.95
