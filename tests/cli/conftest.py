"""Commands run in this process, on a small model."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nngraph.cli.main import run

MODEL = {
    "format": "nngraph-model",
    "version": 1,
    "name": "small",
    "inputs": {"image": {"shape": [6]}},
    "nodes": [
        {"id": "h1", "op": "linear", "inputs": ["image"], "units": 5},
        {"id": "relu1", "op": "relu", "inputs": ["h1"]},
        {"id": "logits", "op": "linear", "inputs": ["relu1"], "units": 3},
    ],
    "outputs": ["logits"],
    "training": {"loss": "cross_entropy", "optimizer": "adam", "batch_size": 16},
}


@dataclass
class Ran:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def nngraph(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def command(*arguments: object) -> Ran:
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return command


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer network whose file names its loss."""
    path = tmp_path_factory.mktemp("models") / "small.json"
    path.write_text(json.dumps(MODEL))
    return path


@pytest.fixture(scope="session")
def lossless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without defaults for training."""
    path = tmp_path_factory.mktemp("models") / "lossless.json"
    path.write_text(json.dumps({name: item for name, item in MODEL.items() if name != "training"}))
    return path
