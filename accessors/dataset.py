"""``Dataset.xtal``."""

from __future__ import annotations

import xarray as xr

from xrefl.accessors import _functions as functions
from xrefl.accessors._method import method
from xrefl.accessors.plots import DatasetPlots
from xrefl.accessors.reflections import ReflectionAccessor
from xrefl.hkl import (
    adding,
    asu,
    expand,
    extend_flags,
    find,
    frame,
    free_flags,
    friedel,
    original,
    reindexing,
    sorting,
    values,
)

__all__ = ["DatasetAccessor"]


@xr.register_dataset_accessor("xtal")
class DatasetAccessor(ReflectionAccessor[xr.Dataset]):
    """Crystallography of reflections, merged or unmerged, and of atomic models."""

    assign_crystal = method(functions.assign_crystal)

    @property
    def plot(self) -> DatasetPlots:
        """Pictures of the reflections: ``.xtal.plot.zone("hk0")``."""
        return DatasetPlots(self._obj)

    columns = method(find.columns)
    free_flag = method(find.free_flag)
    make_free_flags = method(free_flags.make_free_flags)
    extend_free_flags = method(extend_flags.extend_free_flags)

    to_asu = method(asu.to_asu)
    reindex = method(reindexing.reindex)
    sort_hkl = method(sorting.sort_hkl)
    expand_to_p1 = method(expand.expand_to_p1)
    add = method(adding.add)
    value_sigma = method(values.value_sigma)
    structure_factor = method(values.structure_factor)
    stack_friedel = method(friedel.stack_friedel)
    unstack_friedel = method(friedel.unstack_friedel)
    to_original_hkl = method(original.to_original_hkl)
    to_asu_hkl = method(original.to_asu_hkl)

    shells = method(functions.shells)
    mean = method(functions.mean)
    i_over_sigma = method(functions.i_over_sigma)
    r_factor = method(functions.r_factor)
    correlation = method(functions.correlation)
    completeness = method(functions.completeness)
    multiplicity = method(functions.multiplicity)
    merge = method(functions.merge)
    merge_with_statistics = method(functions.merge_with_statistics)
    outliers = method(functions.outliers)
    fit_error_model = method(functions.fit_error_model)
    merging_statistics = method(functions.merging_statistics)
    batch_statistics = method(functions.batch_statistics)
    dose_statistics = method(functions.dose_statistics)
    wilson = method(functions.wilson)
    normalize = method(functions.normalize)
    moments = method(functions.moments)

    intensity_distribution = method(functions.intensity_distribution)
    l_test = method(functions.l_test)
    twin_laws = method(functions.twin_laws)
    twin_fractions = method(functions.twin_fractions)
    anisotropy = method(functions.anisotropy)
    absences = method(functions.absences)
    translational_ncs = method(functions.translational_ncs)
    ice_rings = method(functions.ice_rings)

    grid_size = method(functions.grid_size)
    fits_into = method(functions.fits_into)
    to_grid = method(functions.to_grid)
    to_map = method(functions.to_map)
    to_patterson = method(functions.to_patterson)
    map_coefficients = method(functions.map_coefficients)

    solvent_mask = method(functions.solvent_mask)
    matthews = method(functions.matthews)
    addends = method(functions.addends)
    structure_factors = method(functions.structure_factors)
    density = method(functions.density)

    sigma_a = method(functions.sigma_a)
    map_coefficients_from = method(functions.map_coefficients_from)

    report = method(functions.report)

    pairwise_correlation = method(functions.pairwise_correlation)
    pairwise_r_factor = method(functions.pairwise_r_factor)
    delta_cc_half = method(functions.delta_cc_half)
    resolve_ambiguity = method(functions.resolve_ambiguity)
    reindex_sets = method(functions.reindex_sets)
    to_dataframe = method(frame.to_dataframe)
    to_mtz = method(functions.to_mtz)
    to_refln_cif = method(functions.to_refln_cif)
    to_zarr = method(functions.to_zarr)
    to_parquet = method(functions.to_parquet)
