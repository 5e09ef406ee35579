"""Statistics along a dimension: which there are, and where shells are on an axis of resolution."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import MissingColumnError

__all__ = ["chosen", "places_of_shells", "require_dataset"]


def require_dataset(statistics: object, source: str) -> xr.Dataset:
    """Return statistics; raise TypeError if they are no Dataset."""
    if isinstance(statistics, xr.Dataset):
        return statistics
    raise TypeError(f"this draws what {source} returns, not {type(statistics).__name__}")


def chosen(
    statistics: xr.Dataset, names: tuple[str, ...], dim: str, source: str
) -> list[xr.DataArray]:
    """Return statistics along a dimension.

    Parameters
    ----------
    statistics : Dataset
    names : tuple of str
        None of them is allowed if there is just one statistic.
    dim : str
    source : str
        What makes such statistics, for a message.

    Raises
    ------
    MissingColumnError
        There is no such statistic, or none along the dimension; or it is not said which.
    """
    there = [str(name) for name, one in statistics.data_vars.items() if dim in one.dims]
    if not there:
        found = ", ".join(map(str, statistics.variables)) or "nothing"
        raise MissingColumnError(
            f"there are no statistics along {dim!r}, only {found}; use {source}"
        )
    if not names and len(there) > 1:
        raise MissingColumnError(f"say what to draw, one or more of {', '.join(there)}")
    for name in names:
        if name not in there:
            raise MissingColumnError(
                f"there is no {name!r} along {dim!r}; there are {', '.join(there)}"
            )
    return [statistics[name] for name in names or there]


def places_of_shells(statistics: xr.Dataset | xr.DataArray) -> NDArray[np.float64]:
    """Return 1/d² of shells: the mean of their reflections, or else their middle.

    Raises
    ------
    MissingColumnError
        Neither is known.
    """
    if "inv_d2" in statistics.coords:
        return np.asarray(statistics["inv_d2"].values, np.float64)
    missing = [name for name in ("dmin", "dmax") if name not in statistics.coords]
    if missing:
        raise MissingColumnError(
            f"shells have no limits: there is no coordinate {missing[0]!r}; statistics that xrefl "
            "calculates have it, as ds.xtal.mean(column, by=ds.xtal.shells(20))"
        )
    limits = [statistics[name].values.astype(np.float64) ** -2 for name in ("dmin", "dmax")]
    return np.asarray(sum(limits) / 2)
