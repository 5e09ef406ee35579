"""``.xtal.plot``: pictures as methods."""

from __future__ import annotations

import xarray as xr

from xrefl.accessors._method import method
from xrefl.plot import agreement, r_factor, section, zone

__all__ = ["DataArrayPlots", "DatasetPlots"]


class DatasetPlots:
    """Pictures of reflections."""

    def __init__(self, obj: xr.Dataset) -> None:
        self._obj = obj

    zone = method(zone.zone)
    r_factor = method(r_factor.r_factor)
    agreement = method(agreement.agreement)


class DataArrayPlots:
    """Pictures of a map, or of one column of reflections."""

    def __init__(self, obj: xr.DataArray) -> None:
        self._obj = obj

    section = method(section.section)
    zone = method(zone.zone)
