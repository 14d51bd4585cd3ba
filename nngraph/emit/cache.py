"""From sources to addresses: kernels are found in memory, loaded from disk, or compiled.

On disk the cache is a folder for each fingerprint (`nngraph.emit.fingerprint`), and in it two files for each
kernel: ``ng_<hash>.py``, the source that tracebacks and users read, and ``ng_<hash>.o``, its object code.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from nngraph.emit.directory import user_cache_directory
from nngraph.emit.fingerprint import toolchain
from nngraph.emit.load import load_objects
from nngraph.emit.store import Store
from nngraph.errors import CompilationError
from nngraph_kernels.record import record

if TYPE_CHECKING:
    from nngraph.emit.workers import Compiled, Crew

Progress = Callable[[int, int], None]


@record
class Entry:
    """A kernel in memory: its source, its address, and how it came there."""

    source: str
    address: int
    origin: str


class KernelCache:
    """Kernels by name.

    Parameters
    ----------
    directory : Path, optional
        Where the files stand; the user's cache directory by default. Where others could write, or this user
        cannot, a private temporary directory takes the new ones; ``complaint`` says so.
    debug : bool
        Whether a `CompilationError` carries the compiler's whole traceback as a note.
    """

    def __init__(self, directory: Path | None = None, *, debug: bool = False) -> None:
        self._store = Store(user_cache_directory() if directory is None else Path(directory), toolchain())
        self._debug = debug
        self._entries: dict[str, Entry] = {}
        self._lock = threading.RLock()

    def entries(self, sources: Mapping[str, str], on_progress: Progress | None = None) -> dict[str, int]:
        """Return the address of each kernel, compiling those that are missing.

        Parameters
        ----------
        sources : mapping of str to str
            Python source by the kernel's name, which is also the name of the function that it defines.
        on_progress : callable, optional
            Called with the number of kernels compiled so far and in all, if any are.

        Raises
        ------
        CompilationError
            If a kernel cannot be compiled or loaded.
        """
        with self._lock:
            wanted = {name: source for name, source in sources.items() if not self._has(name, source)}
            reasons = self._load_from_disk(wanted)
            if reasons:
                self._compile({name: wanted[name] for name in reasons}, reasons, on_progress)
            return {name: self._entries[name].address for name in sources}

    def why(self, name: str) -> str:
        """Return how a kernel came into this process: "on disk", or "compiled: " and the reason."""
        return self._entries[name].origin if name in self._entries else "not used in this process"

    def missing(self, sources: Mapping[str, str]) -> dict[str, str]:
        """Return the kernels that `entries` would have to compile, each with the reason; nothing is loaded."""
        with self._lock:
            wanted = {name: source for name, source in sources.items() if not self._has(name, source)}
            found = {name: self._store.read(name, source) for name, source in wanted.items()}
            return {name: reason for name, reason in found.items() if isinstance(reason, str)}

    def prepare(self) -> None:
        """Start the processes that compile, where kernels are likely to be missing soon."""
        self._crew().prepare()

    @property
    def folder(self) -> Path:
        """Where new files go."""
        return self._store.folder

    @property
    def complaint(self) -> str | None:
        """Why the cache's directory is not used, if it is not."""
        return self._store.complaint

    def _has(self, name: str, source: str) -> bool:
        entry = self._entries.get(name)
        return entry is not None and entry.source == source

    def _crew(self) -> Crew:
        from nngraph.emit.workers import crew  # not needed where all kernels are on disk

        parts = self._store.fingerprint.parts
        return crew(parts["cpu"], parts["features"])

    def _load_from_disk(self, sources: Mapping[str, str]) -> dict[str, str]:
        """Load what is on disk; return the names of the others, each with the reason."""
        found = {name: self._store.read(name, source) for name, source in sources.items()}
        objects = {name: code for name, code in found.items() if isinstance(code, bytes)}
        addresses = load_objects(objects)
        for name, address in addresses.items():
            self._entries[name] = Entry(sources[name], address, "on disk")
        reasons = {name: reason for name, reason in found.items() if isinstance(reason, str)}
        return reasons | {name: "object does not load" for name in objects if name not in addresses}

    def _compile(self, sources: Mapping[str, str], reasons: Mapping[str, str], on_progress: Progress | None) -> None:
        files = self._store.write_sources(sources)
        codes: dict[str, bytes] = {}

        def report() -> None:
            if on_progress:
                on_progress(len(codes), len(files))

        def take(name: str, compiled: Compiled) -> None:
            codes[name] = compiled.code
            self._store.write_object(name, compiled.key, compiled.code)
            report()

        report()
        self._crew().compile(files, take, self._debug)
        for name, address in load_objects(codes).items():
            self._entries[name] = Entry(sources[name], address, f"compiled: {reasons[name]}")
        for name, path in files.items():
            if not self._has(name, sources[name]):
                raise CompilationError(f"kernel {name} was compiled but cannot be loaded ({path})")


@cache
def user_cache() -> KernelCache:
    """Return this process's cache in the user's directory."""
    return KernelCache()
