"""Arrays in few words: as a line, or as the rows that an arrow has room for."""

from __future__ import annotations

from typing import Final

import numpy as np

SHOWN: Final = 3  # elements of a line
ROWS: Final = 4  # of a block; of more the first three, and how many there are
COLUMNS: Final = 3  # of a matrix; of more the first two
LEAST, MOST, WHOLE = 1e-3, 1e5, 999.5  # beyond the first two a number has an exponent, from the third on no fraction


def figure(number: float, digits: int = 3) -> str:
    """A number in few digits.

    >>> figure(0.8314), figure(0.8314, 2), figure(12345.6), figure(-3.57e-05), figure(2e8), figure(-0.0)
    ('0.831', '0.83', '12346', '−3.57e−5', '2e8', '0')
    """
    size = abs(number)
    if not (LEAST <= size < MOST) and size not in (0.0, float("inf")) and number == number:
        mantissa, _, exponent = f"{number:.{digits - 1}e}".partition("e")
        text = f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{int(exponent)}"
    else:
        text = f"{number:.0f}" if WHOLE <= size < MOST else f"{number + 0.0:.{digits}g}"
    return text.replace("-", "−")


def element(number: float) -> str:
    """A number among others: those below 1 in two digits."""
    return figure(number, 3 if abs(number) >= 1 else 2)


def floats(array: np.ndarray) -> list[float]:
    """Its elements in order as plain numbers; truth as 1 and 0."""
    return array.reshape(-1).astype(np.float64).tolist()


def line_of(array: np.ndarray) -> str:
    """A single number, or the first of several and how many there are.

    >>> line_of(np.arange(10.0)), line_of(np.array([[0.5]]))
    ('[0, 1, 2, … of 10]', '0.5')
    """
    if array.size == 1:
        return figure(floats(array)[0])
    more = f", … of {array.size}" if array.size > SHOWN else ""
    return f"[{', '.join(map(element, floats(array)[:SHOWN]))}{more}]"


def block_of(array: np.ndarray) -> str:
    """A vector as a column, a matrix as rows; of large ones the beginning, and how large they are.

    Axes of a single element, the batch's among them, are left out.

    >>> print(block_of(np.array([[1.25, -0.5, 0.0]])))
    1.25
    −0.5
    0
    >>> print(block_of(np.arange(10.0)))
    0
    1
    2
    … of 10
    """
    if array.size == 1:
        return figure(floats(array)[0])
    shape = tuple(size for size in array.shape if size > 1)
    table = array.reshape(shape if len(shape) == 2 else (-1, 1))
    (rows, columns), wide = table.shape, table.shape[1] > COLUMNS
    shown = rows if rows <= ROWS else ROWS - 1
    lines = [" ".join(map(element, floats(row[: COLUMNS - 1 if wide else columns]))) + " …" * wide
             for row in table[:shown]]  # fmt: skip
    return "\n".join([*lines, f"… of {'×'.join(map(str, shape))}"] if wide or rows > ROWS else lines)
