"""What the text of every CUDA kernel begins with: imports, and names for its arguments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from nngraph_kernels import tape_layout as layout
from nngraph_kernels.cuda.target import is_simulated
from nngraph_kernels.storage_reference import STORAGE

PARAMETERS = "f4, f8, i4, u1, u2, words, numbers, control, at"
TABLES = {"words": "int64", "numbers": "float64", "control": "int64"}
VIEW_DTYPES = ("float32", "float64", "int32", "uint8", "uint16")  # of the first parameters
VIEWS = {
    "float32": ("f4", 4), "float64": ("f8", 8), "int32": ("i4", 4), "bool": ("u1", 1), "uint8": ("u1", 1),
    "bfloat16": ("u2", 2), "float16": ("u2", 2),
}  # fmt: skip
FROM_NUMBA = {"float32", "float64", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}
FROM_MATH = {
    "exp", "expm1", "log", "log1p", "power", "tanh", "sigmoid", "erf", "softplus", "cos", "sqrt", "floor", "fma",
    "absolute", "maximum", "minimum", "select", "uniform_float32", "uniform_float64",
}  # fmt: skip
FROM_REDUCE = {"reduce_sum", "reduce_max", "reduce_min", "reduce_sum_columns"}
FROM_WINDOW = {"window"}
FROM_STORAGE = {f"{way}_{storage}" for way in ("from", "to") for storage in STORAGE}
FROM_REGISTERS = {
    "fetch", "count_in", *(f"{name}{n}" for name in ("zeros", "read", "write", "products") for n in (1, 2, 4, 8))
}  # fmt: skip
FROM_PATCH_PLACES = {"in_image", "place_of", "next_place"}


def module(
    name: str, lines: Iterable[str], title: str = "", constants: Sequence[str] = (), arrays: Sequence[str] = ()
) -> str:
    """The module of one kernel, whose body these lines are; `arrays` are parameters after those of every kernel."""
    body = [f"if control[{layout.ERROR}] != 0:", "    return", *lines]
    text = "\n".join([f"def {name}({', '.join([PARAMETERS, *arrays])}):", *indent(body)])
    head = [f'"""{title}"""', ""] if title else []
    names = "\n".join([*constants, text])
    return "\n".join([*head, *imports(names), "", *constants, *([""] if constants else []), "", text]) + "\n"


def parameter_dtypes() -> tuple[str, ...]:
    """Of the arrays that every kernel takes; the views of memory are called by NumPy's short names of their types."""
    return tuple(TABLES.get(name) or np.dtype(name).name for name in PARAMETERS.split(", ")[:-1])


def imports(text: str) -> list[str]:
    """Statements for what `text` calls."""
    called = set(re.findall(r"\b([a-z_][a-z_0-9]*)\(", text))
    mentioned = set(re.findall(r"\b([a-z]+[0-9]+)\b", text))
    sources = {
        "nngraph_kernels.cuda.math": (called & FROM_MATH) | ({"device"} if "@device" in text else set()),
        "nngraph_kernels.cuda.reduce": called & FROM_REDUCE,
        "nngraph_kernels.cuda.window": called & FROM_WINDOW,
        "nngraph_kernels.cuda.storage": called & FROM_STORAGE,
        "nngraph_kernels.cuda.registers": called & FROM_REGISTERS,
        "nngraph_kernels.cuda.patch_places": called & FROM_PATCH_PLACES,
    }
    lines = ["from math import inf"] if re.search(r"\binf\b", text) else []
    lines.append(f"from numba import {', '.join(['cuda', *sorted(mentioned & FROM_NUMBA)])}")
    return lines + [f"from {origin} import {', '.join(sorted(names))}" for origin, names in sources.items() if names]


def indent(lines: Iterable[str]) -> list[str]:
    return ["    " + line for line in lines]


def arguments(pointers: Sequence[tuple[str, str]], integers: Sequence[str], numbers: int = 0) -> list[str]:
    """Names for the argument slots: pointers (name, dtype), then integers, then `number0`, ...

    A pointer becomes the place of its first element in the view of its dtype; "" stands for a slot without a use.
    """
    lines = [f"{name} = {place(k, dtype)}" for k, (name, dtype) in enumerate(pointers) if name]
    lines += [f"{name} = {entry('words', f'at + {k}')}" for k, name in enumerate(integers, len(pointers))]
    start = len(pointers) + len(integers)
    return lines + [f"number{k} = {entry('numbers', f'at + {start + k}')}" for k in range(numbers)]


def place(slot: int | str, dtype: str) -> str:
    """The place of the first element of the pointer in a slot."""
    size, word = VIEWS[dtype][1], entry("words", f"at + {slot}")
    return f"({word} >> {size.bit_length() - 1})" if size > 1 else word


def element(dtype: str, where: str) -> str:
    """One element of a view, for reading or writing; of numbers of 16 bits the bits."""
    return entry(VIEWS[dtype][0], where)


def entry(array: str, where: str) -> str:
    """One element of an array; its place has no sign, so that no code is made for places counted from the end."""
    return f"{array}[uint64({where})]"


def read(dtype: str, where: str) -> str:
    """The value of one element: the one place that knows how each type lies in memory, with `write`."""
    return loaded(dtype, element(dtype, where)) + (" != 0" if dtype == "bool" else "")


def loaded(dtype: str, bits: str) -> str:
    """The number that something read from memory is."""
    return f"from_{dtype}({bits})" if dtype in STORAGE else bits


def write(dtype: str, where: str, value: str) -> str:
    """Store a value as one element."""
    return f"{element(dtype, where)} = " + (f"to_{dtype}({value})" if dtype in STORAGE else value)


def lying(dtypes: Sequence[str], narrow: Sequence[str]) -> list[str]:
    """As what the operands of these types lie in memory: see `nngraph.ir.program.Kernel`."""
    return [own or dtype for dtype, own in zip(dtypes, narrow, strict=True)] if narrow else list(dtypes)


def shared_array(name: str, size: int, dtype: str) -> str:
    """An array in shared memory, on a device so aligned that vectors of it can be read."""
    return f"{name} = cuda.shared.array({size}, {dtype}{'' if is_simulated() else ', alignment=16'})"


def divided(a: str, b: str) -> str:
    """a // b of numbers that are neither negative nor 2**32: a device divides them much faster than wider ones."""
    return f"int64(uint32({a}) // uint32({b}))"
