"""A value in registers while a kernel is being written down as LLVM instructions.

Every function of `simd`, `math` and `random` is an ordinary Python function of `Register` objects: running
it emits its instructions. So ``exp`` costs a kernel one call to type and lower, however long it is, and
the same text serves vectors and scalars.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from llvmlite import ir

from nngraph_kernels.record import record
from nngraph_kernels.simd.vector_types import FLOATS, INTEGERS, LLVM_KINDS, SUFFIXES, llvm_type, suffix

# When numbers meet, the one that stands further on decides.
_WIDENING = ("mask", "int32", "int64", "float32", "float64")


@record(eq=False)
class Register:
    """One LLVM value: `lanes` elements of `kind`, or a scalar when `lanes` is 0."""

    builder: ir.IRBuilder
    kind: str
    lanes: int
    value: ir.Value

    def __add__(self, other: "Operand") -> "Register":
        return _arithmetic("add", self, other)

    def __radd__(self, other: "Operand") -> "Register":
        return _arithmetic("add", other, self)

    def __sub__(self, other: "Operand") -> "Register":
        return _arithmetic("sub", self, other)

    def __rsub__(self, other: "Operand") -> "Register":
        return _arithmetic("sub", other, self)

    def __mul__(self, other: "Operand") -> "Register":
        return _arithmetic("mul", self, other)

    def __rmul__(self, other: "Operand") -> "Register":
        return _arithmetic("mul", other, self)

    def __truediv__(self, other: "Operand") -> "Register":
        return _division(self, other)

    def __rtruediv__(self, other: "Operand") -> "Register":
        return _division(other, self)

    def __neg__(self) -> "Register":
        if self.kind in FLOATS:
            return self.like(self.builder.fneg(self.value))
        return 0 - self

    def __and__(self, other: "Operand") -> "Register":
        return _bitwise("and_", self, other)

    def __rand__(self, other: "Operand") -> "Register":
        return _bitwise("and_", other, self)

    def __or__(self, other: "Operand") -> "Register":
        return _bitwise("or_", self, other)

    def __ror__(self, other: "Operand") -> "Register":
        return _bitwise("or_", other, self)

    def __xor__(self, other: "Operand") -> "Register":
        return _bitwise("xor", self, other)

    def __rxor__(self, other: "Operand") -> "Register":
        return _bitwise("xor", other, self)

    def __invert__(self) -> "Register":
        return _bitwise("xor", self, -1)

    def __lshift__(self, other: "Operand") -> "Register":
        return _bitwise("shl", self, other)

    def __rshift__(self, other: "Operand") -> "Register":
        return _bitwise("ashr", self, other)

    def __lt__(self, other: "Operand") -> "Register":
        return _comparison("<", self, other)

    def __le__(self, other: "Operand") -> "Register":
        return _comparison("<=", self, other)

    def __gt__(self, other: "Operand") -> "Register":
        return _comparison(">", self, other)

    def __ge__(self, other: "Operand") -> "Register":
        return _comparison(">=", self, other)

    def __bool__(self) -> bool:
        raise TypeError("a register has no truth while its instructions are written down: use select")

    def equals(self, other: "Operand") -> "Register":
        """Lanes that are equal; ``==`` of Registers keeps Python's meaning, identity."""
        return _comparison("==", self, other)

    def differs(self, other: "Operand") -> "Register":
        """Lanes that differ; a NaN differs from everything, itself included."""
        return _comparison("!=", self, other)

    def like(self, value: ir.Value) -> "Register":
        """`value` with the kind and lanes of this register."""
        return Register(self.builder, self.kind, self.lanes, value)


@record(eq=False)
class Pointer:
    """An address of elements of `dtype`, one of the keys of ``vector_types.ELEMENTS``."""

    builder: ir.IRBuilder
    dtype: str
    value: ir.Value


Operand = Register | float | int | bool


# The builders of the kernels being written down, the innermost last: where numbers get theirs from.
_BUILDERS: list[ir.IRBuilder] = []


@contextmanager
def building(builder: ir.IRBuilder) -> Generator[None]:
    """Give `builder` to what has only Python numbers to start from."""
    _BUILDERS.append(builder)
    try:
        yield
    finally:
        _BUILDERS.pop()


def scalar_of(operand: Operand, kind: str | None = None) -> Register:
    """A register, or a Python number made one; numbers are int64 or float64 unless `kind` says more."""
    if isinstance(operand, Register):
        return convert(operand, kind or operand.kind)
    kind = kind or {bool: "mask", int: "int64", float: "float64"}[type(operand)]
    return Register(_BUILDERS[-1], kind, 0, literal(operand, kind, 0))


def offset_value(offset: Operand) -> ir.Value:
    """The LLVM value of an offset, a stride or a slot."""
    return scalar_of(offset, "int64").value


def constant(like: Register, value: float) -> Register:
    """`value` in every lane, with the kind and lanes of `like`."""
    return Register(like.builder, like.kind, like.lanes, literal(value, like.kind, like.lanes))


def literal(value: float, kind: str, lanes: int) -> ir.Constant:
    """The LLVM constant of `value`; ``splat`` keeps the text short, which LLVM has to parse."""
    element = LLVM_KINDS[kind]
    if kind == "mask":
        value = int(bool(value))
    scalar = ir.Constant(element, float(value) if kind in FLOATS else int(value))
    if not lanes:
        return scalar
    splat = ir.FormattedConstant(ir.VectorType(element, lanes), "")
    splat.constant = f"splat ({element} {scalar.get_reference()})"  # the constructor would repeat it
    return splat


def match(*operands: Operand) -> tuple[Register, ...]:
    """Bring operands to one kind and number of lanes; scalars take the kind of the vectors."""
    registers = [o for o in operands if isinstance(o, Register)]
    vectors = [r for r in registers if r.lanes]
    if vectors:
        first = vectors[0]
        if any((v.kind, v.lanes) != (first.kind, first.lanes) for v in vectors):
            raise TypeError("vectors of different kinds meet: cast one of them")
    else:
        registers = registers or [scalar_of(o) for o in operands]
        first = max(registers, key=lambda r: _WIDENING.index(r.kind))
    return tuple(_bring(o, first) for o in operands)


def _bring(operand: Operand, like: Register) -> Register:
    if not isinstance(operand, Register):
        return constant(like, operand)
    return broadcast(convert(operand, like.kind), like.lanes)


def broadcast(scalar: Register, lanes: int) -> Register:
    """A scalar in every lane; what already has that many lanes stays as it is."""
    if scalar.lanes == lanes:
        return scalar
    builder = scalar.builder
    undefined = ir.Constant(llvm_type(scalar.kind, lanes), ir.Undefined)
    first = builder.insert_element(undefined, scalar.value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return Register(builder, scalar.kind, lanes, builder.shuffle_vector(first, undefined, zeros))


def convert(register: Register, kind: str) -> Register:
    """The same numbers as another kind: rounded to nearest between floats, toward zero to integers."""
    if register.kind == kind:
        return register
    if kind == "mask":
        return register.differs(0)
    operation = _conversion(register.kind, kind)
    value = getattr(register.builder, operation)(register.value, llvm_type(kind, register.lanes))
    return Register(register.builder, kind, register.lanes, value)


def _conversion(source: str, kind: str) -> str:
    if kind in FLOATS:
        if source in FLOATS:
            return "fpext" if kind == "float64" else "fptrunc"
        return "uitofp" if source == "mask" else "sitofp"
    if source in FLOATS:
        return "fptosi"
    if source == "mask":
        return "zext"
    return "sext" if kind == "int64" else "trunc"


def call(name: str, *operands: Register, result: Register | None = None) -> Register:
    """Call LLVM's intrinsic `name`, overloaded on the first operand, which the result is like."""
    first = operands[0]
    like = result or first
    arguments = [o.value for o in operands]
    full = f"llvm.{name}.{suffix(first.kind, first.lanes)}"
    return like.like(call_named(first.builder, full, like.value.type, arguments))


def call_named(builder: ir.IRBuilder, name: str, result: ir.Type, arguments: Sequence[ir.Value]) -> ir.Value:
    """Call the function `name`, declaring it at its first use."""
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(result, [a.type for a in arguments]), name)
    return builder.call(function, list(arguments))


def reinterpret(register: Register, kind: str) -> Register:
    """The same bits as another kind of the same width."""
    if SUFFIXES[register.kind][1:] != SUFFIXES[kind][1:]:
        raise TypeError(f"{register.kind} and {kind} have different widths")
    value = register.builder.bitcast(register.value, llvm_type(kind, register.lanes))
    return Register(register.builder, kind, register.lanes, value)


def _arithmetic(name: str, left: Operand, right: Operand) -> Register:
    a, b = match(left, right)
    if a.kind == "mask":
        raise TypeError("no arithmetic on masks: use select, or cast them")
    operation = f"f{name}" if a.kind in FLOATS else name
    return a.like(getattr(a.builder, operation)(a.value, b.value))


def _division(left: Operand, right: Operand) -> Register:
    a, b = match(left, right)
    if a.kind not in FLOATS:
        raise TypeError("no division of integers")
    return a.like(a.builder.fdiv(a.value, b.value))


def _bitwise(name: str, left: Operand, right: Operand) -> Register:
    a, b = match(left, right)
    if a.kind in FLOATS:
        raise TypeError("no bit operations on floats: use bitcast_int first")
    if a.kind == "mask" and name in ("shl", "ashr"):
        raise TypeError("no shifts of masks")
    return a.like(getattr(a.builder, name)(a.value, b.value))


def _comparison(symbol: str, left: Operand, right: Operand) -> Register:
    a, b = match(left, right)
    builder = a.builder
    if a.kind in INTEGERS:
        value = builder.icmp_signed(symbol, a.value, b.value)
    elif a.kind == "mask":
        value = builder.icmp_unsigned(symbol, a.value, b.value)
    else:
        compare = builder.fcmp_unordered if symbol == "!=" else builder.fcmp_ordered
        value = compare(symbol, a.value, b.value)
    return Register(builder, "mask", a.lanes, value)
