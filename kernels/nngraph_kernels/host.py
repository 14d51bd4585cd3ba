"""What LLVM says of this processor, under the settings that Numba heeds.

Numba takes the processor and its features from LLVM unless ``NUMBA_CPU_NAME``, ``NUMBA_CPU_FEATURES`` or
``NUMBA_ENABLE_AVX`` say otherwise; the same rules are followed here. What the names amount to is asked of
LLVM itself, by compiling one instruction and reading which registers it uses.
"""

import os
import re
from typing import Final

import llvmlite.binding as llvm

from nngraph_kernels.target import Target

# Processors whose AVX Numba leaves unused unless told otherwise (numba/core/config.py).
_AVX_OFF_BY_DEFAULT: Final = {"corei7-avx", "core-avx-i", "sandybridge", "ivybridge", "nocona"}
_PROBE: Final = """
define <16 x float> @probe(<16 x float> %a, <16 x float> %b, <16 x float> %c) {
  %r = call <16 x float> @llvm.fma.v16f32(<16 x float> %a, <16 x float> %b, <16 x float> %c)
  ret <16 x float> %r
}
define <8 x i32> @integers(<8 x i32> %a, <8 x i32> %b) {
  %r = add <8 x i32> %a, %b
  ret <8 x i32> %r
}
declare <16 x float> @llvm.fma.v16f32(<16 x float>, <16 x float>, <16 x float>)
"""


def ask() -> Target:
    """The target that Numba compiles for."""
    return _probe(_cpu_name(), _features())


def _probe(cpu: str, features: str) -> Target:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(cpu=cpu, features=features)
    assembly = machine.emit_assembly(llvm.parse_assembly(_PROBE))
    fma = "vfmadd" in assembly or "fmla" in assembly
    return Target(cpu, features, _vector_bytes(assembly), fma)


def _vector_bytes(assembly: str) -> int:
    if "zmm" in assembly:
        return 64
    # AVX without AVX2 has wide floats but narrow integers: not worth a width of its own.
    return 32 if re.search("vpaddd.*ymm", assembly) else 16


def _cpu_name() -> str:
    return os.environ.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name()


def _features() -> str:
    given = os.environ.get("NUMBA_CPU_FEATURES")
    if given is not None:
        return given
    if os.environ.get("NUMBA_CPU_NAME", "").lower() == "generic":
        return ""
    try:
        features = llvm.get_host_cpu_features()
    except RuntimeError:
        return ""
    if not _avx_enabled():
        for name in features:
            if name.startswith("avx"):
                features[name] = False
    return features.flatten()


def _avx_enabled() -> bool:
    given = os.environ.get("NUMBA_ENABLE_AVX")
    if given is not None:
        return given != "0"
    return _cpu_name() not in _AVX_OFF_BY_DEFAULT
