"""`nngraph compile`: stages, and what each of them made."""

import ast
import re
from pathlib import Path

import pytest

from nngraph.cli.compilation import compilation
from nngraph.compiler import STOPS, compile_program
from nngraph.emit.source import kernel_source
from nngraph.optimize import PASSES
from nngraph.report.source import source_text


def test_a_line_for_each_stage(nngraph, small):
    ran = nngraph("compile", small, "--verify")
    assert ran.code == 0
    names = [line.split()[0] for line in ran.out.splitlines()[3:]]
    skipped = {"optimize", *(step.name for step in PASSES if step.predicts or step.storage)}
    assert names == [name for name in STOPS if name not in skipped]
    assert "small: train, float32, batch 16" in ran.out
    assert "  prepare " in nngraph("compile", small, "--purpose", "predict").out


@pytest.mark.parametrize("purpose", ["train", "predict"])
def test_stopping_after_a_pass_for_prediction(nngraph, small, purpose):
    out = nngraph("compile", small, "--purpose", purpose, "--stop-after", "prepare").out
    assert ("prepare" in out, "fuse" in out) == (purpose == "predict", False)


def test_what_is_prepared_is_shown_apart(nngraph, tmp_path):
    file = tmp_path / "normalized.py"
    file.write_text(
        "import nngraph as ng\ngraph = ng.Graph('normalized')\n"
        "graph.output(graph.batch_norm(graph.linear(graph.input('x', (5,)), 4), name='normal'), name='y')\n"
    )
    ran = nngraph("compile", file, "--emit", "schedule")
    before, _, after = ran.out.partition("for each batch:")
    assert "normal/" in before
    assert after.count("computes") == 1
    assert nngraph("compile", file, "--emit", "graph").out.startswith("preparation of graph normalized")
    assert nngraph("compile", file, "--emit", "source").out.startswith("# preparation of graph normalized")
    assert "; 2 calls before" in nngraph("compile", file).out
    assert "2 calls before the first batch" in nngraph("inspect", file).out
    assert "state: prepared" in nngraph("inspect", file, "--memory").out


def test_stops_where_it_is_told_to(nngraph, small):
    for stage in ("lower", "fold_constants", "optimize", "plan"):
        ran = nngraph("compile", small, "--stop-after", stage)
        assert ran.code == 0
        assert ran.out.split("\n")[-2].split()[0] == ("fuse" if stage == "optimize" else stage)


def test_graph_of_any_stage(nngraph, small):
    assert "def ng_" in nngraph("compile", small, "--emit", "source", "--stop-after", "schedule").out
    lowered = nngraph("compile", small, "--emit", "graph", "--stop-after", "lower").out
    assert "%h1/matmul: float32[batch, 5] = matmul(%image, %h1.weight)" in lowered
    assert "fused" in nngraph("compile", small, "--emit", "graph").out


def test_the_programs_of_a_model(nngraph, small, lossless):
    assert "update/h1.weight" in nngraph("compile", small, "--emit", "schedule").out
    assert "gradient/h1" not in nngraph("compile", small, "--emit", "schedule", "--purpose", "evaluate").out
    assert "lossless" not in nngraph("compile", lossless, "--emit", "schedule").out
    assert nngraph("compile", lossless, "--emit", "schedule").out.count("computes") == 2
    ran = nngraph("compile", lossless, "--emit", "schedule", "--purpose", "train")
    assert ran.code == 2
    assert f"--loss: none given, and {lossless} names none, but --purpose train needs one; give one" in ran.err
    assert nngraph("compile", lossless, "--loss", "cross_entropy", "--emit", "schedule").code == 0


def test_schedule_names_kernels_nodes_and_threads(nngraph, small):
    ran = nngraph("compile", small, "--emit", "schedule", "--threads", 2, "--batch", 5000)
    first = ran.out.splitlines()[2:6]
    assert re.fullmatch(r" +0  matmul ng_[0-9a-f]{20}  2 threads  300,000 operations  220,000 bytes", first[0])
    assert first[1].split() == ["computes", "h1/matmul", "h1", "relu1"]
    assert first[2].split() == ["reads", "image", "h1.weight", "h1.bias"]
    assert first[3].split() == ["writes", "relu1"]
    assert " 1 thread " in nngraph("compile", small, "--emit", "schedule", "--threads", 2).out.splitlines()[2]


def test_no_line_of_a_schedule_is_long(nngraph, small):
    lines = nngraph("compile", small, "--emit", "schedule").out.splitlines()
    assert max(map(len, lines)) <= 110
    assert any(line.startswith(" " * 16) for line in lines), "a list of nodes that takes several lines"


def test_source_has_the_ids_of_nodes_in_its_comments(nngraph, small):
    out = nngraph("compile", small, "--emit", "source").out
    comments = [line.partition("#")[2] for line in out.splitlines()]
    c = compile_program(compilation(small), "schedule")
    assert c.schedule
    for call in c.schedule.calls:
        for id in call.nodes:
            assert any(id in comment for comment in comments), id
    statements = [line.strip() for line in out.splitlines()]
    assert any(re.fullmatch(r"v\d+ = fma\(.*\) +# update/mean/\w+\.bias", line) for line in statements)
    assert any(re.fullmatch(r"# args\[\d+\] is M +# batch", line) for line in statements)
    assert any(re.fullmatch(r"def each\(acc, .*\): +# h1/matmul", line) for line in statements)


def test_source_without_its_comments_is_what_is_compiled(small: Path):
    c = compile_program(compilation(small), "schedule")
    assert c.schedule
    printed = source_text(c.schedule)
    kernels = dict.fromkeys(call.kernel for call in c.schedule.calls)
    for kernel in kernels:
        name, source = kernel_source(kernel)
        assert printed.count(f"def {name}(") == 1
        part = printed[printed.index(f"# {name},") :].split("\n" + "#" * 108)[0]
        assert ast.dump(ast.parse(part)) == ast.dump(ast.parse(source))


def test_source_compiles_nothing(nngraph, small, tmp_path, monkeypatch):
    monkeypatch.setenv("NNGRAPH_CACHE_DIR", str(tmp_path))
    assert nngraph("compile", small, "--emit", "source").code == 0
    assert not list(tmp_path.rglob("*.o"))


def test_memory(nngraph, small):
    ran = nngraph("compile", small, "--emit", "memory", "--batch", 100)
    c = compile_program(compilation(small, batch=100), "plan")
    assert c.plan
    assert re.search(rf"^arena +{c.plan.nbytes:,} ", ran.out, re.MULTILINE)
    assert all(re.search(rf"^{re.escape(v.name)} +", ran.out, re.MULTILINE) for v in c.plan.placements)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--stop-after", "fus"), "--stop-after: 'fus' given, one of lower, "),
        (("--emit", "memory", "--stop-after", "lower"), "'plan' or later expected"),
        (("--emit", "source", "--stop-after", "fuse"), "'schedule' or later expected"),
        (("--batch", "0"), "--batch"),
        (("--purpose", "dream"), "--purpose"),
        (("--loss", "cross"), "cross"),
    ],
)
def test_bad_options_are_one_line(nngraph, small, arguments, message):
    ran = nngraph("compile", small, *arguments)
    assert ran.code == 2
    assert message in ran.err
    assert len(ran.err.splitlines()) == 1
