"""The command line as a whole: quick help, errors in one line, exit codes."""

import re
import subprocess
import sys

import click
import pytest

from nngraph.cli import main
from nngraph.errors import DataError, Errors, ExecutionError
from nngraph.ops.loss import LOSSES
from nngraph.ops.optimizer import OPTIMIZERS


def test_help_imports_no_command(nngraph):
    code = (
        "import sys; from nngraph.cli.main import run; run(['--help']); "
        "print(*[m for m in sys.modules if m.split('.')[0] in {'numpy', 'rich', 'networkx', 'numba', 'llvmlite'} "
        "or m.startswith('nngraph.cli.') and m != 'nngraph.cli.main'])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "nngraph COMMAND --help" in out
    assert out.splitlines()[-1] == ""


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_has_help(nngraph, name):
    ran = nngraph(name, "--help")
    assert ran.code == 0
    assert "--debug" in ran.out
    assert "\n  nngraph " in ran.out, "an example"


def test_help_names_all_losses_and_optimizers(nngraph):
    found = set(re.findall(r"\w+", nngraph("train", "--help").out))
    assert found >= {*LOSSES.names, *OPTIMIZERS.names}


def test_version(nngraph):
    assert nngraph("--version").out.startswith("nngraph ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "nngraph: No such command 'trian'"),
        (["--colour"], "nngraph: No such option '--colour'"),
        (["train", "m.json", "--epoch", "3"], "nngraph: No such option '--epoch'"),
        (["train", "m.json", "--epochs", "x"], "nngraph: Invalid value for '--epochs'"),
    ],
)
def test_wrong_usage_is_one_line_and_2(nngraph, arguments, message):
    ran = nngraph(*arguments)
    assert ran.code == 2
    assert ran.err.startswith(message)
    assert len(ran.err.splitlines()) == 1
    assert "--help" in ran.err


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (DataError("x: wrong"), 2, "nngraph: x: wrong\n"),
        (Errors(["one", "two"]), 2, "nngraph: one\nnngraph: two\n"),
        (ExecutionError("step 3: not finite"), 1, "nngraph: step 3: not finite\n"),
        (RuntimeError("odd"), 1, "nngraph: RuntimeError: odd (a defect of nngraph; --debug shows where)\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_errors_become_lines_and_codes(nngraph, monkeypatch, error, code, text):
    @click.command()
    def command():
        raise error

    monkeypatch.setattr(main.LazyGroup, "get_command", lambda *_: command)
    ran = nngraph("train")
    assert ran.code == code
    assert ran.err.endswith(text)


def test_debug_lets_errors_through(nngraph, tmp_path):
    with pytest.raises(DataError):
        nngraph("train", "models/digits_mlp.json", "--data", "nowhere.csv:target=y", "--debug")


def test_a_reader_that_has_gone_is_no_error(tmp_path):
    command = f"{sys.executable} -m nngraph train --help | head -c 1"
    ran = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert ran.stderr == ""
