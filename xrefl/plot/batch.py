"""Statistics by batch: how well images, one after the other, agree with the others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import MissingColumnError
from xrefl.plot._along import chosen, require_dataset
from xrefl.plot._axes import pyplot
from xrefl.plot._graph import from_zero, percent_axis, well_apart
from xrefl.plot._labels import PERCENT, common_label, quantity
from xrefl.plot._paper import panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["batch"]

_SOURCE = "ds.xtal.batch_statistics()"
_USUAL = ("scale", "r_merge", "i_over_sigma")
# Values that some should have, and that do not begin at zero.
_LEVELS = {"scale": 1.0, "chi_square": 1.0, "delta_cc_half": 0.0}
_FREE = (*_LEVELS, "cc_half_without")
# Without angles of rotation, more missing batch numbers than this begin another run.
_MISSING = 10
# Between runs, in parts of the whole.
_GAP = 0.03
_FEW = 80

Array = NDArray[np.float64]


class _Run(NamedTuple):
    """Ranges of batches that follow each other."""

    rows: slice
    shift: float
    """What batch numbers are moved by, so that runs stand side by side."""


def batch(
    statistics: xr.Dataset,
    *names: str,
    angle: bool = False,
    ax: Axes | Sequence[Axes] | None = None,
) -> list[Axes]:
    r"""Draw statistics against batch number or rotation angle, one below the other.

    Runs stand side by side, with a line between them: a run ends where the rotation angle does
    not go on as the batch numbers do, or, if angles are not known or do not change, where more
    than ten batch numbers are missing.

    Parameters
    ----------
    statistics : Dataset
        What ``ds.xtal.batch_statistics()`` returns, or ``ds.xtal.dose_statistics()``. Of shells,
        the overall values are drawn.
    *names : str
        Which of them; by default ``scale``, ``r_merge`` and ``i_over_sigma``, as far as they are
        there.
    angle : bool
        Whether to draw against the rotation angle in the middle of each range. Runs then have
        different colours.
    ax : matplotlib Axes, or a sequence of them, optional
        Where to draw, as many as names; by default a new figure, 85 mm wide.

    Returns
    -------
    list of matplotlib Axes
        One for each name.

    Raises
    ------
    TypeError
        This is no Dataset.
    MissingColumnError
        These are not statistics by batch, or have no rotation angles.
    ValueError
        There are more or fewer axes than names.
    XreflError
        Matplotlib is not installed.

    Examples
    --------
    >>> import matplotlib, xrefl
    >>> matplotlib.use("agg")
    >>> model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    >>> ds = xrefl.simulate_unmerged(model, dmin=2.0, n_batches=60)
    >>> axes = ds.xtal.batch_statistics(width=5).xtal.plot.batch("r_merge", "i_over_sigma")
    >>> [ax.get_ylabel() for ax in axes]
    ['R$_\\mathrm{merge}$', '⟨I/σ(I)⟩']
    >>> matplotlib.pyplot.close(axes[0].figure)
    """
    pyplot()
    stats = require_dataset(statistics, _SOURCE)
    if not names:
        names = tuple(name for name in _USUAL if name in stats) or ("rcp",)
    names = tuple(f"{name}_overall" if f"{name}_overall" in stats else name for name in names)
    found = chosen(stats, names, "batch", _SOURCE)
    for one in found:
        if one.dims != ("batch",):
            raise MissingColumnError(f"{one.name!r} is not along 'batch' alone, but {one.dims}")
    if angle and "batch_phi_start" not in stats.coords:
        raise MissingColumnError(
            "rotation angles are not known: there is no coordinate 'batch_phi_start', since the "
            "observations have no batch headers; draw against batch numbers"
        )
    given = None if ax is None else list(ax) if isinstance(ax, Sequence | np.ndarray) else [ax]
    if given is not None and len(given) != len(found):
        raise ValueError(
            f"{len(found)} statistics need as many axes, and {len(given)} are given; give one for "
            "each, or none for a new figure"
        )
    runs = _runs(stats)
    with panels(given, len(found), height=0.5 + 1.05 * len(found)) as axes:
        for ax, one in zip(axes, found, strict=True):
            _draw(ax, one, runs, angle)
        for ax in axes:
            (_angle_axis if angle else _batch_axis)(ax, stats, runs, bare=ax is not axes[-1])
        if angle and len(runs) > 1:
            axes[0].legend()
        if given is None:
            axes[0].figure.align_ylabels(axes)
    return axes


def _runs(stats: xr.Dataset) -> list[_Run]:
    first, last = stats["batch"].values, _last(stats)
    ends = first[1:] - last[:-1] > _MISSING + 1
    if "batch_phi_start" in stats.coords:
        phi = stats["batch_phi_start"].values.astype(np.float64)
        turned = stats["batch_phi_end"].values - phi
        step = (turned / (last - first + 1))[:-1]  # of one batch
        off = abs(np.diff(phi) - step * np.diff(first))
        turns = (step != 0) & np.isfinite(off)
        ends = np.where(turns, off > 0.5 * abs(turned)[:-1], ends)
    edges = [0, *(np.flatnonzero(ends) + 1).tolist(), len(first)]
    lengths = [last[stop - 1] - first[start] + 1 for start, stop in pairwise(edges)]
    gap, place = _GAP * float(np.sum(lengths)), float(first[0])
    runs: list[_Run] = []
    for (start, stop), length in zip(pairwise(edges), lengths, strict=True):
        runs.append(_Run(slice(start, stop), place - float(first[start])))
        place += float(length) + gap
    return runs


def _last(stats: xr.Dataset) -> NDArray[np.int64]:
    values: NDArray[np.int64] = stats["batch_last" if "batch_last" in stats else "batch"].values
    return values


def _places(stats: xr.DataArray, run: _Run, angle: bool) -> Array:
    if angle:
        ends = [stats[name].values[run.rows] for name in ("batch_phi_start", "batch_phi_end")]
        return np.asarray((ends[0].astype(np.float64) + ends[1]) / 2)
    last = stats["batch_last"] if "batch_last" in stats.coords else stats["batch"]
    middle = (stats["batch"].values + last.values)[run.rows] / 2
    return np.asarray(middle + run.shift)


def _draw(ax: Axes, one: xr.DataArray, runs: list[_Run], angle: bool) -> None:
    name = str(one.name).removesuffix("_overall")
    known = quantity(one.rename(name))
    marker = "." if one.sizes["batch"] <= _FEW else ""
    numbers, last = one["batch"].values, one["batch_last"].values
    color = None  # the next of the axes
    for run in runs:
        (line,) = ax.plot(
            _places(one, run, angle),
            one.values[run.rows],
            color=color,
            marker=marker,
            lw=0.9,
            label=f"batches {numbers[run.rows][0]}–{last[run.rows][-1]}",
        )
        color = None if angle else line.get_color()
    if name in _LEVELS:
        ax.axhline(_LEVELS[name], color="0.75", lw=0.7, zorder=0)
    elif name not in _FREE and one.min() >= 0:
        from_zero(ax)
    if known.unit == PERCENT:
        percent_axis(ax)
    else:
        ax.ticklabel_format(axis="y", scilimits=(-3, 5), useMathText=True, useOffset=False)
    ax.set_ylabel(common_label([known]))


def _angle_axis(ax: Axes, stats: xr.Dataset, runs: list[_Run], *, bare: bool) -> None:
    if not bare:
        ax.set_xlabel("rotation angle / °")


def _batch_axis(ax: Axes, stats: xr.Dataset, runs: list[_Run], *, bare: bool) -> None:
    """Label runs that stand side by side by their batch numbers, and draw lines between them."""
    if not bare:
        ax.set_xlabel("batch")
    if len(runs) == 1:
        return
    from matplotlib.ticker import MaxNLocator

    first, last = stats["batch"].values, _last(stats)
    low, high = ax.get_xlim()
    ticks = [(float(first[run.rows][0]), run.shift) for run in runs]  # rather than others
    for (start, shift), run in zip(ticks.copy(), runs, strict=True):
        inner = MaxNLocator(max(6 // len(runs), 1), integer=True)
        stop = float(last[run.rows][-1])
        ticks += [(one, shift) for one in inner.tick_values(start, stop) if start < one <= stop]
    places, labels = [sum(one) for one in ticks], [f"{number:.0f}" for number, _ in ticks]
    kept = well_apart((np.array(places) - low) / (high - low), labels)
    ax.set_xticks([places[i] for i in kept], [labels[i] for i in kept])
    for before, after in pairwise(runs):
        end = last[before.rows][-1] + 0.5 + before.shift
        ax.axvline((end + first[after.rows][0] - 0.5 + after.shift) / 2, color="0.6", lw=0.6)
