"""Objects linked here do what they do when LLVM links them, and what is not understood is left to LLVM."""

import ctypes
import random
from pathlib import Path

import pytest

from nngraph.emit import elf, load
from nngraph.emit.cache import KernelCache
from nngraph.emit.directory import unpack_object
from nngraph.emit.fingerprint import source_key

pytestmark = pytest.mark.skipif(not elf.LINKS_HERE, reason="LLVM links on this platform")

# With constants in several sections, and with calls of the C library.
SOURCES = {
    "ng_elf_constants": """
def ng_elf_constants(args, thread, threads):
    x = 0.0
    for i in range(args[1]):
        x = x * 1.000123 + 0.1 * i
    args[0] = int(x * 1e6)
""",
    "ng_elf_calls": """
import math

def ng_elf_calls(args, thread, threads):
    args[0] = int(1e9 * (math.cos(args[1] / 7.0) + math.tan(args[1] / 90.0)))
""",
}


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    cache = KernelCache(tmp_path_factory.mktemp("objects"))
    cache.entries(SOURCES)
    found: dict[str, bytes] = {}
    for name, source in SOURCES.items():
        code = unpack_object((cache.folder / f"{name}.o").read_bytes(), source_key(source))
        assert isinstance(code, bytes)
        found[name] = code
    return found


def call(address: int, value: int) -> int:
    slots = (ctypes.c_int64 * 2)(0, value)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)(slots, 0, 1)
    return slots[0]


def test_does_what_llvms_linker_does(objects: dict[str, bytes]) -> None:
    here, llvm = elf.link(objects), load._link_by_llvm(objects)
    assert here.keys() == llvm.keys() == SOURCES.keys()
    for name in SOURCES:
        assert [call(here[name], n) for n in range(1, 50)] == [call(llvm[name], n) for n in range(1, 50)]
    assert call(here["ng_elf_constants"], 20) != 0


def test_code_can_be_run_and_not_written(objects: dict[str, bytes]) -> None:
    address = elf.link(objects)["ng_elf_calls"]
    ranges = [line.split()[:2] for line in Path("/proc/self/maps").read_text().splitlines()]
    (access,) = [access for at, access in ranges if int(at.split("-")[0], 16) <= address < int(at.split("-")[1], 16)]
    assert access.startswith("r-x")


@pytest.mark.parametrize("damage", ["cut", "no ELF", "another machine", "no entry", "empty"])
def test_what_is_not_understood_is_left_out(objects: dict[str, bytes], damage: str) -> None:
    name, code = "ng_elf_calls", objects["ng_elf_calls"]
    damaged = {
        "cut": code[: len(code) // 2],
        "no ELF": b"MZ" + code[2:],
        "another machine": code[:18] + b"\xb7\x00" + code[20:],
        "no entry": code,
        "empty": b"",
    }[damage]
    wanted = "ng_elsewhere" if damage == "no entry" else name
    linked = elf.link(objects | {name: objects["ng_elf_constants"]} | {wanted: damaged})
    assert wanted not in linked
    assert "ng_elf_constants" in linked


def test_an_unknown_function_or_relocation_is_left_out(objects: dict[str, bytes]) -> None:
    name, code = "ng_elf_calls", objects["ng_elf_calls"]
    assert code.count(b"\0cos\0") == 1
    assert elf.link({name: code.replace(b"\0cos\0", b"\0coz\0")}) == {}
    image = elf.Image(code, name)
    section = next(s for s in image.sections if s.kind == elf.ADDENDS and s.info in image.places)
    at = section.offset + 8
    assert elf.link({name: code[:at] + b"\x01" + code[at + 1 :]}) == {}  # an absolute address of 64 bits


def test_no_damage_raises(objects: dict[str, bytes]) -> None:
    chance, (name, code) = random.Random(33), next(iter(objects.items()))
    for _ in range(2000):
        changed = bytearray(code)
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        assert elf.link({name: bytes(changed)}).keys() <= {name}
