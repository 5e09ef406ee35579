"""The Wilson plot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xrefl.errors import MillerIndexError
from xrefl.hkl import reflections
from xrefl.hkl.crystal import reflection_dim
from xrefl.plot._axes import pyplot
from xrefl.plot._graph import resolution_axis
from xrefl.plot._paper import graph_axes
from xrefl.statistics import wilson as statistics
from xrefl.statistics.columns import Column
from xrefl.statistics.intensity import is_amplitude, single_column
from xrefl.statistics.shells import Shells

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["wilson"]


def wilson(
    ds: xr.Dataset,
    column: Column,
    *,
    residues: float | None = None,
    atoms: Mapping[str, float] | None = None,
    shells: Shells | None = None,
    dmax: float | None = 4.0,
    ax: Axes | None = None,
) -> Axes:
    """Draw a Wilson plot, with the line whose slope is the overall B factor.

    Points are ln(<I/ε> / Σf²) in shells, as `xrefl.statistics.wilson.wilson` has them. Open ones
    are beyond ``dmax`` and not part of the fit.

    Parameters
    ----------
    ds : Dataset
        Reflections, merged or unmerged. Dask-backed ones are computed.
    column : str or DataArray
        Amplitudes, which are squared, or intensities; ``mtz_type`` tells which.
    residues : float, optional
        Amino-acid residues in the asymmetric unit.
    atoms : mapping, optional
        Instead of residues: number of atoms of each element in the asymmetric unit. Without
        either, Σf² is that of one residue of average protein. The number of residues moves all
        points up or down, and B does not depend on it.
    shells : Shells, optional
        By default shells of about 50 reflections, at most 50.
    dmax : float or None
        Largest d (Å) of the reflections that are fitted; None takes all.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure, 85 mm wide. Further plots in the same axes have
        another colour.

    Returns
    -------
    matplotlib Axes
        Horizontally 1/d² in Å⁻², labelled by d. The legend has B with its standard error (Å²),
        and the scale k if the contents are given.

    Raises
    ------
    MissingColumnError, ValueError, CrystalError, CrystalMismatchError, MillerIndexError
        As `xrefl.statistics.wilson.wilson`.
    XreflError
        Matplotlib is not installed.

    Examples
    --------
    >>> import matplotlib, xrefl
    >>> matplotlib.use("agg")
    >>> ax = xrefl.tutorial.open("5e5z").xtal.plot.wilson("FP")
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['FP: B = 3.3 ± 2.0 Å²', 'd > 4 Å, not fitted']
    >>> matplotlib.pyplot.close(ax.figure)
    """
    pyplot()
    values = single_column(ds, column)
    is_amplitude(values)  # or else an error
    name = "values" if values.name is None else str(values.name)
    alone = ds.drop_vars(list(ds.data_vars)).assign({name: values.variable.compute()})
    known = residues is not None or atoms is not None
    contents = 1.0 if not known else residues
    found = statistics.wilson(alone, name, residues=contents, atoms=atoms, shells=shells, dmax=dmax)
    label = f"{name}: B = {found.b:.1f} ± {found.se_b:.1f} Å²"
    if known:
        label += f", k = {found.scale:.3g}"
    plot = found.plot.isel(shell=(found.plot["n"] > 0).values)
    at = plot["inv_d2"].values
    with graph_axes(ax) as ax:
        (line,) = ax.plot(at, plot["fitted"].values, label=label)
        style: dict[str, Any] = {"color": line.get_color(), "ls": ""}
        ax.plot(at, plot["ln_ratio"].values, marker="o", **style)
        beyond = None if dmax is None else _beyond(alone, name, dmax, contents, atoms, shells)
        if beyond is not None:
            ax.plot(
                *beyond,
                marker="o",
                mfc="white",
                mew=0.8,
                label=f"d > {dmax:g} Å, not fitted",
                **style,
            )
        ax.set_ylabel("ln(⟨I/ε⟩ / Σf²)")
        resolution_axis(ax)
        ax.legend()
    return ax


def _beyond(
    ds: xr.Dataset,
    name: str,
    dmax: float,
    residues: float | None,
    atoms: Mapping[str, float] | None,
    shells: Shells | None,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the plot of reflections that are not fitted; None if they are too few for one."""
    rows = np.flatnonzero(reflections.inv_d2(ds).values < dmax**-2)
    few = ds.isel({reflection_dim(ds): rows})
    try:
        plot = statistics.wilson(
            few, name, residues=residues, atoms=atoms, shells=shells, dmax=None
        ).plot
    except MillerIndexError:
        return None
    return plot["inv_d2"].values, plot["ln_ratio"].values
