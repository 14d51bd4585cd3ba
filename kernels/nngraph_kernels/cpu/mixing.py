"""Templates of weighted sums of tensors, and of inner products with them, over a list whose length is an argument.

The list costs a few instructions for every tensor and visit, so that a visit takes many vectors: the sums of `SPAN`
vectors stay in registers while the list is gone through, and inner products go over many elements of a tensor. The
functions that do so are primitives of `mixing_terms`.
"""

from __future__ import annotations

from nngraph_kernels.record import record
from nngraph_kernels.target import lanes

SPAN = 8  # vectors
PIECES = 32


@record
class MixSpec:
    """y = Σ s_i x_i.

    Attributes
    ----------
    dtype : {"float32", "float64"}
    """

    dtype: str = "float32"


@record
class InnerProductsSpec:
    """partial[piece, i] = Σ dy x_i over the elements of a piece.

    Attributes
    ----------
    dtype : {"float32", "float64"}
    """

    dtype: str = "float32"


@record
class MixedCotangentSpec:
    """y = factor Σ s_i dp_i + slope (x − mean) + base, with four numbers for each channel.

    Attributes
    ----------
    dtype : {"float32", "float64"}
    """

    dtype: str = "float32"


def mix_source(name: str, spec: MixSpec) -> str:
    """The source text of the kernel `name`.

    Slots: `y`; `n`, the number of elements, and `k`; then k times the address of a weight and that of a tensor.
    Units of `SPAN` vectors are shared out over the threads; every element is one sum in the order of the list.
    """
    unit = SPAN * lanes(spec.dtype)
    return module(
        spec.dtype, "mixer",
        f"def {name}(args, thread, threads):",
        f'    y = pointer(args, 0, "{spec.dtype}")',
        "    n = integer(args, 1)",
        "    k = integer(args, 2)",
        f"    units = (n + {unit - 1}) // {unit}",
        f"    start = units * thread // threads * {unit}",
        f"    stop = min(units * (thread + 1) // threads * {unit}, n)",
        "    mixer(args, 3, k, y, start, stop)",
    )  # fmt: skip


def inner_products_source(name: str, spec: InnerProductsSpec) -> str:
    """The source text of the kernel `name`.

    Slots: `partial`, `dy`; `n`, the number of elements, and `k`; then the addresses of k tensors. Piece p is elements
    n p // 32 to n (p + 1) // 32, whatever the number of threads.
    """
    return module(
        spec.dtype, "products_of_piece",
        f"def {name}(args, thread, threads):",
        f'    partial = pointer(args, 0, "{spec.dtype}")',
        f'    dy = pointer(args, 1, "{spec.dtype}")',
        "    n = integer(args, 2)",
        "    k = integer(args, 3)",
        f"    for p in range({PIECES} * thread // threads, {PIECES} * (thread + 1) // threads):",
        f"        start, stop = n * p // {PIECES}, n * (p + 1) // {PIECES}",
        "        products_of_piece(args, 4, k, dy, start, stop, offset_pointer(partial, p * k))",
    )  # fmt: skip


def mixed_cotangent_source(name: str, spec: MixedCotangentSpec) -> str:
    """The source text of the kernel `name`.

    Slots: `y`, `x`, `mean`, `factor`, `slope`, `base`; `rows`, `channels` and `k`; then k times the address of a
    weight and that of a tensor. Units of `SPAN` rows are shared out over the threads; every element is one sum in the
    order of the list.
    """
    tensors = ("y", "x", "mean", "factor", "slope", "base")
    return module(
        spec.dtype, "cotangent_mixer",
        f"def {name}(args, thread, threads):",
        *(f'    {tensor} = pointer(args, {i}, "{spec.dtype}")' for i, tensor in enumerate(tensors)),
        *(f"    {number} = integer(args, {6 + i})" for i, number in enumerate(("rows", "channels", "k"))),
        f"    units = (rows + {SPAN - 1}) // {SPAN}",
        f"    start = units * thread // threads * {SPAN}",
        f"    stop = min(units * (thread + 1) // threads * {SPAN}, rows)",
        f"    cotangent_mixer(args, 9, k, {', '.join(tensors)}, start, stop, channels)",
    )  # fmt: skip


def module(dtype: str, function: str, *lines: str) -> str:
    head = [
        "from nngraph_kernels.cpu import mixing_terms",
        "from nngraph_kernels.simd import integer, offset_pointer, pointer",
        "",
        f'{function} = mixing_terms.{function}("{dtype}", {lanes(dtype)})',
        "",
        "",
    ]
    return "\n".join([*head, *lines]) + "\n"
