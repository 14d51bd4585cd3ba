"""What the processor that Numba compiles for can do, found without importing Numba.

LLVM is asked (`nngraph_kernels.host`) unless a process is told what LLVM said before.
"""

import os
from typing import Final

from nngraph_kernels.record import record

_ITEM_BYTES: Final = {"float32": 4, "float64": 8, "int32": 4, "int64": 8}
_VARIABLES: Final = ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_ENABLE_AVX")


@record
class Target:
    """The processor that kernels are compiled for.

    Attributes
    ----------
    cpu : str
        LLVM's name of the processor.
    features : str
        LLVM's list of features, ``+avx2,-avx512f`` and so on; may be empty.
    vector_bytes : int
        Width of the widest useful vector register: 64, 32 or 16.
    fma : bool
        Whether a fused multiply-add is one instruction.
    """

    cpu: str
    features: str
    vector_bytes: int
    fma: bool


def lanes(dtype: str = "float32") -> int:
    """Number of elements of `dtype` that fill one vector register: 16, 8 or 4 for float32."""
    return target().vector_bytes // _ITEM_BYTES[dtype]


def has_fma() -> bool:
    """Whether a fused multiply-add is one instruction of the target."""
    return target().fma


_known: dict[tuple[str | None, ...], Target] = {}


def target() -> Target:
    """The target that Numba compiles for in this process and in its children."""
    found = _known.get(settings())
    if found is None:
        from nngraph_kernels.host import ask  # LLVM: 40 ms and 60 MB

        found = _known[settings()] = ask()
    return found


def recall(found: Target) -> None:
    """Take for the target what LLVM said of this processor before, under the same `settings`."""
    _known[settings()] = found


def settings() -> tuple[str | None, ...]:
    """The environment variables of Numba that the target depends on."""
    return tuple(os.environ.get(name) for name in _VARIABLES)
