"""``Dataset.xtal``."""

from __future__ import annotations

import xarray as xr

from xrefl.accessors._method import method
from xrefl.accessors.plots import DatasetPlots
from xrefl.accessors.reflections import ReflectionAccessor
from xrefl.fourier import coefficients, grid, maps, patterson, size
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
from xrefl.io.mtz import write
from xrefl.io.refln_cif import write as write_cif
from xrefl.io.store.parquet_write import to_parquet
from xrefl.io.store.write import to_zarr
from xrefl.merging.batches import batch_statistics
from xrefl.merging.dose import dose_statistics
from xrefl.merging.fit_error_model import fit_error_model
from xrefl.merging.merge import merge
from xrefl.merging.outlier_report import outliers
from xrefl.merging.statistics import merging_statistics
from xrefl.merging.together import merge_with_statistics
from xrefl.models import assign
from xrefl.models.addends import addends
from xrefl.models.density import density
from xrefl.models.matthews import matthews
from xrefl.models.solvent_mask import solvent_mask
from xrefl.models.structure_factors import structure_factors
from xrefl.scaling.map_coefficients import map_coefficients_from
from xrefl.scaling.sigma_a import sigma_a
from xrefl.sets.ambiguity import resolve_ambiguity
from xrefl.sets.delta_cc_half import delta_cc_half
from xrefl.sets.pairwise import pairwise_correlation, pairwise_r_factor
from xrefl.sets.reindex import reindex_sets
from xrefl.statistics import agreement, means
from xrefl.statistics.completeness import completeness, multiplicity
from xrefl.statistics.moments import moments
from xrefl.statistics.normalize import normalize
from xrefl.statistics.shells import shells
from xrefl.statistics.wilson import wilson

__all__ = ["DatasetAccessor"]


@xr.register_dataset_accessor("xtal")
class DatasetAccessor(ReflectionAccessor[xr.Dataset]):
    """Crystallography of reflections, merged or unmerged, and of atomic models."""

    assign_crystal = method(assign.assign_crystal)

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

    shells = method(shells)
    mean = method(means.mean)
    i_over_sigma = method(means.i_over_sigma)
    r_factor = method(agreement.r_factor)
    correlation = method(agreement.correlation)
    completeness = method(completeness)
    multiplicity = method(multiplicity)
    merge = method(merge)
    merge_with_statistics = method(merge_with_statistics)
    outliers = method(outliers)
    fit_error_model = method(fit_error_model)
    merging_statistics = method(merging_statistics)
    batch_statistics = method(batch_statistics)
    dose_statistics = method(dose_statistics)
    wilson = method(wilson)
    normalize = method(normalize)
    moments = method(moments)

    grid_size = method(size.grid_size)
    fits_into = method(size.fits_into)
    to_grid = method(grid.to_grid)
    to_map = method(maps.to_map)
    to_patterson = method(patterson.to_patterson)
    map_coefficients = method(coefficients.map_coefficients)

    solvent_mask = method(solvent_mask)
    matthews = method(matthews)
    addends = method(addends)
    structure_factors = method(structure_factors)
    density = method(density)

    sigma_a = method(sigma_a)
    map_coefficients_from = method(map_coefficients_from)

    pairwise_correlation = method(pairwise_correlation)
    pairwise_r_factor = method(pairwise_r_factor)
    delta_cc_half = method(delta_cc_half)
    resolve_ambiguity = method(resolve_ambiguity)
    reindex_sets = method(reindex_sets)
    to_dataframe = method(frame.to_dataframe)
    to_mtz = method(write.to_mtz)
    to_refln_cif = method(write_cif.to_refln_cif)
    to_zarr = method(to_zarr)
    to_parquet = method(to_parquet)
