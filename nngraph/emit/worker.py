"""A process that compiles kernels for another: ``python -m nngraph.emit.worker [cuda CAPABILITY]``.

It reads one JSON line a kernel from its standard input, ``{"path": …}``, and answers each with one line:
``{"key": …, "code": …}`` in base 64, or ``{"error": …, "line": …, "traceback": …}``. It ends with its input,
when nothing came for a while, or when it has grown large.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import select
import signal
import sys
import traceback
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

from nngraph.emit.fingerprint import source_key
from nngraph.emit.worker_process import RETIRED

IDLE_SECONDS: Final = 120.0
COLLECTION_EVERY: Final = 16  # kernels; a kernel leaves about 2 MB of garbage
RETIREMENT_BYTES: Final = 1 << 30  # Numba keeps about 0.4 MB of every kernel
_WRAPPING: Final = ("Failed in", "Failed at", "During:", "File ", "\x1b")


class Compiler(Protocol):
    """What makes objects of sources."""

    def compile_object(self, path: Path) -> bytes:
        """The object code of the kernel in a file."""
        ...

    def warm_up(self) -> None:
        """Compile nothing in particular, so that all is loaded that every compilation needs."""
        ...


def main() -> int:
    """Answer requests until there are no more, and return the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what compilation prints must not mix with the answers
    sys.modules["scipy"] = None  # type: ignore[assignment]  # Numba would import it for BLAS: 0.4 s
    compiler = _compiler(sys.argv[1:])
    if not select.select([0], [], [], 0)[0]:
        compiler.warm_up()
    with suppress(BrokenPipeError):
        for count, line in enumerate(_requests()):
            print(json.dumps(_answer(Path(json.loads(line)["path"]), compiler)), file=answers, flush=True)
            _collect_garbage(count)
            if _peak_bytes() > RETIREMENT_BYTES:
                break
    return RETIRED


def _compiler(arguments: list[str]) -> Compiler:
    """The compiler for this processor, or for CUDA devices of a compute capability."""
    if not arguments:
        from nngraph.emit import compile as native

        return native
    from nngraph.emit.cuda.compile import CudaCompiler

    return CudaCompiler(arguments[1])


def _requests() -> Iterator[bytes]:
    pending = b""
    while True:
        while b"\n" in pending:
            line, pending = pending.split(b"\n", 1)
            yield line
        if not select.select([0], [], [], IDLE_SECONDS)[0]:
            return
        received = os.read(0, 1 << 16)
        if not received:
            return
        pending += received


def _answer(path: Path, compiler: Compiler) -> dict[str, Any]:
    try:
        source = path.read_text(encoding="utf-8")
        code = compiler.compile_object(path)
        return {"key": source_key(source).hex(), "code": b64encode(code).decode("ascii")}
    except Exception as error:  # noqa: BLE001  # whatever it was, the parent tells the user
        line = getattr(getattr(error, "loc", None), "line", None)
        return {"error": summary(error), "line": line, "traceback": traceback.format_exc()}


def summary(error: Exception) -> str:
    """Return the line of an error's message that says what is wrong; Numba wraps it in several others."""
    lines = [line.strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith(_WRAPPING)]
    return f"{type(error).__name__}: {(telling or lines or [''])[0]}"


def _collect_garbage(count: int) -> None:
    """Collect it seldom, and what every compilation needs never: a quarter of the time went into this."""
    if count == 0:
        gc.disable()
        gc.collect()
        gc.freeze()
    elif count % COLLECTION_EVERY == 0:
        gc.collect()


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    sys.exit(main())
