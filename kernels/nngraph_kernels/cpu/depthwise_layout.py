"""How a depthwise convolution lies in the scratch memory of a thread, in words that need no compiler.

A thread keeps the rows of the image that the window sees in a *ring*, in the L1 cache: row r in slot r modulo the
number of slots, a power of two. A row of the ring is vectors of neighboring pixels, with zeros where the padding
is, which nothing ever overwrites; rows above and below the image are one row of zeros that all share.
"""

from __future__ import annotations

from nngraph_kernels.record import record
from nngraph_kernels.target import lanes, target

PIXELS = 4  # neighboring pixels in one step of a row: as many sums as hide the latency of a multiply-add
RINGS = 16384  # bytes: half an L1 cache
SQUARE = ((3, 1), (3, 2), (5, 1), (5, 2))  # windows that have kernels of their own: (size, stride)
Pair = tuple[int, int]


@record
class Block:
    """The channels that a thread works on at once: one vector.

    Attributes
    ----------
    dtype : {"float32", "float64"}
    lanes : int
    narrow : bool
        Whether there are fewer channels than lanes, so that loads and stores are masked. Otherwise the last block
        is moved back over the one before it, and nothing is masked.
    """

    dtype: str
    lanes: int
    narrow: bool


@record
class Geometry:
    """The sizes of one depthwise convolution, the batch apart; pairs are rows and columns.

    Attributes
    ----------
    image, result : (int, int)
        Height and width of what is convolved and of what comes out.
    channels : int
    corner : (int, int)
        Zeros above and to the left of the image.
    size, stride, dilation : (int, int)
        Of the window.
    """

    image: Pair
    result: Pair
    channels: int
    corner: Pair
    size: Pair
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)

    @property
    def reach(self) -> Pair:
        """Rows and columns from the first to the last of the window."""
        return (self.size[0] - 1) * self.dilation[0], (self.size[1] - 1) * self.dilation[1]

    @property
    def square(self) -> Pair | None:
        """(size, stride) if there is a kernel for this window, else None: the generic kernel takes it."""
        (rows, columns), (down, across) = self.size, self.stride
        known = rows == columns and down == across and self.dilation == (1, 1) and (rows, down) in SQUARE
        return (rows, down) if known else None


@record
class Layout:
    """What a thread's scratch memory holds.

    Attributes
    ----------
    bundle : int
        Blocks of channels that one unit of work takes, side by side: so many that their rings stay in the L1 cache.
    slots : int
        Rows of the ring of each.
    row : int
        Vectors in one of them.
    lead : int
        Vectors in it before the first column that the first pixels of a row of the result read.
    groups : int
        Steps of `PIXELS` in a row of the image (backward).
    share : int
        Elements of a thread, a multiple of a cache line.
    """

    bundle: int
    slots: int
    row: int
    lead: int
    groups: int
    share: int


def block_of(dtype: str, channels: int) -> Block:
    """The block of channels that suits the target."""
    return Block(dtype, lanes(dtype), channels < lanes(dtype))


def forward_layout(geometry: Geometry, dtype: str, values: int = 0) -> Layout:
    """A ring of rows of the image, a row of zeros, and for `values` values to mix a table of their factors."""
    slots = power_of_two(geometry.reach[0] + 1)
    seen = (geometry.result[1] - 1) * geometry.stride[1] + geometry.reach[1] + 1
    row = max(geometry.corner[1] + geometry.image[1], seen)
    bundle = blocks_together(geometry.channels, dtype, slots * row)
    vectors = (bundle * slots + 1) * row + table_vectors(geometry.channels, dtype, values)
    return Layout(bundle, slots, row, geometry.corner[1], 0, whole_lines(vectors, dtype))


def backward_layout(geometry: Geometry, dtype: str, square: Pair | None, values: int = 0) -> Layout:
    """A ring of rows of the cotangent, a row of zeros, a row of the image and one of its cotangent, a table, sums.

    A row of the ring holds zeros between the columns where the stride is not 1, unless the kernel is for one
    square window: it then goes over the columns by their remainder.
    """
    width, across, left = geometry.image[1], geometry.stride[1], geometry.corner[1]
    behind = geometry.reach[1]
    slots = power_of_two(geometry.reach[0] // geometry.stride[0] + 1)
    if square:
        groups = -(-(left % across + width) // PIXELS)
        lead = behind // across
        row = lead + max(geometry.result[1], left // across + groups * PIXELS // across)
    else:
        groups = -(-width // PIXELS)
        lead = behind
        row = lead + max((geometry.result[1] - 1) * across + 1, left + groups * PIXELS)
    sums = geometry.size[0] * geometry.size[1] + 1 + values
    bundle = blocks_together(geometry.channels, dtype, slots * row)
    vectors = (bundle * slots + 1) * row + 2 * groups * PIXELS + bundle * sums
    vectors += table_vectors(geometry.channels, dtype, values)
    return Layout(bundle, slots, row, lead, groups, whole_lines(vectors, dtype))


def blocks_together(channels: int, dtype: str, ring: int) -> int:
    """Blocks of channels whose rings of so many vectors take no more than `RINGS` bytes together."""
    return max(1, min(-(-channels // lanes(dtype)), RINGS // (ring * target().vector_bytes)))


def table_vectors(channels: int, dtype: str, values: int) -> int:
    """Of the factor of each value and of the offset that all have together, for all channels."""
    return (values + 1) * -(-channels // lanes(dtype)) if values else 0


def power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()


def whole_lines(vectors: int, dtype: str) -> int:
    """Elements in so many vectors, rounded up to cache lines of 64 bytes."""
    line = 64 // (4 if dtype == "float32" else 8)
    return -(-vectors * lanes(dtype) // line) * line
