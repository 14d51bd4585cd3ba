"""Checks of the installation and of the machine, each a line with a verdict."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

import numpy as np

import nngraph
from nngraph.cores import available_cores
from nngraph.emit.cache import KernelCache
from nngraph.emit.directory import distrust, user_cache_directory
from nngraph.emit.inventory import cached_kernels
from nngraph.errors import DeviceError, NNGraphError
from nngraph.run.memory import aligned_zeros
from nngraph.run.program import Segment, bind, pack_arguments
from nngraph.run.tape import DRIVER_NAME, DRIVER_SOURCE, Tape
from nngraph_kernels.record import record
from nngraph_kernels.target import lanes, target

Verdict = Literal["ok", "note", "broken"]
OLDEST_PYTHON: Final = (3, 11)
ROOM: Final = 100 * 2**20
TELLING: Final = ("avx512f", "avx512bf16", "avx2", "avx", "fma", "sse4.2", "sve", "neon")
SELF_TEST: Final = '''"""y = tanh(x) * 3 over float32, shared out between threads."""

from numba import float32
from nngraph_kernels.math import tanh
from nngraph_kernels.simd import first, integer, load_masked, pointer, splat, store_masked


def ng_self_test(args, thread, threads):
    y = pointer(args, 0, "float32")
    x = pointer(args, 1, "float32")
    n = integer(args, 2)
    for j in range(thread * LANES, n, threads * LANES):
        mask = first(n - j, LANES)
        store_masked(y, j, tanh(load_masked(x, j, mask)) * splat(float32(3.0), LANES), mask)
'''


@record
class Check:
    """One line: what was looked at, what was found, and whether that is all right."""

    name: str
    verdict: Verdict
    found: str


def checks() -> Iterator[Check]:
    """All checks, the quick ones first; a check that itself fails is broken."""
    parts: tuple[tuple[str, Callable[[], Iterator[Check]]], ...] = (
        ("python", python), ("packages", packages), ("processor", processor), ("cores", cores),
        ("settings", settings), ("cuda", cuda), ("cache", cache), ("self-test", self_test),
    )  # fmt: skip
    for name, part in parts:
        try:
            yield from part()
        except Exception as error:  # noqa: BLE001  # whatever it is, the others are still worth their lines
            message = str(error).partition("\n")[0]
            kind = "" if isinstance(error, NNGraphError) else f"{type(error).__name__}: "
            yield Check(name, "broken", kind + message)


def python() -> Iterator[Check]:
    found = f"{platform.python_implementation()} {platform.python_version()} on {platform.platform(terse=True)}"
    good = sys.implementation.name == "cpython" and sys.version_info >= OLDEST_PYTHON
    oldest = ".".join(map(str, OLDEST_PYTHON))
    yield Check("python", "ok" if good else "broken", found if good else f"{found}; CPython {oldest} or later expected")


def packages() -> Iterator[Check]:
    """nngraph and what it needs to compile and run."""
    yield Check("nngraph", "ok", f"{nngraph.__version__} in {Path(nngraph.__file__).parent}")
    for name in ("numpy", "numba", "llvmlite", "networkx", "pydantic", "safetensors", "click", "rich"):
        try:
            yield Check(name, "ok", version(name))
        except PackageNotFoundError:
            yield Check(name, "broken", f"not installed; pip install {name}")


def processor() -> Iterator[Check]:
    found = target()
    has = {part[1:] for part in found.features.split(",") if part.startswith("+")}
    features = ", ".join(name for name in TELLING if name in has)
    yield Check("processor", "ok", f"{found.cpu} ({platform.machine()})" + (f": {features}" if features else ""))
    width = f"{lanes('float32')} float32 or {lanes('float64')} float64 lanes, {found.vector_bytes * 8} bits"
    without = "" if found.fma else "; no fused multiply-add, products run at half their speed"
    yield Check("vectors", "ok" if found.fma else "note", width + without)


def cores() -> Iterator[Check]:
    usable, all_of_them = available_cores(), os.cpu_count() or 1
    limit = "" if usable == all_of_them else f" of {all_of_them}; affinity or the container's quota keeps the others"
    yield Check("cores", "ok", f"{usable} usable{limit}")


def settings() -> Iterator[Check]:
    """Variables that change what is compiled, or where it goes."""
    names = ("NNGRAPH_CACHE_DIR", "NNGRAPH_PYTHON", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_ENABLE_AVX")
    found = [f"{name}={os.environ[name]}" for name in names if os.environ.get(name)]
    if found:
        yield Check("settings", "note", "; ".join(found))


def cuda() -> Iterator[Check]:
    """The CUDA device, if numba-cuda is there to use one, and cuBLAS, if it is there too."""
    if find_spec("numba_cuda") is None:
        yield Check("cuda", "note", 'not used; pip install "nngraph[cuda]" for --device cuda')
        return
    from nngraph.run.cuda.cublas import library
    from nngraph.run.cuda.device import device

    try:
        found = device().about()
    except DeviceError as error:
        yield Check("cuda", "note", str(error).removeprefix("device: "))
        return
    capability = ".".join(map(str, found.capability))
    room = f"{found.free / 2**30:.1f} of {found.total / 2**30:.1f} GiB free"
    yield Check("cuda", "ok", f"{found.name}, compute capability {capability}, driver for {found.driver}, {room}")
    try:
        yield Check("cublas", "ok", f"{library().name}, for --products cublas")
    except DeviceError as error:
        yield Check("cublas", "note", str(error).removeprefix("products: "))


def cache() -> Iterator[Check]:
    """Whether kernels can be kept, and what is there."""
    directory = user_cache_directory()
    if complaint := distrust(directory):
        yield Check("cache", "note", f"not used: {complaint}; kernels are compiled anew in every process")
        return
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    if not os.access(existing, os.W_OK):
        yield Check("cache", "note", f"{existing} cannot be written; kernels are compiled anew in every process")
        return
    kernels = cached_kernels(directory)
    held = f"{len(kernels):,} kernels, {sum(kernel.nbytes for kernel in kernels) / 2**20:.1f} MiB"
    free = shutil.disk_usage(existing).free
    scarce = f"; only {free / 2**20:.0f} MiB are free there" if free < ROOM else ""
    yield Check("cache", "note" if scarce else "ok", f"{directory}: {held}{scarce}")


def self_test() -> Iterator[Check]:
    """Compile a kernel with no cache, run it on all threads, compare it with NumPy."""
    with tempfile.TemporaryDirectory(prefix="nngraph-doctor-") as folder:
        kernels = KernelCache(Path(folder))
        begin = time.perf_counter()
        source = SELF_TEST.replace("LANES", str(lanes("float32")))
        found = kernels.entries({"ng_self_test": source, DRIVER_NAME: DRIVER_SOURCE})
        seconds = time.perf_counter() - begin
    yield Check("compiler", "ok", f"a kernel and the driver compiled in {seconds:.2f} s, with an empty cache")
    yield compared(found["ng_self_test"], Tape(found[DRIVER_NAME]))


def compared(kernel: int, tape: Tape) -> Check:
    """What the self-test's kernel computes, beside what NumPy does."""
    n, threads = 1003, available_cores()
    x, y = aligned_zeros(n, np.float32), aligned_zeros(n, np.float32)
    x[:] = np.linspace(-5, 5, n)
    words, addresses = pack_arguments([(y.ctypes.data, x.ctypes.data, n)])
    program = bind([kernel], addresses, [True], keep=words)
    tape.run([Segment(program, 1)], threads)
    error = float(np.max(np.abs(y - 3 * np.tanh(x.astype(np.float64)))))
    good = error < 1e-6
    said = f"tanh of {n} numbers on {threads} thread{'s' if threads > 1 else ''} differs from NumPy by {error:.1e}"
    return Check("self-test", "ok" if good else "broken", said + ("" if good else "; at most 1e-6 expected"))
