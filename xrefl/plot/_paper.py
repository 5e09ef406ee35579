"""The style of graphs: as wide as a column of a paper, where all of their text can be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from xrefl.plot._axes import NEGATIVE, POSITIVE, pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["BLACK", "COLORS", "MARKERS", "graph_axes", "panels", "paper_style", "picture_axes"]

COLORS = (POSITIVE, NEGATIVE, "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Of the palette of Okabe & Ito, in the order in which graphs in the same axes take them."""
MARKERS = "os^Dv<"
"""Graphs have other markers as well, so that they are told apart without colours."""
BLACK = "0.25"
"""Of lines that help to read a graph."""

# Inches: 85 mm.
_WIDTH = 85 / 25.4
# What is beside a picture with a legend, and below and above it; the lowest and the highest.
_BESIDE, _BELOW, _LOWEST, _HIGHEST = 1.1, 0.75, 0.6, 4.0
_TICK_LABEL, _TICK, _TICK_WIDTH = 7.0, 3.0, 0.6
_STYLE: dict[str, Any] = {
    "figure.dpi": 200,
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": _TICK_LABEL,
    "ytick.labelsize": _TICK_LABEL,
    "legend.fontsize": 7.0,
    "legend.framealpha": 0.8,
    "legend.edgecolor": "none",
    "legend.fancybox": False,
    "legend.handlelength": 1.6,
    "legend.handletextpad": 0.5,
    "legend.labelspacing": 0.3,
    "legend.borderaxespad": 0.3,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.2,
    "errorbar.capsize": 1.8,
}
# Figures that were made here: what is added to them is in the same style.
_OURS: WeakSet[Any] = WeakSet()


@contextmanager
def paper_style() -> Iterator[None]:
    """Draw meanwhile in the style of our pictures; settings of Matplotlib are as before afterwards.

    New figures of our plots have this style by themselves, as wide as a column of a paper
    (85 mm). What you add to them, and figures of your own beside them, have it within this.

    Raises
    ------
    XreflError
        Matplotlib is not installed.

    Examples
    --------
    >>> import matplotlib, xrefl
    >>> matplotlib.use("agg")
    >>> ax = xrefl.tutorial.open("5e5z").xtal.plot.wilson("FP")
    >>> with xrefl.plot.paper_style():
    ...     line = ax.axvline(4.0**-2, color="0.5", label="4 Å")
    ...     legend = ax.legend()
    >>> legend.get_texts()[0].get_size()
    7.0
    >>> matplotlib.pyplot.close(ax.figure)
    """
    with pyplot().rc_context(_STYLE):
        yield


@contextmanager
def panels(
    axes: Sequence[Axes] | None, count: int = 1, *, height: float = 2.4
) -> Iterator[list[Axes]]:
    """Give axes to draw in: those given, or those of a new figure, one below the other.

    What is drawn meanwhile in a figure of ours is in our style; settings are as before
    afterwards. A new figure is closed if drawing fails.

    Parameters
    ----------
    axes : sequence of Axes, optional
    count : int
        Of new axes.
    height : float
        Of a new figure, inches; it is 85 mm wide.
    """
    plt = pyplot()
    if axes is not None and not all(ax.figure in _OURS for ax in axes):
        yield list(axes)
        return
    with paper_style():
        if axes is not None:
            yield list(axes)
            return
        fig, grid = plt.subplots(
            count, figsize=(_WIDTH, height), sharex=True, squeeze=False, layout="compressed"
        )
        fig.get_layout_engine().set(w_pad=0.03, h_pad=0.03)
        _OURS.add(fig)
        for ax in grid[:, 0]:
            ax.set_prop_cycle(color=COLORS)
            # ticks are made when they are drawn, and would have another style then
            ax.tick_params(labelsize=_TICK_LABEL, length=_TICK, width=_TICK_WIDTH)
        try:
            yield list(grid[:, 0])
        except BaseException:
            plt.close(fig)
            raise


@contextmanager
def graph_axes(ax: Axes | None, *, height: float = 2.4) -> Iterator[Axes]:
    """Give the axes to draw in: those given, or those of a new figure; see `panels`."""
    with panels(None if ax is None else [ax], height=height) as (only,):
        yield only


@contextmanager
def picture_axes(ax: Axes | None, width: float, height: float) -> Iterator[Axes]:
    """Give the axes to draw in at true angles, those of a new figure in the shape of the picture.

    Parameters
    ----------
    ax : Axes, optional
    width, height : float
        Of what will be drawn, in any unit.
    """
    inches = (_WIDTH - _BESIDE) * height / width
    with graph_axes(ax, height=min(max(inches, _LOWEST), _HIGHEST) + _BELOW) as only:
        if ax is None:
            only.spines[:].set_visible(True)
        only.set_aspect("equal")
        yield only
