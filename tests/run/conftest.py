"""Kernels with which the tests watch the tape."""

import pytest

from nngraph.emit.cache import user_cache
from nngraph.run.tape import DRIVER_NAME, DRIVER_SOURCE

IMPORTS = """from nngraph_kernels.atomic import atomic_add, atomic_load, atomic_store, words_at
from nngraph_kernels.simd import number, pointer
"""
BODIES = {
    "ng_watch_write": """
        log = words_at(args, 0)
        log[0] += 1
        log[log[0]] = args[1]
    """,
    "ng_watch_add": """
        atomic_add(words_at(args, 0), 0, thread + 1)
        atomic_add(words_at(args, 0), 1, threads)
    """,
    "ng_watch_copy": """
        log = words_at(args, 0)
        log[0] += 1
        log[log[0]] = words_at(args, 1)[0]
    """,
    "ng_watch_fail": """
        if words_at(args, 1)[0] == args[2] and thread == args[3]:
            words_at(args, 0)[0] = args[4]
    """,
    "ng_watch_hold": """
        gate = words_at(args, 0)
        atomic_store(gate, 0, 1)
        while atomic_load(gate, 1) == 0:
            pass
    """,
    "ng_watch_product": """
        products = pointer(args, 0, "float64")
        products[thread] = number(args, 1) * number(args, 2)
    """,
    "ng_watch_share": """
        done, length = words_at(args, 0), args[1]
        for k in range(length * thread // threads, length * (thread + 1) // threads):
            done[k] += done[length + k] + k
    """,
    "ng_watch_rotate": """
        done, length = words_at(args, 0), args[1]
        for k in range(length * thread // threads, length * (thread + 1) // threads):
            done[length + k] = done[(k + length // 2) % length]
    """,
}


def _source(name: str) -> str:
    lines = [line[4:] for line in BODIES[name].splitlines()]
    return IMPORTS + f"\n\ndef {name}(args, thread, threads):\n" + "\n".join(lines).strip("\n") + "\n"


@pytest.fixture(scope="session")
def kernels() -> dict[str, int]:
    return user_cache().entries({DRIVER_NAME: DRIVER_SOURCE} | {name: _source(name) for name in BODIES})
