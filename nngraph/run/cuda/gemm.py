"""A matrix product as BLAS has it, and what a library that does it offers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

from nngraph_kernels.record import record

Arithmetic = Literal["float32", "float64", "tf32"]


@record
class Matrix:
    """A batch of matrices in the device's block, column after column.

    Attributes
    ----------
    at : int
        Where the first one begins, in bytes.
    dtype : {"float32", "float64", "bfloat16", "float16"}
        As what its numbers lie in memory.
    leading : int
        Elements from one column to the next.
    apart : int
        Elements from one matrix to the next; 0 if it is the same for all products.
    transposed : bool
        Whether the product takes it transposed.
    """

    at: int
    dtype: str
    leading: int
    apart: int = 0
    transposed: bool = False


@record
class Gemm:
    """C = op(A) op(B), `batches` times, where op(A) is m by k, op(B) k by n, and C m by n.

    Attributes
    ----------
    arithmetic : {"float32", "float64", "tf32"}
        What sums are made in; with "tf32" factors of float32 are rounded to 10 bits of mantissa.
    """

    m: int
    n: int
    k: int
    a: Matrix
    b: Matrix
    c: Matrix
    batches: int
    arithmetic: Arithmetic


class Library(Protocol):
    """A library of products.

    Attributes
    ----------
    name : str
        With its version.
    workspace : int
        Bytes of the device that each call may write in.
    """

    @property
    def name(self) -> str: ...

    @property
    def workspace(self) -> int: ...

    def product(self, gemm: Gemm, block: Any, workspace: int, stream: Any) -> None:
        """Have a product done on a stream, or taken down where that belongs to a graph.

        Parameters
        ----------
        gemm : Gemm
        block : device array of uint8
            Which the matrices lie in.
        workspace : int
            Where in it that of the library begins.
        stream : stream or graph builder
        """
        ...


class LibraryProduct:
    """A product that is launched as kernels are: ``product[blocks, threads, stream](block)``.

    It does not look at the error word: what it writes must be nothing that outlives the step.
    """

    def __init__(self, library: Library, gemm: Gemm, workspace: int) -> None:
        self._library, self._gemm, self._workspace = library, gemm, workspace

    def __getitem__(self, configuration: tuple[int, int, Any]) -> Callable[[Any], None]:
        stream = configuration[2]
        return lambda block: self._library.product(self._gemm, block, self._workspace, stream)
