"""The orders of the examples, epoch after epoch, in the one array that the tape reads them from."""

from __future__ import annotations

import numpy as np

from nngraph.train.data.randomness import epoch_order


class Orders:
    """Room for the orders of some epochs: those of a run, and those that are made ready while it goes on.

    Parameters
    ----------
    count : int
        Examples of an epoch.
    seed : int
    epochs : int
        How many epochs a run takes at most.
    shuffled : bool
        Whether each epoch has an order of its own.

    Attributes
    ----------
    epochs : ndarray of int64
        The epoch that each order is of.
    """

    def __init__(self, count: int, seed: int, epochs: int, shuffled: bool = True) -> None:
        self.count, self.seed, self.shuffled = count, seed, shuffled
        self.places = 2 * epochs
        self.array = np.zeros(self.places * count, np.int64)
        self.epochs = np.full(self.places, -1, np.int64)

    def cursor(self, epoch: int) -> int:
        """Where the order of an epoch begins; it has been prepared."""
        return epoch % self.places * self.count

    def prepare(self, epoch: int) -> None:
        """Write the order of an epoch, in place of one that is long past."""
        place = epoch % self.places
        if self.epochs[place] != epoch:
            self.epochs[place] = epoch
            order = epoch_order(self.count, self.seed, epoch) if self.shuffled else np.arange(self.count)
            start = place * self.count
            self.array[start : start + self.count] = order
