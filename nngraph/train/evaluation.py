"""Loss and metrics of a model on examples, without a change of its states."""

from __future__ import annotations

import numpy as np

from nngraph.programs import Programs, scalar_outputs
from nngraph.train.examples import Examples
from nngraph.train.interruption import run_to_end
from nngraph.train.signature import Signature
from nngraph.train.sweep import ONE_EPOCH, Sweep, bind_all, measures

ROWS = 1024  # of a batch, unless a user says otherwise


def evaluate(programs: Programs, signature: Signature, examples: Examples, batch_size: int = ROWS) -> dict[str, float]:
    """Run the evaluation program over `examples`; a loss that is summed over a batch is over all of them."""
    sweep = Sweep(programs, "evaluate", examples, min(batch_size, examples.count))
    ring = np.zeros((sweep.steps, sweep.columns))
    bind_all([(sweep, np.arange(examples.count), ONE_EPOCH)], ring)
    programs.tape.step = 0
    parts = list(sweep.segments(0))
    outcome = run_to_end(programs, [segment for _, _, segment in parts])
    programs.check(outcome, "evaluate", parts[outcome.segment][1])
    names = [name for name, _ in scalar_outputs(programs.compile("evaluate"))]
    found = measures(signature, names, sweep.rows, ring[np.newaxis], examples.count)
    return {name: float(column[0]) for name, column in found.items()}
