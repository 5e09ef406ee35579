"""R factors by resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xrefl.errors import FormatError, MillerIndexError, MissingColumnError
from xrefl.hkl import find, reflections
from xrefl.hkl.crystal import space_group, unit_cell
from xrefl.plot._graph import percent_axis, resolution_axis
from xrefl.plot._pairs import compared
from xrefl.plot._paper import graph_axes
from xrefl.statistics import agreement, means
from xrefl.statistics._default_shells import default_shells
from xrefl.statistics.columns import Column, find_column
from xrefl.statistics.shells import Shells, require_shells

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["r_factor"]

# Reflections of a shell, and how many shells, unless shells are given.
_EACH, _FEWEST, _MOST = 100, 5, 20


def r_factor(
    ds: xr.Dataset,
    obs: Column,
    calc: Column,
    *,
    shells: Shells | None = None,
    free: Column | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the R factor of two columns against resolution, of the work set and the free set.

    R = Σ |obs - calc| / Σ obs in shells, each at the mean 1/d² of its reflections. Bars about
    R-free are its standard uncertainty R/√(2n) for n free reflections (Tickle, Laskowski & Moss,
    2000, Acta Cryst. D56, 442): a shell with few of them says little. The legend has R of all
    shells together. Columns are taken as they are: bring them to one scale first.

    Parameters
    ----------
    ds : Dataset
        Merged or unmerged reflections. Dask-backed columns are computed.
    obs, calc : str or DataArray
        Amplitudes, or the absolute values of complex numbers. Reflections do not count if either
        is NaN.
    shells : Shells, optional
        By default 5 to 20 shells of about 100 reflections.
    free : str or DataArray, optional
        Flags of the free set: True and False, or a column as ``ds.xtal.free_flag()`` returns it.
        By default the column that it finds; if there is none, or if it does not tell which
        value marks the free set, R is that of all reflections, which the legend then says.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure. Further graphs in the same axes have another
        colour.

    Returns
    -------
    matplotlib Axes
        Horizontally 1/d² in Å⁻², labelled by d; vertically R.

    Raises
    ------
    MillerIndexError
        No reflection has both values, or none that has them has a flag.
    MissingColumnError
        There is no such column.
    FormatError
        The flags that are given do not tell which value marks the free set; one column is of
        intensities and the other is not, or has further dimensions.
    CrystalError
        The unit cell or the space group is not known.
    TypeError, ValueError, CrystalMismatchError
        As for `ds.xtal.r_factor`.
    XreflError
        Matplotlib is not installed.

    Examples
    --------
    >>> import matplotlib, xrefl
    >>> matplotlib.use("agg")
    >>> ax = xrefl.tutorial.open("5wkd").xtal.plot.r_factor("FP", "FC_ALL")
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['FC_ALL: R-work 19.46%', 'FC_ALL: R-free 16.43%']
    >>> matplotlib.pyplot.close(ax.figure)
    """
    flags = _flags(ds, free)
    pairs = compared(ds, obs, calc, flags)
    both, name = pairs.ds, pairs.calc
    sets: list[Any] = [] if flags is None else ["free"]
    if shells is None:
        shells = _default(both)
    at = means.mean(both, reflections.inv_d2(both).rename("inv_d2"), by=require_shells(shells))
    known = xr.Dataset(
        {
            "at": at,
            "n": agreement.correlation(both, "obs", "calc", by=[shells, *sets])["n"],
            "r": agreement.r_factor(both, "obs", "calc", by=[shells, *sets]),
            "overall": agreement.r_factor(both, "obs", "calc", by=sets),
        }
    )
    if not known["n"].any():
        raise MillerIndexError("no reflection with both values has a flag of the free set")
    with graph_axes(ax) as ax:
        if not sets:
            _draw(ax, known, f"{name}: R, all reflections,")
        else:
            color = _draw(ax, known.sel(free="work"), f"{name}: R-work")
            _draw(ax, known.sel(free="free"), f"{name}: R-free", is_free=True, color=color)
        ax.set_ylabel("R")
        percent_axis(ax)
        resolution_axis(ax)
        ax.legend(frameon=False)
    return ax


def _default(both: xr.Dataset) -> Shells:
    hkl = [both[name].values for name in "hkl"]
    rows = np.ones(both["obs"].shape, np.bool_)
    return default_shells(
        unit_cell(both), space_group(both), hkl, rows, each=_EACH, fewest=_FEWEST, most=_MOST
    )


def _draw(
    ax: Axes, known: xr.Dataset, label: str, *, is_free: bool = False, color: Any = None
) -> Any:
    """Draw R of one set in shells that have reflections of it, and return the colour."""
    drawn = known.isel(shell=(known["n"] > 0).values)
    if not drawn.sizes["shell"]:
        return None
    r = drawn["r"].values
    line = ax.errorbar(
        drawn["at"].values,
        r,
        r / np.sqrt(2 * drawn["n"].values) if is_free else None,
        color=color,
        marker="o",
        mfc="white" if is_free else None,
        ls="--" if is_free else "-",
        elinewidth=0.7,
        label=f"{label} {float(drawn['overall']):.2%}",
    )[0]
    return line.get_color()


def _flags(ds: xr.Dataset, free: Column | None) -> xr.DataArray | None:
    """Return 1 where reflections are free, 0 where they are not, NaN where that is not known."""
    if free is None:
        try:
            column = find.free_flag(ds)
        except MissingColumnError:
            return None
    else:
        column = find_column(ds, free)
    if column.dtype.kind == "b":
        return _as_flags(column.astype(np.float64))
    column = find.with_convention(column.compute())
    if "free_value" in column.attrs:
        value = column.attrs["free_value"]
        is_free = (column == value).astype(np.float64)
        return _as_flags(is_free.where(column.notnull()))
    if free is None:
        return None
    raise FormatError(
        f"which value of {column.name!r} marks the free set "
        f"{column.attrs['free_value_reason']}; give flags == value"
    )


def _as_flags(column: xr.DataArray) -> xr.DataArray:
    return column.assign_attrs(free_value=1).rename("free")
