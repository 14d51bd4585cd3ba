"""Groups of nodes that one kernel will compute, and which nodes may join which group.

A group has a *rank*: all that it reads from outside comes from groups of a lower rank. A node joins the group of
highest rank among its producers if the others rank strictly lower, so that no cycle can arise, and the whole
pass takes one look at each node.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from nngraph.ir.elementwise import is_positional
from nngraph.ir.graph import Node, Value
from nngraph.ir.program import PRODUCTS
from nngraph.ir.types import FLOATS, Shape, without_leading_ones

MEMBERS, POINTERS = (
    48,
    24,
)  # of one group at most: what keeps a kernel's compile time and its registers in bounds

MOMENTS = "moment_sums"


@dataclass(slots=True, eq=False)
class Group:
    """Nodes fused so far.

    Attributes
    ----------
    kind : str
        "rows": elementwise work and reductions over the last `inner` axes of `space`; "columns": one reduction
        that keeps the last `inner` axes, work before it in `space`, after it in `after`; "matmul" or
        "convolution": a product and work on its result, of shape `space`; "alone": one node that fuses with nothing.
    float : str
        The dtype of its floating-point tensors, empty without any.
    """

    kind: str
    space: Shape
    rank: int
    inner: int = 0
    after: Shape = ()
    anchored: bool = False
    members: list[Node] = field(default_factory=list[Node])
    made: set[Value] = field(default_factory=set[Value])
    read: set[Value] = field(default_factory=set[Value])
    readers: set[Group] = field(default_factory=lambda: set[Group]())
    float: str = ""

    def add(self, node: Node) -> None:
        self.members.append(node)
        self.float = self.float or float_of(node)
        self.made.update(node.results)
        self.read.update(value for value in node.inputs if value not in self.made)

    def has_room(self, node: Node) -> bool:
        return len(self.members) < MEMBERS and len(self.read) + len(node.inputs) < POINTERS


def one_a_row(shape: Shape, space: Shape, inner: int) -> bool:
    """Whether a value of `shape` is one number a row; axes of size 1 in front may be missing."""
    rows = (*space[: len(space) - inner], *(1,) * inner)
    return without_leading_ones(shape) == without_leading_ones(rows)


def accepts_elementwise(group: Group, node: Node) -> bool:
    """Whether an elementwise node that reads from `group` can be computed along with it."""
    if not group.has_room(node) or mixes_floats(group, node):
        return False
    shape = node.result.type.shape
    if group.kind == "rows":
        if shape == group.space:
            return fits_rows(group, node)
        return group.anchored and one_a_row(shape, group.space, group.inner) and fits_rows(group, node)
    if group.kind == "columns":
        outside = (value.type.shape for value in node.inputs if value not in group.made)
        fits = all(simple_operand(given, shape, group.inner) for given in outside)
        return shape == group.after and fits and not is_positional(node)
    return group.kind in PRODUCTS and shape == group.space and fits_product(group, node)


def accepts_clone(group: Group, node: Node) -> bool:
    """Whether a cheap node can be computed again within `group`."""
    if node.result.type.shape != group.space or not group.has_room(node) or mixes_floats(group, node):
        return False
    return fits_rows(group, node) if group.kind == "rows" else fits_product(group, node)


def fits_product(group: Group, node: Node) -> bool:
    """Whether an elementwise node can be computed of a product's result, which has no place along an axis.

    A convolution goes over the pixels of all images in one row, and so does a product that leaves moments: what
    enters from outside must vary with all of them or with none.
    """
    if is_positional(node):
        return False
    outside = [value for value in node.inputs if value not in group.made]
    return not (group.kind == "convolution" or leaves_moments(group)) or all_simple(group, outside)


def all_simple(group: Group, values: Iterable[Value]) -> bool:
    return all(simple_operand(value.type.shape, group.space, 1, rows=True) for value in values)


def leaves_moments(group: Group) -> bool:
    return any(node.op.name == MOMENTS for node in group.members)


def accepts_moments(group: Group, node: Node) -> bool:
    """Whether a product can leave the moments of what it makes, one row after the other of a single matrix."""
    (x,) = node.inputs
    if group.kind not in PRODUCTS or x not in group.made or x.type.shape != group.space:
        return False
    product = next(member for member in group.members if member.op.name in PRODUCTS)
    if leaves_moments(group) or not group.has_room(node) or x.type.dtype != product.result.type.dtype:
        return False
    if group.kind == "convolution":
        return True
    b = product.inputs[1].type.shape
    one_matrix = not product.attributes["transpose_a"] and all(dim == 1 for dim in b[:-2])
    others = [value for member in group.members if member is not product for value in member.inputs]
    return one_matrix and all_simple(group, (value for value in others if value not in group.made))


def mixes_floats(group: Group, node: Node) -> bool:
    """float32 and float64 meet in scalars only: elsewhere their vectors have different lengths."""
    found = float_of(node)
    return bool(found and group.float and found != group.float)


def float_of(node: Node) -> str:
    """The dtype of the floating-point tensors that `node` reads and makes; empty if it has none, "both" if two."""
    floats = ""
    for value in (*node.inputs, *node.results):
        dtype = value.type.dtype
        if dtype in FLOATS and value.type.shape != () and dtype != floats:
            floats = "both" if floats else dtype
    return floats


def fits_rows(group: Group, node: Node) -> bool:
    """What enters from outside must be whole rows, one number a row, or the same row every time.

    In rows of several axes there is no telling where along the last axis an element is.
    """
    if group.inner < 2:
        return True
    if is_positional(node):
        return False
    outside = (value for value in node.inputs if value not in group.made)
    return all(collapses(value.type.shape, group.space, group.inner) for value in outside)


def collapses(shape: Shape, space: Shape, inner: int) -> bool:
    """Whether the last `inner` axes of an operand of `shape` in `space` are one run in memory."""
    tail = ((1,) * len(space) + shape)[-inner:]
    return all(dim == 1 for dim in tail) or tail == space[-inner:]


def accepts_row_reduction(group: Group, node: Node, inner: int) -> bool:
    """Whether a reduction over the last `inner` axes can be one of the group's row reductions."""
    if group.kind != "rows" or node.inputs[0].type.shape != group.space or not group.has_room(node):
        return False
    if group.anchored:
        return group.inner == inner
    if inner == 1:
        return True
    if any(is_positional(member) for member in group.members):
        return False
    return all(collapses(value.type.shape, group.space, inner) for value in group.read)


def accepts_column_reduction(group: Group, node: Node, inner: int) -> bool:
    """Whether elementwise work can be done on the way into a reduction that keeps the last `inner` axes."""
    if group.kind != "rows" or group.anchored or node.inputs[0].type.shape != group.space:
        return False
    if any(is_positional(member) for member in group.members):
        return False
    return all(simple_operand(value.type.shape, group.space, inner) for value in group.read)


def simple_operand(shape: Shape, space: Shape, inner: int, rows: bool = False) -> bool:
    """The whole space, one vector for all rows, one number for all or, if `rows`, one for each row."""
    padded = (1,) * (len(space) - len(shape)) + shape
    if padded == space or all(dim == 1 for dim in padded):
        return True
    if rows and padded == (*space[:-inner], *(1,) * inner):
        return True
    return all(dim == 1 for dim in padded[:-inner]) and padded[-inner:] == space[-inner:]


def postponed(groups: list[Group], node: Node) -> Group | None:
    """The one product among groups of a rank, if it can come after the others and take `node`: nothing reads it yet."""
    products = [group for group in groups if group.kind in PRODUCTS]
    if len(products) != 1 or products[0].readers or not accepts_elementwise(products[0], node):
        return None
    products[0].rank += 1
    return products[0]


def mergeable(groups: list[Group], added: Node | None = None) -> bool:
    """Row kernels over one space, with reductions over the same axes if any; `added` is about to join them."""
    first = groups[0]
    if any(group.kind != "rows" or group.space != first.space for group in groups):
        return False
    inner = {group.inner for group in groups if group.anchored}
    floats = {group.float for group in groups if group.float} | ({float_of(added)} - {""} if added else set[str]())
    if len(inner) > 1 or len(floats) > 1 or sum(len(group.members) for group in groups) >= MEMBERS:
        return False
    read = {value for group in groups for value in group.read}
    if added:
        read.update(value for value in added.inputs if not any(value in group.made for group in groups))
    if len(read) >= POINTERS:
        return False
    axes = max(inner, default=0)
    return axes < 2 or (
        all(collapses(value.type.shape, first.space, axes) for value in read)
        and not any(is_positional(node) for group in groups for node in group.members)
    )
