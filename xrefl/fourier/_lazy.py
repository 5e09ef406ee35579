"""Functions of whole arrays, as one task where an array is dask-backed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike, NDArray

__all__ = ["whole"]


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
