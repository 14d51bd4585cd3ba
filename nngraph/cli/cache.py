"""``nngraph cache``: what the cache of compiled kernels holds, why a kernel was compiled, and how to clear it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nngraph.cli.compilation import compiling, json_option
from nngraph.errors import OptionError

if TYPE_CHECKING:
    from nngraph.emit.inventory import CachedKernel


@click.group(invoke_without_command=True, short_help="The cache of compiled kernels.")
@click.pass_context
def command(context: click.Context) -> None:
    """Look at the cache of compiled kernels, or clear it.

    Kernels lie in a folder for each fingerprint: the versions of nngraph's compiler, Numba and llvmlite, and the
    processor, or the CUDA devices that they are for. A kernel whose source, or what it imports, has changed is
    compiled again by itself; nothing has to be cleared for that. $NNGRAPH_CACHE_DIR puts the cache elsewhere.

    \b
    nngraph cache                                  what there is
    nngraph cache why models/digits_mlp.json       which kernels of a model are missing, and why
    nngraph cache prune --to 100MB                 remove the oldest
    """
    if context.invoked_subcommand is None:
        context.invoke(list_command)


@command.command("list", short_help="Folders, or all kernels, with size and age.")
@click.option("--kernels", is_flag=True, help="List every kernel instead of a line for each fingerprint.")
@json_option
def list_command(kernels: bool = False, as_json: bool = False) -> None:
    """List the fingerprints in the cache: those in use, and others that earlier versions left.

    \b
    nngraph cache list
    nngraph cache list --kernels
    """
    from nngraph.cli.tables import show_json
    from nngraph.emit.directory import user_cache_directory
    from nngraph.emit.fingerprint import toolchain
    from nngraph.emit.inventory import cached_kernels

    directory, current = user_cache_directory(), toolchain().digest
    found = cached_kernels(directory)
    if as_json:
        show_json({"directory": directory, "current": current, "kernels": found})
    elif kernels:
        show_kernels(found)
    else:
        show_folders(directory, found, current)


def show_kernels(kernels: list[CachedKernel]) -> None:
    from nngraph.cli.tables import age, show_table, size

    now = time.time()
    show_table(
        ("kernel", "fingerprint", ">size", "written", ""),
        [(k.name, k.folder.name, size(k.nbytes), age(now - k.modified), "" if k.compiled else "no object")
         for k in kernels],
    )  # fmt: skip


def show_folders(directory: Path, kernels: list[CachedKernel], current: str) -> None:
    """A line for each fingerprint, the one in use first, and how the others differ from it."""
    from nngraph.cli.tables import age, count, show_table, size
    from nngraph.emit.inventory import state_of

    folders: dict[Path, list[CachedKernel]] = {directory / current: []}
    for kernel in kernels:
        folders.setdefault(kernel.folder, []).append(kernel)
    rows: list[tuple[str, ...]] = []
    now = time.time()
    for folder, own in folders.items():
        note = "in use" if folder.name == current else state_of(folder)
        newest = age(now - own[0].modified) if own else ""
        rows.append((folder.name, count(len(own)), size(sum(k.nbytes for k in own)), newest, note))
    click.echo(f"{directory}\n")
    total = ("all", count(len(kernels)), size(sum(k.nbytes for k in kernels)), "", "")
    show_table(("fingerprint", ">kernels", ">size", "newest", "differs from the one in use by"), rows, total)


@command.command(short_help="Which kernels of a model are missing, and why.")
@click.argument("what", metavar="MODEL|KERNEL")
@compiling
def why(what: str, **options: Any) -> None:
    """Say for each kernel of a model whether it is in the cache, and if not, why it would be compiled.

    A kernel is named as in `nngraph compile MODEL --emit schedule`.

    \b
    nngraph cache why models/digits_mlp.json
    nngraph cache why models/digits_mlp.json --purpose predict --dtype float64
    nngraph cache why ng_26870f6d4fb73d51b227
    """
    if what.startswith("ng_") and not Path(what).exists():
        explain_kernel(what)
    else:
        explain_model(Path(what), options)


def explain_kernel(name: str) -> None:
    """Where a kernel lies, for every fingerprint that has it."""
    from nngraph.cli.tables import age, size
    from nngraph.emit.directory import user_cache_directory
    from nngraph.emit.inventory import cached_kernels, in_use

    used = in_use(user_cache_directory())
    found = [kernel for kernel in cached_kernels(user_cache_directory()) if kernel.name.startswith(name)]
    if not found:
        raise OptionError(f"kernel '{name}': not in the cache, of any fingerprint; `nngraph cache list --kernels`")
    for kernel in found:
        use = "in use" if kernel.folder.name in used else "of another fingerprint"
        state = "compiled" if kernel.compiled else "not compiled"
        written = age(time.time() - kernel.modified)
        click.echo(f"{kernel.folder / kernel.name}.py: {state}, {size(kernel.nbytes)}, {written}, {use}")


def explain_model(path: Path, options: dict[str, Any]) -> None:
    from nngraph.cli.compilation import compilation
    from nngraph.cli.tables import show_table
    from nngraph.compiler import compile_program
    from nngraph.emit.cache import KernelCache
    from nngraph.emit.source import kernel_source

    c = compile_program(compilation(path, **options), "schedule")
    assert c.schedule
    calls: dict[str, list[str]] = {}
    sources: dict[str, str] = {}
    before = c.schedule.preparation
    for call in (*(before.calls if before else ()), *c.schedule.calls):
        name, source = kernel_source(call.kernel)
        sources[name] = source
        calls.setdefault(name, []).append(call.nodes[-1])
    reasons = KernelCache().missing(sources)
    rows = [(name, of[0] + (f" +{len(of) - 1}" if len(of) > 1 else ""), reasons.get(name, "in cache"))
            for name, of in calls.items()]  # fmt: skip
    show_table(("kernel", "computes", "state"), rows)
    click.echo(f"\n{len(sources) - len(reasons)} of {len(sources)} kernels are in the cache")


@command.command(short_help="Remove kernels; they are compiled again when they are needed.")
@click.option("--others", is_flag=True, help="Only those of other fingerprints than those in use.")
def clear(others: bool) -> None:
    """Remove all kernels, or those that this installation does not use.

    \b
    nngraph cache clear --others
    """
    from nngraph.cli.tables import size
    from nngraph.emit.directory import user_cache_directory
    from nngraph.emit.inventory import clear as remove
    from nngraph.emit.inventory import in_use

    freed = remove(user_cache_directory(), keep=in_use(user_cache_directory()) if others else ())
    click.echo(f"removed {size(freed)} from {user_cache_directory()}")


@command.command(short_help="Remove the oldest kernels until the cache is small enough.")
@click.option("--to", "limit", required=True, metavar="SIZE", help="Size to keep, for example 100MB.")
def prune(limit: str) -> None:
    """Remove kernels until SIZE is left: those of other fingerprints first, then the oldest.

    \b
    nngraph cache prune --to 100MB
    """
    from nngraph.cli.tables import size
    from nngraph.emit.directory import user_cache_directory
    from nngraph.emit.inventory import in_use
    from nngraph.emit.inventory import prune as remove

    freed = remove(user_cache_directory(), nbytes_of(limit), current=in_use(user_cache_directory()))
    click.echo(f"removed {size(freed)} from {user_cache_directory()}")


def nbytes_of(text: str) -> int:
    """The number of bytes that a size such as 100MB, 1.5 GiB or 4096 is."""
    import re

    factors = {"": 1, "k": 1000, "ki": 1024, "m": 1000**2, "mi": 1024**2, "g": 1000**3, "gi": 1024**3}
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]i?|)b?", text.strip().lower())
    if found is None:
        raise OptionError(f"--to: '{text}' given, a size such as 100MB or 1GiB expected")
    return int(float(found[1]) * factors[found[2]])


@command.command(short_help="Print the directory of the kernels in use.")
def path() -> None:
    """Print the directory that holds the source and object of each kernel in use.

    \b
    ls $(nngraph cache path)
    """
    from nngraph.emit.directory import user_cache_directory
    from nngraph.emit.fingerprint import toolchain

    click.echo(user_cache_directory() / toolchain().digest)
