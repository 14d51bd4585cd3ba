"""The loss of a batch and its gradients, of a model's programs."""

from __future__ import annotations

import numpy as np

from nngraph.programs import Programs
from nngraph.train.examples import Examples

PREFIX = "gradient/"


def loss_and_gradients(programs: Programs, given: Examples) -> tuple[float, dict[str, np.ndarray]]:
    """The loss of one batch in training mode, and its gradients by parameter, in the public layouts."""
    outputs = programs.call("gradients", given.part(0, given.count), given.count)
    states = programs.store.states
    named = {name.removeprefix(PREFIX): x for name, x in outputs.items() if name.startswith(PREFIX)}
    return float(outputs["loss"]), {name: np.array(states[name].to_public(x), order="C") for name, x in named.items()}
