"""cuBLAS, by its C functions: the one place that knows them.

Numbers of 16 bits and, if asked for, TF32 go through tensor cores. Sums are made in float32 or float64 and rounded
once, which the math mode says for results of 16 bits. cuBLAS promises the same bits for the same call on devices of
one architecture and size and one version, where calls on several streams share no workspace: each call gets one of
ours, which also keeps it from allocating any while a graph is taken down.
"""

from __future__ import annotations

import ctypes
import threading
from ctypes import POINTER, byref, c_char_p, c_double, c_float, c_int, c_longlong, c_size_t, c_void_p
from functools import cache
from importlib import import_module
from typing import Any, Final

from nngraph.errors import DeviceError
from nngraph.run.cuda.gemm import Gemm, Matrix
from nngraph_kernels.cuda.target import is_simulated

WORKSPACE: Final = 32 << 20  # bytes: what cuBLAS takes for itself on Hopper; a fixed size for the same bits everywhere
OTHERWISE: Final = "give products 'own'"

MATRIX: Final = (c_void_p, c_int, c_int)  # address, type of numbers, leading dimension
BATCH: Final = (*MATRIX, c_longlong)  # and how far its matrices are apart
PROTOTYPES: Final[dict[str, tuple[Any, ...]]] = {
    "cublasCreate_v2": (POINTER(c_void_p),),
    "cublasGetProperty": (c_int, POINTER(c_int)),
    "cublasSetStream_v2": (c_void_p, c_void_p),
    "cublasSetWorkspace_v2": (c_void_p, c_void_p, c_size_t),
    "cublasSetMathMode": (c_void_p, c_int),
    "cublasGemmEx": (
        c_void_p, c_int, c_int, c_int, c_int, c_int, c_void_p, *MATRIX, *MATRIX, c_void_p, *MATRIX, c_int, c_int,
    ),
    "cublasGemmStridedBatchedEx": (
        c_void_p, c_int, c_int, c_int, c_int, c_int, c_void_p, *BATCH, *BATCH, c_void_p, *BATCH, c_int, c_int, c_int,
    ),
}  # fmt: skip
# Enumerators of library_types.h and cublas_api.h.
PROPERTIES: Final = {"MAJOR_VERSION": 0, "MINOR_VERSION": 1, "PATCH_LEVEL": 2}
DATA_TYPES: Final = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 14}  # CUDA_R_32F, 64F, 16F, 16BF
OPERATIONS: Final = {False: 0, True: 1}  # CUBLAS_OP_N, T
COMPUTE_TYPES: Final = {"float32": 68, "float64": 70, "tf32": 77}  # CUBLAS_COMPUTE_32F, 64F, 32F_FAST_TF32
MATH_MODE: Final = 16  # CUBLAS_DEFAULT_MATH | CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION
ALGORITHM: Final = -1  # CUBLAS_GEMM_DEFAULT


class Cublas:
    """The library, with one handle; calls from several threads wait for each other.

    Parameters
    ----------
    functions : ctypes.CDLL
        Or anything that has its functions.
    """

    def __init__(self, functions: Any) -> None:
        self._functions = functions
        self._lock = threading.Lock()
        self._handle: c_void_p | None = None
        self._stream: int | None = None  # of the device: no graph's
        functions.cublasGetStatusName.argtypes, functions.cublasGetStatusName.restype = (c_int,), c_char_p
        for name, types in PROTOTYPES.items():
            function = getattr(functions, name)
            function.argtypes, function.restype = types, c_int
        self.workspace = WORKSPACE

    @property
    def name(self) -> str:
        """With its version, which no device is needed for."""
        found = c_int()
        parts: list[str] = []
        for which in PROPERTIES.values():
            self._call("cublasGetProperty", which, byref(found))
            parts.append(str(found.value))
        return "cuBLAS " + ".".join(parts)

    def product(self, gemm: Gemm, block: Any, workspace: int, stream: Any) -> None:
        """See `nngraph.run.cuda.gemm.Library`.

        Raises
        ------
        DeviceError
            With what cuBLAS says.
        """
        start = int(block.device_ctypes_pointer.value)
        with self._lock:
            if self._handle is None:
                self._handle = self._begin()
            # Of a graph that is being taken down it is the stream that is launched on.
            launched = getattr(stream, "stream", stream)
            self._call("cublasSetStream_v2", self._handle, int(launched.handle))
            # The stream is set first, for that forgets the workspace.
            self._call("cublasSetWorkspace_v2", self._handle, start + workspace, self.workspace)
            name = "cublasGemmEx" if gemm.batches == 1 else "cublasGemmStridedBatchedEx"
            self._call(name, *arguments(gemm, self._handle, start))
            if launched is stream:
                self._stream = int(launched.handle)
            else:  # a graph's stream goes with its builder: the handle is not left with it
                self._call("cublasSetStream_v2", self._handle, self._stream)

    def _begin(self) -> c_void_p:
        """A handle: it lives as long as the process, for at its end there may be no device any more to give it back."""
        handle = c_void_p()
        self._call("cublasCreate_v2", byref(handle))
        self._call("cublasSetMathMode", handle, MATH_MODE)
        return handle

    def _call(self, name: str, *given: Any) -> None:
        status = getattr(self._functions, name)(*given)
        if status:
            said = self._functions.cublasGetStatusName(status).decode()
            raise DeviceError(f"products: cuBLAS answers {said} to {name.removesuffix('_v2')}; {OTHERWISE}")


def arguments(gemm: Gemm, handle: c_void_p, start: int) -> tuple[Any, ...]:
    """Those of ``cublasGemmEx``, or of a batch; the factors 1 and 0 are read while it is called."""
    scalar = c_double if gemm.arithmetic == "float64" else c_float
    alone = gemm.batches == 1

    def matrix(which: Matrix) -> tuple[int, ...]:
        place = start + which.at, DATA_TYPES[which.dtype], which.leading
        return place if alone else (*place, which.apart)

    return (
        handle, OPERATIONS[gemm.a.transposed], OPERATIONS[gemm.b.transposed], gemm.m, gemm.n, gemm.k,
        byref(scalar(1)), *matrix(gemm.a), *matrix(gemm.b), byref(scalar(0)), *matrix(gemm.c),
        *(() if alone else (gemm.batches,)), COMPUTE_TYPES[gemm.arithmetic], ALGORITHM,
    )  # fmt: skip


@cache
def library() -> Cublas:
    """The library.

    Raises
    ------
    DeviceError
        If it cannot be had, in one line that says how it can.
    """
    if is_simulated():
        raise DeviceError(f"products: 'cublas' needs a CUDA device, which Numba's simulator is not; {OTHERWISE}")
    pathfinder: Any = import_module("cuda.pathfinder")
    install = f'pip install "nngraph[cublas]", or {OTHERWISE}'
    try:
        path = pathfinder.load_nvidia_dynamic_lib("cublas").abs_path
    except pathfinder.DynamicLibNotFoundError:
        raise DeviceError(f"products: 'cublas' needs cuBLAS, which is not found; {install}") from None
    except (RuntimeError, OSError) as error:
        said = str(error).partition("\n")[0]
        raise DeviceError(f"products: 'cublas' needs cuBLAS, which cannot be loaded ({said}); {install}") from None
    try:
        return Cublas(ctypes.CDLL(path))
    except (AttributeError, OSError, TypeError) as error:
        said = str(error).partition("\n")[0]
        raise DeviceError(
            f"products: 'cublas' needs cuBLAS 11.4 or later, which {path} is not ({said}); {install}"
        ) from None
