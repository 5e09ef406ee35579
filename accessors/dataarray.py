"""``DataArray.xtal``."""

from __future__ import annotations

import xarray as xr

from xrefl.accessors import _functions as functions
from xrefl.accessors._method import method
from xrefl.accessors.plots import DataArrayPlots
from xrefl.accessors.reflections import ReflectionAccessor
from xrefl.hkl import values

__all__ = ["DataArrayAccessor"]


@xr.register_dataarray_accessor("xtal")
class DataArrayAccessor(ReflectionAccessor[xr.DataArray]):
    """Crystallography of one column of reflections, of a reciprocal grid or of a map."""

    @property
    def plot(self) -> DataArrayPlots:
        """Pictures of a map, ``.xtal.plot.section(z=0)``, or of a column, ``.zone("hk0")``."""
        return DataArrayPlots(self._obj)

    amplitude_phase = method(values.amplitude_phase)

    assign_crystal = method(functions.assign_crystal_of_array)
    d = method(functions.d_of_array)
    inv_d2 = method(functions.inv_d2_of_array)

    to_map = method(functions.grid_to_map)
    to_grid = method(functions.map_to_grid)
    to_structure_factors = method(functions.to_structure_factors)
    statistics = method(functions.map_statistics)
    normalize = method(functions.normalize_map)
    symmetrize = method(functions.symmetrize)
    interpolate = method(functions.interpolate)
    complete_cell = method(functions.complete_cell)
    solvent_fraction = method(functions.solvent_fraction)
    mask_around = method(functions.mask_around)
    box_around = method(functions.box_around)
    to_ccp4 = method(functions.to_ccp4)
