"""The parts of an exported module that are the same in all of them."""

HEAD = """\
import importlib
import importlib.abc
import importlib.util
import sys
import threading
from pathlib import Path

import numba
import numpy as np

"""

LOADER = '''\


class Library(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports the modules whose text stands above."""

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name in SOURCES else None

    def is_package(self, name):
        return any(other.startswith(f"{name}.") for other in SOURCES)

    def get_source(self, name):
        return SOURCES[name]

    def get_code(self, name):
        return self.source_to_code(SOURCES[name], f"<{name} of {Path(__file__).name}>")


sys.meta_path.append(Library())
found = importlib.import_module(f"{PACKAGE}.target").target().vector_bytes
if found != VECTOR_BYTES:
    raise ImportError(
        f"{__file__}: its kernels are for vectors of {VECTOR_BYTES} bytes, this processor's have {found}; "
        "export the model again on a machine like this one"
    )


def compiled(name):
    """The address of a kernel, void (int64_t *slots, int64_t thread, int64_t threads), and what keeps it alive."""
    function = getattr(importlib.import_module(f"{PACKAGE}.{name}"), name)
    return numba.cfunc("void(CPointer(int64), int64, int64)", error_model="numpy")(function)


KERNELS = {name: compiled(name) for name in KERNEL_NAMES}


def aligned(shape, dtype):
    """Zeros that begin on a cache line."""
    nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    block = np.zeros(nbytes + 64, np.uint8)
    start = -block.ctypes.data % 64
    return block[start : start + nbytes].view(dtype).reshape(shape)


memory = aligned(ARENA_BYTES, np.uint8)
error_word = aligned(1, np.int64)
arrays = {name: aligned(shape, dtype) for name, (shape, dtype) in ARRAYS.items()}
for name, values in WEIGHTS.items():
    arrays[name][...] = values


def arena(offset):
    return memory.ctypes.data + offset


def error(offset):
    return error_word.ctypes.data + offset


def held(name, offset=0):
    return arrays[name].ctypes.data + offset


def call(name, *slots):
    """A kernel and its arguments, 8 bytes each."""
    block = aligned(max(1, len(slots)), np.int64)
    for k, slot in enumerate(slots):
        (block.view(np.float64) if isinstance(slot, float) else block)[k] = slot
    return KERNELS[name].ctypes, block.ctypes.data_as(KERNELS[name].ctypes.argtypes[0]), block


def run(calls):
    """Make calls in order, on this thread."""
    for kernel, slots, _ in calls:
        kernel(slots, 0, 1)


def view(offset, shape, dtype):
    """A value in the arena."""
    nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return memory[offset : offset + nbytes].view(dtype).reshape(shape)


'''

PREDICT = '''\


lock = threading.Lock()


def predict({arguments}):
    """{said}"""
    given = {{{given}}}
    count = len(next(iter(given.values())))
    parts = [step({{name: x[k : k + BATCH] for name, x in given.items()}}) for k in range(0, max(count, 1), BATCH)]
    found = {{name: np.concatenate([part[name] for part in parts]) for name in OUTPUTS}}
    return {result}


def step(given):
    """The outputs for at most BATCH examples; rows behind them are zero."""
    with lock:
        count = len(next(iter(given.values())))
        for name, x in given.items():
            if x.shape != (count, *INPUTS[name].shape[1:]):
                raise ValueError(f"{{name}}: shape {{(count, *INPUTS[name].shape[1:])}} expected, {{x.shape}} given")
            INPUTS[name][:count], INPUTS[name][count:] = x, 0
        error_word[0] = 0
        run(CALLS)
        if error_word[0]:
            raise IndexError("an index outside of its table; look at the inputs' integers")
        return {{name: x[:count].copy() for name, x in OUTPUTS.items()}}
'''
