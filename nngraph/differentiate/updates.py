"""The update of every parameter, from its gradient: clipping, then the optimizer."""

from __future__ import annotations

from dataclasses import replace

from nngraph.ir.builder import Builder
from nngraph.ir.graph import State, Value
from nngraph.ops.optimizer import Optimizer, SharedScalars

# Added to the norm of all gradients, as torch.nn.utils.clip_grad_norm_ does.
NORM_EPSILON = 1e-6

Gradients = dict[str, Value]


def append_updates(b: Builder, found: Gradients, optimizer: Optimizer) -> tuple[State, ...]:
    """Append the updates of the parameters whose gradients were `found`.

    Returns
    -------
    tuple of State
        Those of the graph, the optimizer's moments, and the step number, with their new values.
    """
    step = b.step()
    clipped = clip(b, found, optimizer)
    b.prefix = "update"
    shared = optimizer.begin(b, step)
    moments: list[State] = []
    for name, dx in clipped.items():
        state, new = update(b, b.states[name], dx, optimizer, shared)
        b.states[name] = state
        moments += new
    b.prefix = ""
    following = b.add("add", step, 1, id="update/step")
    b.states["step"] = replace(b.states["step"], new=following)
    return (*b.states.values(), *moments)


def update(
    b: Builder, state: State, dx: Value, optimizer: Optimizer, shared: SharedScalars
) -> tuple[State, list[State]]:
    """One parameter and its moments with their new values."""
    b.prefix = f"update/{state.name}"
    names = [b.unique(f"{moment}/{state.name}") for moment in optimizer.moments]
    olds = [Value(name, state.old.type) for name in names]
    new, new_moments = optimizer.update(b, state.name, state.old, dx, olds, shared)
    start = optimizer.moment_start
    moments = [
        State(name, "moment", old, value, start, trainable=False, permutation=state.permutation)
        for name, old, value in zip(names, olds, new_moments, strict=True)
    ]
    return replace(state, new=new), moments


def clip(b: Builder, found: Gradients, optimizer: Optimizer) -> Gradients:
    """Gradients within the optimizer's bounds: of each element first, of the norm of all together next."""
    b.prefix = "clip"
    if (bound := optimizer.clip_value) is not None:
        found = {name: b.add("clip", dx, low=-bound, high=bound) for name, dx in found.items()}
    if optimizer.clip_norm is not None and found:
        factor = norm_factor(b, list(found.values()), optimizer.clip_norm)
        found = {name: b.add("multiply", dx, factor) for name, dx in found.items()}
    return found


def norm_factor(b: Builder, values: list[Value], bound: float) -> Value:
    """min(1, bound / (norm + ε)) (Pascanu et al. 2013, algorithm 1)."""
    total = b.add("sum", b.add("square", values[0]))
    for value in values[1:]:
        total = b.add("add", total, b.add("sum", b.add("square", value)))
    norm = b.add("add", b.add("sqrt", total), NORM_EPSILON)
    return b.add("minimum", b.add("divide", b.constant(bound, total.type.dtype), norm), 1.0)
