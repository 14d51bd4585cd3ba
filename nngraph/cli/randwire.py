"""``nngraph randwire``: write a randomly wired network's model file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nngraph.errors import OptionError

if TYPE_CHECKING:
    from nngraph.declare.graph import Graph

WIRINGS = ("ws", "er", "ba", "chain", "residual", "dense")
RANDOM = ("ws", "er", "ba")


@click.command(short_help="Write the model file of a randomly wired network.")
@click.argument("wiring", type=click.Choice(WIRINGS))
@click.option("--nodes", type=int, default=32, help="Nodes of a stage.")
@click.option("-k", type=int, help="ws: neighbors of a node on the ring.  [default: 4]")
@click.option("-p", type=float, help="ws: probability that an edge is rewired; er: that two nodes are joined.  "
              "[default: 0.75; 0.2]")  # fmt: skip
@click.option("-m", type=int, help="ba: edges that a new node brings.  [default: 5]")
@click.option("--span", type=int, help="residual: how far a shortcut leads.  [default: 2]")
@click.option("--seed", type=int, help="ws, er, ba: what is drawn; stage i of n draws with n * seed + i.  [default: 0]")
@click.option("--channels", type=int, default=78, help="C: of the first stage; the next have 2 C, 4 C, ...")
@click.option("--regime", type=click.Choice(["small", "regular"]), default="small", help="small: three stages after "
              "two convolutions. regular: four after one, the first of half the nodes, with dropout.")  # fmt: skip
@click.option("--input", "shape", default="224x224x3", metavar="HxWxC", help="Shape of an image.")
@click.option("--classes", type=click.IntRange(2), default=1000, help="Number of classes.")
@click.option("--name", help="Name of the graph.  [default: made of the choices]")
@click.option("--compact", is_flag=True, help="Write generators and their seeds, not the edges that they draw.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write.  [default: standard output]")
def command(wiring: str, output: Path | None, compact: bool, shape: str, **given: Any) -> None:
    """Write a network of the paper on randomly wired networks (Xie et al. 2019), wired by WIRING.

    Nodes are weighted sums, ReLU, separable convolution and batch normalization. WIRING is ws (Watts and Strogatz), er
    (Erdős and Rényi), ba (Barabási and Albert), or regular: chain, residual (a chain with shortcuts), dense (each node
    reads all before it). The file has the paper's recipe for training; give it data with nngraph train --data.

    \b
    nngraph randwire ws --nodes 32 -k 4 -p 0.75 --seed 1 --channels 78 -o model.json
    nngraph randwire er -p 0.2 --regime regular --channels 109 -o model.json
    nngraph randwire ba -m 3 --nodes 8 --channels 16 --input 32x32x3 --classes 10 -o small.json
    """
    graph = declared(wiring, shape_of(shape), **given)
    if output is None:
        click.echo(graph.to_json(resolved=not compact), nl=False)
        return
    graph.save(output, resolved=not compact)
    click.echo(f"{output}: {summary(graph)}")


def declared(wiring: str, shape: tuple[int, ...], **given: Any) -> Graph:
    from nngraph.declare.randwire import randwire

    own = {name: given[name] for name in ("nodes", "k", "p", "m", "span", "seed") if given[name] is not None}
    return randwire(
        {"type": wiring, **own}, given["channels"], regime=given["regime"], input_shape=shape,
        classes=given["classes"], name=given["name"],
    )  # fmt: skip


def shape_of(text: str) -> tuple[int, ...]:
    """Height, width and channels."""
    sizes = text.lower().split("x")
    if len(sizes) != 3 or not all(size.isdecimal() and int(size) > 0 for size in sizes):
        raise OptionError(f"--input: '{text}' given, height, width and channels expected, as in 224x224x3")
    return tuple(map(int, sizes))


def summary(graph: Graph) -> str:
    from nngraph.cli.tables import amount
    from nngraph.lower.lower import lower
    from nngraph.report.nodes import totals_of

    parameters, multiply_adds = totals_of(lower(graph.declaration()))
    return f"{graph.name}, {amount(parameters)} parameters, {amount(multiply_adds)} multiply-adds"
