"""The cache's files: a folder for each fingerprint, two files for each kernel."""

from __future__ import annotations

import json
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from nngraph.emit.directory import PRIVATE, distrust, pack_object, unpack_object, write_file
from nngraph.emit.fingerprint import Fingerprint, source_key

PARTS_FILE: Final = "fingerprint.json"
NOT_IN_CACHE: Final = "not in cache"
_LONGEST_VALUE: Final = 40


class Store:
    """Reads and writes the files of one fingerprint.

    What others could write is not read. Where nothing can be written, new files go to a private temporary
    directory, which lasts as long as this object; ``complaint`` says why.

    Parameters
    ----------
    directory : Path
        The cache.
    fingerprint : Fingerprint
        Names the folder in it.
    """

    def __init__(self, directory: Path, fingerprint: Fingerprint) -> None:
        self.directory = directory
        self.fingerprint = fingerprint
        self.folder = directory / fingerprint.digest
        with suppress(OSError):  # before it is judged, so that it is this user's alone, whatever the umask
            directory.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        self.complaint = distrust(directory) or distrust(self.folder)
        self._readable = [] if self.complaint else [self.folder]
        if self.complaint:
            self._use_temporary_folder()

    def read(self, name: str, source: str) -> bytes | str:
        """Return a kernel's object code, or in words why there is none for this source."""
        found: bytes | str = NOT_IN_CACHE
        for folder in self._readable:
            try:
                data = (folder / f"{name}.o").read_bytes()
            except OSError:
                continue
            found = unpack_object(data, source_key(source))
            if isinstance(found, bytes):
                return found
        return self._elsewhere(name) if found == NOT_IN_CACHE else found

    def write_sources(self, sources: Mapping[str, str]) -> dict[str, Path]:
        """Write kernels' sources and return the files."""
        try:
            return self._write_sources(sources)
        except OSError as error:
            self.complaint = f"{self.folder} cannot be written: {error.strerror or error}"
            self._use_temporary_folder()
            return self._write_sources(sources)

    def write_object(self, name: str, key: bytes, code: bytes) -> None:
        """Write a kernel's object code; where that fails it is compiled again some other day."""
        try:
            write_file(self.folder / f"{name}.o", pack_object(key, code))
        except OSError as error:
            self.complaint = f"{self.folder} cannot be written: {error.strerror or error}"

    def _write_sources(self, sources: Mapping[str, str]) -> dict[str, Path]:
        self.folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        parts = self.folder / PARTS_FILE
        if not parts.exists():
            write_file(parts, json.dumps(self.fingerprint.parts, indent=1).encode())
        files = {name: self.folder / f"{name}.py" for name in sources}
        for name, path in files.items():
            write_file(path, sources[name].encode())
        return files

    def _use_temporary_folder(self) -> None:
        import shutil  # these two take longer to import than most of what a first step needs
        import tempfile

        self.folder = Path(tempfile.mkdtemp(prefix="nngraph-"))
        self._readable.append(self.folder)
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def _elsewhere(self, name: str) -> str:
        """Return how the fingerprint of a folder that has the kernel differs from this one."""
        for path in self.directory.glob(f"*/{name}.o"):
            if path.parent.name == self.fingerprint.digest:
                continue
            try:
                parts = json.loads((path.parent / PARTS_FILE).read_text())
            except (OSError, ValueError):
                continue
            return f"fingerprint changed ({difference(parts, self.fingerprint.parts)})"
        return NOT_IN_CACHE


def difference(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """Return in words how two fingerprints differ."""
    changed = [name for name in new if old.get(name) != new[name]]
    short = [name for name in changed if len(new[name]) < _LONGEST_VALUE]
    return ", ".join([f"{name} {old.get(name)} -> {new[name]}" if name in short else name for name in changed])
