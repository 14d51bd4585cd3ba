"""What tensors are called, and how they lie, in files of weights: as in nngraph, or as PyTorch's modules have them.

PyTorch joins the parts of a name by dots where nngraph has slashes. The weight of a convolution has its input channels
before the window there, (out, in / groups, kh, kw), and behind it here, (out, kh, kw, in / groups). That of a linear
layer is (units, inputs) in both; behind a `flatten` of images its inputs are in nngraph's order, channels last.
Normalizations have ``weight`` and ``bias`` for scale and offset, and ``running_var`` for the running variance. A batch
normalization also counts the batches it has seen, which nothing here goes by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import numpy as np

from nngraph.errors import OptionError
from nngraph_kernels.record import record

COUNTER: Final = "num_batches_tracked"
STATISTIC: Final = "running_variance"
RENAMED: Final = {"scale": "weight", "offset": "bias", STATISTIC: "running_var"}
# The parts of a separable convolution, which PyTorch writes as two modules.
SEPARABLE: Final = {"depthwise_weight": "depthwise.weight", "weight": "pointwise.weight", "bias": "pointwise.bias"}
CHANNELS_FIRST: Final = (0, 3, 1, 2)
CHANNELS_LAST: Final = (0, 2, 3, 1)


@record
class Convention:
    """How a file names and lays out tensors.

    Attributes
    ----------
    names : callable
        ``names(our names) -> {ours: theirs}``.
    to, back : callable
        An array in their layout, and in ours.
    counters : bool
        Whether batch normalizations count batches.
    """

    name: str
    names: Callable[[Iterable[str]], dict[str, str]]
    to: Callable[[np.ndarray], np.ndarray]
    back: Callable[[np.ndarray], np.ndarray]
    counters: bool = False


def torch_names(ours: Iterable[str]) -> dict[str, str]:
    """PyTorch's names of parameters and running statistics.

    Raises
    ------
    OptionError
        If two of them would have one name.
    """
    known = set(ours)
    found = {name: torch_name(name, known) for name in sorted(known)}
    first: dict[str, str] = {}
    for name, theirs in found.items():
        if theirs in first:
            raise OptionError(
                f"convention 'torch': '{first[theirs]}' and '{name}' would both be '{theirs}'; rename one of the nodes"
            )
        first[theirs] = name
    return found


def torch_name(name: str, known: set[str]) -> str:
    node, _, parameter = name.rpartition(".")
    separable = f"{node}.depthwise_weight" in known
    theirs = (SEPARABLE if separable else RENAMED).get(parameter, parameter)
    return f"{node.replace('/', '.')}.{theirs}"


def counters_of(names: Mapping[str, str]) -> list[str]:
    """The names of the counters of all batch normalizations."""
    ends = {ours: theirs.rpartition(".")[0] for ours, theirs in names.items() if ours.endswith(f".{STATISTIC}")}
    return [f"{node}.{COUNTER}" for node in ends.values()]


def permuted(axes: tuple[int, ...]) -> Callable[[np.ndarray], np.ndarray]:
    """Weights of convolutions, the only parameters of four axes, with their axes in another order."""
    return lambda array: np.ascontiguousarray(array.transpose(axes)) if array.ndim == len(axes) else array


def unchanged(array: np.ndarray) -> np.ndarray:
    return array


CONVENTIONS: Final[Mapping[str, Convention]] = {
    convention.name: convention
    for convention in (
        Convention("nngraph", lambda ours: {name: name for name in ours}, unchanged, unchanged),
        Convention("torch", torch_names, permuted(CHANNELS_FIRST), permuted(CHANNELS_LAST), counters=True),
    )
}


def convention_of(name: str) -> Convention:
    """The convention of that name.

    Raises
    ------
    OptionError
        If there is none.
    """
    if name not in CONVENTIONS:
        raise OptionError(f"convention: '{name}' given, one of {', '.join(CONVENTIONS)} expected")
    return CONVENTIONS[name]
