"""The functions behind methods, each imported when its method is first looked at.

They are in some two hundred modules, and importing them all takes half as long as importing xarray.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xrefl.accessors._later import Later

if TYPE_CHECKING:
    from xrefl.fourier.assign import assign_crystal as assign_crystal_of_array
    from xrefl.fourier.coefficients import map_coefficients as map_coefficients
    from xrefl.fourier.complete import complete_cell as complete_cell
    from xrefl.fourier.grid import to_grid as to_grid
    from xrefl.fourier.maps import grid_to_map as grid_to_map
    from xrefl.fourier.maps import map_to_grid as map_to_grid
    from xrefl.fourier.maps import to_map as to_map
    from xrefl.fourier.patterson import to_patterson as to_patterson
    from xrefl.fourier.quantities import d as d_of_array
    from xrefl.fourier.quantities import inv_d2 as inv_d2_of_array
    from xrefl.fourier.size import fits_into as fits_into
    from xrefl.fourier.size import grid_size as grid_size
    from xrefl.fourier.statistics import statistics as map_statistics
    from xrefl.fourier.structure_factors import to_structure_factors as to_structure_factors
    from xrefl.fourier.values import interpolate as interpolate
    from xrefl.fourier.values import normalize as normalize_map
    from xrefl.fourier.values import symmetrize as symmetrize
    from xrefl.io.ccp4.write import to_ccp4 as to_ccp4
    from xrefl.io.mtz.write import to_mtz as to_mtz
    from xrefl.io.refln_cif.write import to_refln_cif as to_refln_cif
    from xrefl.io.store.parquet_write import to_parquet as to_parquet
    from xrefl.io.store.write import to_zarr as to_zarr
    from xrefl.merging.batches import batch_statistics as batch_statistics
    from xrefl.merging.dose import dose_statistics as dose_statistics
    from xrefl.merging.fit_error_model import fit_error_model as fit_error_model
    from xrefl.merging.merge import merge as merge
    from xrefl.merging.outlier_report import outliers as outliers
    from xrefl.merging.statistics import merging_statistics as merging_statistics
    from xrefl.merging.together import merge_with_statistics as merge_with_statistics
    from xrefl.models.addends import addends as addends
    from xrefl.models.around import box_around as box_around
    from xrefl.models.around import mask_around as mask_around
    from xrefl.models.assign import assign_crystal as assign_crystal
    from xrefl.models.density import density as density
    from xrefl.models.matthews import matthews as matthews
    from xrefl.models.solvent_mask import solvent_fraction as solvent_fraction
    from xrefl.models.solvent_mask import solvent_mask as solvent_mask
    from xrefl.models.structure_factors import structure_factors as structure_factors
    from xrefl.plot.agreement import agreement as plot_agreement
    from xrefl.plot.batch import batch as plot_batch
    from xrefl.plot.histogram import histogram as plot_histogram
    from xrefl.plot.i_over_sigma import i_over_sigma as plot_i_over_sigma
    from xrefl.plot.merging import cc_half as plot_cc_half
    from xrefl.plot.merging import r_factors as plot_r_factors
    from xrefl.plot.r_factor import r_factor as plot_r_factor
    from xrefl.plot.section import section as plot_section
    from xrefl.plot.shells import shells as plot_shells
    from xrefl.plot.wilson import wilson as plot_wilson
    from xrefl.plot.zone import zone as plot_zone
    from xrefl.quality.absences import absences as absences
    from xrefl.quality.anisotropy import anisotropy as anisotropy
    from xrefl.quality.distribution import intensity_distribution as intensity_distribution
    from xrefl.quality.ice import ice_rings as ice_rings
    from xrefl.quality.l_test import l_test as l_test
    from xrefl.quality.tncs import translational_ncs as translational_ncs
    from xrefl.quality.twin_laws import twin_laws as twin_laws
    from xrefl.quality.twinning import twin_fractions as twin_fractions
    from xrefl.report.make import report as report
    from xrefl.scaling.map_coefficients import map_coefficients_from as map_coefficients_from
    from xrefl.scaling.sigma_a import sigma_a as sigma_a
    from xrefl.sets.ambiguity import resolve_ambiguity as resolve_ambiguity
    from xrefl.sets.delta_cc_half import delta_cc_half as delta_cc_half
    from xrefl.sets.pairwise import pairwise_correlation as pairwise_correlation
    from xrefl.sets.pairwise import pairwise_r_factor as pairwise_r_factor
    from xrefl.sets.reindex import reindex_sets as reindex_sets
    from xrefl.statistics.agreement import correlation as correlation
    from xrefl.statistics.agreement import r_factor as r_factor
    from xrefl.statistics.completeness import completeness as completeness
    from xrefl.statistics.completeness import multiplicity as multiplicity
    from xrefl.statistics.means import i_over_sigma as i_over_sigma
    from xrefl.statistics.means import mean as mean
    from xrefl.statistics.moments import moments as moments
    from xrefl.statistics.normalize import normalize as normalize
    from xrefl.statistics.shells import shells as shells
    from xrefl.statistics.wilson import wilson as wilson

# Those that have another name here; the others are exported by their imports.
__all__ = [
    "HOME",
    "assign_crystal_of_array",
    "d_of_array",
    "inv_d2_of_array",
    "map_statistics",
    "normalize_map",
    "plot_agreement",
    "plot_batch",
    "plot_cc_half",
    "plot_histogram",
    "plot_i_over_sigma",
    "plot_r_factor",
    "plot_r_factors",
    "plot_section",
    "plot_shells",
    "plot_wilson",
    "plot_zone",
]

HOME = {
    "absences": "xrefl.quality.absences:absences",
    "addends": "xrefl.models.addends:addends",
    "anisotropy": "xrefl.quality.anisotropy:anisotropy",
    "assign_crystal": "xrefl.models.assign:assign_crystal",
    "assign_crystal_of_array": "xrefl.fourier.assign:assign_crystal",
    "batch_statistics": "xrefl.merging.batches:batch_statistics",
    "box_around": "xrefl.models.around:box_around",
    "complete_cell": "xrefl.fourier.complete:complete_cell",
    "completeness": "xrefl.statistics.completeness:completeness",
    "correlation": "xrefl.statistics.agreement:correlation",
    "d_of_array": "xrefl.fourier.quantities:d",
    "delta_cc_half": "xrefl.sets.delta_cc_half:delta_cc_half",
    "density": "xrefl.models.density:density",
    "dose_statistics": "xrefl.merging.dose:dose_statistics",
    "fit_error_model": "xrefl.merging.fit_error_model:fit_error_model",
    "fits_into": "xrefl.fourier.size:fits_into",
    "grid_size": "xrefl.fourier.size:grid_size",
    "grid_to_map": "xrefl.fourier.maps:grid_to_map",
    "i_over_sigma": "xrefl.statistics.means:i_over_sigma",
    "ice_rings": "xrefl.quality.ice:ice_rings",
    "intensity_distribution": "xrefl.quality.distribution:intensity_distribution",
    "interpolate": "xrefl.fourier.values:interpolate",
    "inv_d2_of_array": "xrefl.fourier.quantities:inv_d2",
    "l_test": "xrefl.quality.l_test:l_test",
    "map_coefficients": "xrefl.fourier.coefficients:map_coefficients",
    "map_coefficients_from": "xrefl.scaling.map_coefficients:map_coefficients_from",
    "map_statistics": "xrefl.fourier.statistics:statistics",
    "map_to_grid": "xrefl.fourier.maps:map_to_grid",
    "mask_around": "xrefl.models.around:mask_around",
    "matthews": "xrefl.models.matthews:matthews",
    "mean": "xrefl.statistics.means:mean",
    "merge": "xrefl.merging.merge:merge",
    "merge_with_statistics": "xrefl.merging.together:merge_with_statistics",
    "merging_statistics": "xrefl.merging.statistics:merging_statistics",
    "moments": "xrefl.statistics.moments:moments",
    "multiplicity": "xrefl.statistics.completeness:multiplicity",
    "normalize": "xrefl.statistics.normalize:normalize",
    "normalize_map": "xrefl.fourier.values:normalize",
    "outliers": "xrefl.merging.outlier_report:outliers",
    "pairwise_correlation": "xrefl.sets.pairwise:pairwise_correlation",
    "pairwise_r_factor": "xrefl.sets.pairwise:pairwise_r_factor",
    "plot_agreement": "xrefl.plot.agreement:agreement",
    "plot_batch": "xrefl.plot.batch:batch",
    "plot_cc_half": "xrefl.plot.merging:cc_half",
    "plot_histogram": "xrefl.plot.histogram:histogram",
    "plot_i_over_sigma": "xrefl.plot.i_over_sigma:i_over_sigma",
    "plot_r_factor": "xrefl.plot.r_factor:r_factor",
    "plot_r_factors": "xrefl.plot.merging:r_factors",
    "plot_section": "xrefl.plot.section:section",
    "plot_shells": "xrefl.plot.shells:shells",
    "plot_wilson": "xrefl.plot.wilson:wilson",
    "plot_zone": "xrefl.plot.zone:zone",
    "r_factor": "xrefl.statistics.agreement:r_factor",
    "reindex_sets": "xrefl.sets.reindex:reindex_sets",
    "report": "xrefl.report.make:report",
    "resolve_ambiguity": "xrefl.sets.ambiguity:resolve_ambiguity",
    "shells": "xrefl.statistics.shells:shells",
    "sigma_a": "xrefl.scaling.sigma_a:sigma_a",
    "solvent_fraction": "xrefl.models.solvent_mask:solvent_fraction",
    "solvent_mask": "xrefl.models.solvent_mask:solvent_mask",
    "structure_factors": "xrefl.models.structure_factors:structure_factors",
    "symmetrize": "xrefl.fourier.values:symmetrize",
    "to_ccp4": "xrefl.io.ccp4.write:to_ccp4",
    "to_grid": "xrefl.fourier.grid:to_grid",
    "to_map": "xrefl.fourier.maps:to_map",
    "to_mtz": "xrefl.io.mtz.write:to_mtz",
    "to_parquet": "xrefl.io.store.parquet_write:to_parquet",
    "to_patterson": "xrefl.fourier.patterson:to_patterson",
    "to_refln_cif": "xrefl.io.refln_cif.write:to_refln_cif",
    "to_structure_factors": "xrefl.fourier.structure_factors:to_structure_factors",
    "to_zarr": "xrefl.io.store.write:to_zarr",
    "translational_ncs": "xrefl.quality.tncs:translational_ncs",
    "twin_fractions": "xrefl.quality.twinning:twin_fractions",
    "twin_laws": "xrefl.quality.twin_laws:twin_laws",
    "wilson": "xrefl.statistics.wilson:wilson",
}
"""Where each function is defined: module and name."""


def __getattr__(name: str) -> Later:
    if name not in HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return Later(*HOME[name].split(":"))
