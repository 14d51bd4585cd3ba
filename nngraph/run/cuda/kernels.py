"""From the texts of CUDA kernels to functions that can be launched."""

from __future__ import annotations

import linecache
from collections.abc import Mapping
from typing import Any

from nngraph.run.cuda.device import Device

COMPILED: dict[str, Any] = {}


def launchable(sources: Mapping[str, str], device: Device) -> dict[str, Any]:
    """Functions by name; each is compiled when it is first launched, unless it is in `COMPILED`."""
    for name, text in sources.items():
        if name not in COMPILED:
            module = module_of(name, text)
            COMPILED[name] = device.compiled(module[name], module["LAUNCH_BOUNDS"])
    return {name: COMPILED[name] for name in sources}


def module_of(name: str, text: str) -> dict[str, Any]:
    """What a module's text defines; tracebacks show its lines."""
    file = f"<{name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    names: dict[str, Any] = {}
    exec(compile(text, file, "exec"), names)  # noqa: S102 the compiler's own source
    return names
