"""What `inspect` looks at: the graph of a model file, or that of a run with what it has learned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nngraph.cli.arguments import is_trained, load_graph, load_trained
from nngraph.cli.compilation import compilation
from nngraph.errors import OptionError
from nngraph_kernels.record import record

if TYPE_CHECKING:
    from nngraph.compiler import Compilation
    from nngraph.declare.graph import Graph
    from nngraph.model import Model

TOLD: Final = ("loss", "optimizer", "regularizer", "dtype", "seed", "batch_size")


@record(eq=False)
class Subject:
    """A graph, and where it is from.

    Attributes
    ----------
    path : Path
        As it was given.
    graph : Graph
        A run's has what it was trained with for its defaults.
    model : Model or None
        The trained one.
    """

    path: Path
    graph: Graph
    model: Model | None = None

    def compilation(self, **options: Any) -> Compilation:
        """One of which no stage has run yet; what is not given is the model's."""
        if self.model is not None and options.get("precision") is None:
            options["precision"] = self.model.programs.precision
        return compilation(self.graph, where=str(self.path), **options)


def subject_at(path: Path, device: str | None) -> Subject:
    """The subject of a path: a model file, a Python file, a run's directory, or a checkpoint."""
    if not is_trained(path):
        return Subject(path, load_graph(path))
    from nngraph.train.run_directory import CONFIG, LAST, MODEL, read_config
    from nngraph.train.trainee import config_of

    if (path / MODEL).is_file() and not (path / LAST).is_file():
        raise OptionError(f"{path}: holds no checkpoint yet; look at the model file in it, {path / MODEL}")
    model = load_trained(path, "inspect", device=device, products="own")
    settings = {**(read_config(path) if (path / CONFIG).is_file() else {}), **config_of(model.trainee)}
    told = {name: settings[name] for name in TOLD if name in settings}
    model.graph.training = {**model.graph.training, **told}
    return Subject(path, model.graph, model)
