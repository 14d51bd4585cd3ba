"""From numba-cuda's LLVM IR of a kernel to a function of the processor that runs one thread of it."""

from __future__ import annotations

import ctypes
import re
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

CAPABILITY: Final = (9, 0)
NVVM: Final = re.compile(r'@"?llvm\.nvvm\.([\w.]+)"?')
LIBDEVICE: Final = re.compile(r'@"?__nv_(\w+)"?')
ELSEWHERE: Final = re.compile(r"^(target (triple|datalayout) = |!nvvm\.annotations = ).*$", re.MULTILINE)
BITS: Final = ("float_as_int", "int_as_float", "half2float", "float2half_rn")  # what `fibers.c` has of libdevice
COMPILER: Final = ("cc", "-O2", "-shared", "-fPIC", "-Wl,--no-as-needed", "-lm")
llvm: Any = import_module("llvmlite.binding")


@cache
def fibers() -> ctypes.CDLL:
    """`fibers.c`, compiled; what kernels call of it, and of the C library, is found from now on."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "fibers.so"
        source = Path(__file__).with_name("fibers.c")
        subprocess.run([*COMPILER, "-o", str(library), str(source)], check=True)
        made = ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
    made.emulated_launch.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int]
    return made


@cache
def processor() -> tuple[Any, Any]:
    """LLVM's machine, and what holds the functions that are made for it."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    features = llvm.get_host_cpu_features()
    machine = target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features.flatten(), opt=1, jit=True)
    return machine, llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)


def function_of(kernel: Callable[..., Any], signature: tuple[Any, ...], number: int) -> tuple[int, int]:
    """The address of a function that takes a kernel's arguments as an array of words, and how many there are."""
    entry, texts = intermediate(kernel, signature)
    own, *others = [adapted(text) for text in texts]
    types = parameter_types(own, entry)
    name = f"emulated_kernel{number}"
    whole = llvm.parse_assembly(own + "\n" + from_words(name, entry, types))
    for text in others:
        whole.link_in(llvm.parse_assembly(text))
    machine, engine = processor()
    whole.triple, whole.data_layout = machine.triple, str(machine.target_data)
    whole.verify()
    separate(whole, name)
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1))
    passes.getModulePassManager().run(whole, passes)
    engine.add_module(whole)
    engine.finalize_object()
    return engine.get_function_address(name), len(types)


def separate(whole: Any, name: str) -> None:
    """Hide all but one function: kernels give their shared arrays the same names."""
    for each in (*whole.functions, *whole.global_variables):
        if each.name == name or each.name.startswith("llvm."):
            continue
        if not each.is_declaration:
            each.linkage = "internal"
        elif not hasattr(fibers(), each.name):  # LLVM would have it called at address 0
            raise NameError(f"a kernel calls {each.name}, which neither fibers.c nor the C library has")


def intermediate(kernel: Callable[..., Any], signature: tuple[Any, ...]) -> tuple[str, list[str]]:
    """The name of a kernel in its LLVM IR, and that IR with that of all it calls, its own first."""
    dispatcher: Any = import_module("numba.cuda.dispatcher")
    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=CAPABILITY)
    compiler: Any = import_module("numba.cuda.compiler")
    library, _ = compiler._compile_pyfunc_with_fixup(kernel, signature, device=False, abi="numba", cc=CAPABILITY)
    found: list[Any] = []

    def collect(each: Any) -> None:
        if all(each is not other for other in found):
            found.append(each)
            for other in each._linking_libraries:
                collect(other)

    collect(library)
    texts = [text for each in found for text in each.llvm_strs]
    return library._entry_name, sorted(texts, key=lambda text: definition(text, library._entry_name) is None)


def definition(text: str, entry: str) -> str | None:
    """The line that begins a function."""
    return next((line for line in text.splitlines() if line.startswith("define") and f'@"{entry}"(' in line), None)


def adapted(text: str) -> str:
    """IR for a device as one for the processor: what only a device has are calls to `fibers.c` and the C library."""
    text = ELSEWHERE.sub("", text)
    text = NVVM.sub(lambda found: "@emulated_" + intrinsic(found[1]), text)
    return LIBDEVICE.sub(lambda found: "@" + library_function(found[1]), text)


def intrinsic(name: str) -> str:
    """Of a block's barrier, or of a place in the grid."""
    return "barrier" if name == "barrier0" else name.removeprefix("read.ptx.sreg.").replace(".", "_")


def library_function(name: str) -> str:
    """Libdevice names functions as C does, but for a prefix."""
    return f"emulated_{name}" if name in BITS else name


def parameter_types(text: str, entry: str) -> list[str]:
    """Of a kernel: pointers and words."""
    line = definition(text, entry)
    assert line is not None
    inside = line.partition(f'@"{entry}"(')[2]
    types = [parameter.split()[0] for parameter in inside[: inside.rindex(")")].split(",")]
    assert set(types) <= {"ptr", "i64"}, types
    return types


def from_words(name: str, entry: str, types: list[str]) -> str:
    """A function that calls a kernel with arguments from an array of words."""
    lines = [f"define void @{name}(ptr %words) {{"]
    for k, kind in enumerate(types):
        lines += [f"  %p{k} = getelementptr i64, ptr %words, i64 {k}", f"  %a{k} = load {kind}, ptr %p{k}"]
    given = ", ".join(f"{kind} %a{k}" for k, kind in enumerate(types))
    return "\n".join([*lines, f'  call void @"{entry}"({given})', "  ret void", "}"])
