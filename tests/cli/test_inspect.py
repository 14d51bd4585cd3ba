"""`nngraph inspect`: nodes, the graph after a stage, memory."""

import re
from pathlib import Path

import pytest

from nngraph.cli.compilation import compilation
from nngraph.compiler import compile_program
from nngraph.programs import Programs
from nngraph.report.memory import MemoryReport, memory_report


def test_a_row_for_each_node_and_totals(nngraph, small):
    lines = nngraph("inspect", small).out.splitlines()
    assert lines[2].split() == ["node", "op", "output", "parameters", "multiply-adds", "kernel"]
    assert re.fullmatch(r"h1 +linear +float\[batch, 5\] +35 +30 +ng_[0-9a-f]{8} \(call 0\)", lines[4])
    assert re.fullmatch(r"relu1 +relu +float\[batch, 5\] +0 +0 +ng_[0-9a-f]{8} \(call 0\)", lines[5])
    assert lines[-3].split() == ["4", "nodes", "53", "45", "2", "calls,", "2", "kernels"]
    assert lines[-1] == "53 parameters, 45 multiply-adds for an example"


def test_json_holds_the_same(nngraph, small):
    found = nngraph("inspect", small, "--json").json
    assert [row["id"] for row in found["nodes"]] == ["image", "h1", "relu1", "logits"]
    assert found["totals"] == {
        "nodes": 4, "parameters": 53, "frozen": 0, "statistics": 0, "multiply_adds": 45, "calls": 2, "kernels": 2,
    }  # fmt: skip
    assert found["nodes"][1]["calls"] == found["nodes"][2]["calls"] == [0]


def test_shared_and_frozen_parameters_are_told_apart(nngraph, tmp_path):
    declaration = tmp_path / "tied.py"
    declaration.write_text(
        "import nngraph as ng\n"
        "graph = ng.Graph('tied')\n"
        "x = graph.input('x', (4,))\n"
        "h = graph.linear(x, 4, name='own', trainable=False)\n"
        "graph.output(graph.linear(h, 4, name='tied', shared_with='own'))\n"
    )
    rows = nngraph("inspect", declaration, "--json").json["nodes"]
    assert [(row["id"], row["parameters"], row["frozen"]) for row in rows] == [
        ("x", 0, 0),
        ("own", 20, 20),
        ("tied", 0, 0),
    ]
    assert "* 20 of the parameters are frozen" in nngraph("inspect", declaration).out


def test_kernels_are_counted_as_compile_counts_them(nngraph, tmp_path):
    """Those of the preparation too."""
    declaration = tmp_path / "normalized.py"
    declaration.write_text(
        "import nngraph as ng\n"
        "graph = ng.Graph('normalized')\n"
        "graph.output(graph.batch_norm(graph.linear(graph.input('x', (5,)), 3)))\n"
    )
    totals = nngraph("inspect", declaration, "--json").json["totals"]
    assert (totals["calls"], totals["kernels"]) == (1, 3)
    left = nngraph("compile", declaration, "--purpose", "predict", "--stop-after", "schedule").out.splitlines()[-1]
    assert "1 call of 3 kernels; 2 calls before" in left


def test_running_statistics_are_no_parameters(nngraph, tmp_path):
    declaration = tmp_path / "normalized.py"
    declaration.write_text(
        "import nngraph as ng\n"
        "graph = ng.Graph('normalized')\n"
        "graph.output(graph.batch_norm(graph.input('x', (5,)), name='normal'))\n"
    )
    found = nngraph("inspect", declaration, "--json").json
    assert [found["totals"][name] for name in ("parameters", "frozen", "statistics")] == [10, 0, 10]
    assert "and 10 running statistics, which are not trained" in nngraph("inspect", declaration).out


def test_after_any_stage(nngraph, small):
    assert "= matmul(%image" in nngraph("inspect", small, "--after", "lower").out
    assert "%update/h1.weight: " in nngraph("inspect", small, "--after", "differentiate").out
    assert "fused(" in nngraph("inspect", small, "--after", "fuse").out
    ran = nngraph("inspect", small, "--after", "emit")
    assert ran.code == 2
    assert "--after: 'emit' given, one of lower, differentiate, " in ran.err


def test_memory_states_the_arena_that_is_allocated(nngraph, small):
    for batch in (1, 16, 333):
        found = nngraph("inspect", small, "--memory", "--batch", batch, "--json").json
        c = compilation(small)
        programs = Programs(c.declared, c.objective, c.optimizer)
        programs.bind("train", batch)
        assert programs.arena
        assert found["arena"] == programs.arena.nbytes == len(programs.arena.bytes)
        assert found["states"] == held(programs, "parameter", "step", "moment")


def held(programs: Programs, *kinds: str) -> dict[str, int]:
    """Bytes of the states of these kinds."""
    store = programs.store
    return {k: sum(store.arrays[n].nbytes for n, state in store.states.items() if state.kind == k) for k in kinds}


NORMALIZED = "graph.output(graph.batch_norm(graph.linear(x, 4)))"
OWN = "graph.output(graph.linear(graph.linear(graph.constant(value=[[1.0] * 40] * 50), 60), 4), name='own')"


@pytest.mark.parametrize("lines", [NORMALIZED, f"graph.output(x)\n{OWN}"], ids=["fits", "needs more"])
def test_memory_of_a_prediction_counts_what_is_prepared(nngraph, tmp_path, lines):
    """The preparation runs in the same arena, which may have to be larger for it."""
    file = tmp_path / "prepared.py"
    file.write_text(f"import nngraph as ng\ngraph = ng.Graph('prepared')\nx = graph.input('x', (5,))\n{lines}\n")
    found = nngraph("inspect", file, "--memory", "--batch", 1, "--json").json
    c = compilation(file)
    programs = Programs(c.declared)
    programs.bind("predict", 1)
    assert programs.arena
    scratch = found["scratch"] * found["threads"]
    assert found["arena"] == programs.arena.nbytes == found["values"] + scratch + found["more"]
    assert (found["more"] > 50 * 60 * 4) == (OWN in lines)
    kinds = ("parameter", "statistic", "prepared") if lines is NORMALIZED else ("parameter", "prepared")
    assert found["states"] == held(programs, *kinds)
    assert ("  more " in nngraph("inspect", file, "--memory", "--batch", 1).out) == (found["more"] > 0)


def report_of(path: Path) -> MemoryReport:
    c = compile_program(compilation(path, batch=64, threads=2), "plan")
    assert c.graph
    assert c.schedule
    assert c.plan
    return memory_report(c.graph, c.schedule, c.plan)


def test_memory_adds_up(small):
    report = report_of(small)
    assert report.arena == report.values + 2 * report.scratch
    assert report.peak == max(report.live) == report.live[report.peak_call] <= report.values
    places = {row.offset: -(-row.nbytes // 64) * 64 for row in report.at(report.peak_call)}
    assert sum(places.values()) == report.peak
    assert report.placed == sum(row.nbytes for row in report.rows)
    assert report.placed < report.unfused


def test_no_two_values_share_a_byte_while_both_are_alive(small):
    rows = report_of(small).rows
    for a in rows:
        for b in rows:
            apart = a.offset + a.nbytes <= b.offset or b.offset + b.nbytes <= a.offset
            handed_over = a.offset == b.offset and (a.last == b.first or b.last == a.first)
            assert a is b or apart or handed_over or a.last < b.first or b.last < a.first


def test_memory_in_words(nngraph, small):
    out = nngraph("inspect", small, "--memory", "--top", 2).out
    assert re.search(r"^arena +[\d,]+ +[\d.]+ KiB +allocated for this batch$", out, re.MULTILINE)
    assert "the peak is reached at call " in out
    assert re.search(r"^and \d+ more of [\d,]+ bytes together", out, re.MULTILINE)
    assert "█" in out


def test_one_of_two_options(nngraph, small):
    ran = nngraph("inspect", small, "--memory", "--after", "fuse")
    assert (ran.code, ran.err) == (2, "nngraph: --after, --memory: both given, one of them expected\n")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("h = g.max_pool(x, 9)", "node 'max_pool_1' (max_pool): size (9, 9) given"),
        ("h = 1 / 0", "ZeroDivisionError: division by zero; --debug shows more"),
        ("ng.WS(8, 3)", "wiring 'ws': k=3 given"),
    ],
)
def test_errors_of_a_python_file_name_its_line(nngraph, tmp_path, line, message):
    declaration = tmp_path / "wrong.py"
    declaration.write_text(f"import nngraph as ng\ng = ng.Graph('wrong')\nx = g.input('x', shape=(8, 8, 3))\n{line}\n")
    ran = nngraph("inspect", declaration)
    assert ran.code == 2
    assert ran.err.startswith(f"nngraph: {declaration}, line 4: {message}")
    assert ran.err.count("\n") == 1
