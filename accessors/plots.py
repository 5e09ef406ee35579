"""``.xtal.plot``: pictures as methods."""

from __future__ import annotations

import xarray as xr

from xrefl.accessors import _functions as functions
from xrefl.accessors._method import method

__all__ = ["DataArrayPlots", "DatasetPlots"]


class DatasetPlots:
    """Pictures of reflections."""

    def __init__(self, obj: xr.Dataset) -> None:
        self._obj = obj

    zone = method(functions.plot_zone)
    r_factor = method(functions.plot_r_factor)
    agreement = method(functions.plot_agreement)


class DataArrayPlots:
    """Pictures of a map, or of one column of reflections."""

    def __init__(self, obj: xr.DataArray) -> None:
        self._obj = obj

    section = method(functions.plot_section)
    zone = method(functions.plot_zone)
