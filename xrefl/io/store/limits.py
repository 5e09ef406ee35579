"""The limits of Miller indices and resolution in each chunk, and the rows within limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrefl.crystal.cell import MARGIN, UnitCell
from xrefl.errors import MillerIndexError

__all__ = ["Wanted", "chunk_limits", "wanted_rows"]


def chunk_limits(
    hkl: Sequence[NDArray[Any]], cell: UnitCell | None, size: int
) -> NDArray[np.float64]:
    """Return the smallest and largest h, k, l and 1/d² in each stretch of `size` rows.

    Returns
    -------
    ndarray of float64, shape (chunk, 8)
        In this order; 1/d² is NaN where there is no cell.
    """
    inv_d2 = np.full(len(hkl[0]), np.nan) if cell is None else cell.inv_d2((hkl[0], hkl[1], hkl[2]))
    starts = np.arange(0, len(hkl[0]), size)
    pairs = [
        extreme.reduceat(column, starts)
        for column in (*hkl, inv_d2)
        for extreme in (np.minimum, np.maximum)
    ]
    return np.column_stack(pairs).astype(np.float64)


class Wanted:
    """A range of resolution and of Miller indices, and a run.

    Parameters
    ----------
    dmin, dmax : float or None
        dmin <= d < dmax, in Å.
    dataset : int, str or None
        Value of the coordinate ``dataset``.
    **hkl : int, slice or None
        Both ends of a slice count.
    """

    def __init__(
        self,
        dmin: float | None,
        dmax: float | None,
        dataset: int | str | None,
        **hkl: int | slice | None,
    ) -> None:
        for name, value in (("dmin", dmin), ("dmax", dmax)):
            if value is not None and not value > 0:
                raise MillerIndexError(f"{name} must be a positive number of Å, found {value!r}")
        if dmin is not None and dmax is not None and not dmax > dmin:
            raise MillerIndexError(f"dmax={dmax} must be greater than dmin={dmin} (Å)")
        self.low = -np.inf if dmax is None else (1 + MARGIN) / (dmax * dmax)
        self.high = np.inf if dmin is None else (1 + MARGIN) / (dmin * dmin)
        self.by_resolution = not (dmin is None and dmax is None)
        self.ends = {name: _ends(name, value) for name, value in hkl.items() if value is not None}
        ranges = [f"d >= {dmin} Å"] * (dmin is not None) + [f"d < {dmax} Å"] * (dmax is not None)
        self.dataset = dataset
        ranges += [f"dataset = {dataset!r}"] * (dataset is not None)
        self.text = " and ".join([*ranges, *map(_text, self.ends, self.ends.values())])

    def __bool__(self) -> bool:
        return self.by_resolution or bool(self.ends) or self.dataset is not None

    @property
    def columns(self) -> list[str]:
        """What `in_rows` needs."""
        return [*"hkl"] if self.dataset is None else [*"hkl", "dataset"]

    def in_chunks(self, limits: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which chunks may have such rows."""
        chosen = np.ones(len(limits), np.bool_)
        for name, (low, high) in self.ends.items():
            at = 2 * "hkl".index(name)
            chosen &= (limits[:, at] <= high) & (limits[:, at + 1] >= low)
        if self.by_resolution:
            chosen &= (limits[:, 6] <= self.high) & (limits[:, 7] > self.low)
        return chosen

    def in_rows(self, hkl: Mapping[str, NDArray[Any]], cell: UnitCell | None) -> NDArray[np.bool_]:
        """Tell which rows are within the limits."""
        chosen = np.ones(len(hkl["h"]), np.bool_)
        for name, (low, high) in self.ends.items():
            chosen &= (hkl[name] >= low) & (hkl[name] <= high)
        if self.by_resolution:
            assert cell is not None  # whoever opens the store has seen to it
            inv_d2 = cell.inv_d2((hkl["h"], hkl["k"], hkl["l"]))
            chosen &= (inv_d2 <= self.high) & (inv_d2 > self.low)
        if self.dataset is not None:
            chosen &= hkl["dataset"] == self.dataset
        return chosen


def _ends(name: str, value: int | slice) -> tuple[float, float]:
    if isinstance(value, slice) and value.step is None:
        low = -np.inf if value.start is None else value.start
        high = np.inf if value.stop is None else value.stop
        return low, high
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return value, value
    raise TypeError(f"{name} must be an integer or a slice without a step, found {value!r}")


def _text(name: str, ends: tuple[float, float]) -> str:
    low, high = ends
    return f"{name} = {low}" if low == high else f"{low} <= {name} <= {high}"


def wanted_rows(
    wanted: Wanted,
    limits: NDArray[np.float64],
    size: int,
    nrow: int,
    cell: UnitCell | None,
    read: Callable[[slice], Mapping[str, NDArray[Any]]],
) -> slice | NDArray[np.int64]:
    """Return the rows within limits; only chunks that may have some are read.

    Parameters
    ----------
    wanted : Wanted
    limits : (chunk, 8) ndarray
        As `chunk_limits` returns them.
    size, nrow : int
        Rows of a chunk, and of all.
    cell : UnitCell or None
    read : callable
        Returns the columns that are needed, for a stretch of rows.

    Returns
    -------
    slice or ndarray of int64
        A slice where the rows follow each other.

    Raises
    ------
    MillerIndexError
        There are none.
    """
    found = []
    for chunk in np.flatnonzero(wanted.in_chunks(limits)).tolist():
        rows = slice(chunk * size, min((chunk + 1) * size, nrow))
        found.append(rows.start + np.flatnonzero(wanted.in_rows(read(rows), cell)))
    rows_found = np.concatenate(found) if found else np.empty(0, np.int64)
    if not len(rows_found):
        raise MillerIndexError(f"no reflections with {wanted.text}; {_extent(limits)}")
    first, last = int(rows_found[0]), int(rows_found[-1])
    if last - first + 1 == len(rows_found):
        return slice(first, last + 1)
    return rows_found


def _extent(limits: NDArray[np.float64]) -> str:
    if not len(limits):
        return "the store has no rows"
    low, high = limits[:, ::2].min(axis=0), limits[:, 1::2].max(axis=0)
    ends = [f"{name} from {low[i]:.0f} to {high[i]:.0f}" for i, name in enumerate("hkl")]
    if np.isfinite(low[3]) and low[3] > 0:
        ends.append(f"d from {low[3] ** -0.5:.2f} to {high[3] ** -0.5:.2f} Å")
    return f"the store has {', '.join(ends)}"
