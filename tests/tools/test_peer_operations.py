"""Single operations beside other frameworks: the same results, and tables that later runs add to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture(autouse=True)
def _tools_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(TOOLS))


def small(formula: str, operands: dict[str, tuple[int, ...]], result: tuple[int, ...], **given):
    from peers.operations import Operation

    return Operation(f"small-{formula}", "small", formula, operands, result, ("numpy",), **given)


ROWS = {"x": (7, 33)}
NORM = {"norm.scale": (33,), "norm.offset": (33,)}


def results(operation, folder: Path, framework: str, steps: int = 1) -> dict[str, np.ndarray]:
    import importlib

    from peers.operations import load_operation, prepare_operation

    prepare_operation(operation, folder)
    module = importlib.import_module(f"peers.operations_{framework}")
    runner = module.Runner(load_operation(folder, threads=1))
    runner.run(steps)
    return {name: np.array(array) for name, array in runner.results().items()}


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize(
    ("formula", "operands"), [("softmax", ROWS), ("gelu", ROWS), ("layer_norm", ROWS | NORM)], ids=lambda x: str(x)[:10]
)
def test_rows_are_those_of_numpy(tmp_path, formula, operands, backward):
    operation = small(formula, operands, (7, 33), backward=backward)
    own, other = (results(operation, tmp_path, framework, 3) for framework in ("nngraph", "numpy"))
    gradients = {f"gradient/{name}" for name in operands} if backward else set[str]()
    assert set(own) == set(other) == {"y", *gradients}
    for name, array in own.items():
        np.testing.assert_allclose(array, other[name], rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(("ta", "tb"), [(False, False), (False, True), (True, False)])
def test_products_are_those_of_numpy(tmp_path, ta, tb):
    a, b = (1, 9, 5) if ta else (1, 5, 9), (1, 4, 9) if tb else (1, 9, 4)
    options = {"transpose_a": ta, "transpose_b": tb}
    operation = small("product", {"a": a, "b": b}, (1, 5, 4), options=options)
    own, other = (results(operation, tmp_path, framework) for framework in ("nngraph", "numpy"))
    np.testing.assert_allclose(own["y"], other["y"], rtol=1e-5, atol=1e-5)


IMAGE = (2, 5, 6, 4)
NETS = {
    "convolution": ({"x": IMAGE, "convolution.weight": (4, 3, 3, 4)}, {}),
    "depthwise": ({"x": IMAGE, "convolution.weight": (4, 3, 3, 1)}, {}),
    "pointwise": (
        {"x": IMAGE, "convolution.weight": (4, 1, 1, 4), "norm.scale": (4,), "norm.offset": (4,)}, {}
    ),
    "transformer": (
        {
            "x": (2, 5, 8), "norm1.scale": (8,), "norm1.offset": (8,), "attention.weight": (24, 8),
            "attention.bias": (24,), "project.weight": (8, 8), "project.bias": (8,), "norm2.scale": (8,),
            "norm2.offset": (8,), "expand.weight": (32, 8), "expand.bias": (32,), "contract.weight": (8, 32),
            "contract.bias": (8,),
        },
        {"heads": 2},
    ),
}  # fmt: skip


@pytest.mark.parametrize("formula", NETS)
def test_gradients_of_all_operands_are_in_the_public_layouts(tmp_path, formula):
    """They are the derivatives along a direction of every operand; peers are held to them when they are measured."""
    operands, options = NETS[formula]
    from peers import operations_nngraph
    from peers.operations import load_operation, prepare_operation

    operation = small(formula, operands, operands["x"], options=options, backward=True, dtype="float64")
    found = results(operation, tmp_path, "nngraph", 2)
    prepare_operation(operation, tmp_path)
    task = load_operation(tmp_path, threads=1)
    rng = np.random.default_rng(5)
    for name, shape in operands.items():
        assert found[f"gradient/{name}"].shape == shape
        direction = rng.standard_normal(shape)
        around: list[float] = []
        for eps in (1e-6, -1e-6):
            moved = task.operands | {name: task.operands[name] + eps * direction}
            runner = operations_nngraph.Runner(replace(task, operands=moved, backward=False))
            runner.run(1)
            around.append(float((runner.results()["y"] * task.cotangent).sum()))
        slope = (around[0] - around[1]) / 2e-6
        np.testing.assert_allclose((found[f"gradient/{name}"] * direction).sum(), slope, rtol=1e-5, atol=1e-6)


def test_results_of_the_last_step_only_are_compared(tmp_path):
    from peers import operations_nngraph
    from peers.operations import load_operation, prepare_operation

    operation = small("softmax", ROWS, (7, 33), backward=True)
    prepare_operation(operation, tmp_path)
    runner = operations_nngraph.Runner(load_operation(tmp_path, threads=1))
    runner.run(1)
    runner.run(0)
    assert np.isnan(runner.results()["y"]).any()
    assert np.isnan(runner.results()["gradient/x"]).any()


def test_every_operation_has_formulas_in_the_frameworks_it_names():
    from peers import operations_nngraph, operations_numpy
    from peers.operations import OPERATIONS
    from peers.processes import FRAMEWORKS

    names = {framework.name for framework in FRAMEWORKS}
    for operation in OPERATIONS.values():
        assert operation.formula in operations_nngraph.FORMULAS
        assert set(operation.peers) <= names
        assert "numpy" not in operation.peers or operation.formula in operations_numpy.FORMULAS


def bench(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "bench_peers.py", "--peer", "nngraph", "--peer", "numpy", "--threads", "1"]
    quick = ["--turns", "2", "--seconds", "0", "--output", str(path)]
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [*command, *quick, *options], cwd=TOOLS, env=variables, capture_output=True, text=True, check=False
    )


def test_later_runs_add_to_the_document(tmp_path):
    for name in ("product-64x1000x100-atb", "mlp-2-16-16-2", "product-64x1000x100-ab", "product-64x1000x100-atb"):
        done = bench(tmp_path / "peers", "--work", name)
        assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "peers.json").read_text())
    names = [measured["work"]["name"] for measured in document["measurements"]]
    assert names == ["mlp-2-16-16-2", "product-64x1000x100-ab", "product-64x1000x100-atb"]
    text = (tmp_path / "peers.md").read_text()
    assert "## products, 1 thread\n" in text
    assert "Ratios: geometric mean " in text
    assert "## mlp-2-16-16-2, batch 64, float32, 1 thread\n" in text
    summary = text[: text.index("## products")]
    assert [line.split()[1] for line in summary.splitlines() if line.startswith(("| mlp", "| product"))] == [
        "mlp-2-16-16-2,", "product-64x1000x100-ab,", "product-64x1000x100-atb,"
    ]  # fmt: skip


def test_works_that_are_not_there_are_named(tmp_path):
    done = bench(tmp_path / "peers", "--work", "product")
    assert done.returncode == 2
    assert "'product' given, expected a group or one of" in done.stderr


def test_groups_are_all_of_their_works():
    from bench_peers import works_of
    from peers.works import WORKS

    assert [work.name for work in works_of(["rows", "convolution-forward"], 0)] == [
        "convolution-forward", "softmax-forward", "softmax-backward", "layer_norm-forward", "layer_norm-backward",
        "gelu-forward", "gelu-backward",
    ]  # fmt: skip
    assert [work.name for work in works_of([], 0)] == list(WORKS)
    assert {work.wiring for work in works_of(["training", "inference"], 3)} == {3}


def measured(*medians: float, difference: float = 0.0, name: str = "softmax-forward"):
    from peers.operations import OPERATIONS
    from peers.report import Measurement, Row

    rows = [
        Row(peer, "", 1, median, median, [median], 1, 1, [0.0], difference, "gradient/x")
        for peer, median in zip(("nngraph", "numpy", "torch"), medians, strict=False)
    ]
    return Measurement(OPERATIONS[name], 2, 4, False, rows)


def test_ratios_are_to_the_fastest_other():
    from peers.document import group_table, spread, summary

    members = [measured(2e-3, 8e-3, 4e-3), measured(1e-3, 8e-3, 9e-3, name="gelu-forward")]
    assert spread(members) == "Ratios: geometric mean 4.00, worst 2.00 (softmax-forward)."
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in group_table(members).splitlines()]
    assert cells[0] == ["rows", "nngraph", "numpy", "torch", "ratio", "of bests", "difference"]
    assert cells[2:] == [
        ["softmax-forward", "2.00 ms", "8.00 ms", "4.00 ms", "2.00", "2.00", "0e+00"],
        ["gelu-forward", "1.00 ms", "8.00 ms", "9.00 ms", "8.00", "8.00", "0e+00"],
    ]
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in summary(members).splitlines()]
    times = ["2.00 ms", "torch", "4.00 ms", "2.00", "2.00"]
    assert lines[2] == ["softmax-forward, float32", "2", *times, "torch.compile, jax"]
    assert spread([measured(1e-3)]) == "Nothing to compare with."


def test_results_that_differ_are_reported():
    from peers.report import disagreements

    assert not list(disagreements(measured(1, 1, difference=1e-6)))
    (line,) = disagreements(measured(1, 1, difference=1e-3))
    assert line.startswith("softmax-forward: numpy computes another gradient/x than nngraph")
    assert list(disagreements(measured(1, 1, difference=float("nan"))))


def test_measurements_of_another_processor_are_not_mixed_in(tmp_path):
    from peers.document import read, write

    write(tmp_path / "peers", [measured(1, 1)])
    path = tmp_path / "peers.json"
    document = json.loads(path.read_text())
    (found,) = read(path, document["machine"])
    assert json.loads(json.dumps(asdict(found))) == document["measurements"][0]
    assert type(found.work) is type(measured(1, 1).work)
    with pytest.raises(ValueError, match="measured on .*, expected another one; choose another --output"):
        read(path, {"processor": "another one"})
