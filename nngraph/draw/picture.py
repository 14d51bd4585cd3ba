"""What is drawn, whatever the format: items in nested groups, and links between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field

from nngraph_kernels.record import record

TOP = -1  # the group that holds all
BELOW = "\n\n"  # in the label of an arrow, between what is written above it and what below


@record
class Facts:
    """What is known of an item beside what is drawn; shown when it is looked at closely.

    Attributes
    ----------
    attributes : mapping of str to str
    states : tuple of str
        Parameters and the like, a line each.
    calls : tuple of int
        Kernel calls that compute it.
    backward : tuple of int
        Kernel calls that compute its gradients.
    gradients : tuple of str
        Ids of the nodes that compute its gradients.
    buffers : tuple of str
        Where its values lie in the arena, a line each.
    """

    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    states: tuple[str, ...] = ()
    calls: tuple[int, ...] = ()
    backward: tuple[int, ...] = ()
    gradients: tuple[str, ...] = ()
    buffers: tuple[str, ...] = ()


NOTHING = Facts()


@record
class Item:
    """A node, or a group of items.

    Attributes
    ----------
    key : int
        Its position among the picture's items; a group stands before what it holds.
    parent : int
        The group that it is in, or TOP.
    id, label : str
        What the graph calls it, and the part of that which is written on it.
    op, note : str
        Its operator, and what is worth saying of its attributes in a word or two.
    sort : str
        A key of `nngraph.draw.families.LOOKS`.
    role : str
        "forward", "backward" or "update".
    group : str
        "" for a node, "group", "fused" or "wiring" for a group.
    type : str
        Of its result.
    buffer : int
        Which buffer of the arena holds its result, counted from 1; 0 where that is not told.
    """

    key: int
    parent: int
    id: str
    label: str
    op: str
    sort: str
    role: str = "forward"
    group: str = ""
    type: str = ""
    note: str = ""
    parameters: int = 0
    multiply_adds: int = 0
    buffer: int = 0
    facts: Facts = NOTHING


@record
class Link:
    """A value on its way from the item that makes it to one that reads it.

    Where one of the two is a group that holds the other, the link leads from, or to, the border of that group.

    Attributes
    ----------
    label : str
        What is written on it in place of its type: one line, or lines above it, `BELOW`, and lines below it.
    """

    source: int
    target: int
    value: str
    type: str
    label: str = ""

    @property
    def written(self) -> str:
        """What is written on it."""
        return self.label or short_type(self.type)


@record
class Call:
    """A kernel call: its kernel's family and name, and the values that it reads and writes."""

    family: str
    kernel: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]


@record(eq=False)
class Picture:
    """A graph as it is drawn.

    Attributes
    ----------
    title, subtitle : str
    items : tuple of Item
    links : tuple of Link
    calls : tuple of Call
        All of the schedule, in order.
    kernels : tuple of int
        For each call the position of its kernel's source.
    sources : tuple of str
    sideways : bool
        Drawn from the left to the right, rather than downward.
    """

    title: str
    subtitle: str
    items: tuple[Item, ...]
    links: tuple[Link, ...]
    calls: tuple[Call, ...] = ()
    kernels: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    sideways: bool = False

    def children(self) -> dict[int, list[int]]:
        """What each group holds, in order; TOP too."""
        found: dict[int, list[int]] = {TOP: []}
        for item in self.items:
            if item.group:
                found[item.key] = []
            found[item.parent].append(item.key)
        return found

    def ancestors(self, key: int) -> Iterator[int]:
        """The groups around an item, from the innermost to TOP."""
        while key != TOP:
            key = self.items[key].parent
            yield key


def short_type(type: str) -> str:
    """A type as it is written on an arrow: the shape without the batch, the dtype where it is not of numbers.

    >>> short_type("float32[batch, 32, 32, 16]"), short_type("int32[batch, 1]"), short_type("float[]")
    ('32×32×16', 'int32 1', '1')
    """
    dtype, _, rest = type.partition("[")
    shape = "×".join(dim for dim in rest.rstrip("]").split(", ") if dim and dim != "batch") or "1"
    return shape if dtype in ("float", "float32", "float64") else f"{dtype} {shape}"
