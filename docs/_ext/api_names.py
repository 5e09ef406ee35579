"""The public names by topic: what is on which page of the API reference.

A name is ``xrefl.name``, or ``Dataset.xtal.name`` and ``DataArray.xtal.name``. A test compares
this table with what there is.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["TOPICS", "Topic"]


class Topic(NamedTuple):
    """One page: its title, one sentence, and the names on it."""

    title: str
    about: str
    names: tuple[str, ...]


def _names(functions: str = "", dataset: str = "", array: str = "") -> tuple[str, ...]:
    return (
        *(f"xrefl.{name}" for name in functions.split()),
        *(f"Dataset.xtal.{name}" for name in dataset.split()),
        *(f"DataArray.xtal.{name}" for name in array.split()),
    )


TOPICS = {
    "files": Topic(
        "Files and stores",
        "Opening and writing files. What opens a file reads it lazily.",
        _names(
            "open_reflections open_mtz open_refln_cif open_shelx_hkl read_cif to_refln_cif"
            " cif_to_mtz mtz_to_cif open_model open_ccp4 open_zarr open_parquet restore",
            "to_mtz to_refln_cif to_zarr to_parquet to_dataframe",
            "to_ccp4",
        ),
    ),
    "crystal": Topic(
        "The crystal",
        "Unit cell, space group, and which reflections there can be.",
        _names(
            "UnitCell SpaceGroup Op miller_indices count_reflections",
            "cell spacegroup is_merged assign_crystal",
            "cell spacegroup is_merged assign_crystal",
        ),
    ),
    "reflections": Topic(
        "Reflections and columns",
        "Quantities of reflections, columns by their kind, and other indices for the same data.",
        _names(
            "HKLIndex",
            "resolution d inv_d2 centric epsilon absent columns value_sigma structure_factor"
            " to_asu expand_to_p1 reindex sort_hkl sel_resolution drop_absent add"
            " stack_friedel unstack_friedel to_original_hkl to_asu_hkl",
            "resolution d inv_d2 centric epsilon absent sel_resolution drop_absent amplitude_phase",
        ),
    ),
    "free": Topic(
        "Free flags",
        "Reflections that are kept out of refinement.",
        _names("", "free_flag make_free_flags extend_free_flags"),
    ),
    "statistics": Topic(
        "Shells and statistics",
        "Numbers by resolution, by free flag, or by any column.",
        _names(
            "Shells",
            "shells mean i_over_sigma r_factor correlation completeness multiplicity wilson"
            " normalize moments",
        ),
    ),
    "quality": Topic(
        "Quality of data",
        "What intensities tell of the crystal: twinning, anisotropy, absences, ice; the report.",
        _names(
            "",
            "report intensity_distribution l_test twin_laws twin_fractions anisotropy absences"
            " translational_ncs ice_rings",
        ),
    ),
    "merging": Topic(
        "Merging",
        "Unmerged observations: merging them, and what is told of them before and after.",
        _names(
            "ErrorModel resolution_estimate statistics_table concat_observations",
            "merge merging_statistics merge_with_statistics outliers fit_error_model"
            " batch_statistics dose_statistics",
        ),
    ),
    "sets": Topic(
        "Many data sets",
        "Data sets side by side, how they agree, and indexing ambiguities.",
        _names(
            "concat reindexing_operators resolve_ambiguity reindex_sets",
            "pairwise_correlation pairwise_r_factor delta_cc_half resolve_ambiguity reindex_sets",
        ),
    ),
    "maps": Topic(
        "Grids and maps",
        "From reflections to reciprocal grids and maps, and back.",
        _names(
            "",
            "grid_size fits_into to_grid to_map to_patterson map_coefficients",
            "to_map to_grid to_structure_factors normalize statistics symmetrize interpolate"
            " complete_cell mask_around box_around solvent_fraction",
        ),
    ),
    "models": Topic(
        "Models and scattering",
        "Atomic models: structure factors, density, solvent; and what atoms scatter.",
        _names(
            "FormFactor form_factor cromer_liberman HC",
            "structure_factors density addends solvent_mask matthews",
        ),
    ),
    "scaling": Topic(
        "Scaling and map coefficients",
        "Calculated structure factors beside data.",
        _names("scale ScalingResult", "sigma_a map_coefficients_from"),
    ),
    "plots": Topic(
        "Pictures",
        "Pictures with Matplotlib; each returns its axes.",
        _names(
            "plot.k_mask plot.paper_style plot.resolution_axis",
            "plot.zone plot.wilson plot.i_over_sigma plot.histogram plot.shells plot.r_factors"
            " plot.cc_half plot.batch plot.r_factor plot.agreement",
            "plot.section plot.zone plot.shells",
        ),
    ),
    "simulation": Topic(
        "Examples and simulation",
        "Data to try things on.",
        _names(
            "tutorial.examples tutorial.open tutorial.path simulate_unmerged Noise",
        ),
    ),
}
