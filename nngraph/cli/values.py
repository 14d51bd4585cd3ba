"""What `inspect --values` draws: one example, of data or made up, on its way through a graph and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nngraph.cli.drawing import deliver, format_for
from nngraph.cli.looking import Subject
from nngraph.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from nngraph.compiler import Compilation
    from nngraph.model import Model
    from nngraph.train.data.dataset import Dataset


def draw_values(subject: Subject, given: dict[str, Any], **options: Any) -> None:
    """One example's values and gradients, with a run's own parameters."""
    from nngraph.draw.drawing import rendered
    from nngraph.draw.values import values_picture
    from nngraph.report.compilation import compilation_of

    options = {name: item for name, item in options.items() if name not in ("device", "precision")}
    options |= {"purpose": None, "dtype": options["dtype"] or "float64"}
    c = compilation_of(subject.graph, where=str(subject.path), **options)
    c.purpose = "loss" if c.objective else "forward"
    example = example_of(subject, c, given["data"], given["example"])
    learned = subject.model.programs.store.public(("parameter", "statistic")) if subject.model else {}
    deliver(rendered(values_picture(c, example, learned), format_for(given, "svg")), given["output"])


def example_of(subject: Subject, c: Compilation, spec: str | None, number: int) -> Mapping[str, np.ndarray]:
    """Inputs and targets of one example: of the data, or random ones inside of the ops' domains."""
    from nngraph.lower.lower import lower
    from nngraph.train.examples import examples
    from nngraph.train.signature import signature_of
    from nngraph.train.trainee import as_trained

    data, title = chosen_data(subject, spec)
    if data is None:
        return random_example(c, number)
    if number >= len(data):
        raise DataError(f"--example: {number} given, but {title} has {len(data)} examples, counted from 0")
    if subject.model is not None:
        data = as_trained(subject.model.trainee, data)
    found = examples(signature_of(lower(c.declared, dtype=c.dtype, seed=c.seed), c.objective), data)
    return found.part(number, number + 1)


def chosen_data(subject: Subject, spec: str | None) -> tuple[Dataset | None, str]:
    """The data that is named, or what a run held out, and what messages call it."""
    from nngraph.train.data import load

    model: Model | None = subject.model
    if spec is not None:
        return load(spec, classes=() if model is None else model.classes), spec
    from nngraph.cli.evaluate import held_out_of

    held_out = None if model is None else held_out_of(subject.path)
    return (None, "") if held_out is None else held_out


def random_example(c: Compilation, seed: int) -> Mapping[str, np.ndarray]:
    import numpy as np

    from nngraph.compiler import Compilation, compile_program
    from nngraph.domains import random_inputs

    fresh = Compilation(c.declared, c.purpose, c.objective, c.optimizer, c.dtype, c.seed)
    graph = compile_program(fresh, "differentiate").graph
    assert graph is not None
    return random_inputs(c.declared, c.objective, graph.inputs, 1, np.random.default_rng(seed))
