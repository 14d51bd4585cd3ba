"""Products that a library does, and the launches around them: what it reads is made ready, what is fused to it follows.

The library leaves the plain product in scratch memory, from where a kernel of ours takes it; where nothing is fused to
the product it goes straight to its place. It writes no state, for it does not look at the error word. Our matrices lie
row after row, which BLAS takes for their transposes; so it is asked for C' = B' A'.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nngraph.emit.cuda.matmul import factors_of, layout_of
from nngraph.ir.program import Kernel, KernelCall, MatmulEpilogueSpec, Plan
from nngraph.ir.types import ITEM_SIZE
from nngraph.machines.line import AnyLine, GemmLine, Line, integers_of
from nngraph.run.bind import Places
from nngraph.run.cuda.gemm import Gemm, Matrix
from nngraph.run.cuda.memory import aligned
from nngraph_kernels.cuda.matmul import slots as product_slots
from nngraph_kernels.cuda.target import target
from nngraph_kernels.cuda.text import lying
from nngraph_kernels.record import record
from nngraph_kernels.storage_reference import STORAGE

LARGEST: Final = 2**31 - 1  # of these, which are integers of C
BATCHES: Final = 2**16 - 1  # of one call: cuBLAS has had a fault with more, on older devices
SIZES: Final = ("batches", "M", "N", "K", "a_row", "b_row")


@record
class Routing:
    """How a library is used.

    Attributes
    ----------
    tf32 : bool
        Whether it may round factors of float32.
    workspace : int
        Bytes that it wants for itself: scratch memory begins with them.
    """

    tf32: bool
    workspace: int


@record
class Work:
    """A product that the library does.

    Attributes
    ----------
    spec : MatmulEpilogueSpec
    given : mapping of str to int
        Its integers by name.
    lie : tuple of str
        As what a and b lie in memory.
    factors : str
        As what the library reads them both: in 16 bits as soon as one lies so.
    direct : str
        As what the library leaves the result in its place; "" if in scratch memory.
    """

    spec: MatmulEpilogueSpec
    given: Mapping[str, int]
    lie: tuple[str, str]
    factors: str
    direct: str

    @property
    def rounded(self) -> dict[str, int]:
        """Elements of those factors that are rounded for the library, by name."""
        return {name: self.elements(name) for name, lies in zip("ab", self.lie, strict=True) if lies != self.factors}

    def elements(self, name: str) -> int:
        """From the first element of a factor to its last."""
        given, product = self.given, self.spec.product
        sides = ("M", "K"), ("K", "N")
        rows, columns = sides[name == "b"][:: -1 if getattr(product, f"transpose_{name}") else 1]
        batches = given["batches"] - 1 if given[f"{name}_batch"] else 0
        return batches * given[f"{name}_batch"] + (given[rows] - 1) * given[f"{name}_row"] + given[columns]

    @property
    def places(self) -> dict[str, int]:
        """Where in scratch memory, behind the workspace, rounded factors and the "result" begin, and its "end"."""
        found: dict[str, int] = {}
        end = 0
        for name, elements in self.rounded.items():
            found[name] = end
            end += aligned(elements * ITEM_SIZE[self.factors])
        if not self.direct:
            found["result"] = end
            size = self.given["batches"] * self.given["M"] * self.given["N"]
            end += aligned(size * ITEM_SIZE[self.spec.product.dtype])
        return found | {"end": end}


def work_of(call: KernelCall, plan: Plan) -> Work | None:
    """The product of a call, if the library does it: one that is large enough, not too large, no sum over patches."""
    if call.kernel.family != "matmul":
        return None
    spec: MatmulEpilogueSpec = call.kernel.spec
    product = spec.product
    if product.patches or any((product.M, product.N, product.K)):
        return None
    given = dict(zip(product_slots(product, layout_of(spec))[1], integers_of(call, plan.batch), strict=True))
    work = given["batches"] * given["M"] * given["N"] * given["K"]
    too_large = max(given[name] for name in SIZES) > LARGEST or given["batches"] > BATCHES
    if work < target().library or too_large:
        return None
    lie = factors_of(spec, call.kernel.narrow)
    factors = next((each for each in lie if each in STORAGE), lie[0])
    return Work(spec, given, lie, factors, direct_type(call, plan, given, factors))


def direct_type(call: KernelCall, plan: Plan, given: Mapping[str, int], factors: str) -> str:
    """As what the result of a plain product lies, if the library can leave it so, and may."""
    spec: MatmulEpilogueSpec = call.kernel.spec
    plain = not spec.operands and spec.moments < 0 and len(spec.outputs) == 1
    if not plain or spec.statements[spec.stores[0]].kind != "product" or call.outputs[0].value in plan.in_store:
        return ""
    (lies,) = lying(spec.outputs, call.kernel.narrow[:1])
    without_gaps = given["M"] == 1 or given["y0_row"] == given["N"]
    return lies if without_gaps and lies in (factors, spec.product.dtype) else ""


def library_bytes(work: Work, routing: Routing) -> int:
    """Of scratch memory."""
    return aligned(routing.workspace) + work.places["end"]


def library_kernels(kernel: Kernel, work: Work) -> list[Kernel]:
    """What is launched around a product: what rounds a factor for it, and what does the work that is fused to it."""
    rounding = [Kernel("memory", ("copy", "float32"), (work.factors, ""))] if work.rounded else []
    return rounding + ([] if work.direct else [Kernel("product_epilogue", work.spec, kernel.narrow)])


def library_lines(line: Line, work: Work, places: Places, routing: Routing) -> list[AnyLine]:
    """The launches of a call whose product the library does."""
    kernels = library_kernels(line.kernel, work)
    pointers, names = product_slots(work.spec.product, layout_of(work.spec))
    at = dict(zip([name for name, _ in pointers], map(int, line.slots), strict=False))
    scratch = {name: places.scratch + aligned(routing.workspace) + start for name, start in work.places.items()}
    lines: list[AnyLine] = []
    for name, elements in work.rounded.items():
        lines.append(Line(kernels[0], (elements,), (scratch[name], at[name], elements), origin=line.origin))
    result = at["y0"] if work.direct else scratch["result"]
    gemm = gemm_of(work, scratch.get("a", at["a"]), scratch.get("b", at["b"]), result, routing.tf32)
    lines.append(GemmLine(gemm, places.scratch, line.origin))
    if work.direct:
        return lines
    slots = (*({**at, "a": result}[name] for name, _ in pointers), *line.slots[len(pointers) :])
    integers = tuple(work.given[name] for name in names)
    return [*lines, Line(kernels[-1], integers, slots, origin=line.origin)]


def gemm_of(work: Work, a: int, b: int, c: int, tf32: bool) -> Gemm:
    """The product as BLAS has it; a factor that we call transposed is one that it has as it wants."""
    product, given = work.spec.product, work.given
    first = Matrix(b, work.factors, given["b_row"], given["b_batch"], product.transpose_b)
    second = Matrix(a, work.factors, given["a_row"], given["a_batch"], product.transpose_a)
    M, N = given["M"], given["N"]
    result = Matrix(c, work.direct or product.dtype, N, given["y0_batch"] if work.direct else M * N)
    arithmetic = "tf32" if tf32 and work.factors == "float32" else product.dtype
    return Gemm(N, M, given["K"], first, second, result, given["batches"], arithmetic)
