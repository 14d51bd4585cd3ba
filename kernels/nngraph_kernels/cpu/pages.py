"""Template of the kernel that asks the system for the pages of the next batch, while the step goes on.

For examples in a mapped file: pages that are not in memory are read meanwhile, and the gather need not wait for them.
"""

POINTERS = ("order", "cursor", "rows")
INTEGERS = ("start", "nbytes", "batch", "length", "picked", "page")


def arguments() -> tuple[str, ...]:
    """The names of the argument slots, in order.

    Pointers: `order`, numbers of examples, of which this batch's begin at ``cursor[0]``; `rows`, where each number
    lies, read if `picked`. Ints: `start`, the address of the first example; `nbytes` of each; `length` of the order;
    the size of a `page`.
    """
    return POINTERS + INTEGERS


def source(name: str, spec: tuple[()]) -> str:
    """The source text of the kernel `name`."""
    slots = [f'    {slot} = pointer(args, {i}, "int64")' for i, slot in enumerate(POINTERS)]
    slots += [f"    {slot} = integer(args, {i})" for i, slot in enumerate(INTEGERS, len(POINTERS))]
    head = [
        "from nngraph_kernels.cpu.pages_advice import WILL_NEED, madvise",
        "from nngraph_kernels.simd import integer, pointer",
        "",
        "",
        f"def {name}(args, thread, threads):",
        *slots,
    ]
    return "\n".join(head) + BODY


BODY = """
    if thread == 0:
        begin = cursor[0] + batch
        for k in range(begin, min(begin + batch, length)):
            place = order[k]
            if picked != 0:
                place = rows[place]
            first = start + place * nbytes
            aligned = first // page * page
            madvise(aligned, first + nbytes - aligned, WILL_NEED)
"""
