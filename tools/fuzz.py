"""Random networks right through the compiler, against the interpreter and finite differences.

    python tools/fuzz.py [--graphs 500] [--nodes 40] [--seed 0] [--block 25] [--wirings er|ba|ws|all]

For every network the native loss and gradients are compared, in float64 and float32, with what the NumPy
interpreter makes of the graph before any pass, and the gradients with finite differences. Every fourth network
also predicts. Kernels are compiled for a block of networks at a time, in a cache of their own. 500 networks
take 10 to 20 minutes on two cores, nearly all of it in the compiler. With --wirings they are randomly wired
convolutional networks, as many of each generator; these also run without the passes that fuse.

A failure is reported with its seed and with the smallest part of the network that still fails; `--seed N
--graphs 1` repeats it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "kernels")]

from nngraph.compiler import Purpose  # noqa: E402
from nngraph.emit.cache import KernelCache  # noqa: E402
from nngraph.errors import NNGraphError  # noqa: E402
from nngraph.ir.text import to_text  # noqa: E402
from tests import random_checks as checks  # noqa: E402
from tests.random_graphs import Recipe, draw_recipe  # noqa: E402
from tests.random_wirings import GENERATORS, draw_wiring  # noqa: E402

T = TypeVar("T")
Dtype = Literal["float32", "float64"]
DTYPES: tuple[Dtype, ...] = ("float64", "float32")
MOST_DRAWN_AGAIN = 0.05
FAR = 1_000_000_000  # seeds of the networks that are drawn again


@dataclass
class Tally:
    """What has been done so far."""

    graphs: int = 0
    nodes: int = 0
    kernels: int = 0
    again: int = 0
    slopes: int = 0
    skipped: int = 0
    failed: list[int] = field(default_factory=list[int])

    def __str__(self) -> str:
        return (
            f"{self.graphs} networks ({self.nodes} nodes, {self.kernels} kernels): {len(self.failed)} failed, "
            f"{self.again} drawn again; {self.slopes} slopes checked, {self.skipped} skipped at kinks"
        )


@dataclass(frozen=True)
class Kind:
    """What is drawn: networks of all ops, or randomly wired ones, which also run without the passes that fuse."""

    draw: Callable[[int], Recipe]
    unfused: bool = False


def kinds_of(options: argparse.Namespace) -> list[Kind]:
    if not options.wirings:
        return [Kind(lambda seed: draw_recipe(seed, options.nodes))]
    types = GENERATORS if options.wirings == "all" else (options.wirings,)
    return [Kind(partial(draw_wiring, type=type), unfused=True) for type in types]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--graphs", type=int, default=500)
    parser.add_argument("--nodes", type=int, default=40, help="at most, per network (at least 16)")
    parser.add_argument("--seed", type=int, default=0, help="of the first network")
    parser.add_argument("--block", type=int, default=25, help="networks whose kernels are compiled together")
    parser.add_argument("--wirings", choices=(*GENERATORS, "all"), help="randomly wired networks of this generator")
    options = parser.parse_args()
    tally, start = Tally(), time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="nngraph-fuzz-") as folder:
        for kind in kinds_of(options):
            for first in range(0, options.graphs, options.block):
                cache = KernelCache(Path(folder))
                seeds = range(options.seed + first, options.seed + min(first + options.block, options.graphs))
                fuzz_block(seeds, kind, cache, tally)
                print(f"{time.perf_counter() - start:6.0f} s  {tally}", flush=True)
    if tally.failed:
        print("failed seeds:", *tally.failed)
    rough = tally.again > MOST_DRAWN_AGAIN * tally.graphs
    if rough:
        print(f"{tally.again} networks were too rough for float32, more than {MOST_DRAWN_AGAIN:.0%}")
    return 1 if tally.failed or rough else 0


def fuzz_block(seeds: range, kind: Kind, cache: KernelCache, tally: Tally) -> None:
    trials: list[checks.Trial] = []
    sources: dict[str, str] = {}
    for seed in seeds:
        trial = drawn(seed, kind, tally)
        found = attempt(lambda trial=trial: sources_of(trial.recipe, kind.unfused))
        if isinstance(found, str):

            def again(recipe: Recipe) -> str:
                return explained(attempt(lambda: sources_of(recipe, kind.unfused)))

            report(trial.recipe, found, again, tally)
        else:
            trials.append(trial)
            sources |= found
    tally.kernels += len(sources)
    compiled = attempt(lambda: cache.entries(sources))
    if isinstance(compiled, str):
        print(compiled)  # the checks below will name the network
    for trial in trials:
        check(trial, kind.unfused, cache, tally)


def drawn(seed: int, kind: Kind, tally: Tally) -> checks.Trial:
    """A network on which plain float32 NumPy is right to 1e-5."""
    trial = checks.trial_of(kind.draw(seed))
    while not checks.well_conditioned(trial):
        tally.again += 1
        trial = checks.trial_of(kind.draw(FAR + trial.recipe.seed))
    tally.graphs += 1
    tally.nodes += len(trial.recipe.steps)
    return trial


def purposes(recipe: Recipe) -> tuple[Purpose, ...]:
    return ("gradients", "predict") if recipe.seed % 4 == 0 else ("gradients",)


def sources_of(recipe: Recipe, unfused: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    for dtype in DTYPES:
        found |= checks.kernel_sources(recipe, dtype, purposes(recipe))
        if unfused:
            found |= checks.unfused_sources(recipe, dtype)
    return found


def check(trial: checks.Trial, unfused: bool, cache: KernelCache, tally: Tally) -> None:
    slopes = checks.check_slopes(trial)
    tally.slopes += slopes.checked
    tally.skipped += slopes.skipped
    if slopes.wrong:
        report(trial.recipe, "\n".join(slopes.wrong), slopes_wrong, tally)
    for dtype in DTYPES:
        for name in (*purposes(trial.recipe), *(("unfused",) if unfused else ())):
            if wrong := native_wrong(trial, dtype, name, cache):

                def again(recipe: Recipe, dtype: Dtype = dtype, name: str = name) -> str:
                    return native_wrong(checks.trial_of(recipe), dtype, name, cache)

                report(trial.recipe, f"{name}, {dtype}: {wrong}", again, tally)
                return


CHECKS = {"gradients": checks.check_gradients, "predict": checks.check_forward, "unfused": checks.check_unfused}


def native_wrong(trial: checks.Trial, dtype: Dtype, name: str, cache: KernelCache) -> str:
    return explained(attempt(lambda: "\n".join(CHECKS[name](trial, dtype, cache))))


def slopes_wrong(recipe: Recipe) -> str:
    return "\n".join(checks.check_slopes(checks.trial_of(recipe)).wrong)


def attempt(work: Callable[[], T]) -> T | str:
    """What `work` returns, or its exception in words."""
    try:
        return work()
    except (NNGraphError, ArithmeticError, AssertionError, LookupError, TypeError, ValueError) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"


def explained(found: object) -> str:
    return found if isinstance(found, str) else ""


def report(recipe: Recipe, wrong: str, again: Callable[[Recipe], str], tally: Tally) -> None:
    """Print what is wrong, and the smallest part of the network for which `again` says so."""
    tally.failed.append(recipe.seed)
    print(f"\nseed {recipe.seed}: {wrong}")
    small = minimized(recipe, again)
    print(f"smallest: {again(small) or 'does not fail by itself'}\n{small}")
    print(to_text(checks.gradients_graph(small, "float64")), flush=True)


def minimized(recipe: Recipe, again: Callable[[Recipe], str]) -> Recipe:
    """Leave out outputs and nodes as long as `again` finds something wrong."""
    shrinking = True
    while shrinking:
        shrinking = False
        for smaller in recipe.smaller():
            if attempt(lambda smaller=smaller: checks.well_conditioned(checks.trial_of(smaller))) is not True:
                continue
            if again(smaller):
                recipe, shrinking = smaller, True
                break
    return recipe


if __name__ == "__main__":
    sys.exit(main())
