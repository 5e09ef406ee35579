"""Observed against calculated amplitudes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.plot._graph import draw_counts, number_labels, round_numbers, well_apart
from xrefl.plot._pairs import compared
from xrefl.plot._paper import BLACK, graph_axes
from xrefl.statistics import agreement as statistics
from xrefl.statistics.columns import Column

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["agreement"]

# So many reflections are drawn as dots; of more, their number in squares.
_MOST_DOTS = 4000
# Squares along each axis.
_SQUARES = 120
_MARGIN = 0.02

Array = NDArray[np.float64]


def agreement(ds: xr.Dataset, obs: Column, calc: Column, *, ax: Axes | None = None) -> Axes:
    """Draw observed against calculated amplitudes, with the line where both are the same.

    Axes are as the square roots of values, so that weak reflections are seen as well as strong
    ones. More than 4000 reflections are counted in squares; one that is alone in its square can
    still be seen. The legend has R = Σ |obs - calc| / Σ obs and Pearson's coefficient of
    correlation. Columns are taken as they are: bring them to one scale first.

    Parameters
    ----------
    ds : Dataset
        Merged or unmerged reflections. Dask-backed columns are computed.
    obs, calc : str or DataArray
        Amplitudes, or the absolute values of complex numbers; or both intensities. Reflections
        do not count if either is NaN.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure. Its scales become those of square roots.

    Returns
    -------
    matplotlib Axes
        Horizontally ``calc``, vertically ``obs``.

    Raises
    ------
    MillerIndexError
        No reflection has both values.
    MissingColumnError
        There is no such column.
    FormatError
        One column is of intensities and the other is not, or has further dimensions.
    TypeError, ValueError, CrystalMismatchError
        As for `ds.xtal.r_factor`.
    XreflError
        Matplotlib is not installed.

    Examples
    --------
    >>> import matplotlib, xrefl
    >>> matplotlib.use("agg")
    >>> ax = xrefl.tutorial.open("5wkd").xtal.plot.agreement("FP", "FC_ALL")
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['367 reflections: R 19.30%, CC 0.956', 'FP = FC_ALL']
    >>> matplotlib.pyplot.close(ax.figure)
    """
    both = compared(ds, obs, calc)
    x, y = both.x, both.y
    r = float(statistics.r_factor(both.ds, "obs", "calc"))
    cc = float(statistics.correlation(both.ds, "obs", "calc")["cc"])
    label = f"{len(x):,} reflections: R {r:.2%}, CC {cc:.3f}"
    with graph_axes(ax, height=3.1) as ax:
        limits = _limits(x, y)
        ax.set_xscale("function", functions=(_root, _squared))
        ax.set_yscale("function", functions=(_root, _squared))
        if len(x) <= _MOST_DOTS:
            ax.plot(x, y, "o", ms=2.5, mew=0, alpha=0.55, label=label, zorder=2)
        else:
            _draw_counts(ax, x, y, limits, label)
        line: dict[str, Any] = {"color": BLACK, "lw": 0.8, "zorder": 1.5}
        ax.axline((0, 0), (1, 1), label=f"{both.obs} = {both.calc}", **line)
        ax.set(xlim=limits, ylim=limits, xlabel=both.calc, ylabel=both.obs, aspect="equal")
        _set_ticks(ax, limits)
        ax.legend(loc="upper left", frameon=False, handlelength=1.2)
    return ax


def _root(values: Any) -> Any:
    """Return square roots, those of negative values negative."""
    return np.sign(values) * np.sqrt(np.abs(values))


def _squared(values: Any) -> Any:
    return np.sign(values) * np.square(values)


def _limits(x: Array, y: Array) -> Array:
    """Return limits of both axes, with margins, and zero within."""
    low, high = _root(min(x.min(), y.min(), 0.0)), _root(max(x.max(), y.max(), 0.0))
    margin = _MARGIN * (high - low) or 1.0
    return np.asarray(_squared(np.array([low - margin, high + margin])))


def _draw_counts(ax: Axes, x: Array, y: Array, limits: Array, label: str) -> None:
    low, high = _root(limits)
    steps = np.linspace(low, high, _SQUARES + 1)
    counts, _, _ = np.histogram2d(_root(x), _root(y), [steps, steps])
    edges = _squared(steps)
    color = draw_counts(ax, edges, edges, counts, "reflections in a square")
    ax.plot([], [], "s", mew=0, color=color, label=label)


def _set_ticks(ax: Axes, limits: Array) -> None:
    low, high = limits
    numbers = np.append(round_numbers(high), -round_numbers(-low)[1:])
    labels = number_labels(numbers)
    chosen = well_apart(_root(numbers) / (_root(high) - _root(low)), labels)
    for set_ticks in (ax.set_xticks, ax.set_yticks):
        set_ticks(numbers[chosen].tolist(), [labels[i] for i in chosen])
