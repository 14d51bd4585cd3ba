"""From object code to addresses in this process: by `nngraph.emit.elf` where it can, or else by LLVM's linker.

Numba is never imported here, and llvmlite only for what is left to it.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from functools import cache
from typing import Any

from nngraph.emit.elf import LINKS_HERE, link

_numbers = itertools.count()
_trackers: list[Any] = []  # loaded code stays as long as the process: programs hold bare addresses
_lock = threading.Lock()


def load_objects(objects: Mapping[str, bytes]) -> dict[str, int]:
    """Load kernels' object code into this process.

    Parameters
    ----------
    objects : mapping of str to bytes
        The object code of each kernel, under the name of its entry.

    Returns
    -------
    dict of str to int
        The address of each entry that could be loaded; the others are absent.
    """
    with _lock:
        linked = link(objects) if LINKS_HERE else {}
        left = {name: code for name, code in objects.items() if name not in linked}
        return linked | _link_by_llvm(left) if left else linked


def _link_by_llvm(objects: Mapping[str, bytes]) -> dict[str, int]:
    try:
        return _link(objects)
    except RuntimeError:
        return {} if len(objects) == 1 else _link_each(objects)


def _link_each(objects: Mapping[str, bytes]) -> dict[str, int]:
    addresses: dict[str, int] = {}
    for name, code in objects.items():
        try:
            addresses |= _link({name: code})
        except RuntimeError:  # what llvmlite raises for any object that does not parse or link
            continue
    return addresses


def _link(objects: Mapping[str, bytes]) -> dict[str, int]:
    builder = _llvm().JITLibraryBuilder().add_current_process()
    for name, code in objects.items():
        builder.add_object_img(code)
        builder.export_symbol(name)
    tracker = builder.link(_jit(), f"nngraph.{next(_numbers)}")
    _trackers.append(tracker)
    return {name: tracker[name] for name in objects}


def _llvm() -> Any:
    from llvmlite import binding  # 50 ms, which `import nngraph` does not spend

    return binding


@cache
def _jit() -> Any:
    """The linker: ORC reports an object it cannot link, where MCJIT ends the process.

    JITLink maps the sections of one object side by side, as small-model code needs them.
    """
    llvm = _llvm()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine()
    return llvm.create_lljit_compiler(machine, use_jit_link=True)
