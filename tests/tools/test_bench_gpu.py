"""What `tools/bench_gpu.py` does without a GPU: works, timing in the simulator, tables, and the line that says no."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cuda.blas import NumpyBlas

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture(autouse=True)
def _tools_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(TOOLS))


def run(*arguments, **variables):
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_ENABLE_CUDASIM"}
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path)} | variables
    command = [sys.executable, "bench_gpu.py", *arguments]
    return subprocess.run(command, cwd=TOOLS, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"NUMBA_ENABLE_CUDASIM": "1"}, "nothing measured: Numba's simulator is no device"),
        ({"CUDA_VISIBLE_DEVICES": ""}, "nothing measured: device: 'cuda' "),
    ],
)
def test_without_a_device_one_line_says_so(tmp_path, variables, expected):
    done = run("--output", str(tmp_path / "gpu"), **variables)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert expected in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_option_that_is_not_there():
    done = run("--part", "tables")
    assert done.returncode == 2
    assert "'tables' is not one of 'kernels', 'networks'" in done.stderr


def test_each_work_is_one_kernel_and_moves_what_it_says():
    from gpu.works import kernel_works

    import nngraph as ng
    from nngraph.ir.types import evaluate
    from nngraph.programs import scheduled

    for work in kernel_works(64, 32, 48):
        made = scheduled(ng.compile(work.graph()).programs.compile("predict"))
        (call,) = made.calls
        assert evaluate(call.traffic, work.batch) == work.traffic, work.name
        if work.group == "product":
            assert evaluate(call.flops, work.batch) == work.flops


def test_steps_are_timed_in_turn():
    """In the simulator, at sizes that say nothing of a device."""
    from gpu.kernels import copies, copy_bandwidth, time_kernel
    from gpu.works import kernel_works

    from nngraph.run.cuda.device import device

    found = time_kernel(kernel_works(6, 4, 4)[0], device(), turns=3, launches=2)
    assert found.name == "relu(a b + c)"
    assert len(found.seconds) == 3
    assert min(found.seconds) <= found.median <= max(found.seconds)
    assert copy_bandwidth(device(), 64, 2, 2) > 0
    assert [copies(n, 50) for n in (1000, 200, 99)] == [1, 1, 3]


def report():
    from gpu.document import KernelRow, Report
    from gpu.works import NETWORK_WORKS
    from peers.report import Measurement, Row

    rows = [
        Row(name, "1.0", 1.0, seconds, seconds, [seconds], 1.0, 100.0, [2.0, 1.0])
        for name, seconds in (("nngraph", 1e-4), ("torch", 2.5e-4), ("torch.compile", 0.9e-4))
    ]
    kernels = [
        KernelRow("copy", [], 5e-4, 4e12, "GB/s", 4e12, 0.0),
        KernelRow("a + b", [1e-3], 1e-3, 3.6e12, "GB/s", 4e12, 0.85),
        KernelRow("product 4096^3", [4e-3], 4e-3, 3e13, "GFLOP/s", 0.0, 0.6),
    ]
    about = {"date": "2026-01-02", "device": "a device"}
    return Report(about, kernels, [Measurement(NETWORK_WORKS[0], 1, 8, False, rows)])


def test_the_document(tmp_path):
    from gpu.document import write

    write(tmp_path / "made" / "gpu", report())
    lines = [" ".join(line.split()) for line in (tmp_path / "made" / "gpu.md").read_text().splitlines()]
    assert "- device: a device" in lines
    assert "| a + b | 1.00 ms | 3,600 GB/s | 4,000 | 90% | 85% |" in lines
    assert "| product 4096^3 | 4.00 ms | 30,000 GFLOP/s | not measured | | 60% |" in lines
    assert "| work | nngraph | torch (asked for: 2) | torch.compile (asked for: 1) |" in lines
    assert "| mlp-784-512-512-10, batch 128, float32 | 100.0 µs | 2.50 | 0.90 |" in lines
    document = json.loads((tmp_path / "made" / "gpu.json").read_text())
    assert document["about"]["date"] == "2026-01-02"
    assert document["kernels"][1]["seconds"] == [1e-3]
    assert document["networks"][0]["rows"][1]["peer"] == "torch"


def test_the_works_are_those_that_are_asked_for():
    from gpu.works import FRAMEWORKS, NETWORK_WORKS, kernel_works

    assert [(work.name, work.batch) for work in NETWORK_WORKS] == [
        ("mlp-784-512-512-10", 128), ("randwire", 32), ("randwire-256", 256),
    ]  # fmt: skip
    assert all(work.epoch >= 4 for work in NETWORK_WORKS)
    assert [framework.variant for framework in FRAMEWORKS] == ["cuda", "cuda", "cuda-compile"]
    product = kernel_works()[-1]
    assert (product.flops, product.traffic) == (2 * 4096**3, 3 * 4 * 4096**2)
    own, *others = kernel_works(library=True)[-3:]
    assert (own.products, own.name) == ("own", product.name)
    assert [(work.products, work.asked, work.flops) for work in others] == [
        ("cublas", 0.0, own.flops), ("cublas_tf32", 0.0, own.flops),
    ]  # fmt: skip


def test_our_peer_trains_on_the_device(tmp_path, monkeypatch):
    from gpu.works import WITH_LIBRARY
    from peers.prepare import prepare
    from peers.task import load
    from peers.with_nngraph import Trainer
    from peers.works import ADAM, Network

    prepare(Network("tiny", 4, 8, ADAM, sizes=(3, 4, 2)), tmp_path)
    blas = NumpyBlas()
    monkeypatch.setattr("nngraph.machines.cuda.library", lambda: blas)
    found = {variant: Trainer(load(tmp_path, 1, variant)) for variant in ("", "cuda", WITH_LIBRARY.variant)}
    losses = {variant: trainer.run(2) for variant, trainer in found.items()}
    assert found["cuda"].model.programs.device == "cuda"
    assert blas.done
    np.testing.assert_allclose(losses["cuda"], losses[""], rtol=1e-5)
    np.testing.assert_allclose(losses[WITH_LIBRARY.variant], losses[""], rtol=1e-5)
