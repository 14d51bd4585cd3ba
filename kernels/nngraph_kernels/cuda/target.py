"""What CUDA kernels are written for: a device, or Numba's simulator, which wants few threads."""

from __future__ import annotations

import os
from functools import cache
from typing import Final

from nngraph_kernels.record import record

SIMULATOR: Final = "NUMBA_ENABLE_CUDASIM"
ALIGNMENT: Final = 256  # bytes: of values in a device's memory


@record
class Tile:
    """How a block of threads goes about a part of a matrix product. All sizes are powers of two.

    Attributes
    ----------
    rows, columns : int
        Of the result, for a block.
    depth : int
        Of the factors' parts that stand in shared memory.
    down, across : int
        Rows and columns of each thread's own part; they divide `rows` and `columns`.
    groups : int
        Of threads, each of which adds up its share of the `depth` for the whole part.
    """

    rows: int
    columns: int
    depth: int
    down: int
    across: int
    groups: int = 1

    @property
    def threads(self) -> int:
        """Threads of a block."""
        return self.rows // self.down * (self.columns // self.across) * self.groups


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
    large, small, tiny, tall : Tile
        Of products: with the least to read, for those of few tiles, of next to none, and where all rows of a piece
        belong to a block.
    many : int
        So many tiles keep the device busy.
    piece : int
        Terms of a long sum that are worth a block of their own where there are few tiles.
    library : int
        Multiply-adds of a product from which on a library may do it: what is fused to it takes another launch then,
        and our own kernel should be done with so many in about that time; reckoned, not measured.
    """

    threads: int
    blocks: int
    columns: int
    large: Tile
    small: Tile
    tiny: Tile
    tall: Tile
    many: int
    piece: int
    library: int


DEVICE: Final = Target(
    threads=256, blocks=2048, columns=32, many=96, piece=256, library=2**25,
    large=Tile(128, 128, 8, 8, 8), small=Tile(32, 32, 64, 4, 4, groups=4), tiny=Tile(16, 32, 64, 4, 4, groups=8),
    tall=Tile(128, 32, 32, 4, 4),
)  # fmt: skip
SIMULATED: Final = Target(
    threads=4, blocks=2, columns=2, many=4, piece=12, library=24,
    large=Tile(8, 4, 4, 4, 2), small=Tile(4, 4, 4, 4, 2, groups=2), tiny=Tile(2, 4, 4, 2, 2, groups=2),
    tall=Tile(8, 4, 4, 4, 2),
)  # fmt: skip


@cache
def target() -> Target:
    """The target of this process."""
    return SIMULATED if is_simulated() else DEVICE


def is_simulated() -> bool:
    """Whether Numba's simulator stands for the device: decided before Numba is imported."""
    return os.environ.get(SIMULATOR, "0") not in ("", "0")
