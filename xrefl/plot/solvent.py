"""The bulk solvent of a fit, by resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xrefl.hkl.reflections import resolution
from xrefl.plot._axes import pyplot
from xrefl.plot._graph import resolution_axis
from xrefl.plot._paper import graph_axes
from xrefl.scaling.result import ScalingResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["k_mask"]

_POINTS = 200


def k_mask(result: ScalingResult, *, ax: Axes | None = None) -> Axes:
    """Draw the part of the structure factors of a solvent mask in F_total, against resolution.

    F_total is proportional to F_calc + k_mask F_mask. k_mask is k_sol exp(-B_sol/(4d²)), drawn
    with a band of one standard uncertainty, from the covariance of both parameters; or it is
    linear in 1/d² between nodes, whose bars are their standard uncertainties. Nodes without a bar
    were held at 0, below which they would have gone.

    Parameters
    ----------
    result : ScalingResult
        What `xrefl.scale` returned.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure. Further results in the same axes have another
        colour.

    Returns
    -------
    matplotlib Axes
        Horizontally 1/d² in Å⁻², labelled by d; vertically k_mask, e Å⁻³.

    Raises
    ------
    ValueError
        There is no solvent in the fit.
    TypeError
        This is no result of scaling.
    XreflError
        Matplotlib is not installed.

    Examples
    --------
    >>> import matplotlib, xrefl
    >>> matplotlib.use("agg")
    >>> model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    >>> ds = xrefl.tutorial.open("5wkd")
    >>> calc = model.xtal.structure_factors(ds)
    >>> mask = model.xtal.solvent_mask().xtal.to_structure_factors(dmin=1.79)
    >>> f = [one.xtal.structure_factor("F", "PHI") for one in (calc, mask)]
    >>> ax = xrefl.plot.k_mask(xrefl.scale(ds.FP, None, *f))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['k_sol ..., B_sol ... Å²']
    >>> matplotlib.pyplot.close(ax.figure)
    """
    pyplot()
    if not isinstance(result, ScalingResult):
        raise TypeError(f"this is what xrefl.scale returns, not {type(result).__name__}")
    nodes = result.k_mask
    if nodes is None and np.isnan(result.k_sol):
        raise ValueError("there is no solvent in this fit: give xrefl.scale an f_mask")
    with graph_axes(ax) as ax:
        if nodes is None:
            _draw_exponential(ax, result)
        else:
            names = [f"k_mask_{node}" for node in range(nodes.size)]
            errors = result.errors[names].to_numpy()
            ax.errorbar(
                nodes["inv_d2"].values,
                nodes.values,
                np.where(errors > 0, errors, np.nan),
                marker="o",
                elinewidth=0.7,
                label=f"k_mask at {nodes.size} nodes",
            )
        ax.axhline(0, color="0.8", lw=0.6, zorder=0)
        ax.set_ylabel("k_mask / e Å⁻³")
        resolution_axis(ax)
        ax.legend(frameon=False)
    return ax


def _draw_exponential(ax: Axes, result: ScalingResult) -> None:
    low, high = (d**-2 for d in resolution(result.f_total))
    s2 = np.linspace(low, high, _POINTS)
    damping = np.exp(-0.25 * result.b_sol * s2)
    slopes = np.stack([damping, -0.25 * s2 * result.k_sol * damping])
    names = ["k_sol", "b_sol"]
    covariance = result.covariance.loc[names, names].to_numpy()
    error = np.sqrt(np.einsum("in,ij,jn->n", slopes, covariance, slopes))
    values = result.k_sol * damping
    errors = [f" ± {error:.2g}" if error > 0 else "" for error in result.errors[names]]
    label = f"k_sol {result.k_sol:.3f}{errors[0]}, B_sol {result.b_sol:.1f}{errors[1]} Å²"
    (line,) = ax.plot(s2, values, label=label)
    color = line.get_color()
    ax.fill_between(s2, values - error, values + error, color=color, alpha=0.2, lw=0)
