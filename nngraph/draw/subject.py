"""From a compilation to the picture that is asked for."""

from __future__ import annotations

from typing import Any

from nngraph.compiler import STOPS, Compilation
from nngraph.draw.calls import called, calls_picture
from nngraph.draw.declared import declared_picture, describing
from nngraph.draw.picture import Picture
from nngraph.draw.program import GRADIENT, Program, run_through
from nngraph.draw.stages import stage_picture
from nngraph.errors import OptionError
from nngraph.lower.lower import lower

DECLARED = "declare"
CALLS = ("schedule", "plan", "emit")  # stages that leave kernel calls, not a graph


def picture_of(c: Compilation, after: str | None = None) -> Picture:
    """The picture of a model, or of what a stage or pass has made of it.

    Parameters
    ----------
    c : Compilation
        None of whose stages has been run.
    after : str, optional
        "declare" (by default), or a stage or pass of the compiler.

    Raises
    ------
    OptionError
        If there is no such stage.
    """
    if after not in (None, DECLARED, *STOPS):
        raise OptionError(f"--after: '{after}' given, one of {', '.join((DECLARED, *STOPS))} expected")
    name = c.declared.graph["name"]
    if after in (None, DECLARED):
        program = run_through(c)
        lowered = lower(c.declared, dtype=c.dtype, seed=c.seed)
        return called(declared_picture(c.declared, lowered, program, "as declared"), program)
    program = run_through(c, None if after in CALLS else after)
    subtitle = f"{c.purpose}, after {after}"
    describe = Describing(c, program)
    if after in CALLS:
        picture = calls_picture(name, subtitle, program, describe, planned=after != "schedule")
    else:
        picture = stage_picture(name, subtitle, program.graphs[after], program, describe)
    return called(picture, program)


class Describing:
    """What groups stand for: the declared node of that id, or its gradient."""

    def __init__(self, c: Compilation, program: Program) -> None:
        self.known, self.program = describing(c.declared), program

    def __call__(self, path: str) -> dict[str, Any]:
        known = self.known.get(path)
        if known is not None:
            return known | {"facts": self.program.facts(path, known["facts"].attributes, [path])}
        facts = self.program.facts(path, {})
        declared = self.known.get(path.removeprefix(GRADIENT))
        if declared is None or not path.startswith(GRADIENT):
            return {"facts": facts}
        return {"op": f"gradient of {declared['op']}", "sort": declared["sort"], "facts": facts}
