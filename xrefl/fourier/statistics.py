"""Minimum, maximum, mean and deviation of the values of maps."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl._parallel import over_rows
from xrefl.fourier._lazy import joined_blocks
from xrefl.fourier.coverage import placement

__all__ = ["Moments", "block_moments", "join_moments", "statistics"]

_BLOCK = 65_536


class Moments(NamedTuple):
    """What is known of some values; those that are not finite are skipped."""

    number: int
    low: float
    high: float
    mean: float
    squares: float
    """Sum of the squared deviations from the mean."""

    @property
    def sigma(self) -> float:
        """Root of the mean squared deviation from the mean."""
        return math.sqrt(self.squares / self.number) if self.number else math.nan


def statistics(rho: xr.DataArray) -> xr.Dataset:
    """Return minimum, maximum, mean and standard deviation of the values of a map.

    Parameters
    ----------
    rho : DataArray, dims (x, y, z)
        A map, of the whole cell or not. What is not finite is skipped. A dask-backed map is gone
        over chunk by chunk, when the result is computed.

    Returns
    -------
    Dataset
        Numbers in float64: ``minimum``, ``maximum``, ``average``, ``sigma`` (root of the mean
        squared deviation from the average), NaN if there are no values; and ``points`` (int64),
        how many there are. Lazy if the map is dask-backed.

    Raises
    ------
    FormatError
        This is no map.

    Notes
    -----
    Means and squares are taken block by block, and joined by the formulas of Chan, Golub & LeVeque
    (1979), so that no digits are lost where the mean is large.

    Examples
    --------
    >>> import xrefl
    >>> rho = xrefl.tutorial.open("5wkd").xtal.to_map("FWT", "PHWT", sample_rate=3)
    >>> found = rho.xtal.statistics()
    >>> round(float(found.sigma), 4), round(float(found.maximum / found.sigma), 2)
    (0.6709, 5.15)
    """
    placement(rho)
    values = joined_blocks(_of_block, _together, rho, count=5)
    attrs = {"units": rho.attrs["units"]} if "units" in rho.attrs else {}
    found = {"points": xr.DataArray(values[0]).astype(np.int64)}
    for i, name in enumerate(("minimum", "maximum", "average", "sigma"), start=1):
        found[name] = xr.DataArray(values[i], attrs=attrs)
    return xr.Dataset(found)


def block_moments(values: NDArray[Any], buffer: NDArray[np.float64]) -> Moments:
    """Return the moments of one-dimensional values, with room for as many in the buffer."""
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        values = values[np.isfinite(values)]
        if not values.size:
            return Moments(0, math.nan, math.nan, math.nan, 0.0)
        low, high = float(values.min()), float(values.max())
    exact = buffer[: values.size]
    np.copyto(exact, values)
    mean = float(exact.sum()) / values.size
    exact -= mean
    np.multiply(exact, exact, out=exact)
    return Moments(values.size, low, high, mean, float(exact.sum()))


def join_moments(blocks: Iterable[Moments]) -> Moments:
    """Return the moments of all values of some blocks, in their order."""
    count, low, high, mean, squares = 0, math.inf, -math.inf, 0.0, 0.0
    for block in blocks:
        if not block.number:
            continue
        delta = block.mean - mean
        both = count + block.number
        mean += delta * block.number / both
        squares += block.squares + delta * delta * count * block.number / both
        low, high, count = min(low, block.low), max(high, block.high), both
    if not count:
        return Moments(0, math.nan, math.nan, math.nan, 0.0)
    return Moments(count, low, high, mean, squares)


def _of_block(values: NDArray[Any]) -> Moments:
    order = np.argsort([-stride for stride in values.strides], kind="stable")
    flat = values.transpose(order).reshape(-1)  # no copy where memory is contiguous
    count = -(-flat.size // _BLOCK)
    found: list[Moments] = [Moments(0, 0.0, 0.0, 0.0, 0.0)] * count

    def blocks(start: int, stop: int) -> None:
        buffer = np.empty(min(_BLOCK, flat.size))
        for i in range(start, stop):
            found[i] = block_moments(flat[i * _BLOCK : (i + 1) * _BLOCK], buffer)

    over_rows(blocks, count, min_rows=8, slices_per_thread=2)
    return join_moments(found)


def _together(blocks: list[Moments]) -> NDArray[np.float64]:
    found = join_moments(blocks)
    return np.array([found.number, found.low, found.high, found.mean, found.sigma])
