"""The bar of a training, drawn on terminals of several widths."""

import io
import re
from types import SimpleNamespace

import pytest
from rich.console import Console

from nngraph.train.display import BarDisplay, metrics_text

METRICS = {"loss": 0.054, "accuracy": 0.9835, "validation_loss": 0.0474, "validation_accuracy": 0.9849}


def drawn(monkeypatch, width, metrics, title="split 12,"):
    """The last line that a bar shows."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=width, legacy_windows=False, color_system="standard")
    monkeypatch.setattr("rich.progress.get_console", lambda: console)
    loop = SimpleNamespace(epochs=200, steps=45, position=SimpleNamespace(epoch=3, step=0))
    bar = BarDisplay(title)
    bar.epoch(loop, 3, metrics)
    bar.pause(loop)
    bar.close()
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", file.getvalue()).replace("\r", "\n").splitlines()
    return [line.rstrip() for line in lines if "epoch" in line][-1]


@pytest.mark.parametrize("width", [50, 80, 100, 160])
def test_nothing_is_cut_off(monkeypatch, width):
    line = drawn(monkeypatch, width, METRICS)
    assert len(line) <= width
    assert "\u2026" not in line
    assert line.startswith("split 12, epoch 4/200 ")
    assert line.count("\u2501") >= 10
    assert line.endswith("-:--:--")
    assert ("validation loss 0.0474, accuracy 0.9849" in line) == (80 <= width < 160)
    assert (metrics_text(METRICS) in line) == (width == 160)


def test_without_validation(monkeypatch):
    assert "loss 0.0540, accuracy 0.9835" in drawn(monkeypatch, 80, dict(list(METRICS.items())[:2]), "")


def test_metrics_are_called_what_the_history_calls_them():
    assert metrics_text({"validation_loss": 0.5}) == "validation loss 0.5000"
