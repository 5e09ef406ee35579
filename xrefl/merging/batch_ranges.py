"""Ranges of batches that statistics are of: single batches, so many together, or given ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import FormatError

__all__ = ["BatchRanges", "Headers", "batch_ranges", "check_ranges", "headers", "range_coords"]

_PHI = {"batch_phi_start": "rotation angle at the start", "batch_phi_end": "and at the end"}


class Headers(NamedTuple):
    """What the batch headers of a Dataset say."""

    numbers: NDArray[np.int64]
    """Numbers of batches, ascending, shape (b,)."""
    phi_start: NDArray[np.floating]
    """Rotation angle in degrees where each begins, shape (b,)."""
    phi_end: NDArray[np.floating]
    """And where it ends."""

    def of(self, numbers: Collection[int]) -> Headers:
        """Return the headers of some batches."""
        chosen = np.isin(self.numbers, list(numbers))
        return Headers(self.numbers[chosen], self.phi_start[chosen], self.phi_end[chosen])


class BatchRanges(NamedTuple):
    """Ranges of batches, in the order of their numbers."""

    first: NDArray[np.int64]
    """Number of the first batch of each, shape (r,)."""
    last: NDArray[np.int64]
    """Number of the last batch of each."""
    position: NDArray[np.int64]
    """Where each range is on the scale of batch numbers, in widths; ranges without a batch are
    left out, but count here."""
    numbers: NDArray[np.int64]
    """Numbers of all batches, ascending, shape (b,)."""
    of_batch: NDArray[np.int32]
    """Which range each batch is in, shape (b,)."""

    def of(self, numbers: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the ranges that batches are in."""
        return self.of_batch[np.searchsorted(self.numbers, numbers)]


def headers(ds: xr.Dataset) -> Headers | None:
    """Return the batch headers of observations, None if there are none.

    Raises
    ------
    FormatError
        Coordinates are not along ``batch``, or a batch has two headers.
    """
    names = ("batch", *_PHI)
    if any(name not in ds.coords for name in names):
        return None
    for name in names:
        if ds[name].dims != ("batch",):
            raise FormatError(
                f"the coordinate {name!r} does not have one value for each batch; join batch "
                "headers along 'batch', or leave them out with .drop_dims('batch')"
            )
    values = [ds[name].values for name in names]
    numbers, order, counts = np.unique(values[0], return_index=True, return_counts=True)
    if (counts > 1).any():
        raise FormatError(
            f"there are {counts.max()} headers of batch {numbers[np.argmax(counts)]}; renumber the "
            "batches of one of the runs, or leave headers out with .drop_dims('batch')"
        )
    return Headers(numbers.astype(np.int64), values[1][order], values[2][order])


def check_ranges(width: int, edges: Sequence[int] | None) -> None:
    """Raise ValueError or TypeError if these cannot be ranges of any batches."""
    for number in (width, *([] if edges is None else edges)):
        if not isinstance(number, int | np.integer) or isinstance(number, bool):
            raise TypeError(
                f"ranges have a whole number of batches, and edges that are batch numbers, not "
                f"{number!r}; give integers"
            )
    if width < 1:
        raise ValueError(f"the width of a range of batches must be at least 1, not {width}")
    if edges is None:
        return
    if width != 1:
        raise ValueError(f"ranges have edges or a width, not both; found width={width}")
    limits = [int(edge) for edge in edges]
    if len(limits) < 2 or any(low >= high for low, high in pairwise(limits)):
        raise ValueError(f"edges must be two or more ascending batch numbers, not {limits}")


def batch_ranges(
    numbers: NDArray[np.int64],
    known: Headers | None,
    width: int = 1,
    edges: Sequence[int] | None = None,
) -> BatchRanges:
    """Divide batches into ranges.

    Parameters
    ----------
    numbers : ndarray of int64
        Batches that observations are of, ascending.
    known : Headers or None
        Their headers; batches without observations that have one count.
    width : int
        How many batch numbers a range has, counted from the first batch.
    edges : sequence of int, optional
        First batch of each range, and the number after the last one.

    Raises
    ------
    FormatError
        Batches have no header, but others do.
    ValueError
        Edges leave batches out.

    Examples
    --------
    >>> ranges = batch_ranges(np.array([1, 2, 3, 1001, 1002]), None, width=2)
    >>> ranges.first.tolist(), ranges.last.tolist(), ranges.position.tolist()
    ([1, 3, 1001], [2, 3, 1002], [0, 1, 500])
    """
    if known is not None:
        missing = np.setdiff1d(numbers, known.numbers)
        if len(missing):
            some = ", ".join(map(str, missing[:5].tolist()))
            raise FormatError(
                f"{len(missing)} of {len(numbers)} batches have no header: {some}"
                f"{', ...' if len(missing) > 5 else ''}; add their headers along 'batch', or leave "
                "headers out with .drop_dims('batch')"
            )
        numbers = known.numbers
    if edges is None:
        position = (numbers - numbers[0]) // width
    else:
        position = _between(numbers, np.array(edges, np.int64))
    there, first, of_batch = np.unique(position, return_index=True, return_inverse=True)
    last = np.append(first[1:], len(numbers)) - 1
    return BatchRanges(numbers[first], numbers[last], there, numbers, of_batch.astype(np.int32))


def range_coords(ranges: BatchRanges, known: Headers | None) -> dict[str, Any]:
    """Return ranges as coordinates: the first and last batch of each, and angles of rotation."""
    coords: dict[str, Any] = {
        "batch": ("batch", ranges.first, {"long_name": "first batch"}),
        "batch_last": ("batch", ranges.last, {"long_name": "last batch"}),
    }
    if known is not None:
        places = ranges.first, ranges.last
        for (name, text), batches, phi in zip(_PHI.items(), places, known[1:], strict=True):
            values = phi[np.searchsorted(known.numbers, batches)]
            coords[name] = ("batch", values, {"long_name": text, "units": "degree"})
    return coords


def _between(numbers: NDArray[np.int64], edges: NDArray[np.int64]) -> NDArray[np.int64]:
    if numbers[0] < edges[0] or numbers[-1] >= edges[-1]:
        raise ValueError(
            f"batches are from {numbers[0]} to {numbers[-1]}, but ranges from {edges[0]} to "
            f"{edges[-1] - 1}: widen the edges, or select observations first"
        )
    position: NDArray[np.int64] = np.searchsorted(edges, numbers, side="right") - 1
    return position
