"""The loss of a batch and its gradients, of a model's programs."""

from __future__ import annotations

import numpy as np

from nngraph.differentiate.loss_scale import FACTOR, LEAST, NAMES
from nngraph.programs import Programs
from nngraph.train.examples import Examples

PREFIX = "gradient/"


def loss_and_gradients(programs: Programs, given: Examples) -> tuple[float, dict[str, np.ndarray]]:
    """The loss of one batch in training mode, and its gradients by parameter, in the public layouts."""
    outputs = scaled_outputs(programs, given)
    states = programs.store.states
    named = {name.removeprefix(PREFIX): x for name, x in outputs.items() if name.startswith(PREFIX)}
    return float(outputs["loss"]), {name: np.array(states[name].to_public(x), order="C") for name, x in named.items()}


def scaled_outputs(programs: Programs, given: Examples) -> dict[str, np.ndarray]:
    """The outputs of the gradients' program; by a smaller scale of the loss, if it has one that is too large for them.

    A training would go on to the next batch; the scale is as before afterwards.
    """
    inputs, scale, store = given.part(0, given.count), NAMES[0], programs.store
    outputs = programs.call("gradients", inputs, given.count)
    if scale not in store.states or all(map(all_finite, outputs.values())):
        return outputs
    kept = tried = float(store.arrays[scale])
    with programs.lock:
        while tried > LEAST and not all(map(all_finite, outputs.values())):
            tried /= FACTOR
            store.write(scale, tried)
            outputs = programs.call("gradients", inputs, given.count)
        store.write(scale, kept)
    return outputs


def all_finite(array: np.ndarray) -> bool:
    return bool(np.isfinite(array).all())
