"""What the README says holds: its Python runs, its commands and files are there."""

import re
from pathlib import Path

from nngraph.cli.main import COMMANDS
from nngraph.declare.load import load

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_its_python_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found: dict = {}
    for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        exec(compile(block, "README.md", "exec"), found)
    accuracy = float(re.search(r"'accuracy': ([\d.]+)", capsys.readouterr().out)[1])
    assert accuracy > 0.9
    assert found["distances"].shape == (100, 1)
    assert "encoder.weight" in found["model"].parameters()
    assert len(load("ring.json")) == len(found["wiring"]) == 17
    assert len((tmp_path / "runs/pair/metrics.jsonl").read_text().splitlines()) == 10


def test_its_commands_are_there():
    named = set(re.findall(r"(?:`|bin/)nngraph ([a-z]+)", TEXT))
    assert named == set(COMMANDS)


def test_its_links_lead_somewhere():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", TEXT) if "://" not in link]
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []
