"""``nngraph``: the group of commands, and what becomes of errors.

A command stands in the module of its name as ``command``, which is imported only when it is asked for: `--help`
answers from the table below.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from keyword import iskeyword
from typing import Any, Final

import click

from nngraph.errors import NNGraphError

# In the order in which `--help` lists them.
COMMANDS: Final = {
    "train": "Train a model on data, and save it with its history.",
    "evaluate": "Loss and metric of a trained model on data.",
    "predict": "A trained model's outputs for new data.",
    "plot": "Draw the curves of runs, and what small networks make of the plane.",
    "sweep": "Train a model with several wirings and seeds, and compare them.",
    "randwire": "Write the model file of a randomly wired network.",
    "inspect": "A model's nodes, shapes, parameters, work and memory, in tables or drawn.",
    "ops": "The operators that networks are made of.",
    "compile": "Run the compiler, all of it or up to a stage, and show what it makes.",
    "export": "Write a model for other programs.",
    "import": "Read a model of another program.",
    "gradcheck": "Compare a model's gradients with finite differences.",
    "bench": "Measure kernels against what this machine can do.",
    "cache": "What is in the cache of compiled kernels, and why a kernel was compiled.",
    "doctor": "Check the installation and this machine.",
}
FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130
DEBUG: Final = "--debug"


def debug_option() -> click.Option:
    """The option of every command, which `main` reads before any of them."""
    return click.Option([DEBUG], is_flag=True, expose_value=False, help="Show the traceback of an error.")


def module_of(command: str) -> str:
    """The module of a command; words of Python's have an underscore at their end."""
    return f"{command}_" if iskeyword(command) else command


class LazyGroup(click.Group):
    """Commands by name, imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"nngraph.cli.{module_of(cmd_name)}").command
        for each in (command, *getattr(command, "commands", {}).values()):
            if all(DEBUG not in option.opts for option in each.params):
                each.params.append(debug_option())
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def show_version(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        import nngraph

        click.echo(f"nngraph {nngraph.__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    params=[debug_option()],
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 110},
)
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=show_version,
              help="Show the version and exit.")  # fmt: skip
def cli() -> None:
    """Neural networks declared as graphs, compiled into native programs.

    \b
    nngraph train models/digits_mlp.json      train on handwritten digits
    nngraph inspect models/digits_mlp.json    look at a model
    nngraph COMMAND --help                    more of a command, with examples
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process: 0, 1 for a failure, 2 for bad input, 130 after Ctrl-C."""
    sys.exit(run(sys.argv[1:] if arguments is None else list(arguments)))


def run(arguments: list[str]) -> int:
    """Run a command; what it raises becomes a line on standard error and the exit code that is returned."""
    try:
        code: Any = cli.main(arguments, prog_name="nngraph", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except Exception as error:
        if DEBUG in arguments and not isinstance(error, click.exceptions.ClickException | click.Abort):
            raise
        return report(error)


def report(error: Exception) -> int:
    """Say what went wrong, a line for each thing; the exit code."""
    match error:
        case click.Abort():
            complain("interrupted")
            return INTERRUPTED
        case click.exceptions.NoArgsIsHelpError():
            click.echo(error.format_message())
            return BAD_INPUT
        case click.ClickException():
            complain(usage_message(error))
            return BAD_INPUT
        case NNGraphError():
            complain(*str(error).splitlines())
            return error.exit_code
        case BrokenPipeError():
            # The reader has gone; Python would complain once more when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return FAILED
        case _:
            complain(f"{type(error).__name__}: {error} (a defect of nngraph; {DEBUG} shows where)")
            return FAILED


def usage_message(error: click.ClickException) -> str:
    """click's message in one line, with where to read more."""
    message = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    return f"{message}; see {context.command_path} --help" if context else message


def complain(*lines: str) -> None:
    for line in lines:
        click.echo(f"nngraph: {line}", err=True)
