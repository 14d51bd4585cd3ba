"""How a matrix product is cut up, in words that need no compiler."""

from __future__ import annotations

from nngraph_kernels.record import record
from nngraph_kernels.target import lanes, target

ROWS = {
    64: 8,
    32: 6,
    16: 6,
}  # of the register tile, by bytes a vector: AVX-512 has 32 registers, AVX2 and SSE 16
PANEL_VECTORS = 2  # vectors in the register tile of many rows
BLOCK_VECTORS = 8  # vectors in a block of columns, and in the register tile of a single row


@record
class Blocking:
    """How a matrix product is cut up.

    Attributes
    ----------
    dtype : {"float32", "float64"}
    lanes : int
        Elements a vector.
    rows, vectors : int
        The accumulators of the register tile.
    block : int
        Vectors in a block of columns, for which A's patches are gathered once.
    masked : bool
        Whether a masked load is one instruction.
    """

    dtype: str
    lanes: int
    rows: int
    vectors: int
    block: int
    masked: bool

    @property
    def panel(self) -> int:
        """Columns of the register tile."""
        return self.vectors * self.lanes

    @property
    def width(self) -> int:
        """Columns of a block."""
        return self.block * self.lanes


def blocking(dtype: str) -> Blocking:
    """What suits the target: as many accumulators as there are registers for, and no more."""
    size = target().vector_bytes
    return Blocking(dtype, lanes(dtype), ROWS[size], PANEL_VECTORS, BLOCK_VECTORS, size > 16)
