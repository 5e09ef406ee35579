"""Data and helpers that tests of pictures share."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import xarray as xr

import xrefl

CELL, GROUP = (40.0, 50.0, 60.0, 90.0, 90.0, 90.0), "P 21 21 21"


@cache
def measured(dmin: float = 3.0) -> xr.Dataset:
    """Return intensities with Wilson's distribution and B = 20 Å², and amplitudes."""
    rng = np.random.default_rng(0)
    hkl = xrefl.miller_indices(CELL, GROUP, dmin)
    index = xrefl.HKLIndex.from_miller(*hkl.T, cell=CELL, spacegroup=GROUP)
    centric = xrefl.SpaceGroup(GROUP).centric(hkl)
    z = np.where(centric, rng.normal(size=len(hkl)) ** 2, rng.exponential(size=len(hkl)))
    mean = 1000 * np.exp(-20 * xrefl.UnitCell(*CELL).inv_d2(hkl) / 2)
    true = z * mean * xrefl.SpaceGroup(GROUP).epsilon(hkl)
    sigma = np.sqrt(true + 400)
    intensity = true + rng.normal(size=len(hkl)) * sigma
    columns = {
        "I": ("hkl", intensity, {"mtz_type": "J"}),
        "SIGI": ("hkl", sigma, {"mtz_type": "Q"}),
        "F": ("hkl", np.sqrt(true), {"mtz_type": "F"}),
        "SIGF": ("hkl", np.full(len(hkl), 2.0), {"mtz_type": "Q"}),
    }
    return xr.Dataset(columns, index.coordinates(), {"cell": list(CELL), "spacegroup": GROUP})


def as_observations(ds: xr.Dataset) -> xr.Dataset:
    """Return merged reflections as if they were observations."""
    return xr.Dataset(
        {name: ("obs", one.values, one.attrs) for name, one in ds.data_vars.items()},
        {name: ("obs", ds[name].values) for name in "hkl"},
        ds.attrs,
    )


def legend(ax):
    """Return the texts of a legend."""
    return [text.get_text() for text in ax.get_legend().get_texts()]


def line(ax, label):
    """Return the places and the heights of the line with a label."""
    (found,) = (one for one in ax.lines if one.get_label() == label)
    return np.asarray(found.get_xdata()), np.asarray(found.get_ydata())


def ticks_are_apart(ax) -> bool:
    """Draw a picture, and tell whether no label of an axis touches the next."""
    ax.figure.canvas.draw()
    for name, labels in (("x", ax.get_xticklabels()), ("y", ax.get_yticklabels())):
        boxes = [label.get_window_extent() for label in labels if label.get_text()]
        ends = sorted((getattr(box, f"{name}0"), getattr(box, f"{name}1")) for box in boxes)
        if any(one[1] >= other[0] for one, other in pairwise(ends)):
            return False
    return True
