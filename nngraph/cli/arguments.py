"""Arguments and options that several commands share, and how a model's file becomes a graph."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nngraph.errors import DeclarationError, NNGraphError, OptionError

if TYPE_CHECKING:
    from nngraph.declare.graph import Graph
    from nngraph.model import Model

PACKAGED = Path(__file__).parent.parent / "models"
MODEL_SUFFIXES, CHECKPOINT = (".json", ".py"), ".safetensors"
EXPECTED = "a graph named 'graph', a function 'graph' that returns one, or a single graph expected"

model_argument = click.argument("model", type=click.Path(path_type=Path))
dtype_option = click.option(
    "--dtype", type=click.Choice(["float32", "float64"]), help="What 'float' is.  [default: the model's, or float32]"
)
threads_option = click.option("--threads", type=click.IntRange(1), help="Threads to run on.  [default: all available]")
device_option = click.option(
    "--device", type=click.Choice(["cpu", "cuda"]), help="What to run on; cuda needs a GPU and nngraph[cuda].  "
    "[default: cpu]",
)  # fmt: skip
precision_option = click.option(
    "--precision", type=click.Choice(["full", "mixed", "bfloat16", "float16"]),
    help="As what activations and their cotangents are kept on cuda: as computed, or in 16 bits; mixed is bfloat16.  "
    "[default: a run's own, or full]",
)  # fmt: skip
products_option = click.option(
    "--products", type=click.Choice(["own", "cublas", "cublas_tf32"]),
    help="What does large matrix products on cuda; cuBLAS needs nngraph[cublas], and may use TF32.  "
    "[default: a run's own, or own]",
)  # fmt: skip
seed_option = click.option("--seed", type=click.IntRange(0), help="Of initial parameters, shuffling and dropout.")


@contextmanager
def named_options(*names: str) -> Generator[None]:
    """Let errors call options as the command line does: "opset: ..." becomes "--opset: ..."."""
    try:
        yield
    except OptionError as error:
        if str(error).partition(":")[0] in names:
            raise OptionError(f"--{error}") from None
        raise


def only_processor(device: str | None, what: str) -> None:
    """What is given as --device must be the processor.

    Raises
    ------
    OptionError
        If it is another.
    """
    if device not in (None, "cpu"):
        raise OptionError(
            f"--device: '{device}' given, but {what} runs kernels of the processor alone; leave --device out"
        )


def check_other_file(output: Path, source: Path) -> None:
    """What is written must not take the place of what is read, which holds more.

    Raises
    ------
    OptionError
        If they are one file.
    """
    if source.is_file() and output.exists() and output.samefile(source):
        raise OptionError(f"--output: {output} given, which is the file that is read; give another name")


def load_graph(path: Path) -> Graph:
    """The graph of a model file (JSON), or that a Python file declares.

    Parameters
    ----------
    path : Path
        A Python file is run; its global ``graph`` is taken (a Graph, or a function that returns one), else the
        only Graph among its globals. A path that does not exist is looked for among the models that come with
        nngraph.
    """
    path = existing(path)
    if path.is_dir():
        held = f"; this run's is {path / 'model.json'}" if (path / "model.json").is_file() else ""
        raise DeclarationError(f"{path}: is a directory, a model file expected{held}")
    if path.suffix == ".py":
        return run_declaration(path)
    from nngraph.declare.load import load

    return load(path)


def existing(path: Path) -> Path:
    if path.exists() or path.is_absolute():
        return path
    packaged = PACKAGED / (path.relative_to("models") if path.parts[:1] == ("models",) else path)
    return packaged if packaged.is_file() else path


def is_trained(path: Path) -> bool:
    """Whether it is a run's directory or a checkpoint, by its name, and no model file."""
    return path.is_dir() or path.suffix == CHECKPOINT


def load_trained(
    path: Path, command: str, *, threads: int | None = None, device: str | None = None, precision: str | None = None,
    products: str | None = None,
) -> Model:  # fmt: skip
    """The model of a run or a checkpoint, for a command of that name."""
    from nngraph.loading import load_model

    chosen = device or "cpu"
    return load_model(trained(path, command), threads=threads, device=chosen, precision=precision, products=products)


def trained(path: Path, command: str) -> Path:
    """The run or checkpoint of that name; OptionError where it is something else that a command could go on with."""
    if path.suffix in MODEL_SUFFIXES and not path.is_dir():
        raise OptionError(
            f"{path}: is a model file, a run or a checkpoint expected; train it first (nngraph train {path}), then "
            f"give the run's directory"
        )
    parts = sorted(part.parent.name for part in path.glob("split-*/last.safetensors"))
    if parts and not (path / "last.safetensors").is_file():
        raise OptionError(
            f"{path}: holds a run for each split seed ({', '.join(parts)}); name one: nngraph {command} "
            f"{shlex.quote(str(path / parts[0]))}"
        )
    runs = sorted(run.parent for run in path.glob("*/*/last.safetensors")) if (path / "study.json").is_file() else []
    if runs:
        raise OptionError(
            f"{path}: holds a study of {len(runs)} trainings; name one: nngraph {command} {shlex.quote(str(runs[0]))}"
        )
    return path


def place_of(error: Exception, path: Path) -> str:
    """The file, and the line of it that was being run."""
    import traceback

    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{path}, line {lines[-1]}" if lines else str(path)


def run_declaration(path: Path) -> Graph:
    """Run a Python file, but not what stands under its ``if __name__ == "__main__"``."""
    import runpy

    from nngraph.declare.graph import Graph

    if not path.is_file():
        from nngraph.declare.load import near_file

        raise DeclarationError(f"{path}: no such file{near_file(path)}")
    try:
        found = runpy.run_path(str(path), run_name="nngraph_model")
        graph: Any = found.get("graph")
        graph = graph() if callable(graph) and not isinstance(graph, Graph) else graph
    except (DeclarationError, OptionError) as error:
        raise DeclarationError(f"{place_of(error, path)}: {error}") from error
    except NNGraphError:
        raise
    except Exception as error:
        raise DeclarationError(
            f"{place_of(error, path)}: {type(error).__name__}: {error}; --debug shows more"
        ) from error
    if isinstance(graph, Graph):
        return graph
    graphs = [item for item in found.values() if isinstance(item, Graph)]
    if len(graphs) != 1:
        raise DeclarationError(f"{path}: declares {len(graphs)} graphs, {EXPECTED}")
    return graphs[0]
