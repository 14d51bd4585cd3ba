"""What a user may give: numbers and names, checked with a line that says what is expected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nngraph.errors import DataError, OptionError
from nngraph.ir.graph import State
from nngraph.ir.types import PRECISIONS
from nngraph.ops.specification import suggestion

DEVICES = ("cpu", "cuda")
DTYPES = ("float32", "float64")
PRODUCTS = ("own", "cublas", "cublas_tf32")  # what does large matrix products
SEEDS = 2**63


def is_int(x: Any) -> bool:
    return isinstance(x, int | np.integer) and not isinstance(x, bool)


def check_options(
    device: str, threads: Any, dtype: str, seed: Any, precision: str = "full", products: str = "own"
) -> str:  # fmt: skip
    """Raise where one is outside of what is accepted; the precision by its own name, "mixed" being another one's."""
    if device not in DEVICES:
        raise OptionError(f"device: {device!r} given, one of {', '.join(DEVICES)} expected")
    if threads is not None and not (is_int(threads) and threads >= 1):
        raise OptionError(f"threads: {threads!r} given, a whole number from 1, or None for all, expected")
    if dtype not in DTYPES:
        raise OptionError(f"dtype: {dtype!r} given, one of {', '.join(DTYPES)} expected")
    if not (is_int(seed) and 0 <= seed < SEEDS):
        raise OptionError(f"seed: {seed!r} given, a whole number from 0 to 2**63 - 1 expected")
    check_precision(precision, device, dtype)
    check_products(products, device, dtype)
    return PRECISIONS[precision] or precision


def check_precision(precision: Any, device: str, dtype: str) -> None:
    """One that there is, on a device that has it."""
    if not isinstance(precision, str) or precision not in PRECISIONS:
        raise OptionError(f"precision: {precision!r} given, one of {', '.join(PRECISIONS)} expected")
    if not PRECISIONS[precision]:
        return
    if dtype != "float32":
        raise OptionError(f"precision: '{precision}' given with dtype '{dtype}'; it keeps float32 numbers, give that")
    if device != "cuda":
        raise OptionError(
            f"precision: '{precision}' given, which device '{device}' does not have; give device 'cuda', or "
            "precision 'full'"
        )


def check_products(products: Any, device: str, dtype: str) -> None:
    """What does products, on a device that has it."""
    if not isinstance(products, str) or products not in PRODUCTS:
        raise OptionError(f"products: {products!r} given, one of {', '.join(PRODUCTS)} expected")
    if products == "own":
        return
    if device != "cuda":
        raise OptionError(
            f"products: '{products}' given, which device '{device}' does not have; give device 'cuda', or "
            "products 'own'"
        )
    if products == "cublas_tf32" and dtype != "float32":
        raise OptionError(f"products: '{products}' given with dtype '{dtype}'; TF32 is for float32, give 'cublas'")


def check_count(name: str, given: Any) -> int:
    """A whole number from 1."""
    if not (is_int(given) and given >= 1):
        raise OptionError(f"{name}: {given!r} given, a whole number from 1 expected")
    return int(given)


def check_parameters(states: Mapping[str, State], given: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    """Arrays of the right shapes for parameters and statistics that there are.

    Raises
    ------
    DataError
        If a name is unknown, or a shape or a value is not right.
    """
    known = {name: state for name, state in states.items() if state.kind in ("parameter", "statistic")}
    found: dict[str, np.ndarray] = {}
    for name, value in given.items():
        if name not in known:
            raise DataError(f"parameter '{name}': the model has none of that name{suggestion(name, known)}")
        found[name] = parameter_array(name, value, known[name].public_shape)
    return found


def parameter_array(name: str, value: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        given = type(value).__name__
        raise DataError(f"parameter '{name}': {given} given, an array of numbers expected") from None
    if array.shape != shape:
        raise DataError(f"parameter '{name}': shape {array.shape} given, {shape} expected")
    if not np.isfinite(array).all():
        raise DataError(f"parameter '{name}': holds NaN or an infinity; finite numbers expected")
    return array
