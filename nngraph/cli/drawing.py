"""The options of commands that draw, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from nngraph.cli.arguments import named_options
from nngraph.errors import OptionError

if TYPE_CHECKING:
    from nngraph.compiler import Compilation
    from nngraph.declare.graph import Graph
    from nngraph.draw.drawing import Drawing

FORMATS: Final = ("text", "mermaid", "dot", "svg", "png", "html")  # those of nngraph.draw.drawing, which help lists
DRAWING: Final = (
    click.option("--format", "format", type=click.Choice(FORMATS), help="Draw it: mermaid and dot are text for other "
                 "programs, html is one file that opens offline; svg, png and html need nngraph[diagram].  "
                 "[default: by the name of -o, or text]"),
    click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write."),
    click.option("--expand", metavar="NODE", multiple=True, help="Draw this stage, block or composite node open; "
                 "'all' opens everything."),
    click.option("--wiring", metavar="NODE", help="Draw how this randwire node is wired, around a ring and in "
                 "layers."),
    click.option("--values", is_flag=True, help="Draw one example's value and gradient on every arrow of a small "
                 "graph."),
    click.option("--data", metavar="SPEC", help="Where --values takes its example from, as for train.  "
                 "[default: what a run held out, or random numbers]"),
    click.option("--example", type=click.IntRange(0), default=0, help="Which example of the data."),
)  # fmt: skip


def drawing_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """How, where to and what of a model is drawn."""
    for option in reversed(DRAWING):
        function = option(function)
    return function


def format_for(given: dict[str, Any], otherwise: str = "text", known: tuple[str, ...] = FORMATS) -> str:
    """The format that the options say."""
    from nngraph.draw.drawing import format_of

    with named_options("format"):
        return format_of(given["format"], given["output"], otherwise, known)


def deliver(drawing: Drawing, output: Path | None) -> None:
    """Write a drawing to its file, or text to standard output."""
    if output is not None:
        drawing.save(output)
        click.echo(f"{output}: {drawing.format}, {output.stat().st_size:,} bytes")
    elif isinstance(drawing.content, bytes):
        raise OptionError(f"-o: none given, but {drawing.format} is no text; name a file: -o graph.{drawing.format}")
    else:
        click.echo(drawing.content, nl=False)


def keep_text(text: str, output: Path) -> None:
    """Write what would have been printed."""
    from nngraph.draw.drawing import save

    save(output, text)
    click.echo(f"{output}: text, {output.stat().st_size:,} bytes")


def draw_graph(c: Compilation, after: str | None, given: dict[str, Any]) -> None:
    """The model, or what a stage has made of it."""
    from nngraph.draw.drawing import opened_in, rendered
    from nngraph.draw.subject import picture_of

    format = format_for(given)
    if format == "png" and given["output"] is None:
        raise OptionError("-o: none given, but png is no text; name a file, for example -o graph.png")
    picture = picture_of(c, after)
    with named_options("expand"):
        opened = opened_in(picture, given["expand"])
    deliver(rendered(picture, format, opened), given["output"])


def draw_arena(c: Compilation, given: dict[str, Any]) -> None:
    """The arena over the schedule."""
    from nngraph.draw.arena import FORMATS, arena_drawing, arena_of

    format = format_for(given, known=FORMATS)
    deliver(arena_drawing(arena_of(c), format), given["output"])


def draw_wiring(graph: Graph, given: dict[str, Any]) -> None:
    """One randwire node's wiring."""
    from nngraph.draw.wiring import FORMATS, wiring_drawing

    format = format_for(given, "svg", FORMATS)
    deliver(wiring_drawing(graph.declaration(), given["wiring"], format), given["output"])
