"""Statistics in shells against resolution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xrefl.errors import MissingColumnError
from xrefl.plot._along import chosen, places_of_shells
from xrefl.plot._axes import pyplot
from xrefl.plot._graph import from_zero, percent_axis, resolution_axis
from xrefl.plot._labels import PERCENT, common_label, quantity
from xrefl.plot._paper import MARKERS, graph_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_shells", "shells"]

# Graphs that can be told apart.
_MOST_GRAPHS = 12

_SOURCE = "ds.xtal.merging_statistics(), or .mean, .completeness and others with by=shells"


def shells(statistics: xr.Dataset | xr.DataArray, *names: str, ax: Axes | None = None) -> Axes:
    """Draw statistics in shells against resolution.

    Points are at the mean 1/d² of a shell if that is known (``inv_d2``), as in statistics of
    merging, and else in its middle. Where there is a standard error (``r_meas_error`` for
    ``r_meas``), it is drawn as bars. R factors and completeness are in per cent.

    Parameters
    ----------
    statistics : Dataset or DataArray
        Anything along ``shell`` with the limits ``dmin`` and ``dmax``: what
        ``ds.xtal.merging_statistics()`` returns, or ``ds.xtal.completeness(by=shells)``,
        ``.mean``, ``.i_over_sigma``, ``.r_factor`` and others. One further dimension makes a
        graph for each of its values, as ``free`` does. Lazy ones are computed.
    *names : str
        Which of them; they must have the same unit. Not needed if there is only one.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure, 85 mm wide. Further graphs in the same axes have
        other colours.

    Returns
    -------
    matplotlib Axes
        Horizontally 1/d² in Å⁻², labelled by d.

    Raises
    ------
    MissingColumnError
        There are no such statistics, or none in shells; it is not said which; or their limits
        are not known.
    ValueError
        They have different units, no value at all, or are of several further dimensions or too
        many values of one.
    XreflError
        Matplotlib is not installed.

    Examples
    --------
    >>> import matplotlib, xrefl
    >>> matplotlib.use("agg")
    >>> ds = xrefl.tutorial.open("5e5z")
    >>> found = ds.xtal.i_over_sigma("I", "SIGI", by=ds.xtal.shells(5))
    >>> ax = found.xtal.plot.shells()
    >>> ax.lines[0].get_ydata().round(1)
    array([46.6, 14.3,  9.2,  6.8,  7.8])
    >>> matplotlib.pyplot.close(ax.figure)
    """
    pyplot()
    if isinstance(statistics, xr.DataArray):
        if names:
            raise MissingColumnError(f"this is one statistic already; leave out {names[0]!r}")
        name = statistics.name or "values"
        statistics = statistics.rename(name).to_dataset()
    found = chosen(statistics, names, "shell", _SOURCE)
    quantities = [quantity(one) for one in found]
    units = [one.unit for one in quantities]
    if len(set(units)) > 1:
        listed = ", ".join(
            f"{one.name} ({unit or 'none'})" for one, unit in zip(found, units, strict=True)
        )
        raise ValueError(f"one axis cannot have different units, {listed}; draw them one by one")
    graphs = [
        (label, values.compute(), _errors(statistics, one))
        for one, known in zip(found, quantities, strict=True)
        for label, values in _graphs(one, known.label)
    ]
    if not any(np.isfinite(values.values).any() for _, values, _ in graphs):
        raise ValueError(
            f"{', '.join(str(one.name) for one in found)}: no shell has a value; draw others"
        )
    with graph_axes(ax) as ax:
        for i, (label, values, error) in enumerate(graphs):
            draw_shells(ax, values, label, error, marker=MARKERS[i % len(MARKERS)])
        ax.set_ylabel(common_label(quantities))
        if units[0] == PERCENT:
            percent_axis(ax)
        elif ax.dataLim.y0 >= 0:
            from_zero(ax)
        else:
            ax.autoscale()
        resolution_axis(ax)
        if len(ax.get_legend_handles_labels()[1]) > 1:
            ax.legend()
    return ax


def draw_shells(
    ax: Axes, values: xr.DataArray, label: str, error: xr.DataArray | None = None, **style: Any
) -> Any:
    """Draw one statistic, and return its colour."""
    at = places_of_shells(values)
    if error is None:
        (line,) = ax.plot(at, values.values, label=label, **style)
    else:
        drawn = ax.errorbar(at, values.values, error.values, label=label, elinewidth=0.7, **style)
        line = drawn[0]
    return line.get_color()


def _graphs(statistic: xr.DataArray, label: str) -> Iterator[tuple[str, xr.DataArray]]:
    """Yield a statistic, or one for each value of a further dimension, with labels."""
    others = [dim for dim in statistic.dims if dim != "shell"]
    if len(others) > 1 or (others and statistic.sizes[others[0]] > _MOST_GRAPHS):
        raise ValueError(
            f"{statistic.name!r} has the dimensions {dict(statistic.sizes)}; choose with .sel or "
            f".isel what to draw, at most {_MOST_GRAPHS} values of one dimension beside 'shell'"
        )
    if not others:
        yield label, statistic
        return
    for i in range(statistic.sizes[others[0]]):
        one = statistic.isel({others[0]: i})
        value = one[others[0]].item() if others[0] in one.coords else i
        known = value if isinstance(value, str) else f"{others[0]} {value}"
        yield f"{label}, {known}", one


def _errors(statistics: xr.Dataset, statistic: xr.DataArray) -> xr.DataArray | None:
    name = f"{statistic.name}_error"
    if name in statistics and statistics[name].dims == ("shell",) == statistic.dims:
        return statistics[name].compute()
    return None
