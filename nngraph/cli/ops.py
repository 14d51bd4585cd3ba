"""``nngraph ops``: the operators that networks are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nngraph.errors import OptionError

if TYPE_CHECKING:
    from nngraph.ir.op import Op


@click.command(short_help="The operators that networks are made of.")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List the operators, or say how the one called NAME is used in Python and in a model file.

    \b
    nngraph ops
    nngraph ops linear
    """
    import nngraph.ops  # noqa: F401  # pyright: ignore[reportUnusedImport]  (fills the registry)
    from nngraph.declare.check import Problems, find_op
    from nngraph.declare.methods import declarable
    from nngraph.ir.op import REGISTRY

    if name is None:
        show_ops([REGISTRY[each] for each in declarable()])
        return
    try:
        op = find_op(name)
    except Problems as problem:
        raise OptionError(f"NAME: {problem.text}") from None
    show_op(op)


def show_ops(ops: list[Op]) -> None:
    """A line for each, family by family."""
    from nngraph.cli.tables import show_table
    from nngraph.declare.methods import call_text

    families: dict[str, list[Op]] = {}
    for op in ops:
        families.setdefault(op.family, []).append(op)
    show_table(
        ("family", "op", "what it is"),
        [
            ("" if k else family, call_text(op), op.summary)
            for family, of in families.items()
            for k, op in enumerate(of)
        ],
    )


def show_op(op: Op) -> None:
    """The documentation of its method, and a node of it in a model file."""
    import json

    from nngraph.declare.methods import call_text, documentation

    inputs = [operand.removesuffix("...") for operand in op.operands]
    required = {name: "..." for name, attribute in op.attributes.items() if attribute.required}
    click.echo(f"g.{call_text(op)}\n\n{documentation(op)}\n\nIn a model file\n---------------")
    click.echo(json.dumps({"id": f"{op.name}1", "op": op.name, "inputs": inputs, **required}))
