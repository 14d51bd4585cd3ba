"""Links object code into this process where that takes little: ELF for x86-64, as LLVM writes it for kernels.

A kernel's object has code, constants and calls of the C library, so that two kinds of relocation are all there is
(System V ABI, AMD64 supplement, section 4.4). Loading it here leaves LLVM, 60 MB and 40 ms, to the processes that
compile. Whatever else an object may hold is refused, and left to LLVM's own linker.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import struct
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from nngraph_kernels.record import record

LINKS_HERE: Final = sys.platform == "linux" and platform.machine() == "x86_64"

HEADER: Final = struct.Struct("<4sBB10xHHI8x8xQ4x6xHHH")
SECTION: Final = struct.Struct("<IIQ8xQQIIQ8x")
SYMBOL: Final = struct.Struct("<IBBHQ8x")
RELOCATION: Final = struct.Struct("<QIIq")
MAGIC: Final = (b"\x7fELF", 2, 1, 1, 62, 1)  # 64 bits, little-endian, relocatable, x86-64, version 1
PROGRAM, SYMBOLS, ADDENDS, PLAIN_RELOCATIONS, UNWINDING = 1, 2, 4, 9, 0x7000_0001
WRITABLE, ALLOCATED = 1, 2
UNDEFINED, RESERVED = 0, 0xFF00
PC32, PLT32 = 2, 4
WORD, FAR = 4, 2**31
ALIGNMENT: Final = 64
TRAMPOLINE: Final = struct.Struct("<2sQ3s")  # movabs $address, %r11; jmp *%r11

DAMAGE: Final = (struct.error, IndexError, ValueError, OverflowError)  # what reading a damaged object raises

_code: list[mmap.mmap] = []  # stays as long as the process: programs hold bare addresses


class UnlinkableError(Exception):
    """An object that asks for more than is done here."""


@record
class Section:
    """A section header; `link` and `info` number other sections."""

    name: int
    kind: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int


@record
class Symbol:
    """A symbol, and the number of the section that `value` counts from."""

    name: str
    section: int
    value: int


def link(objects: Mapping[str, bytes]) -> dict[str, int]:
    """Put objects into executable memory; the rest as in `nngraph.emit.load.load_objects`.

    Objects that are malformed, or anything but code, constants and calls, are absent from the result; so are all of
    them where this process may not make memory executable.
    """
    images: dict[str, Image] = {}
    starts: dict[str, int] = {}
    size = 0
    for name, code in objects.items():
        with suppress(UnlinkableError, *DAMAGE):
            images[name] = image = Image(code, name)
            starts[name] = size
            size += -(-image.size // ALIGNMENT) * ALIGNMENT
    if not size:
        return {}
    memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE)
    base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for name, image in images.items():
        image.write(memory, starts[name])
    process: Any = ctypes.CDLL(None)
    if process.mprotect(ctypes.c_void_p(base), ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_EXEC):
        return {}
    _code.append(memory)
    return {name: base + starts[name] + image.entry for name, image in images.items()}


class Image:
    """One object: where its sections lie from its start on, and what is written there."""

    def __init__(self, code: bytes, entry: str) -> None:
        self.code = code
        *identity, sections_at, entry_size, count, _ = HEADER.unpack_from(code)
        if tuple(identity) != MAGIC or entry_size != SECTION.size:
            raise UnlinkableError("not an x86-64 object")
        self.sections = [Section(*SECTION.unpack_from(code, sections_at + i * SECTION.size)) for i in range(count)]
        self.places, self.size = self._layout()
        self.symbols: list[Symbol] = self._symbols()
        self.trampolines: dict[str, tuple[int, int]] = {}  # of a function: where it stands, whither it leads
        self.relocations = [one for section in self.sections for one in self._relocations_of(section)]
        self.entry = self._entry(entry)

    def _layout(self) -> tuple[dict[int, int], int]:
        """Offsets of the sections that are in memory, and where they end."""
        places: dict[int, int] = {}
        end = 0
        for i, section in enumerate(self.sections):
            if section.kind == PLAIN_RELOCATIONS:
                raise UnlinkableError("relocations without addends")
            if section.flags & ALLOCATED and section.kind != UNWINDING:  # nothing unwinds through a kernel
                if section.flags & WRITABLE or section.kind != PROGRAM or section.alignment > ALIGNMENT:
                    raise UnlinkableError("a section that is neither code nor constants")
                if section.offset + section.size > len(self.code):
                    raise UnlinkableError("a section that is cut short")
                step = max(1, section.alignment)
                places[i] = end = -(-end // step) * step
                end += section.size
        return places, end

    def _symbols(self) -> list[Symbol]:
        (table,) = (section for section in self.sections if section.kind == SYMBOLS)
        names = self.sections[table.link].offset
        found: list[Symbol] = []
        for at in range(table.offset, table.offset + table.size, SYMBOL.size):
            name, _, _, section, value = SYMBOL.unpack_from(self.code, at)
            start = names + name
            found.append(Symbol(self.code[start : self.code.index(b"\0", start)].decode(), section, value))
        return found

    def _relocations_of(self, section: Section) -> list[tuple[int, int]]:
        """Where a distance is written, and to where, for each relocation."""
        if section.kind != ADDENDS or section.info not in self.places:
            return []
        found: list[tuple[int, int]] = []
        for at in range(section.offset, section.offset + section.size, RELOCATION.size):
            relocation: tuple[int, int, int, int] = RELOCATION.unpack_from(self.code, at)
            offset, kind, symbol, addend = relocation
            if kind not in (PC32, PLT32) or offset + WORD > self.sections[section.info].size:
                raise UnlinkableError(f"relocation {kind} at {offset}")
            place = self.places[section.info] + offset
            target = self._target(self.symbols[symbol], kind) + addend
            if abs(target - place) >= FAR:
                raise UnlinkableError(f"a distance of {target - place} bytes")
            found.append((place, target))
        return found

    def _target(self, symbol: Symbol, kind: int) -> int:
        if symbol.section != UNDEFINED:
            return self._place(symbol)
        if kind != PLT32:
            raise UnlinkableError(f"data '{symbol.name}' of another object")
        if symbol.name not in self.trampolines:
            self.trampolines[symbol.name] = (self.size, _address_of(symbol.name))
            self.size += TRAMPOLINE.size
        return self.trampolines[symbol.name][0]

    def _place(self, symbol: Symbol) -> int:
        if symbol.section >= RESERVED or symbol.section not in self.places:
            raise UnlinkableError(f"symbol '{symbol.name}' is in no section that is loaded")
        return self.places[symbol.section] + symbol.value

    def _entry(self, name: str) -> int:
        for symbol in self.symbols:
            if symbol.name == name:
                return self._place(symbol)
        raise UnlinkableError(f"no function '{name}'")

    def write(self, memory: mmap.mmap, start: int) -> None:
        """Write all of the object into `memory` from `start` on."""
        for i, place in self.places.items():
            section = self.sections[i]
            memory[start + place : start + place + section.size] = self.code[section.offset :][: section.size]
        for place, address in self.trampolines.values():
            TRAMPOLINE.pack_into(memory, start + place, b"\x49\xbb", address, b"\x41\xff\xe3")
        for place, target in self.relocations:
            struct.pack_into("<i", memory, start + place, target - place)


def _address_of(function: str) -> int:
    """Where the C library, or what else is in this process, has a function."""
    found = getattr(ctypes.CDLL(None), function, None)
    address = ctypes.cast(found, ctypes.c_void_p).value if found else None
    if not address:
        raise UnlinkableError(f"no function '{function}' in this process")
    return address
