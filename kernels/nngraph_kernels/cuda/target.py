"""What CUDA kernels are written for: a device, or Numba's simulator, which wants few threads."""

from __future__ import annotations

import os
from functools import cache
from typing import Final

from nngraph_kernels.record import record

SIMULATOR: Final = "NUMBA_ENABLE_CUDASIM"


@record
class Tile:
    """How a block of threads goes about a matrix product.

    Attributes
    ----------
    rows, columns : int
        Of the result, for a block.
    depth : int
        Of the factors' parts that stand in shared memory.
    down, across : int
        Rows and columns of each thread's own part; they divide `rows` and `columns`.
    """

    rows: int
    columns: int
    depth: int
    down: int
    across: int

    @property
    def threads(self) -> int:
        """Threads of a block."""
        return self.rows // self.down * (self.columns // self.across)


@record
class Target:
    """Sizes that kernels are written with.

    Attributes
    ----------
    threads : int
        Of a block, a power of two.
    blocks : int
        At most so many for elementwise work, each of which then takes several shares.
    columns : int
        Threads of a block that stand side by side where columns are reduced; divides `threads`.
    tile : Tile
        Of products.
    """

    threads: int
    blocks: int
    columns: int
    tile: Tile


DEVICE: Final = Target(threads=256, blocks=2048, columns=32, tile=Tile(64, 64, 16, 4, 4))
SIMULATED: Final = Target(threads=4, blocks=2, columns=2, tile=Tile(4, 4, 2, 2, 2))


@cache
def target() -> Target:
    """The target of this process."""
    return SIMULATED if is_simulated() else DEVICE


def is_simulated() -> bool:
    """Whether Numba's simulator stands for the device: decided before Numba is imported."""
    return os.environ.get(SIMULATOR, "0") not in ("", "0")
