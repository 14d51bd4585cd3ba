"""Columns of tables by name: a model takes them in the order that it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nngraph.errors import DataError
from nngraph.train.data.dataset import Dataset, names
from nngraph.train.data.stored import whole


def in_order_of(data: Dataset, columns: Sequence[str]) -> Dataset:
    """`data` with its named columns in the order of `columns`.

    Parameters
    ----------
    data : Dataset
        One whose columns have no names is taken as it is.
    columns : sequence of str
        Those of the data that the model was trained on; without any, `data` is taken as it is.

    Raises
    ------
    DataError
        If a column is missing, or is not among them.
    """
    if not columns or not data.columns or data.columns == tuple(columns):
        return data
    missing = [name for name in columns if name not in data.columns]
    extra = [name for name in data.columns if name not in columns]
    if missing:
        beside = f", but has {names(extra)}" if extra else ""
        raise DataError(
            f"{data.name}: lacks {listed(missing)}, which the model was trained on{beside}; name the columns of the "
            "table as in training"
        )
    if extra:
        mend = f"leave out what is no feature, with drop={'+'.join(extra)} or as the target"
        raise DataError(f"{data.name}: has {listed(extra)}, which the model was not trained on; {mend}")
    places = [data.columns.index(name) for name in columns]
    x = {name: whole(array)[:, places] for name, array in data.inputs.items()}
    return replace(data, inputs=x, columns=tuple(columns))


def listed(columns: Sequence[str]) -> str:
    return f"the column{'s' if len(columns) > 1 else ''} {names(columns)}"
