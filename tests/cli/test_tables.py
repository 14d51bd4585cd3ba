"""Tables as they are drawn on terminals, where what is too wide is folded."""

import io

import pytest
from rich.console import Console

from nngraph.cli import tables

TITLES = ("wiring", ">n", ">accuracy", ">loss", ">parameters", ">multiply-adds", ">largest time")
ROW = ("ws:4,0.75", "10", "0.9903 ± 0.0053", "0.5720 ± 0.0026", "13,690", "361,280", "745 ms")


@pytest.mark.parametrize(("width", "lines"), [(80, 4), (120, 3)])
def test_a_study_fits_a_terminal(monkeypatch, width, lines):
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=width, legacy_windows=False, color_system=None)
    monkeypatch.setattr(tables, "console", lambda: console)
    tables.show_table(TITLES, [ROW])
    drawn = file.getvalue().splitlines()
    assert len(drawn) == lines
    assert max(map(len, drawn)) <= width
    assert all(cell in drawn[-1] for cell in ROW)
