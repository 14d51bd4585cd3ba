"""From a kernel's source text to object code, through Numba; only worker processes import this.

A kernel's file defines a function of the file's own name, ``ng_<hash>(args, thread, threads)``. It becomes
one C function ``void ng_<hash>(int64_t *args, int64_t thread, int64_t threads)`` that needs none of Numba's
run-time symbols, so that its object loads in a process that never imports Numba.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding
import llvmlite.ir
import numba.core.codegen
import numba.core.compiler
import numba.core.registry
import numba.core.types
from numba.core.compiler_lock import global_compiler_lock

from nngraph.emit.module import load_module

llvm: Any = llvmlite.binding  # untyped, like all of these
ir: Any = llvmlite.ir
codegen: Any = numba.core.codegen
compiler: Any = numba.core.compiler
cpu_target: Any = numba.core.registry.cpu_target
types: Any = numba.core.types

ARGUMENT_TYPES = (types.CPointer(types.int64), types.int64, types.int64)


class ObjectLibrary(codegen.AOTCodeLibrary):
    """A library of which no function counts references."""

    def _optimize_final_module(self) -> None:
        """Optimize once: Numba does so before and after it removes pairs of counts, and the result is the same."""
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)


class ObjectCodegen(codegen.AOTCPUCodegen):
    """Numba's ahead-of-time code generator, but for the exact CPU: it emits objects and loads nothing.

    Position-independent small-model code: constants are addressed relative to the program counter, where
    the large model of Numba's JIT spends an instruction and a register on each.
    """

    _library_class = ObjectLibrary

    def _customize_tm_features(self) -> str:
        return self._get_host_cpu_features()

    def _customize_tm_options(self, options: dict[str, Any]) -> None:
        options["cpu"] = self._get_host_cpu_name()
        options["features"] = self._tm_features
        options["reloc"] = "pic"
        options["codemodel"] = "small"


@cache
def _target_context() -> Any:
    return cpu_target.target_context.subtarget(_internal_codegen=ObjectCodegen("nngraph"))


def compile_object(path: Path) -> bytes:
    """Compile the kernel in the file at ``path`` and return its object code."""
    function = getattr(load_module(path), path.stem)
    with global_compiler_lock:
        library = _compile_library(function, path.stem)
        module = library._final_module
        _hide_all_but(module, path.stem)
        _drop_unused(module, library._codegen._tm)
        _check_symbols(module)
        return library._codegen._tm.emit_object(module)


def warm_up() -> None:
    """Compile nothing in particular, so that Numba has loaded what every compilation needs."""

    def ng_nothing(args: Any, thread: int, threads: int) -> None:
        args[0] = thread + threads

    with global_compiler_lock:
        _compile_library(ng_nothing, "ng_nothing")


def _compile_library(function: Any, name: str) -> Any:
    context = _target_context()
    flags = compiler.Flags()
    flags.no_compile = True  # the library is finished below, once it holds the entry
    flags.no_cpython_wrapper = True
    flags.no_cfunc_wrapper = True
    flags.error_model = "numpy"
    typing = cpu_target.typing_context
    result = compiler.compile_extra(typing, context, function, ARGUMENT_TYPES, types.void, flags, {})
    library = result.library
    library.add_ir_module(_entry_module(library, context, result.fndesc, name))
    _hide_all_but(library._final_module, name)  # the optimizer then inlines the body and drops the original
    library.finalize()
    return library


def _entry_module(library: Any, context: Any, descriptor: Any, name: str) -> Any:
    """The C function around Numba's own, which passes a status and an exception that no kernel raises."""
    module = library.create_ir_module(f"{name}.entry")
    word = ir.IntType(64)
    entry = ir.Function(module, ir.FunctionType(ir.VoidType(), [word.as_pointer(), word, word]), name)
    builder = ir.IRBuilder(entry.append_basic_block())
    body = context.declare_function(module, descriptor)
    context.call_conv.call_function(builder, body, types.void, ARGUMENT_TYPES, entry.args)
    builder.ret_void()
    return module


def _hide_all_but(module: Any, name: str) -> None:
    """Two processes can mangle two functions alike (numba issue 10486): nothing but the entry is exported."""
    for value in (*module.functions, *module.global_variables):
        if not value.is_declaration and value.name != name:
            value.linkage = llvm.Linkage.internal


def _drop_unused(module: Any, machine: Any) -> None:
    """Without the environments of inlined functions there is no data section to map at every load."""
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options()))


def _check_symbols(module: Any) -> None:
    for value in (*module.functions, *module.global_variables):
        if value.is_declaration and not value.name.startswith("llvm.") and not _in_process(value.name):
            raise ImportError(f"the kernel needs {value.name}, which only Numba's run-time has")


@cache
def _in_process(symbol: str) -> bool:
    import ctypes

    return hasattr(ctypes.CDLL(None), symbol)
