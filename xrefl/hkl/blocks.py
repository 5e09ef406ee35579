"""Go over columns together, one stretch of rows after the other, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

__all__ = ["row_blocks", "watched_blocks"]

_BLOCK_ROWS = 65_536

Watch = Callable[[int, int], None]
_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched_blocks(watch: Watch) -> Iterator[None]:
    """Have a function called with the rows done and the number of rows, after each block of rows.

    It is for those who wait: what goes over rows may do so more than once.
    """
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)


def row_blocks(variables: Sequence[xr.Variable], nrow: int) -> Iterator[list[NDArray[Any]]]:
    """Yield the values of all variables for a block of rows, then for the next.

    Blocks follow the chunks of dask-backed variables; small chunks are taken together, so that
    computing them pays.
    """
    chunks = max(
        (one.chunks[0] for one in variables if one.chunks is not None), key=len, default=()
    )
    edges = [0]
    for end in np.cumsum(chunks).tolist() if chunks else range(_BLOCK_ROWS, nrow, _BLOCK_ROWS):
        if end - edges[-1] >= _BLOCK_ROWS:
            edges.append(end)
    if edges[-1] < nrow:
        edges.append(nrow)
    watch = _watch.get()
    for start, stop in pairwise(edges):
        pieces = [variable[start:stop].data for variable in variables]
        if chunks:
            from dask.base import compute

            pieces = list(compute(*pieces))
        yield [np.asarray(piece) for piece in pieces]
        if watch is not None:
            watch(stop, nrow)
