"""Ctrl-C, in processes of their own: at once, with the run saved."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import nngraph as ng

ROOT = Path(ng.__file__).parents[1]
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "kernels")])}
SECONDS = 300

WIDE = """
import sys
import numpy as np
import nngraph as ng
g = ng.Graph("wide")
x = g.input("x", ({width},))
for _ in range(6):
    x = g.relu(g.linear(x, {width}))
g.output(g.linear(x, 10))
m = ng.compile(g, loss="cross_entropy", optimizer=ng.SGD(1e-3))
rng = np.random.default_rng(0)
X, Y = rng.standard_normal(({rows}, {width})).astype("f"), rng.integers(0, 10, {rows})
m.evaluate(X[:2], Y[:2])
m.loss_and_gradients(X[:2], Y[:2])
m.programs.compile("train")
print("ready", flush=True)
try:
    m.fit(X, Y, epochs=1000, batch_size={batch}, run=sys.argv[1])
except KeyboardInterrupt:
    print(m.trainee.position.epoch, m.trainee.position.step, flush=True)
    sys.exit(130)
"""


def interrupted(process, run, pause, begin="ready"):
    """Wait for the line that begins so and for the run's directory, then interrupt; what was printed after it."""
    assert process.stdout
    while not process.stdout.readline().startswith(begin):
        assert process.poll() is None
    while not (run / "config.json").exists():
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(pause)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=SECONDS)
    return out, err


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, *arguments], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


@pytest.mark.parametrize(("width", "rows", "batch"), [(400, 2048, 2048), (64, 20_000, 16)], ids=["step", "epoch"])
def test_within_a_long_step_and_a_long_epoch(tmp_path, width, rows, batch):
    script = WIDE.format(width=width, rows=rows, batch=batch)
    process = start("-c", script, str(tmp_path / "run"))
    out, err = interrupted(process, tmp_path / "run", 0.5)
    assert process.returncode == 130, err
    epoch, step = map(int, out.split())
    saved = ng.load_model(tmp_path / "run")
    assert (saved.trainee.position.epoch, saved.trainee.position.step) == (epoch, step)
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == epoch
    steps = epoch * -(-rows // batch) + step
    counter = saved.programs.store.waiting.get("step")
    assert counter is None or int(counter) == steps
    assert all(np.isfinite(array).all() for array in saved.parameters().values())


def test_on_the_command_line(tmp_path):
    model = ROOT / "models" / "digits_mlp.json"
    run = tmp_path / "run"
    process = start("-m", "nngraph", "train", str(model), "--epochs", "100000", "--split-seeds", "0", "--run", str(run))
    _, err = interrupted(process, run, 0.1, "epoch 3/")
    assert process.returncode == 130, err
    assert f"saved in {run}; go on with: nngraph train --resume {run}" in err
    assert json.loads((run / "config.json").read_text())["epochs"] == 100000
    assert ng.load_model(run).trainee.position.epoch == len((run / "metrics.jsonl").read_text().splitlines())
