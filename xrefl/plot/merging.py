"""Statistics of merging against resolution: R factors, and correlations with their limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xrefl.merging.resolution_estimate import resolution_estimate
from xrefl.plot._along import chosen, places_of_shells, require_dataset
from xrefl.plot._axes import pyplot
from xrefl.plot._graph import percent_axis, resolution_axis
from xrefl.plot._labels import quantity
from xrefl.plot._paper import BLACK, MARKERS, graph_axes
from xrefl.plot.shells import draw_shells

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["cc_half", "r_factors"]

_SOURCE = "ds.xtal.merging_statistics(shells=20)"
_R_FACTORS = ("r_merge", "r_meas", "r_pim")
_POINTS = 200


def r_factors(statistics: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    r"""Draw Rmerge, Rmeas and Rpim against resolution.

    Parameters
    ----------
    statistics : Dataset
        What ``ds.xtal.merging_statistics()`` returns, in shells. Standard errors, if they were
        asked for, are drawn as bars.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure, 85 mm wide.

    Returns
    -------
    matplotlib Axes
        Horizontally 1/d² in Å⁻², labelled by d; vertically R. The legend has R over all shells.

    Raises
    ------
    TypeError
        This is no Dataset.
    MissingColumnError
        These are not statistics of merging in shells.
    XreflError
        Matplotlib is not installed.

    Examples
    --------
    >>> import matplotlib, xrefl
    >>> matplotlib.use("agg")
    >>> model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    >>> stats = xrefl.simulate_unmerged(model, dmin=2.0).xtal.merging_statistics(shells=8)
    >>> ax = stats.xtal.plot.r_factors()
    >>> ax.get_legend().get_texts()[1].get_text()
    'R$_\\mathrm{meas}$ 5.6%'
    >>> matplotlib.pyplot.close(ax.figure)
    """
    pyplot()
    stats = require_dataset(statistics, _SOURCE)
    found = chosen(stats, _R_FACTORS, "shell", _SOURCE)
    with graph_axes(ax) as ax:
        for one, marker in zip(found, MARKERS, strict=False):
            label = quantity(one).label
            if f"{one.name}_overall" in stats:
                label += f" {float(stats[f'{one.name}_overall']):.1%}"
            draw_shells(ax, one, label, stats.get(f"{one.name}_error"), marker=marker)
        ax.set_ylabel("R")
        percent_axis(ax)
        resolution_axis(ax)
        ax.legend()
    return ax


def cc_half(statistics: xr.Dataset, *, threshold: float = 0.3, ax: Axes | None = None) -> Axes:
    """Draw CC1/2, CC* and the correlation of anomalous differences against resolution.

    The dashed curve is fitted to CC1/2, and the dotted lines lead from the threshold to the
    resolution that `xrefl.resolution_estimate` finds with it.

    Parameters
    ----------
    statistics : Dataset
        What ``ds.xtal.merging_statistics()`` returns, in shells.
    threshold : float
        Of CC1/2, between 0 and 1.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure, 85 mm wide.

    Returns
    -------
    matplotlib Axes
        Horizontally 1/d² in Å⁻², labelled by d. The legend says at which d the curve falls to
        the threshold. What has no value in any shell is left out.

    Raises
    ------
    TypeError
        This is no Dataset.
    MissingColumnError
        These are not statistics of merging in shells.
    ValueError
        The threshold makes no sense.
    XreflError
        Matplotlib is not installed.

    Examples
    --------
    >>> import matplotlib, xrefl
    >>> matplotlib.use("agg")
    >>> model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    >>> noise = xrefl.Noise(counts=10)
    >>> ds = xrefl.simulate_unmerged(model, dmin=1.2, noise=noise)
    >>> ax = ds.xtal.merging_statistics(shells=12).xtal.plot.cc_half()
    >>> ax.get_legend().get_texts()[-1].get_text()
    'CC$_{1/2}$ = 0.3 at 1.45 Å'
    >>> matplotlib.pyplot.close(ax.figure)
    """
    pyplot()
    stats = require_dataset(statistics, _SOURCE)
    found = chosen(stats, ("cc_half", "cc_star", "cc_anom"), "shell", _SOURCE)
    estimate = resolution_estimate(stats, cc_half=threshold)
    with graph_axes(ax) as ax:
        colors = [
            draw_shells(ax, one, quantity(one).label, marker=marker, ls="")
            for one, marker in zip(found, MARKERS, strict=False)
            if one.notnull().any()
        ]
        _draw_curve(ax, estimate["cc_half_fitted"], colors[0] if colors else None)
        _draw_limit(ax, estimate.sel(criterion="cc_half"), quantity(found[0]).label)
        lowest = min(0.0, *(float(one.min()) for one in found if one.notnull().any()))
        ax.set_ylim(1.08 * lowest - 0.02, 1.04)
        ax.set_ylabel("correlation")
        resolution_axis(ax)
        ax.legend(loc="best")
    return ax


def _draw_curve(ax: Axes, fitted: xr.DataArray, color: str | None) -> None:
    """Draw the curve between shells: its logit is linear in 1/d²."""
    s2, values = places_of_shells(fitted), fitted.values
    known = (values > 1e-9) & (values < 1 - 1e-9)
    if known.sum() < 2:
        return
    line = np.polynomial.Polynomial.fit(s2[known], np.log(values[known] / (1 - values[known])), 1)
    at = np.linspace(s2[0], s2[-1], _POINTS)
    ax.plot(at, 1 / (1 + np.exp(-line(at))), "--", color=color, lw=0.9, zorder=1.5)


def _draw_limit(ax: Axes, estimate: xr.Dataset, name: str) -> None:
    """Draw the threshold, and where CC1/2 falls to it."""
    d, threshold = float(estimate["d"]), float(estimate["threshold"])
    style: dict[str, Any] = {"color": BLACK, "lw": 0.8, "ls": ":", "zorder": 1}
    if np.isnan(d):
        label = f"{name} = {threshold:g}"
    elif estimate["reached"]:
        label = f"{name} = {threshold:g} at {d:.2f} Å"
        ax.axvline(d**-2, **style)
    else:
        label = f"{name} > {threshold:g} to {d:.2f} Å, all data"
    ax.axhline(threshold, label=label, **style)
