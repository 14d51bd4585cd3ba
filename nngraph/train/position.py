"""How far training has come."""

from __future__ import annotations

import numpy as np

from nngraph_kernels.record import record


@record(eq=False)
class Position:
    """Epochs finished, and what the steps of the next one have left so far.

    Attributes
    ----------
    epoch : int
    rows : ndarray or None
        The scalar outputs of the steps of epoch `epoch` that have been taken, a row each.
    sizes : (batch, count) or None
        Examples of a step and of an epoch where `rows` were taken; None with them.
    """

    epoch: int = 0
    rows: np.ndarray | None = None
    sizes: tuple[int, int] | None = None

    @property
    def step(self) -> int:
        """Steps taken of the epoch that is under way."""
        return 0 if self.rows is None else len(self.rows)
