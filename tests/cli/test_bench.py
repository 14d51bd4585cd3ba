"""`nngraph bench`: what is measured, not how fast it is."""

import math

from nngraph.bench.kernels import cases, programs_of
from nngraph.bench.peaks import Peaks
from nngraph.cli.bench import rate
from nngraph.emit.cache import user_cache
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


def test_a_table_of_them(nngraph):
    lines = nngraph("bench", "kernels", "--filter", "slice", "--threads", 1).out.splitlines()
    assert lines[0] == "float32, 1 thread"
    assert lines[2].split() == ["kernel", "shape", "time", "rate", "peak", "share"]
    assert lines[3].split()[:2] == ["slice", "1024×512"]


def test_every_case_declares_a_graph():
    for case in cases():
        programs = programs_of(case, "float32", 1)
        assert list(programs.declared.graph["outputs"])[-1] == "y", case


def test_peaks_are_measured_once_for_a_size():
    cache = user_cache()
    peaks = Peaks(cache, Tape(cache.entries({DRIVER_NAME: DRIVER_SOURCE})[DRIVER_NAME]), 1)
    assert 0 < peaks.bandwidth("float32", 50_000) == peaks.bandwidth("float32", 65_536)
    assert list(peaks.known) == [("triad", "float32", 65_536)]


def test_no_such_kernel(nngraph):
    ran = nngraph("bench", "kernels", "--filter", "fft")
    assert ran.code == 2
    assert ran.err.startswith("nngraph: --filter: 'fft' is in no kernel's name; families are matmul, conv2d, element")


def test_rates_in_words():
    assert rate(1.23456e11, "FLOP/s") == "123.5 GFLOP/s"
