"""CUDA kernels on disk: made without a device, found again, refused when they are damaged; and what launches them."""

import ctypes
import json
import os
import re
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import nngraph as ng
from nngraph.emit.cuda.cache import CudaCache, cuda_toolchain
from nngraph.emit.cuda.objects import CudaObject, packed, unpacked
from nngraph.emit.cuda.source import cuda_source, grid_of
from nngraph.emit.fingerprint import toolchain
from nngraph.emit.inventory import clear, in_use, prune, state_of
from nngraph.ir.program import Kernel
from nngraph.ir.types import evaluate
from nngraph.machines.cuda_kernels import CudaKernels
from nngraph.programs import scheduled
from nngraph.run.cuda.kernels import module_of
from nngraph.run.cuda.loaded import Loaded, words_of
from nngraph_kernels.cpu.examples import ExamplesSpec
from nngraph_kernels.cuda.target import SIMULATOR, target
from nngraph_kernels.cuda.text import VIEW_DTYPES

compiles = pytest.mark.skipif(find_spec("numba_cuda") is None, reason="needs numba-cuda and its compiler")
CAPABILITY = 9, 0
GATHER = Kernel("memory", ("gather", "float32"))
RECORD = Kernel("feed", ("record", "float32"))


@pytest.fixture
def for_a_device(monkeypatch):
    """Sizes as on a device."""
    monkeypatch.setenv(SIMULATOR, "0")
    target.cache_clear()
    cuda_source.cache_clear()
    yield
    target.cache_clear()
    cuda_source.cache_clear()


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def sources():
    return dict([cuda_source(GATHER), cuda_source(RECORD, ("float64",))])


def test_objects_are_what_was_packed():
    made = CudaObject("entry", 50, b"\x7fELF\nand more")
    assert unpacked(packed(made)) == made
    for damaged in (b"", b"\n", b"[]\ncode", b'{"entry": 5, "parameters": 1}\ncode', packed(made).partition(b"\n")[0]):
        assert unpacked(damaged) is None


def test_the_fingerprint_is_of_the_capability(tmp_path):
    assert cuda_toolchain((9, 0)).digest != cuda_toolchain((8, 0)).digest


def test_folders_for_devices_are_in_use_too(tmp_path):
    """Unless another version made them: those go first."""
    current = cuda_toolchain((9, 0))
    held = {"own": toolchain(), "ours": current, "earlier": current, "odd": current}
    names = {"own": toolchain().digest, "ours": current.digest, "earlier": "earlier", "odd": "odd"}
    for age, name in enumerate(["earlier", "ours", "own", "odd"]):
        folder = tmp_path / names[name]
        folder.mkdir()
        parts = held[name].parts | ({"numba": "0.1"} if name == "earlier" else {})
        (folder / "fingerprint.json").write_text(json.dumps(parts) if name != "odd" else "[")
        source = folder / f"ng_{name}.py"
        source.write_text("x" * 100)
        os.utime(source, (1e9 - age, 1e9 - age))
    assert in_use(tmp_path) == {names["own"], names["ours"]}
    assert state_of(tmp_path / names["own"]) == "in use"
    assert state_of(tmp_path / names["ours"]) == "in use, for CUDA devices of capability 9.0"
    version = current.parts["numba"]
    assert state_of(tmp_path / "earlier") == f"numba 0.1 -> {version}, for CUDA devices of capability 9.0"
    assert state_of(tmp_path / "odd") == "a fingerprint that cannot be read"
    assert prune(tmp_path, 200, current=in_use(tmp_path)) == 200
    assert sorted(path.stem for path in tmp_path.glob("*/ng_*.py")) == ["ng_ours", "ng_own"]
    clear(tmp_path, keep=in_use(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {names["own"], names["ours"]}


def test_a_source_says_what_it_is_compiled_for():
    name, text = cuda_source(RECORD, ("float64",))
    module = module_of(name, text)
    assert module["LAUNCH_BOUNDS"] == target().threads
    assert module["ARRAYS"] == (*VIEW_DTYPES, "int64", "float64", "int64", "float64")
    assert module["FURTHER"] == 1
    assert cuda_source(RECORD)[0] != name


class There:
    """An array on a device, as Numba has them."""

    shape, dtype = (6,), np.dtype(np.float32)
    device_ctypes_pointer = ctypes.c_void_p(4096)


def test_a_word_is_a_word_and_an_array_is_seven():
    words = words_of([There(), 9])
    assert words[:-1] == [0, 0, 6, 4, 4096, 6, 4]
    assert isinstance(words[-1], ctypes.c_int64)
    assert words[-1].value == 9


class Core:
    """As much of cuda.core as launches kernels."""

    def __init__(self):
        self.launched = []

    def LaunchConfig(self, grid, block):
        return grid, block

    def launch(self, *given):
        self.launched.append(given)


def test_a_loaded_kernel_is_launched_on_the_stream_of_a_graph():
    class Graph:
        stream = "inner"

    core = Core()
    Loaded(core, "kernel", 7)[7, 256, "outer"](There())
    Loaded(core, "kernel", 7)[7, 256, Graph()](There())
    assert [given[:3] for given in core.launched] == [("outer", (7, 256), "kernel"), ("inner", (7, 256), "kernel")]
    assert all(len(given) == 3 + 7 for given in core.launched)
    with pytest.raises(ValueError, match="a kernel takes 8 words, 7 given"):
        Loaded(core, "kernel", 8)[7, 256, "outer"](There())


class Disk:
    """A cache that has what it is given."""

    def __init__(self, found):
        self.found = found

    def objects(self, sources, on_progress):
        return self.found


class Picky:
    """A device that loads code of one kind alone."""

    simulated = False

    def loaded(self, code, entry, parameters):
        return entry if code == b"good" else None

    def compiled(self, function, threads):
        return f"compiled for {threads} threads"


def test_what_the_device_does_not_load_is_compiled(monkeypatch):
    monkeypatch.setattr("nngraph.run.cuda.kernels.COMPILED", {})  # which other tests use too
    (gather, record) = sources()
    found = {gather: CudaObject("gather", 50, b"good"), record: CudaObject("record", 57, b"bad")}
    kernels = CudaKernels(Picky(), lambda done, count: None, Disk(found))  # type: ignore[arg-type]
    assert kernels.of(sources()) == {gather: "gather", record: f"compiled for {target().threads} threads"}


def models(batch):
    perceptron = ng.Graph("perceptron")
    perceptron.output(perceptron.linear(perceptron.relu(perceptron.linear(perceptron.input("x", shape=(70,)), 40)), 3))
    for graph in (perceptron, ng.load("models/cnn_small.json"), ng.load("models/randwire_cifar.json")):
        made = ng.compile(graph, loss="cross_entropy", optimizer="adam", dtype="float64" if batch == 1 else "float32")
        yield scheduled(made.programs.compile("train"))


@pytest.mark.parametrize("batch", [1, 32, 1000])
@pytest.mark.usefixtures("for_a_device")
def test_blocks_are_no_larger_than_kernels_are_compiled_for(batch):
    seen = set()
    for made in models(batch):
        for call in made.calls:
            threads = grid_of(call.kernel, tuple(evaluate(dim, batch) for dim in call.integers))[1]
            assert threads <= module_bounds(call.kernel)
            seen.add(call.kernel.family)
    assert {"rows", "matmul", "columns", "channel_sums", "depthwise", "convolution_weight"} <= seen


def module_bounds(kernel):
    return int(re.search(r"^LAUNCH_BOUNDS = (\d+)$", cuda_source(kernel)[1], re.MULTILINE)[1])


@compiles
@pytest.mark.usefixtures("for_a_device")
def test_kernels_are_compiled_once(tmp_path):
    told = []
    cache = CudaCache(CAPABILITY, tmp_path)
    made = cache.objects(sources(), lambda *progress: told.append(progress))
    assert cache.complaint is None
    assert told == [(0, 2), (1, 2), (2, 2)]
    assert [o.parameters for o in made.values()] == [50, 57]
    assert [o.entry for o in made.values()] == list(sources())
    assert all(o.code.startswith(b"\x7fELF") and o.entry.encode() in o.code for o in made.values())
    again = CudaCache(CAPABILITY, tmp_path).objects(sources(), lambda *progress: told.append(progress))
    assert again == made
    assert len(told) == 3
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700


@compiles
@pytest.mark.usefixtures("for_a_device")
def test_a_damaged_object_is_compiled_again(directory):
    cache = CudaCache(CAPABILITY, directory)
    made = cache.objects(sources())
    name = next(iter(made))
    path = cache.folder / f"{name}.o"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9] + b"defective")
    again = CudaCache(CAPABILITY, directory).objects(sources())
    assert [(o.entry, o.parameters) for o in again.values()] == [(o.entry, o.parameters) for o in made.values()]
    assert path.read_bytes() != whole[:-9] + b"defective"
    assert CudaCache(CAPABILITY, directory).objects(sources(), lambda *progress: pytest.fail("compiled")) == again


@compiles
@pytest.mark.usefixtures("for_a_device")
def test_what_does_not_compile_is_left_to_others(directory):
    cache = CudaCache(CAPABILITY, directory)
    tail = "LAUNCH_BOUNDS = 256\nARRAYS = ('float32',)\nFURTHER = 0\n"
    assert cache.objects({"ng_bad": f"def ng_bad(f4, at):\n    f4[at] = nowhere\n{tail}"}) == {}
    assert cache.complaint is not None
    assert "ng_bad does not compile" in cache.complaint
    assert cache.objects(sources()).keys() == sources().keys()  # they are on disk
    assert cache.objects({"ng_good": f"def ng_good(f4, at):\n    f4[at] = 1\n{tail}"}) == {}


COMPILE = """
import sys
from pathlib import Path
from nngraph.emit.cuda.compile import CudaCompiler

path = Path(sys.argv[1])
compiler = CudaCompiler("9.0")
path.with_suffix(".ptx").write_text(compiler.ptx(path))
path.with_suffix(".o").write_bytes(compiler.compile_object(path))
"""


@compiles
@pytest.mark.usefixtures("for_a_device")
def test_the_assembler_takes_it_and_the_bounds(directory):
    """The parameters of the code are the words that a launch hands over, and registers are those of such blocks."""
    spec = ExamplesSpec("float32", "uint8", 3)
    further = ("uint8", "int64", "int64", "int64", "float32", "float32", "float32")
    name, text = cuda_source(Kernel("examples", spec), further)
    path = directory / f"{name}.py"
    path.write_text(text)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}  # and Numba without its simulator
    subprocess.run([sys.executable, "-c", COMPILE, str(path)], env=environment, check=True)
    assert ".maxntid 256, 1, 1" in path.with_suffix(".ptx").read_text()
    made = unpacked(path.with_suffix(".o").read_bytes())
    assert made is not None
    assert made.parameters == 7 * 14 + 1
    if assembler := ptxas():
        done = subprocess.run(
            [assembler, "-arch=sm_90", "-v", f"{name}.ptx", "-o", os.devnull],
            cwd=directory,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert "0 bytes spill stores" in done.stderr


def ptxas():
    """The assembler that comes with the compiler, if it does."""
    spec = find_spec("nvidia.cuda_nvcc")
    places = [Path(place) / "bin" / "ptxas" for place in (spec.submodule_search_locations or ())] if spec else []
    return next((str(place) for place in places if place.exists()), None)
