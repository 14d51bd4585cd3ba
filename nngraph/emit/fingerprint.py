"""What a compiled kernel depends on beside its own source, found in milliseconds and without Numba."""

from __future__ import annotations

import importlib.util
import platform
import re
import sys
from collections.abc import Iterable
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Final

from nngraph.emit.processor import processor
from nngraph_kernels.record import record

KERNELS: Final = "nngraph_kernels"
_IMPORT: Final = re.compile(rf"^[ \t]*(?:from|import)[ \t]+({KERNELS}[\w.]*|\.)", re.MULTILINE)


@record
class Fingerprint:
    """The tools and the processor that objects are made by and for: one directory of the cache.

    Attributes
    ----------
    parts : dict of str to str
        What counts, by name.
    digest : str
        The directory's name.
    """

    parts: dict[str, str]
    digest: str


def toolchain() -> Fingerprint:
    """Return the fingerprint of this process's tools and of the processor that Numba compiles for."""
    llvmlite = version_of("llvmlite")
    target = processor(llvmlite)
    return fingerprint_of(
        {
            "nngraph": own_digest("compile.py", "module.py", "worker.py"),
            "numba": version_of("numba"),
            "llvmlite": llvmlite,
            "python": f"{sys.implementation.cache_tag}",
            "machine": f"{sys.platform}-{platform.machine()}",
            "cpu": target.cpu,
            "features": target.features,
        }
    )


def fingerprint_of(parts: dict[str, str]) -> Fingerprint:
    """Return the fingerprint that is made of ``parts``."""
    text = "\n".join(f"{name}={parts[name]}" for name in sorted(parts))
    return Fingerprint(parts, blake2b(text.encode(), digest_size=8).hexdigest())


def source_key(source: str) -> bytes:
    """Return a digest of a kernel's source and of all of nngraph_kernels that it imports, directly or not."""
    digest = blake2b(source.encode(), digest_size=16)
    for path in sorted(_imported_files(source)):
        digest.update(_file_digest(path))
    return digest.digest()


def library_of(sources: Iterable[str]) -> dict[str, str]:
    """Return the modules of nngraph_kernels that kernels import, directly or not, and their packages: text by name."""
    root = _package_root()
    files = {path for source in sources for path in _imported_files(source)}
    files |= {folder / "__init__.py" for path in files for folder in path.parents if root in (folder, *folder.parents)}
    named = {".".join((KERNELS, *path.relative_to(root).with_suffix("").parts)): path for path in files}
    texts = {name: path.read_text(encoding="utf-8") for name, path in sorted(named.items())}
    return {name.removesuffix(".__init__"): text for name, text in texts.items()}


def _imported_files(source: str) -> frozenset[Path]:
    files: set[Path] = set()
    for module in set(_IMPORT.findall(source)):
        files |= _closure(module)
    return frozenset(files)


@cache
def _closure(module: str) -> frozenset[Path]:
    """Return the files of a module and of what it imports.

    Of a package, and for a relative import, it is all that the folder holds: more than need be, never less.
    """
    pending, files = [module], set[Path]()
    while pending:
        fresh = _files_of(pending.pop()) - files
        files |= fresh
        for path in fresh:
            pending += _IMPORT.findall(path.read_text(encoding="utf-8"))
    return frozenset(files)


def _files_of(module: str) -> set[Path]:
    path = _package_root().joinpath(*module.strip(".").split(".")[1:])
    if path.is_dir():
        return set(path.rglob("*.py"))
    file = path.with_suffix(".py")
    return {file} if file.exists() else set()


@cache
def _package_root() -> Path:
    spec = importlib.util.find_spec(KERNELS)
    if spec is None or spec.origin is None:
        raise ImportError(f"{KERNELS} is not installed beside nngraph")
    return Path(spec.origin).parent


@cache
def _file_digest(path: Path) -> bytes:
    return blake2b(path.read_bytes(), digest_size=16).digest()


def own_digest(*names: str) -> str:
    """Return a digest of files here: those that decide how a source becomes an object."""
    digest = blake2b(digest_size=8)
    for name in names:
        digest.update(_file_digest(Path(__file__).parent / name))
    return digest.hexdigest()


def version_of(package: str) -> str:
    """Return a version from the package's own file: importing Numba takes 0.4 s, importlib.metadata 20 ms."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ImportError(f"{package} is not installed")
    found = re.search(
        r"""(?:"version": |version_version = )["']([^"']+)""", Path(spec.origin).with_name("_version.py").read_text()
    )
    if found:
        return found[1]
    from importlib.metadata import version

    return version(package)
