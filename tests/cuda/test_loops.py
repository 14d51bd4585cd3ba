"""Ranges as while loops: the same steps, in loops within loops, however their ends are written."""

from nngraph_kernels.cuda.loops import while_loops

LINES = [
    "for i in range(n):",
    "    before.append(i)",
    "    for j in range(i, max(n, 3) - 1):",
    "        inner.append((i, j))",
    "        if j == 1:",
    "            inner.append(i)",
    "    for k in range(min(i, 2), (n, 7)[1], step):",
    "        for i2 in range(0):",
    "            before.append(-1)",
    "        inner.append(k)",
    "    before.append(-i)",
    "before.append(n)",
]


def run(lines, n):
    names = {"n": n, "step": 2, "before": [], "inner": [], "int32": int, "int64": int}
    exec("\n".join(lines), names)
    return names["before"], names["inner"]


def test_same_steps():
    rewritten = while_loops(LINES, wide={"k"})
    assert not any("range" in line for line in rewritten)
    assert [line.strip() for line in rewritten if "int64" in line] == [
        "k = int64(min(i, 2))", "k_stop = int64((n, 7)[1])", "k = int64(k + step)"
    ]  # fmt: skip
    for n in (0, 1, 5):
        assert run(rewritten, n) == run(LINES, n)
