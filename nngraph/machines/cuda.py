"""Programs on a CUDA device: one block of its memory, kernels compiled for it, steps launched as graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nngraph.emit.cuda.source import cuda_source, grid_of
from nngraph.emit.cuda.support import check_sizes
from nngraph.ir.graph import Value
from nngraph.ir.program import Kernel, Plan, Schedule
from nngraph.machines.binding import Binding, producer, scalars
from nngraph.machines.cuda_data import CudaData
from nngraph.machines.cuda_kernels import CudaKernels
from nngraph.machines.library import Routing
from nngraph.machines.line import AnyLine, GemmLine, Line
from nngraph.machines.lines import in_order, scratch_bytes
from nngraph.run.bind import Places, first_write
from nngraph.run.cuda.cublas import library
from nngraph.run.cuda.device import Launch, device
from nngraph.run.cuda.gemm import LibraryProduct
from nngraph.run.cuda.memory import DeviceMemory
from nngraph.run.cuda.streamed import Source
from nngraph.run.cuda.tape import Copy, CudaProgram, CudaTape
from nngraph.run.feed import NOT_PICKED, WORD, Feed, Gather
from nngraph.run.program import pack_arguments
from nngraph.run.store import Store
from nngraph_kernels.cuda.examples import STREAMED


class Cuda:
    """The machine behind ``device="cuda"``.

    Parameters
    ----------
    store : Store
    seed : int
        Of the windows on images.
    on_progress : callable
        Called with the number of kernels compiled so far and in all.
    products : {"own", "cublas", "cublas_tf32"}
        What does large matrix products.

    Raises
    ------
    DeviceError
        If there is no device, or not the library.
    """

    def __init__(
        self, store: Store, seed: int, on_progress: Callable[[int, int], None], products: str = "own"
    ) -> None:  # fmt: skip
        self.seed = seed
        self.device = device()
        self.library = None if products == "own" else library()
        self.routing = Routing(products == "cublas_tf32", self.library.workspace) if self.library else None
        self.kernels = CudaKernels(self.device, on_progress)
        self.memory = DeviceMemory(self.device, store)
        self.tape = CudaTape(self.device, self.memory)
        self.data = CudaData(self.device)

    @property
    def arena(self) -> Any:
        """The block: another one when everything has moved."""
        return self.memory.block

    def reserve(self, schedule: Schedule, planned: Plan) -> bool:
        """Have room for a program; whether what was bound before is not any more.

        Raises
        ------
        DeviceError
            If there is not that much on the device, or a value is too large for its kernels; nothing is allocated
            then.
        """
        check_sizes(schedule, planned.batch)
        return self.memory.reserve(schedule, planned, scratch_bytes(schedule, planned, self.routing))

    def bind(self, schedule: Schedule, planned: Plan, feed: Feed | None = None) -> Binding:
        """A program for one batch size; with `feed` it also loads its batches and records its scalar outputs."""
        places = self.memory.places(schedule, planned)
        before: list[Line] = []
        after: dict[int, list[Line]] = {}
        program = CudaProgram([], {}, planned.batch, first_write(schedule, planned) is not None)
        if feed:
            before = [self.load(value, places, feed, program) for value in schedule.graph.inputs]
            after = self.records(schedule, places, feed, program)
        self.memory.bound(program)
        lines = [*before, *in_order(schedule, places, after, self.routing), *self.ending(places, feed)]
        self.launch(program, lines)
        inputs = {value.name: empty(value, planned) for value in schedule.graph.inputs}
        outputs = {name: empty(value, planned) for name, value in schedule.graph.outputs}
        if feed is None:
            program.inputs += [copied(places, value, inputs[value.name]) for value in schedule.graph.inputs]
            program.outputs += [copied(places, value, outputs[name]) for name, value in schedule.graph.outputs]
        return Binding(program, inputs, outputs, tuple(line.origin for line in lines))

    def launch(self, program: CudaProgram, lines: Sequence[AnyLine]) -> None:
        """Give the arguments of all launches their place on the device."""
        words, _ = pack_arguments([line.slots for line in lines])
        table = self.device.array(words)
        kernels = [line for line in lines if isinstance(line, Line)]
        named = {line: cuda_source(line.kernel, tuple(array.dtype.name for array in line.arrays)) for line in kernels}
        functions = self.kernels.of(dict(named.values()))
        common = (*self.memory.views, table, table.view(np.float64), self.tape.words)
        at = 0
        for number, line in enumerate(lines):
            if isinstance(line, GemmLine):
                program.launches.append(self.product(line))
                continue
            blocks, threads = grid_of(line.kernel, line.integers)
            function = functions[named[line][0]]
            program.launches.append(Launch(function, blocks, threads, (*common, at, *line.arrays)))
            program.places[at] = number
            at += len(line.slots)

    def product(self, line: GemmLine) -> Launch:
        """What has the library do a product."""
        assert self.library
        return Launch(LibraryProduct(self.library, line.gemm, line.workspace), 1, 1, (self.memory.block,))

    def load(self, value: Value, places: Places, feed: Feed, program: CudaProgram) -> Line:
        """What brings a batch of an input from the data, on the device or on its way there."""
        examples, there = feed.arrays[value.name], places.address(value)
        batch = places.plan.batch
        program.streamed, source = self.data.streamed(feed, value.name, batch)
        if isinstance(examples, Gather):
            return self.gather(examples, there, feed, program, source)
        n = examples.size // max(1, len(examples))
        if program.streamed and source:
            kernel = Kernel("feed", ("load_streamed", value.type.dtype))
            return Line(kernel, (batch, n), (there, batch, n), (source.there, program.streamed.shift))
        kernel = Kernel("feed", ("load_batch", value.type.dtype))
        order = self.changing(feed.order, feed, program)
        return Line(kernel, (batch, n), (there, batch, n), (self.data.kept(examples, feed), order))

    def gather(self, examples: Gather, there: int, feed: Feed, program: CudaProgram, source: Source | None) -> Line:
        """What makes a batch of stored examples."""
        array, rows = examples.array, NOT_PICKED if examples.rows is None else examples.rows
        picked = int(examples.rows is not None)
        if program.streamed and source:
            data, where, picked = source.there, program.streamed.shift, STREAMED
        else:
            data, where = self.data.kept(array, feed), self.data.kept(rows, feed)
        count = max(1, len(feed.order) // len(feed.epochs))
        integers = (
            program.rows, *examples.shape, picked, count, examples.crop, int(examples.flip), self.seed & WORD,
            self.seed >> 32,
        )  # fmt: skip
        changing = [self.changing(each, feed, program) for each in (feed.order, feed.epochs)]
        tables = [self.data.kept(table, feed) for table in examples.tables]
        arrays = (data, changing[0], where, changing[1], *tables)
        return Line(examples.kernel, integers, (there, *integers), arrays)

    def changing(self, array: np.ndarray[Any, Any], feed: Feed, program: CudaProgram) -> Any:
        """An array on the device, brought there anew before each run."""
        found = self.data.kept(array, feed)
        if not any(host is array for _, host in program.feed):
            program.feed.append((found, array))
        return found

    def records(self, schedule: Schedule, places: Places, feed: Feed, program: CudaProgram) -> dict[int, list[Line]]:
        """What leaves scalar outputs in the feed's ring, by the index of the call that it follows."""
        length, columns = feed.ring.shape
        ring = self.data.once(feed.ring, lambda: self.device.shared(feed.ring.size, np.float64))
        program.ring = (ring, feed.ring)
        found: dict[int, list[Line]] = {}
        for k, (name, value) in enumerate(scalars(schedule)):
            slots = (places.address(value), length, columns, k, int(name == "loss"))
            line = Line(Kernel("feed", ("record", value.type.dtype)), slots[1:], slots, (ring,))
            found.setdefault(producer(schedule, places, value), []).append(line)
        return found

    def ending(self, places: Places, feed: Feed | None) -> list[Line]:
        """What ends a step: steps and rows are counted."""
        rows = places.plan.batch if feed else 0
        return [Line(Kernel("feed", ("advance", "int64")), (rows,), (rows,), (self.tape.progress,))]


def empty(value: Value, planned: Plan) -> np.ndarray[Any, Any]:
    return np.zeros(value.type.numpy_shape(planned.batch), value.type.dtype)


def copied(places: Places, value: Value, array: np.ndarray[Any, Any]) -> Copy:
    return places.address(value), array
