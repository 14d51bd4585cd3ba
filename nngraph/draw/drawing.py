"""From a picture and a format to a file, or to what a notebook shows."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from html import escape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nngraph.declare.save import write
from nngraph.draw import graphviz
from nngraph.draw.dot import dot_of
from nngraph.draw.mermaid import mermaid_of
from nngraph.draw.page import page_of
from nngraph.draw.picture import Picture
from nngraph.draw.scene import compose
from nngraph.draw.svg import svg_of
from nngraph.draw.text import text_of
from nngraph.errors import OptionError, did_you_mean
from nngraph_kernels.record import record

if TYPE_CHECKING:
    from nngraph.compiler import Compilation, Purpose
    from nngraph.declare.graph import Graph
    from nngraph.programs import Programs

FORMATS: Final = ("text", "mermaid", "dot", "svg", "png", "html")
SUFFIXES: Final = {".txt": "text", ".mmd": "mermaid", ".gv": "dot", ".htm": "html"} | {f".{f}": f for f in FORMATS}
ALL: Final = "all"
FRAME: Final = (
    '<iframe sandbox="allow-scripts" style="width:100%;height:560px;border:1px solid #8b949e;border-radius:6px" '
    'srcdoc="{page}"></iframe>'
)


@record(eq=False)
class Drawing:
    """A picture in one format; a notebook shows it.

    Attributes
    ----------
    format : str
        One of `FORMATS`.
    content : str or bytes
        What a file of that format holds; bytes for png.
    """

    format: str
    content: str | bytes

    def save(self, path: str | PathLike[str]) -> None:
        """Write it to a file, which is there entirely or not at all."""
        save(path, self.content)

    def __str__(self) -> str:
        return self.content if isinstance(self.content, str) else repr(self.content)

    def __repr__(self) -> str:
        return str(self) if self.format == "text" else f"<Drawing: {self.format}, {len(self.content):,} long>"

    def _repr_svg_(self) -> str | None:
        return str(self.content) if self.format == "svg" else None

    def _repr_png_(self) -> bytes | None:
        return self.content if isinstance(self.content, bytes) else None

    def _repr_html_(self) -> str | None:
        return framed(str(self.content)) if self.format == "html" else None


def save(path: str | PathLike[str], content: str | bytes) -> None:
    """Write a drawing to a file; OptionError where that cannot be done."""
    try:
        write(Path(path), content)
    except OSError as error:
        raise OptionError(f"{path}: cannot be written ({error.strerror}); check the folder") from None


def format_of(format: str | None, path: str | PathLike[str] | None, otherwise: str, known: tuple[str, ...]) -> str:
    """The format that is asked for, or that a file's name says.

    Raises
    ------
    OptionError
        If it is none of those known.
    """
    if format is None and path is not None:
        suffix = Path(path).suffix.lower()
        if suffix not in SUFFIXES:
            raise OptionError(
                f"{path}: the suffix '{suffix}' says no format; end the name in one that does "
                f"({', '.join(known)}), or give a format"
            )
        format = SUFFIXES[suffix]
        if format not in known:
            raise OptionError(f"{path}: the suffix '{suffix}' says {format}, one of {', '.join(known)} expected")
    format = format or otherwise
    if format not in known:
        near = did_you_mean(format, known)
        raise OptionError(f"format: '{format}' given, one of {', '.join(known)} expected{near}")
    return format


def opened_in(picture: Picture, expand: Iterable[str]) -> set[int]:
    """Keys of the groups of these ids, and of those around them.

    Raises
    ------
    OptionError
        If there is no group of that id.
    """
    groups: dict[str, list[int]] = {}  # a group and what is fused in it may bear one id
    for item in picture.items:
        if item.group:
            groups.setdefault(item.id, []).append(item.key)
    found: set[int] = set()
    for id in expand:
        if id == ALL:
            return {key for keys in groups.values() for key in keys}
        if id not in groups:
            near = did_you_mean(id, groups, f"; these open: {', '.join([*groups][:8])}" if groups else "; none opens")
            raise OptionError(f"expand: '{id}' given, the id of a group, or 'all', expected{near}")
        for key in groups[id]:
            found |= {key, *(group for group in picture.ancestors(key) if group >= 0)}
    return found


def rendered(picture: Picture, format: str, opened: Collection[int] = ()) -> Drawing:
    """A picture in a format, with the groups `opened` open.

    Raises
    ------
    OptionError
        If the format needs pygraphviz and that is not installed.
    """
    match format:
        case "text":
            return Drawing(format, text_of(picture, opened))
        case "mermaid":
            return Drawing(format, mermaid_of(picture, opened))
        case "dot":
            return Drawing(format, dot_of(picture, opened))
        case "svg":
            return Drawing(format, svg_of(compose(picture, opened)))
        case "png":
            return Drawing(format, graphviz.run(dot_of(picture, opened), "png"))
        case _:
            return Drawing("html", page_of(picture, opened))


def draw(
    graph: Graph,
    path: str | PathLike[str] | None = None,
    format: str | None = None,
    *,
    after: str | None = None,
    expand: Iterable[str] | str = (),
) -> Drawing:
    """What `Graph.draw` does."""
    from nngraph.report.compilation import compilation_of

    return draw_compilation(compilation_of(graph), path, format, after, expand)


def draw_compilation(
    c: Compilation, path: str | PathLike[str] | None, format: str | None, after: str | None, expand: Iterable[str] | str
) -> Drawing:
    """A drawing of a model, written to a file where one is named."""
    from nngraph.draw.subject import picture_of

    chosen = format_of(format, path, "svg", FORMATS)
    picture = picture_of(c, after)
    names = [expand] if isinstance(expand, str) else expand
    drawing = rendered(picture, chosen, opened_in(picture, names))
    if path is not None:
        drawing.save(path)
    return drawing


def draw_programs(
    programs: Programs, purpose: Purpose, batch: int, path: str | PathLike[str] | None, format: str | None, *,
    after: str | None = None, expand: Iterable[str] | str = (),
) -> Drawing:  # fmt: skip
    """What `Model.draw` does."""
    from nngraph.compiler import Compilation

    p = programs
    c = Compilation(p.declared, purpose, p.objective, p.optimizer, p.dtype, p.seed, batch, p.thread_count)
    c.device, c.precision = p.device, p.precision
    return draw_compilation(c, path, format, after, expand)


def shown(graph: Graph, format: str) -> str | None:
    """What a notebook shows of a graph; None where pygraphviz is missing or nothing can be drawn yet."""
    if not graphviz.available() or not graph.outputs:
        return None
    drawing = draw(graph, format=format)
    return str(drawing) if format == "svg" else framed(str(drawing))


def framed(page: str) -> str:
    """A page inside of another one, apart from what else is there."""
    return FRAME.format(page=escape(page))
