"""``DataArray.xtal``."""

from __future__ import annotations

import xarray as xr

from xrefl.accessors._method import method
from xrefl.accessors.plots import DataArrayPlots
from xrefl.accessors.reflections import ReflectionAccessor
from xrefl.fourier import assign, maps, quantities, structure_factors
from xrefl.fourier import values as map_values
from xrefl.fourier.complete import complete_cell
from xrefl.fourier.statistics import statistics
from xrefl.hkl import values
from xrefl.io.ccp4.write import to_ccp4
from xrefl.models import around
from xrefl.models.solvent_mask import solvent_fraction

__all__ = ["DataArrayAccessor"]


@xr.register_dataarray_accessor("xtal")
class DataArrayAccessor(ReflectionAccessor[xr.DataArray]):
    """Crystallography of one column of reflections, of a reciprocal grid or of a map."""

    @property
    def plot(self) -> DataArrayPlots:
        """Pictures of a map, ``.xtal.plot.section(z=0)``, or of a column, ``.zone("hk0")``."""
        return DataArrayPlots(self._obj)

    amplitude_phase = method(values.amplitude_phase)

    assign_crystal = method(assign.assign_crystal)
    d = method(quantities.d)
    inv_d2 = method(quantities.inv_d2)

    to_map = method(maps.grid_to_map)
    to_grid = method(maps.map_to_grid)
    to_structure_factors = method(structure_factors.to_structure_factors)
    statistics = method(statistics)
    normalize = method(map_values.normalize)
    symmetrize = method(map_values.symmetrize)
    interpolate = method(map_values.interpolate)
    complete_cell = method(complete_cell)
    solvent_fraction = method(solvent_fraction)
    mask_around = method(around.mask_around)
    box_around = method(around.box_around)
    to_ccp4 = method(to_ccp4)
