"""cuBLAS's C functions: what they are given, and what becomes of their answers, by functions that stand for them."""

import ctypes
from types import SimpleNamespace

import pytest

from nngraph.errors import DeviceError
from nngraph.run.cuda import cublas
from nngraph.run.cuda.cublas import MATH_MODE, PROTOTYPES, WORKSPACE, Cublas
from nngraph.run.cuda.gemm import Gemm, LibraryProduct, Matrix

START = 0x7F1234560000
BLOCK = SimpleNamespace(device_ctypes_pointer=ctypes.c_uint64(START))
STREAM = SimpleNamespace(handle=0x7FDEADBEEF00)
NOT_SUPPORTED = 15
# As the headers have them: int and enumerations are 32 bits, long long and addresses 64.
SIZES = {
    "cublasCreate_v2": "8", "cublasGetProperty": "48", "cublasSetStream_v2": "88", "cublasSetWorkspace_v2": "888",
    "cublasSetMathMode": "84", "cublasGemmEx": "8444448844844884444",
    "cublasGemmStridedBatchedEx": "84444488448844888448444",
}  # fmt: skip


class Functions:
    """Real C functions, through which arguments go as they would to the library; `calls` has what came out."""

    def __init__(self) -> None:
        self.calls: list[tuple] = []
        self.status = 0
        for name, types in PROTOTYPES.items():
            plain = [ctypes.c_void_p if issubclass(kind, ctypes._Pointer) else kind for kind in types]
            made = ctypes.CFUNCTYPE(ctypes.c_int, *plain)(self.function(name))
            setattr(self, name, made)
        self.cublasGetStatusName = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_int)(
            lambda status: ctypes.cast(ctypes.c_char_p(b"CUBLAS_STATUS_NOT_SUPPORTED"), ctypes.c_void_p).value
        )

    def function(self, name):
        def called(*given):
            if name == "cublasCreate_v2":
                ctypes.c_void_p.from_address(given[0]).value = 99
            elif name == "cublasGetProperty":
                ctypes.c_int.from_address(given[1]).value = (12, 9, 3)[given[0]]
            elif "Gemm" in name:
                scalar = ctypes.c_double if given[-2] == 70 else ctypes.c_float
                places = (6, 13 if name == "cublasGemmEx" else 15)
                given = tuple(scalar.from_address(x).value if k in places else x for k, x in enumerate(given))
            self.calls.append((name, *given))
            return self.status if "Gemm" in name else 0

        return called


def gemm(kind="float32", arithmetic="float32", result="float32", batches=18):
    a, b = Matrix(0x100, kind, 14, 3_000_000_000, True), Matrix(0x200, kind, 15)
    return Gemm(11, 12, 13, a, b, Matrix(0x300, result, 16, 17), batches, arithmetic)


def test_prototypes_have_the_sizes_of_cs():
    found = {name: "".join(str(ctypes.sizeof(kind)) for kind in types) for name, types in PROTOTYPES.items()}
    assert found == SIZES


def test_a_product_is_asked_for_in_order():
    functions = Functions()
    library = Cublas(functions)
    builder = SimpleNamespace(stream=SimpleNamespace(handle=0x7FDEADBEEF80))  # of a graph that is being taken down
    for stream in (STREAM, builder):
        LibraryProduct(library, gemm(), 0x4000)[1, 1, stream](BLOCK)
    own, of_graph = (("cublasSetStream_v2", 99, each.handle) for each in (STREAM, builder.stream))
    once = [
        ("cublasSetWorkspace_v2", 99, START + 0x4000, WORKSPACE),
        ("cublasGemmStridedBatchedEx", 99, 1, 0, 11, 12, 13, 1.0, START + 0x100, 0, 14, 3_000_000_000, START + 0x200, 0,
         15, 0, 0.0, START + 0x300, 0, 16, 17, 18, 68, -1),
    ]  # fmt: skip
    (create, *_), *others = functions.calls
    assert create == "cublasCreate_v2"
    assert others == [("cublasSetMathMode", 99, MATH_MODE), own, *once, of_graph, *once, own]


@pytest.mark.parametrize(
    ("kind", "arithmetic", "result", "expected"),
    [
        ("float64", "float64", "float64", (1, 1, 1, 70)),
        ("float16", "float32", "float32", (2, 2, 0, 68)),
        ("bfloat16", "float32", "bfloat16", (14, 14, 14, 68)),
        ("float32", "tf32", "float32", (0, 0, 0, 77)),
    ],
)
def test_types_and_arithmetic(kind, arithmetic, result, expected):
    functions = Functions()
    Cublas(functions).product(gemm(kind, arithmetic, result), BLOCK, 0, STREAM)
    given = functions.calls[-1]
    assert (given[9], given[13], given[18], given[22]) == expected
    assert (given[7], given[16]) == (1.0, 0.0)


def test_a_product_alone_is_no_batch():
    functions = Functions()
    Cublas(functions).product(gemm(batches=1), BLOCK, 0, STREAM)
    assert functions.calls[-1] == (
        "cublasGemmEx", 99, 1, 0, 11, 12, 13, 1.0, START + 0x100, 0, 14, START + 0x200, 0, 15, 0.0,
        START + 0x300, 0, 16, 68, -1,
    )  # fmt: skip


def test_what_it_answers_is_told():
    functions = Functions()
    functions.status = NOT_SUPPORTED
    with pytest.raises(DeviceError, match="CUBLAS_STATUS_NOT_SUPPORTED to cublasGemmStridedBatchedEx; give products"):
        Cublas(functions).product(gemm(), BLOCK, 0, STREAM)


def test_its_version_wants_no_device():
    functions = Functions()
    assert Cublas(functions).name == "cuBLAS 12.9.3"
    assert {name for name, *_ in functions.calls} == {"cublasGetProperty"}


class NotFoundError(RuntimeError):
    pass


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (RuntimeError("Failed to dlopen libcublasLt.so.12\nfurther"), "which cannot be loaded \\(Failed .*.12\\); pip"),
        (NotFoundError("no"), 'needs cuBLAS, which is not found; pip install "nngraph\\[cublas\\]", or give'),
        ("/no/such/file.so", "needs cuBLAS 11.4 or later, which /no/such/file.so is not"),
    ],
)
def test_where_it_cannot_be_had(monkeypatch, path, message):
    def load(name):
        if isinstance(path, Exception):
            raise path
        return SimpleNamespace(abs_path=path)

    pathfinder = SimpleNamespace(load_nvidia_dynamic_lib=load, DynamicLibNotFoundError=NotFoundError)
    monkeypatch.setattr(cublas, "is_simulated", lambda: False)
    monkeypatch.setattr(cublas, "import_module", lambda name: pathfinder)
    with pytest.raises(DeviceError, match=message):
        cublas.library.__wrapped__()
