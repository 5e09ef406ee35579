"""Count the observations of each unique reflection, block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.hkl.packing import pack, unpack

__all__ = ["Tally", "join_tallies", "of_tally", "tally"]


class Tally(NamedTuple):
    """How often each unique reflection was observed, as such and as its Friedel mate."""

    keys: NDArray[np.int64]
    """Packed Miller indices in the asymmetric unit, each of them once."""
    plus: NDArray[np.int64]
    """Observations of an equivalent of the reflection."""
    minus: NDArray[np.int64]
    """Observations of an equivalent of its Friedel mate, where that is another reflection."""

    def hkl(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        """Return the indices h, k and l."""
        return unpack(self.keys)


def tally(
    group: SpaceGroup,
    h: Any,
    k: Any,
    l: Any,
    own: NDArray[np.bool_],
    mate: NDArray[np.bool_] | None = None,
) -> Tally:
    """Count observations; absent reflections and 0 0 0 are left out.

    Parameters
    ----------
    group : SpaceGroup
    h, k, l : ndarray of int, shape (n,)
    own : ndarray of bool, shape (n,)
        Which rows have a value.
    mate : ndarray of bool, shape (n,), optional
        Which rows have a value of their Friedel mate.
    """
    masks = [own] if mate is None else [own, mate]
    rows = np.logical_or.reduce(masks)
    if not rows.all():
        h, k, l = h[rows], k[rows], l[rows]
        masks = [mask[rows] for mask in masks]
    hkl, isym = group.to_asu((h, k, l))
    codes, keys = pd.factorize(pack(*hkl.T))
    odd = isym % 2 == 1
    plus, minus = np.zeros((2, len(keys)), np.int64)
    for mask, as_is in zip(masks, (odd, ~odd), strict=False):
        plus += np.bincount(codes[mask & as_is], minlength=len(keys))
        minus += np.bincount(codes[mask & ~as_is], minlength=len(keys))
    indices = unpack(keys)
    allowed = ~group.absent(indices) & np.logical_or.reduce([index != 0 for index in indices])
    return Tally(keys[allowed], plus[allowed], minus[allowed])


def join_tallies(tallies: Sequence[Tally]) -> Tally:
    """Add up what was counted in several blocks."""
    if len(tallies) == 1:
        return tallies[0]
    codes, keys = pd.factorize(np.concatenate([one.keys for one in tallies]))
    plus, minus = (
        np.bincount(codes, np.concatenate([one[i] for one in tallies]), len(keys)).astype(np.int64)
        for i in (1, 2)
    )
    return Tally(np.asarray(keys), plus, minus)


def of_tally(
    function: Callable[[Tally], NDArray[np.int64]],
    shape: tuple[int, ...],
    group: SpaceGroup,
    hkl: Sequence[xr.DataArray],
    masks: Sequence[xr.DataArray],
) -> Any:
    """Return an int64 array that is a function of the tally; a dask array if any input is one.

    Chunks are counted on their own, so that memory holds the unique reflections of each only.
    """
    columns = [*hkl, *masks]
    if all(column.chunks is None for column in columns):
        return function(tally(group, *(column.values for column in columns)))
    from dask.array import from_delayed
    from dask.delayed import delayed

    rows = xr.Dataset({str(i): ("row", column.data) for i, column in enumerate(columns)})
    chunked = rows.chunk({}).unify_chunks()
    blocks = zip(*(chunked[str(i)].data.to_delayed() for i in range(len(columns))), strict=True)
    tallies = [delayed(tally)(group, *block) for block in blocks]
    counts = delayed(function)(delayed(join_tallies)(tallies))
    return from_delayed(counts, shape, np.int64)
