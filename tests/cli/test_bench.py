"""`nngraph bench`: what is measured, not how fast it is."""

import json
import math
import re
from pathlib import Path

import numpy as np

from nngraph.bench.kernels import Case, cases, measure, programs_of
from nngraph.bench.model import clocked, feed_of, run
from nngraph.bench.peaks import Peaks
from nngraph.cli.arguments import load_graph
from nngraph.cli.bench import rate
from nngraph.emit.cache import user_cache
from nngraph.programs import Programs
from nngraph.run.tape import DRIVER_NAME, DRIVER_SOURCE, Tape


def test_each_kernel_with_its_share_of_the_peak(nngraph):
    found = nngraph("bench", "kernels", "--filter", "64×64", "--threads", 1, "--json").json
    assert found["threads"] == 1
    names = [row["name"] for row in found["kernels"]]
    assert names[0] == "matmul"
    assert "layer_norm" in names
    for row in found["kernels"]:
        assert row["unit"] == ("FLOP/s" if row["family"] == "matmul" else "B/s")
        assert math.isclose(row["share"], row["rate"] / row["peak"])
    product = found["kernels"][0]
    assert math.isclose(product["rate"], 2 * 64**3 / product["seconds"])
    calls = [found["empty_call_seconds"], found["shared_call_seconds"]]
    assert all(0 < seconds < math.inf for seconds in calls)


def test_a_table_of_them(nngraph):
    lines = nngraph("bench", "kernels", "--filter", "slice", "--threads", 1).out.splitlines()
    assert lines[0] == "float32, 1 thread"
    assert lines[2].split() == ["kernel", "shape", "time", "rate", "peak", "share"]
    assert lines[3].split()[:2] == ["slice", "1024×512"]
    assert re.fullmatch(r"a call that does nothing takes \S+ (n|µ)s", lines[-1])


def test_every_case_declares_a_graph():
    for case in cases():
        programs = programs_of(case, "float32", 1)
        assert list(programs.declared.graph["outputs"])[-1] == "y", case


def test_a_kernel_reads_what_is_prepared(monkeypatch):
    prepared = []
    prepare = Programs.prepare
    monkeypatch.setattr(Programs, "prepare", lambda *given: prepared.append(given[1]) or prepare(*given))
    cache = user_cache()
    peaks = Peaks(cache, Tape(cache.entries({DRIVER_NAME: DRIVER_SOURCE})[DRIVER_NAME]), 1)
    measure(Case("rows", "normalized", ((8, 4),), (("linear", {"units": 3}), ("batch_norm", {}))), peaks, "float32")
    assert prepared == ["predict"]


def test_peaks_are_measured_once_for_a_size():
    cache = user_cache()
    peaks = Peaks(cache, Tape(cache.entries({DRIVER_NAME: DRIVER_SOURCE})[DRIVER_NAME]), 1)
    assert 0 < peaks.bandwidth("float32", 50_000) == peaks.bandwidth("float32", 65_536)
    assert list(peaks.known) == [("triad", "float32", 65_536)]


def test_no_such_kernel(nngraph):
    ran = nngraph("bench", "kernels", "--filter", "fft")
    assert ran.code == 2
    assert ran.err.startswith("nngraph: --filter: 'fft' is in no kernel's name; families are matmul, conv2d, depth")


def test_rates_in_words():
    assert rate(1.23456e11, "FLOP/s") == "123.5 GFLOP/s"


def test_a_model_call_by_call(nngraph, tmp_path):
    trace = tmp_path / "step.json"
    options = ("models/two_layer.json", "--batch", 8, "--threads", 1)
    found = nngraph("bench", "model", *options, "--json", "--trace", trace).json
    schedule = nngraph("compile", *options, "--emit", "schedule").out
    assert [call["number"] for call in found["calls"]] == list(range(len(found["calls"])))
    assert [call["kernel"] for call in found["calls"]] == re.findall(r" (ng_\w+) ", schedule)
    assert found["steps"] >= 20
    begun = [call["start"] for call in found["calls"]]
    assert begun == sorted(begun)
    assert begun[0] > 0.0  # the batch was brought in before
    assert all(call["seconds"] > 0 and call["least"] > 0 for call in found["calls"])
    assert math.isclose(found["least"], sum(call["least"] for call in found["calls"]))
    events = json.loads(trace.read_text())["traceEvents"]
    assert [event["args"]["kernel"] for event in events] == [call["kernel"] for call in found["calls"]]
    assert math.isclose(events[-1]["dur"], found["calls"][-1]["seconds"] * 1e6)


def test_a_model_as_a_table(nngraph):
    lines = nngraph(
        "bench", "model", "models/two_layer.json", "--purpose", "predict", "--threads", 1, "--top", 1
    ).out.splitlines()
    assert lines[0] == "two_layer: predict, batch 32, float32, 1 thread"
    assert lines[2].split() == ["kernel", "node", "shape", "calls", "time", "of", "step", "GFLOP/s", "GB/s", "roofline"]
    assert lines[3].split()[0] == "matmul"
    assert lines[4].split()[0] == "all"
    assert "left out" in lines[5]
    assert lines[-1].startswith("a step: ")


def test_gradients_are_marked(nngraph):
    out = nngraph("bench", "model", "models/two_layer.json", "--threads", 1).out
    assert "∂ hidden1" in out
    assert "gradient/hidden1" not in out


def test_a_clock_between_calls_leaves_results_alone():
    declaration = load_graph(Path("models/digits_cnn.json")).declaration()
    programs = [Programs(declaration, threads=2) for _ in range(2)]
    feeds = [feed_of(each, "predict", 5, seed=3) for each in programs]
    bound = [each.bind("predict", 5, feed) for each, feed in zip(programs, feeds, strict=True)]
    run(programs[0], bound[0].program, 3)
    readings = clocked(programs[1], bound[1].program, 3)
    (name,) = bound[0].outputs
    assert np.array_equal(bound[0].outputs[name], bound[1].outputs[name])
    assert readings.shape == (3, len(bound[1].program.table) + 1)
    assert (np.diff(readings.ravel()) >= 0).all()


def test_a_loss_that_is_not_finite_is_told(nngraph, tmp_path):
    model = json.loads(Path("models/two_layer.json").read_text())
    model["training"]["optimizer"] = {"type": "sgd", "learning_rate": 1e30}
    (tmp_path / "wild.json").write_text(json.dumps(model))
    ran = nngraph("bench", "model", tmp_path / "wild.json", "--threads", 1)
    assert ran.code == 1
    assert "the loss is not finite" in ran.err


def test_a_trace_that_cannot_be_written_is_refused_before_it_is_measured(nngraph, tmp_path):
    ran = nngraph("bench", "model", "models/two_layer.json", "--trace", tmp_path / "missing" / "step.json")
    assert ran.code == 2
    assert "--trace: there is no folder" in ran.err
