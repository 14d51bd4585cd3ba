"""Atomic words, pauses and the floating-point mode: what the tape's threads need beside arithmetic."""

from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

WORDS = types.CPointer(types.int64)
X86 = binding.get_process_triple().startswith(("x86", "i686", "amd64"))
ARM = binding.get_process_triple().startswith(("aarch64", "arm64"))
SUBNORMALS_ARE_ZERO = 0x8040 if X86 else 1 << 24  # flush-to-zero and denormals-are-zero; FPCR.FZ on Arm


@intrinsic
def atomic_load(typingctx, words, index):
    """Return ``words[index]``; what other threads wrote before they stored it is visible then."""

    def codegen(context, builder, sig, args):
        return builder.load_atomic(builder.gep(args[0], [args[1]]), "acquire", 8)

    return types.int64(WORDS, types.int64), codegen


@intrinsic
def atomic_store(typingctx, words, index, value):
    """Set ``words[index]``, after all that this thread wrote before."""

    def codegen(context, builder, sig, args):
        builder.store_atomic(args[2], builder.gep(args[0], [args[1]]), "release", 8)
        return context.get_dummy_value()

    return types.void(WORDS, types.int64, types.int64), codegen


@intrinsic
def atomic_add(typingctx, words, index, value):
    """Add to ``words[index]`` and return what it was before."""

    def codegen(context, builder, sig, args):
        return builder.atomic_rmw("add", builder.gep(args[0], [args[1]]), args[2], "acq_rel")

    return types.int64(WORDS, types.int64, types.int64), codegen


@intrinsic
def words_at(typingctx, words, index):
    """Return the pointer that stands in ``words[index]``, loaded as one: never made from an integer."""

    def codegen(context, builder, sig, args):
        pointers = builder.bitcast(builder.gep(args[0], [args[1]]), args[0].type.as_pointer())
        return builder.load(pointers)

    return WORDS(WORDS, types.int64), codegen


@intrinsic
def offset_words(typingctx, words, count):
    """Return ``words + count``."""

    def codegen(context, builder, sig, args):
        return builder.gep(args[0], [args[1]])

    return WORDS(WORDS, types.int64), codegen


@intrinsic
def call_kernel(typingctx, row, thread, threads):
    """Call the kernel whose address stands in ``row[0]`` and its block of arguments in ``row[1]``."""

    def codegen(context, builder, sig, args):
        row, thread, threads = args
        word = ir.IntType(64)
        entry = ir.FunctionType(ir.VoidType(), [row.type, word, word]).as_pointer()
        function = builder.load(builder.bitcast(row, entry.as_pointer()))
        block = builder.bitcast(builder.gep(row, [word(1)]), row.type.as_pointer())
        builder.call(function, [builder.load(block), thread, threads])
        return context.get_dummy_value()

    return types.void(WORDS, types.int64, types.int64), codegen


@intrinsic
def pause(typingctx):
    """Tell the core that this thread waits in a loop."""

    def codegen(context, builder, sig, args):
        if X86:
            _call(builder, "llvm.x86.sse2.pause", ir.VoidType())
        elif ARM:
            _call(builder, "llvm.aarch64.hint", ir.VoidType(), ir.IntType(32)(1))
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def float_mode(typingctx):
    """Return the floating-point control register of this thread."""

    def codegen(context, builder, sig, args):
        word = ir.IntType(64)
        if X86:
            slot = builder.alloca(ir.IntType(32))
            _call(builder, "llvm.x86.sse.stmxcsr", ir.VoidType(), slot)
            return builder.zext(builder.load(slot), word)
        return _call(builder, "llvm.aarch64.get.fpcr", word) if ARM else word(0)

    return types.int64(), codegen


@intrinsic
def set_float_mode(typingctx, mode):
    """Set the floating-point control register of this thread."""

    def codegen(context, builder, sig, args):
        if X86:
            slot = builder.alloca(ir.IntType(32))
            builder.store(builder.trunc(args[0], ir.IntType(32)), slot)
            _call(builder, "llvm.x86.sse.ldmxcsr", ir.VoidType(), slot)
        elif ARM:
            _call(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), args[0])
        return context.get_dummy_value()

    return types.void(types.int64), codegen


def _call(builder, name, result, *args):
    kind = ir.FunctionType(result, [arg.type for arg in args])
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    return builder.call(function, args)
