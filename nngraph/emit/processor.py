"""The processor as LLVM describes it, kept in the cache: asking LLVM takes 40 ms and 60 MB of every process."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, cast

from nngraph.emit.directory import distrust, user_cache_directory, write_file
from nngraph_kernels import target as targets
from nngraph_kernels.target import Target

PROCESSOR_FILES: Final = "processor-*.json"
CPU_INFORMATION = Path("/proc/cpuinfo")
QUESTIONS = Path(targets.__file__).with_name("host.py")  # what is asked, and what is made of the answer
VARYING = ("cpu MHz", "bogomips", "BogoMIPS", "processor", "core id", "apicid", "initial apicid", "physical id")
TYPES = {"cpu": str, "features": str, "vector_bytes": int, "fma": bool}


def processor(llvm_version: str) -> Target:
    """The target that kernels are compiled for.

    Parameters
    ----------
    llvm_version : str
        Of llvmlite; what one version said is not what another would say.
    """
    path = _file(llvm_version)
    if path is None:
        return targets.target()
    if found := _read(path):
        targets.recall(found)
    else:
        with suppress(OSError):  # a cache that cannot be written: the next process asks LLVM again
            write_file(path, json.dumps(asdict(targets.target())).encode())
    return targets.target()


def _file(llvm_version: str) -> Path | None:
    """Where the answer is kept, by all that it depends on; None where that cannot be known."""
    directory = user_cache_directory()
    if sys.platform != "linux" or distrust(directory):
        return None
    try:
        description = [QUESTIONS.read_text(encoding="utf-8"), *_first_processor()]
    except OSError:
        return None
    known = json.dumps([llvm_version, targets.settings(), description])
    return directory / PROCESSOR_FILES.replace("*", blake2b(known.encode(), digest_size=8).hexdigest())


def _first_processor() -> list[str]:
    """The lines of the first processor that are the same whenever they are read."""
    lines: list[str] = []
    with CPU_INFORMATION.open(encoding="utf-8") as file:
        for line in file:
            if not line.strip():
                break
            if line.split("\t")[0].split(":")[0].strip() not in VARYING:
                lines.append(line)
    return lines


def _read(path: Path) -> Target | None:
    try:
        found = cast("object", json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict):
        return None
    fields = cast("dict[str, Any]", found)
    return Target(**fields) if {name: type(value) for name, value in fields.items()} == TYPES else None
