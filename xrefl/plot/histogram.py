"""How values are distributed, of centric and of acentric reflections."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import MillerIndexError
from xrefl.hkl import reflections
from xrefl.plot._axes import pyplot
from xrefl.plot._paper import BLACK, COLORS, graph_axes
from xrefl.statistics.columns import Column
from xrefl.statistics.intensity import is_amplitude, single_column
from xrefl.statistics.normalize import normalize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["histogram"]

Array = NDArray[np.float64]
Curve: TypeAlias = Callable[[Array], Array]

# Parts of the reflections that have values below and above what is drawn.
_TAIL = 0.005
_FEWEST_BINS, _MOST_BINS = 12, 60
_POINTS = 400
# The density of centric E² has no limit at 0.
_NEAR_ZERO = 1e-4
_STYLES: dict[str, dict[str, Any]] = {
    "acentric": {"color": COLORS[0], "ls": "-", "lw": 1.1},
    "centric": {"color": COLORS[1], "ls": "--", "lw": 1.1},
}


def histogram(
    ds: xr.Dataset,
    column: Column,
    *,
    normalized: bool = False,
    bins: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how the values of a column are distributed, of acentric and of centric reflections.

    Of normalized values the probability density is drawn, with what Wilson's statistics give for
    crystals that are not twinned (Wilson, 1949, Acta Cryst. 2, 318): with z = E² it is exp(-z) and
    exp(-z/2)/√(2πz), and with E it is 2E exp(-E²) and √(2/π) exp(-E²/2), for acentric and centric
    reflections.

    Parameters
    ----------
    ds : Dataset
        Reflections, merged or unmerged. Dask-backed columns are computed.
    column : str or DataArray
        Any real numbers.
    normalized : bool
        Whether to normalize them first, as `ds.xtal.normalize` does: intensities become E²,
        amplitudes E. A column of E (``mtz_type`` E) needs no more of that.
    bins : int, optional
        By default 12 to 60 of equal width, more of them for more reflections.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure, 85 mm wide.

    Returns
    -------
    matplotlib Axes
        Horizontally the value, without the largest and smallest 0.5 %; vertically the part of the
        reflections of each kind that is in a bin, or its probability density.

    Raises
    ------
    MillerIndexError
        No reflection has a value.
    ValueError
        The number of bins makes no sense; ``normalized`` needs amplitudes or intensities; or the
        column has further dimensions.
    MissingColumnError, TypeError, CrystalMismatchError
        As for `ds.xtal.mean`.
    CrystalError
        The space group is not known.
    XreflError
        Matplotlib is not installed.

    Examples
    --------
    >>> import matplotlib, xrefl
    >>> matplotlib.use("agg")
    >>> ax = xrefl.tutorial.open("5e5z").xtal.plot.histogram("I", normalized=True)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['acentric (309)', 'centric (94)', 'Wilson, acentric', 'Wilson, centric']
    >>> matplotlib.pyplot.close(ax.figure)
    """
    pyplot()
    if bins is not None and not (isinstance(bins, int | np.integer) and bins > 0):
        raise ValueError(f"a histogram has one bin or more, not {bins!r}")
    found = single_column(ds, column)
    name = "values" if found.name is None else str(found.name)
    theory: dict[str, Curve] = {}
    if normalized:
        squared = not is_amplitude(found)
        found = normalize(ds, found.reset_coords(drop=True), squared=squared)
        theory = _OF_E2 if squared else _OF_E
        name = f"E² of {name}" if squared else f"E of {name}"
    elif found.attrs.get("mtz_type") == "E":
        theory = _OF_E
    kinds = _by_kind(ds, found)
    if not kinds:
        raise MillerIndexError(
            f"none of {found.size} reflections has a value of {name}; name another column"
        )
    edges = _edges(np.concatenate(list(kinds.values())), bins)
    with graph_axes(ax) as ax:
        tops = [_draw(ax, kind, values, edges, bool(theory)) for kind, values in kinds.items()]
        for kind in kinds if theory else ():
            at = np.linspace(max(edges[0], _NEAR_ZERO), edges[-1], _POINTS)
            style: dict[str, Any] = {"lw": 0.8, "ls": _STYLES[kind]["ls"], "color": BLACK}
            ax.plot(at, theory[kind](at), label=f"Wilson, {kind}", **style)
        ax.set_xlim(edges[0], edges[-1])
        ax.set_ylim(0, 1.08 * max(*tops, 1.0 if theory else 0.0))
        unit = found.attrs.get("units")
        ax.set_xlabel(f"{name} / {unit}" if unit else name)
        ax.set_ylabel("probability density" if theory else "reflections in a bin")
        if not theory:
            ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.12g}%")
        ax.legend()
    return ax


def _by_kind(ds: xr.Dataset, found: xr.DataArray) -> dict[str, Array]:
    """Return the finite values of acentric and of centric reflections, if there are any."""
    columns = {"value": found.variable, "centric": reflections.centric(ds).variable}
    both = xr.Dataset(columns).compute()
    values, centric = both["value"].values.astype(np.float64), both["centric"].values
    known = np.isfinite(values)
    kinds = {"acentric": values[known & ~centric], "centric": values[known & centric]}
    return {kind: some for kind, some in kinds.items() if len(some)}


def _draw(ax: Axes, kind: str, values: Array, edges: Array, density: bool) -> float:
    """Draw the histogram of one kind, and return its highest value."""
    heights = np.histogram(values, edges)[0] / len(values)
    if density:
        heights = heights / np.diff(edges)
    ax.stairs(heights, edges, label=f"{kind} ({len(values):,})", **_STYLES[kind])
    return float(heights.max())


def _edges(values: Array, bins: int | None) -> Array:
    low, high = np.quantile(values, [_TAIL, 1 - _TAIL])
    if 0 < low < 0.1 * high:
        low = 0.0
    if not low < high:
        low, high = low - 0.5, high + 0.5
    count = bins or int(np.clip(np.sqrt(len(values)) * 0.7, _FEWEST_BINS, _MOST_BINS))
    return np.linspace(low, high, count + 1)


def _acentric_e2(z: Array) -> Array:
    return np.asarray(np.exp(-z))


def _centric_e2(z: Array) -> Array:
    return np.asarray(np.exp(-z / 2) / np.sqrt(2 * np.pi * z))


def _acentric_e(e: Array) -> Array:
    return np.asarray(2 * e * np.exp(-(e**2)))


def _centric_e(e: Array) -> Array:
    return np.asarray(np.sqrt(2 / np.pi) * np.exp(-(e**2) / 2))


_OF_E2: dict[str, Curve] = {"acentric": _acentric_e2, "centric": _centric_e2}
_OF_E: dict[str, Curve] = {"acentric": _acentric_e, "centric": _centric_e}
