"""Where the cache stands on disk, and how its files are read and written.

An object's file begins with a mark, the key of its source (`fingerprint.source_key`) and a checksum, so
that one that is truncated, corrupted or made from another source counts as missing.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final

MARK: Final = b"nngraph object 1\n"
DIGEST_BYTES: Final = 16
HEADER_BYTES: Final = len(MARK) + 2 * DIGEST_BYTES
PRIVATE: Final = 0o700
WRITABLE_BY_OTHERS: Final = 0o022


def user_cache_directory() -> Path:
    """Return ``$NNGRAPH_CACHE_DIR``, or the place for nngraph among the user's caches."""
    if given := os.environ.get("NNGRAPH_CACHE_DIR"):
        return Path(given).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "nngraph"
    given = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(given) if os.path.isabs(given) else Path.home() / ".cache"  # as the XDG specification says
    return base / "nngraph"


def distrust(directory: Path) -> str | None:
    """Return why code must not be loaded from ``directory``, or None where it may.

    Whoever can write there can run code as this user.
    """
    try:
        status = directory.stat()
    except OSError:
        return None  # it does not exist, so that nothing can be loaded from it
    if status.st_uid not in (os.geteuid(), 0):
        return f"{directory} belongs to another user"
    if status.st_mode & WRITABLE_BY_OTHERS:
        return f"{directory} can be written by other users"
    return None


def write_file(path: Path, data: bytes) -> None:
    """Write a file so that any reader finds either all of it or the one before."""
    path.parent.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    import tempfile  # takes longer to import than most of what a first step needs

    number, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(number, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def pack_object(key: bytes, code: bytes) -> bytes:
    """Return the contents of an object's file."""
    return MARK + key + blake2b(code, digest_size=DIGEST_BYTES).digest() + code


def unpack_object(data: bytes, key: bytes) -> bytes | str:
    """Return the code in an object's file, or in words why there is none for the source with this key."""
    if len(data) < HEADER_BYTES or not data.startswith(MARK):
        return "object corrupt"
    at, code = len(MARK), data[HEADER_BYTES:]
    if data[at + DIGEST_BYTES : HEADER_BYTES] != blake2b(code, digest_size=DIGEST_BYTES).digest():
        return "object corrupt"
    if data[at : at + DIGEST_BYTES] != key:
        return "its source, or what it imports from nngraph_kernels, changed"
    return code
