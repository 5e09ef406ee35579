"""``.xtal.plot``: pictures as methods."""

from __future__ import annotations

import xarray as xr

from xrefl.accessors import _functions as functions
from xrefl.accessors._method import method

__all__ = ["DataArrayPlots", "DatasetPlots"]


class DatasetPlots:
    """Pictures of reflections, and of their statistics."""

    def __init__(self, obj: xr.Dataset) -> None:
        self._obj = obj

    zone = method(functions.plot_zone)
    r_factor = method(functions.plot_r_factor)
    agreement = method(functions.plot_agreement)
    wilson = method(functions.plot_wilson)
    i_over_sigma = method(functions.plot_i_over_sigma)
    histogram = method(functions.plot_histogram)

    shells = method(functions.plot_shells)
    r_factors = method(functions.plot_r_factors)
    cc_half = method(functions.plot_cc_half)
    batch = method(functions.plot_batch)


class DataArrayPlots:
    """Pictures of a map, of one column of reflections, or of a statistic."""

    def __init__(self, obj: xr.DataArray) -> None:
        self._obj = obj

    section = method(functions.plot_section)
    zone = method(functions.plot_zone)
    shells = method(functions.plot_shells)
