"""Functions of arrays that are one task, or one for each chunk, where an array is dask-backed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike, NDArray

__all__ = ["blockwise", "joined_blocks", "whole"]


def whole(
    function: Callable[..., NDArray[Any]],
    obj: xr.DataArray,
    *args: Any,
    shape: tuple[int, ...],
    dtype: DTypeLike,
) -> Any:
    """Return ``function(values, *args)``, or a dask array of it if the object is dask-backed.

    Parameters
    ----------
    function : callable
        Takes the values of the object, all of them at once.
    obj : DataArray
    *args
        Passed on.
    shape, dtype
        What the result has.
    """
    if obj.chunks is None:
        return function(obj.values, *args)
    from dask.array import from_delayed
    from dask.delayed import delayed

    return from_delayed(delayed(function)(obj.data, *args), shape, np.dtype(dtype))


def blockwise(
    function: Callable[..., NDArray[Any]], obj: xr.DataArray, *args: Any, dtype: DTypeLike
) -> Any:
    """Return ``function(values, place, *args)``, for each chunk if the object is dask-backed.

    Parameters
    ----------
    function : callable
        Takes values, and where they begin in the whole array. Returns as many of ``dtype``.
    obj : DataArray
    *args
        Passed on.
    dtype
        What the result has.
    """
    if obj.chunks is None:
        return function(obj.values, (0,) * obj.ndim, *args)
    from dask.array import map_blocks

    def block(values: NDArray[Any], block_info: Any = None) -> NDArray[Any]:
        place = tuple(start for start, _ in block_info[0]["array-location"])
        return function(values, place, *args)

    return map_blocks(block, obj.data, dtype=np.dtype(dtype), meta=np.empty((0,) * obj.ndim, dtype))


def joined_blocks(
    function: Callable[[NDArray[Any]], Any],
    join: Callable[[list[Any]], NDArray[np.float64]],
    obj: xr.DataArray,
    *,
    count: int,
) -> Any:
    """Return ``join`` of what the function returns for each chunk: ``count`` numbers."""
    if obj.chunks is None:
        return join([function(obj.values)])
    from dask.array import from_delayed
    from dask.delayed import delayed

    blocks = [delayed(function)(block) for block in obj.data.to_delayed().ravel()]
    return from_delayed(delayed(join)(blocks), (count,), np.dtype(np.float64))
