"""``DataArray.xtal``."""

from __future__ import annotations

import xarray as xr

from xrefl.accessors._method import method
from xrefl.accessors.reflections import ReflectionAccessor
from xrefl.hkl import values

__all__ = ["DataArrayAccessor"]


@xr.register_dataarray_accessor("xtal")
class DataArrayAccessor(ReflectionAccessor[xr.DataArray]):
    """Crystallography of one column of reflections."""

    amplitude_phase = method(values.amplitude_phase)
