"""From a CUDA kernel's source text to machine code, through numba-cuda and nvJitLink; only workers import this.

No device is needed: Numba makes PTX for a compute capability, and NVIDIA's linker the code of a device of it. The code
stands behind a line that says how it is launched (`CudaObject`).
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from nngraph.emit.cuda.objects import CudaObject, packed
from nngraph.emit.module import load_module

ENTRY: Final = re.compile(r"\.visible \.entry (\w+)\s*\((.*?)\)", re.DOTALL)
WORD: Final = re.compile(r"\.param \.u64 ")


class CudaCompiler:
    """Compiles for devices of one compute capability.

    Parameters
    ----------
    capability : str
        Such as "9.0".
    """

    def __init__(self, capability: str) -> None:
        major, minor = capability.split(".")
        self._capability = int(major), int(minor)
        self._cuda: Any = import_module("numba.cuda")
        self._types: Any = import_module("numba.cuda.types")
        self._core: Any = import_module("cuda.core")
        # Functions that kernels call are compiled for the device that is there: none is, and no context is wanted.
        pretended = SimpleNamespace(compute_capability=self._capability)
        dispatcher: Any = import_module("numba.cuda.dispatcher")
        dispatcher.get_current_device = lambda: pretended

    def compile_object(self, path: Path) -> bytes:
        """Compile the kernel in the file at ``path``.

        Raises
        ------
        ImportError
            If the code needs anything but what is handed to it.
        """
        return packed(self.linked(self.ptx(path), path.stem))

    def ptx(self, path: Path) -> str:
        """Assembly that is independent of the device's own instructions, but for its capability."""
        module = load_module(path)
        types = self._types
        arrays = [types.Array(getattr(types, dtype), 1, "C") for dtype in module.ARRAYS]
        places = len(arrays) - module.FURTHER  # `at` stands between those of every kernel and further ones
        signature = (*arrays[:places], types.int64, *arrays[places:])
        made, _ = self._cuda.compile(
            getattr(module, path.stem), signature, cc=self._capability, device=False, abi="numba", output="ptx",
            launch_bounds=module.LAUNCH_BOUNDS,
        )  # fmt: skip
        return made

    def linked(self, ptx: str, name: str) -> CudaObject:
        """Machine code of what `ptx` says, with an entry of this name: Numba's own counts compilations."""
        found = ENTRY.findall(ptx)
        if len(found) != 1:
            raise ImportError(f"one kernel expected, {len(found)} found")
        ((mangled, parameters),) = found
        if len(WORD.findall(parameters)) != parameters.count(".param"):
            raise ImportError("parameters of 8 bytes expected, others found")
        code = self._core.ObjectCode.from_ptx(ptx.replace(mangled, name).encode(), name=name)
        linker = self._core.Linker(code, options=self._core.LinkerOptions(arch="sm_{}{}".format(*self._capability)))
        made = bytes(linker.link("cubin").code)
        linker.close()
        return CudaObject(name, parameters.count(".param"), made)

    def warm_up(self) -> None:
        """Nothing: what takes time is loaded by then."""
