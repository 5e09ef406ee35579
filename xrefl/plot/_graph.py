"""What graphs of reflections have in common: pairs of columns, axes of resolution, ticks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import FormatError, MillerIndexError
from xrefl.hkl.crystal import reflection_dim
from xrefl.plot._axes import NEGATIVE, POSITIVE, pyplot
from xrefl.statistics.columns import Column, find_column, number_column, on_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["graph_axes", "pairs", "percent_axis", "resolution_axis", "round_numbers", "well_apart"]

# Of the palette of Okabe & Ito, in the order in which graphs in the same axes take them.
_COLORS = (POSITIVE, NEGATIVE, "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_INTENSITIES = ("J", "K")
# Numbers that spacings on an axis may be, but for powers of ten; the first ones rather than others.
_SPACINGS = (1, 2, 3, 5, 1.5, 2.5, 4, 1.2, 1.8, 1.6, 1.4, 2.2, 3.5, 7, 1.1, 1.3, 1.7, 1.9)
# What labels of ticks need of the length of an axis: at least, and for each character.
_APART, _CHARACTER = 0.075, 0.021

Array = NDArray[np.float64]


def graph_axes(ax: Axes | None, width: float = 6.4, height: float = 4.4) -> Axes:
    """Return the axes given, or those of a new figure of so many inches."""
    plt = pyplot()
    if ax is None:
        _, ax = plt.subplots(figsize=(width, height), layout="compressed")
        ax.set_prop_cycle(color=_COLORS)
    return ax


def pairs(
    ds: xr.Dataset, obs: Column, calc: Column, flags: xr.DataArray | None = None
) -> tuple[xr.Dataset, str, str]:
    """Return reflections that have two values, ``obs`` and ``calc``, and what these are called.

    Of complex numbers the absolute values are taken. All are computed.

    Parameters
    ----------
    ds : Dataset
    obs, calc : str or DataArray
    flags : DataArray, optional
        What becomes the column ``free``, float64.

    Raises
    ------
    MillerIndexError
        No reflection has both.
    FormatError
        One is of intensities and the other is not, or is of several values for each reflection.
    MissingColumnError, TypeError, ValueError, CrystalMismatchError
        As `xrefl.statistics.agreement.r_factor`.
    """
    dim = reflection_dim(ds)
    found = [find_column(ds, column) for column in (obs, calc)]
    names = [_called(one, default) for one, default in zip(found, ("obs", "calc"), strict=True)]
    if len({one.attrs.get("mtz_type") in _INTENSITIES for one in found}) == 2:
        raise FormatError(
            f"{names[0]} and {names[1]} cannot be compared: one is of intensities (mtz_type J or "
            "K), and the other is not"
        )
    for one, name in zip(found, names, strict=True):
        if one.ndim > 1:
            raise FormatError(
                f"{name} has the dimensions {one.dims}; choose one column along {dim}, with .sel "
                "or .isel"
            )
    real = [abs(one) if one.dtype.kind == "c" else one for one in found]
    columns = {
        key: number_column(ds, one).astype(np.float64).variable
        for key, one in zip(("obs", "calc"), real, strict=True)
    }
    if flags is not None:
        columns["free"] = on_rows(ds, flags).variable
    both = ds.drop_vars(list(ds.data_vars)).assign(columns).compute()
    known = np.isfinite(both["obs"].values) & np.isfinite(both["calc"].values)
    if not known.any():
        raise MillerIndexError(
            f"none of {known.size} reflections has values of both {names[0]} and {names[1]}"
        )
    return both.isel({dim: np.flatnonzero(known)}), names[0], names[1]


def _called(column: xr.DataArray, default: str) -> str:
    name = str(default if column.name is None else column.name)
    return f"|{name}|" if column.dtype.kind == "c" else name


def resolution_axis(ax: Axes) -> None:
    """Label a horizontal axis of 1/d² (Å⁻²) by round d (Å), for what is drawn by now."""
    low, high = ax.get_xlim()
    low = max(low, 0.0)
    powers = [10.0**i for i in range(math.floor(math.log10(high**-0.5)), 4)]
    spacings = np.array([round(one * power, 9) for one in _SPACINGS for power in powers])
    places = spacings**-2.0
    inside = (places >= low) & (places <= high)
    places, spacings = places[inside], spacings[inside]
    labels = [f"{d:g}" for d in spacings]
    chosen = well_apart(places / (high - low), labels)
    ax.set_xticks(places[chosen].tolist(), [labels[i] for i in chosen])
    ax.set_xlabel("d / Å")


def well_apart(places: Array, labels: list[str]) -> list[int]:
    """Return which labels do not come too close to others; those listed first are preferred.

    Parameters
    ----------
    places : ndarray, shape (n,)
        In units of the length of the axis.
    labels : list of str
    """
    apart = max(_APART, _CHARACTER * max(map(len, labels), default=0))
    chosen: list[int] = []
    for i, place in enumerate(places):
        if all(abs(place - places[other]) >= apart for other in chosen):
            chosen.append(i)
    return chosen


def round_numbers(largest: float) -> Array:
    """Return zero, and 1, 2 and 5 times powers of ten up to a number, the largest first."""
    if not largest > 0:
        return np.zeros(1)
    top = math.floor(math.log10(largest))
    numbers = [one * 10.0**power for power in range(top - 4, top + 1) for one in (1, 2, 5)]
    return np.array([0.0, *sorted((one for one in numbers if one <= largest), reverse=True)])


def percent_axis(ax: Axes) -> None:
    """Label a vertical axis of fractions in per cent, from 0 on."""
    ax.set_ylim(0, None)
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.12g}%")
