"""CUDA kernels on disk: files of `nngraph.emit.store` in folders of their own, compiled by workers when they miss."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sized
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from nngraph.emit.cache import Progress
from nngraph.emit.cuda.objects import CudaObject, unpacked
from nngraph.emit.directory import user_cache_directory
from nngraph.emit.fingerprint import Fingerprint, fingerprint_of, own_digest, version_of
from nngraph.emit.store import Store
from nngraph.emit.workers import Compiled, crew
from nngraph.errors import CompilationError

OWN: Final = ("cuda/compile.py", "cuda/objects.py", "module.py", "worker.py")
TOOLS: Final = ("numba-cuda", "cuda-core", "cuda-bindings", "nvidia-cuda-nvcc", "nvidia-nvvm", "nvidia-nvjitlink")
PLACES: Final = ("CUDA_HOME", "CUDA_PATH")  # where a toolkit is taken from that is no package of Python's


def cuda_toolchain(capability: tuple[int, int]) -> Fingerprint:
    """Return the fingerprint of the tools that compile for devices of a compute capability."""
    found = {d.name.lower().replace("_", "-"): d.version for d in distributions()}
    tools = [f"{name} {version}" for name, version in sorted(found.items()) if name.startswith(TOOLS)]
    return fingerprint_of({
        "nngraph": own_digest(*OWN),
        "numba": version_of("numba"),
        "toolkit": ", ".join([*tools, *(os.environ[name] for name in PLACES if name in os.environ)]),
        "capability": "{}.{}".format(*capability),
    })  # fmt: skip


class CudaCache:
    """Compiled kernels for one compute capability.

    Parameters
    ----------
    capability : (int, int)
    directory : Path, optional
        Of the cache; the user's by default.

    Attributes
    ----------
    complaint : str or None
        Why something could not be compiled, if it could not: nothing more is tried then.
    """

    def __init__(self, capability: tuple[int, int], directory: Path | None = None) -> None:
        self._store = Store(directory or user_cache_directory(), cuda_toolchain(capability))
        self._capability = "{}.{}".format(*capability)
        self.complaint: str | None = None

    @property
    def folder(self) -> Path:
        """Where new files go."""
        return self._store.folder

    def objects(self, sources: Mapping[str, str], on_progress: Progress | None = None) -> dict[str, CudaObject]:
        """The kernels of these sources that there are or that can be compiled, by name."""
        read = {name: self._store.read(name, source) for name, source in sources.items()}
        found = {name: made for name, data in read.items() if isinstance(data, bytes) and (made := unpacked(data))}
        missing = {name: source for name, source in sources.items() if name not in found}
        if missing and not self.complaint:
            found |= self._compiled(missing, on_progress)
        return {name: found[name] for name in sources if name in found}

    def _compiled(self, sources: Mapping[str, str], on_progress: Progress | None) -> dict[str, CudaObject]:
        done: dict[str, CudaObject] = {}

        def take(name: str, compiled: Compiled) -> None:
            if made := unpacked(compiled.code):
                done[name] = made
                self._store.write_object(name, compiled.key, compiled.code)
            report(done, sources, on_progress)

        report(done, sources, on_progress)
        files = self._store.write_sources(sources)
        try:
            crew("generic", "", "cuda", self._capability).compile(files, take, debug=False)
        except CompilationError as error:
            self.complaint = str(error)
        return done


def report(done: Sized, wanted: Sized, on_progress: Progress | None) -> None:
    if on_progress:
        on_progress(len(done), len(wanted))
