"""Miller indices as three columns of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from xrefl.errors import MillerIndexError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Column: TypeAlias = NDArray[np.int32]

__all__ = ["BITS", "LIMIT", "ORIGIN", "WEIGHTS", "as_miller"]

BITS = 21
"""Bits of a Miller index in a packed key."""

LIMIT = 1 << (BITS - 1)
"""Miller indices that can be packed lie in ``-LIMIT <= h < LIMIT``."""

WEIGHTS = (1 << 2 * BITS, 1 << BITS, 1)
"""A packed key is h, k and l times these, plus the key of 0 0 0."""

ORIGIN = LIMIT * sum(WEIGHTS)
"""The packed key of 0 0 0."""

_INT32 = np.iinfo(np.int32)


def as_miller(hkl: ArrayLike | tuple[ArrayLike, ArrayLike, ArrayLike]) -> tuple[Column, ...]:
    """Return Miller indices as three contiguous, read-only int32 arrays h, k, l.

    Contiguous columns let the compiler use vector instructions, which is worth more than the
    copy of a row-major array costs. Columns that are contiguous int32 already are not copied.
    Kernels are compiled for one type of array if all are contiguous and read-only.

    Parameters
    ----------
    hkl : array_like, shape (n, 3) or (3,), or tuple of three array_like of equal length
        A tuple of three is always h, k and l; anything else has one reflection in each row.
        Floating-point numbers are accepted if all are whole.

    Returns
    -------
    tuple of three ndarray, shape (n,), int32

    Raises
    ------
    MillerIndexError
        If the shape is wrong, if three tuples leave open whether they are rows or columns, or a
        value is fractional, not finite, or too large for int32.

    Examples
    --------
    >>> h, k, l = as_miller([(1, 2, 3), (0, 0, 4)])
    >>> l
    array([3, 4], dtype=int32)
    >>> np.shares_memory(h, as_miller((h, k, l))[0])
    True
    """
    if isinstance(hkl, tuple) and len(hkl) == 3:
        if all(isinstance(part, tuple) for part in hkl):
            raise MillerIndexError(
                "three tuples may be three reflections or h, k and l: give reflections as a list "
                "of tuples, columns as a tuple of arrays"
            )
        columns = [np.atleast_1d(np.asarray(column)) for column in hkl]
        shapes = {column.shape for column in columns}
        if len(shapes) > 1 or columns[0].ndim != 1:
            raise MillerIndexError(
                "h, k and l must be one-dimensional and of equal length, not of shapes "
                f"{[column.shape for column in columns]}"
            )
    else:
        array = np.atleast_2d(np.asarray(hkl))
        if array.ndim != 2 or array.shape[1] != 3:
            raise MillerIndexError(
                f"Miller indices must have shape (n, 3), not {np.shape(hkl)}; "
                "give three columns as a tuple (h, k, l)"
            )
        columns = list(np.ascontiguousarray(array.T))
    return tuple(_as_int32(column, letter) for column, letter in zip(columns, "hkl", strict=True))


def _as_int32(column: NDArray[np.generic], letter: str) -> Column:
    if column.dtype == np.int32:
        view = np.ascontiguousarray(column, dtype=np.int32).view()
        view.setflags(write=False)
        return view
    if column.dtype.kind not in "iuf":
        raise MillerIndexError(f"Miller index {letter} must be a number, not {column.dtype}")
    with np.errstate(invalid="ignore"):
        whole = column.astype(np.int32)
    wrong = (whole != column) | (column > _INT32.max) | (column < _INT32.min)  # type: ignore[operator]
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise MillerIndexError(
            f"Miller index {letter} is {column[row]} in row {row}: it must be a whole number "
            "that fits into 32 bits"
        )
    whole.setflags(write=False)
    return whole
