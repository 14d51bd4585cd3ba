"""A pass over examples, batch after batch, as segments of the tape; and what its steps left behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from nngraph.compiler import Purpose
from nngraph.programs import Bound, Feed, Programs, scalar_outputs
from nngraph.run.program import Segment
from nngraph.train.examples import Examples
from nngraph.train.signature import Signature


@dataclass(slots=True, eq=False)
class Sweep:
    """One program bound to examples, for whole batches and for the ragged last one.

    Attributes
    ----------
    full, ragged : Bound or None
        None where there is no such batch.
    """

    programs: Programs
    purpose: Purpose
    examples: Examples
    batch: int
    full: Bound | None = None
    ragged: Bound | None = None
    feed: Feed | None = None  # keeps alive what the bound programs point to

    @property
    def whole(self) -> int:
        """Number of whole batches."""
        return self.examples.count // self.batch

    @property
    def rest(self) -> int:
        """Examples of the ragged batch."""
        return self.examples.count % self.batch

    @property
    def steps(self) -> int:
        return self.whole + (self.rest > 0)

    @property
    def columns(self) -> int:
        """Scalars that a step leaves."""
        return len(scalar_outputs(self.programs.compile(self.purpose)))

    @property
    def rows(self) -> np.ndarray:
        """Examples of each step."""
        rows = np.full(self.steps, self.batch, np.float64)
        if self.rest:
            rows[-1] = self.rest
        return rows

    def bind(self, order: np.ndarray, epochs: np.ndarray, ring: np.ndarray) -> list[object]:
        """Have the programs; the arena of each of them, in which those of any other one are not there any more."""
        feed = self.feed = Feed(self.examples.arrays, order, ring, epochs)
        self.full = self.programs.bind(self.purpose, self.batch, feed) if self.whole else None
        arenas: list[object] = [self.programs.arena]
        self.ragged = self.programs.bind(self.purpose, self.rest, feed) if self.rest else None
        return [*arenas, self.programs.arena]

    def segments(self, cursor: int, done: int = 0) -> Iterator[Part]:
        """The steps after the first `done`; the pass's order begins at `cursor`."""
        start = cursor + done * self.batch
        if self.full and done < self.whole:
            yield self, self.full, Segment(self.full.program, self.whole - done, start)
            start = -1
        if self.ragged and done < self.steps:
            yield self, self.ragged, Segment(self.ragged.program, 1, start)


ONE_EPOCH = np.zeros(1, np.int64)
Part = tuple[Sweep, Bound, Segment]  # a segment, and where it comes from


def bind_all(sweeps: list[tuple[Sweep, np.ndarray, np.ndarray]], ring: np.ndarray) -> None:
    """Bind sweeps to orders of examples, and to the epochs of these, all in one arena: that of the largest."""
    programs = sweeps[0][0].programs
    while True:
        arenas = [arena for sweep, order, epochs in sweeps for arena in sweep.bind(order, epochs, ring)]
        if all(arena is programs.arena for arena in arenas):
            return


def measures(
    signature: Signature, names: list[str], rows: np.ndarray, table: np.ndarray, summed_over: int
) -> dict[str, np.ndarray]:
    """Loss and metrics of passes.

    Parameters
    ----------
    names : list of str
        Of the scalar outputs.
    rows : ndarray, (steps,)
        Examples of each step.
    table : ndarray, (passes, steps, outputs)
    summed_over : int
        Examples that a loss is given for that is summed over them, whatever the batches were.

    Returns
    -------
    dict of str to ndarray
        For each pass. A loss is the mean over the examples of the loss of their batch; one that is summed over
        the batch is the sum over the examples, times `summed_over` / examples.
    """
    columns = np.ascontiguousarray(table.transpose(2, 0, 1))  # a step's place in the sum never depends on others
    count = rows.sum()
    found = losses(signature, dict(zip(names, columns, strict=True)), rows, summed_over)
    for metric in signature.metrics:
        found[metric.name] = columns[names.index(metric.output)].sum(axis=-1) / (count * metric.terms)
    return found


def losses(
    signature: Signature, columns: Mapping[str, np.ndarray], rows: np.ndarray, summed_over: int
) -> dict[str, np.ndarray]:
    """The loss and, where there are several, that of each output."""
    count, targets = rows.sum(), signature.targets
    named = {target.output: f"loss/{target.output}" for target in targets}
    if len(targets) == 1 and named[targets[0].output] not in columns:
        named[targets[0].output] = "loss"  # no regularizer is added to it
    found = {name: (columns[name] * rows).sum(axis=-1) / count for name in ("loss", *named.values())}
    for target in targets:
        if target.summed:  # in place of a mean over batches, which says how large they are
            name, mean = named[target.output], found[named[target.output]]
            part = columns[name].sum(axis=-1) * (summed_over / count)
            found |= {name: part, "loss": found["loss"] - mean + part} if name != "loss" else {name: part}
    several = len(targets) > 1
    return {name: column for name, column in found.items() if several or name == "loss"}
