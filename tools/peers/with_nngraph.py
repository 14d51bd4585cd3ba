"""The same through `Model.fit`, gathering, shuffling and the recording of losses included."""

from __future__ import annotations

from works import Work

import nngraph as ng


class Trainer:
    """Steps of one work."""

    def __init__(self, work: Work, threads: int | None = None) -> None:
        self.work = work
        g = ng.Graph(work.name)
        h = g.input("x", shape=(work.sizes[0],))
        for k, units in enumerate(work.sizes[1:-1]):
            h = g.relu(g.linear(h, units, name=f"layer{k}"))
        last = len(work.sizes) - 2
        g.output(g.linear(h, work.sizes[-1], name=f"layer{last}"))
        adam = ng.Adam(work.learning_rate)
        self.model = ng.compile(g, loss="cross_entropy", optimizer=adam, threads=threads)
        named = {}
        for k, (weight, bias) in enumerate(work.weights()):
            named[f"layer{k}.weight"], named[f"layer{k}.bias"] = weight.T, bias
        self.model.set_parameters(named)
        self.x, self.y = work.data()

    def epoch(self, steps: int) -> float:
        """Take `steps` steps, in epochs over the data; the last epoch's loss."""
        epochs = max(1, steps * self.work.batch // self.work.examples)
        history = self.model.fit(self.x, self.y, epochs=epochs, batch_size=self.work.batch)
        return history["loss"][-1]
