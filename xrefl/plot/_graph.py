"""What graphs of reflections have in common: axes of resolution, ticks, counts as colours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "draw_counts",
    "from_zero",
    "number_labels",
    "percent_axis",
    "resolution_axis",
    "round_numbers",
    "well_apart",
]

# Numbers that spacings on an axis may be, but for powers of ten; the first ones rather than others.
_SPACINGS = (1, 2, 3, 5, 1.5, 2.5, 4, 1.2, 1.8, 1.6, 1.4, 2.2, 3.5, 7, 1.1, 1.3, 1.7, 1.9)
# What labels of ticks need of the length of an axis: at least, and for each character.
_APART, _CHARACTER = 0.085, 0.027
# Of few reflections and of many, in between the colour that dots have.
_SHADES = ("#BFDDEE", "#0072B2", "#001B33")

Array = NDArray[np.float64]


def resolution_axis(ax: Axes) -> None:
    """Label a horizontal axis of 1/d² by d, the resolution.

    Along 1/d² reflections are spread more evenly than along d, and falloffs are straight. Draw
    first: labels are chosen for what the axis shows by then.

    Parameters
    ----------
    ax : matplotlib Axes
        Its horizontal axis is of 1/d² in Å⁻². Ticks become those of round d in Å.

    Examples
    --------
    >>> import matplotlib, xrefl
    >>> matplotlib.use("agg")
    >>> ds = xrefl.tutorial.open("5e5z")
    >>> ax = matplotlib.pyplot.figure().add_subplot()
    >>> points = ax.plot(ds.xtal.inv_d2(), ds.FP / ds.SIGFP, ".")
    >>> xrefl.plot.resolution_axis(ax)
    >>> ax.get_xlabel(), ax.get_xticklabels()[0].get_text()
    ('d / Å', '10')
    >>> matplotlib.pyplot.close(ax.figure)
    """
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


def number_labels(numbers: Array) -> list[str]:
    """Return numbers as text, with commas between thousands."""
    return [f"{number:,.12g}".replace("-", "−") for number in numbers]


def from_zero(ax: Axes) -> None:
    """Let a vertical axis begin at zero, with room above all that is drawn by now."""
    ax.autoscale()
    highest = float(ax.dataLim.y1)
    ax.set_ylim(0, 1.06 * highest if 0 < highest < math.inf else 1.0)


def percent_axis(ax: Axes) -> None:
    """Label a vertical axis of fractions in per cent, from 0 on."""
    from_zero(ax)
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.12g}%")


def draw_counts(ax: Axes, x: ArrayLike, y: ArrayLike, counts: NDArray[Any], noun: str) -> str:
    """Draw how many reflections are in each cell, as colours, and return one for a legend.

    Parameters
    ----------
    x, y : array_like of float, shapes (n + 1,) and (m + 1,)
        Edges of cells.
    counts : ndarray, shape (n, m)
    noun : str
        What is counted.
    """
    from matplotlib.colors import LinearSegmentedColormap, LogNorm

    colors = LinearSegmentedColormap.from_list("counts", _SHADES)
    norm = LogNorm(1, max(float(counts.max()), 2.0))
    shown = np.ma.masked_equal(counts.T, 0)
    mesh = ax.pcolormesh(x, y, shown, cmap=colors, norm=norm, rasterized=True, zorder=2)
    bar = ax.figure.colorbar(mesh, ax=ax, label=noun, shrink=0.8, aspect=25, pad=0.02)
    bar.outline.set_linewidth(0)
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.12g}")
    style = ax.yaxis.get_tick_params()  # which ticks that are made later would not have
    bar.ax.tick_params(**{key: style[key] for key in ("labelsize", "width") if key in style})
    return _SHADES[1]
