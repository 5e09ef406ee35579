"""Merge observations and tell how well they agree, going over them once for both."""

from __future__ import annotations

import xarray as xr

from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.merging.asked import Asked, go_over
from xrefl.merging.error_model import ErrorModel
from xrefl.merging.estimates import Errors, Weights
from xrefl.merging.merge import check_choices, merged_dataset
from xrefl.merging.options import Friedel, Partials, gather
from xrefl.merging.r_factors import WeightingName
from xrefl.merging.report import counts_of
from xrefl.merging.statistics import statistics_dataset
from xrefl.merging.suspect import warn_of_missing_mates
from xrefl.statistics.shells import Shells

__all__ = ["merge_with_statistics"]


def merge_with_statistics(
    ds: xr.Dataset,
    *,
    intensity: str | None = None,
    sigma: str | None = None,
    friedel: Friedel = "merge",
    weights: Weights = "inverse_variance",
    errors: Errors = "sigmas",
    spacegroup: SpaceGroup | str | int | None = None,
    drop_absent: bool = False,
    reject: float | None = None,
    partials: Partials | None = None,
    error_model: ErrorModel | None = None,
    dataset: int | str | None = None,
    shells: Shells | int | None = 20,
    weighting: WeightingName = "aimless",
    seed: int | None = None,
    jackknife: bool = False,
    wilson: bool = False,
) -> tuple[xr.Dataset, xr.Dataset]:
    """Merge unmerged observations, and tell how well they agree.

    It returns what `.xtal.merge` and `.xtal.merging_statistics` return, and takes less time than
    both, since observations are read and brought together by reflection only once.

    Parameters
    ----------
    ds : Dataset
        Unmerged observations.
    intensity, sigma, friedel, spacegroup, reject, partials, error_model, dataset
        As for `.xtal.merge`; they hold for merging and for its statistics. With ``reject`` all
        observations of the reflections that have outliers are held in memory.
    weights, errors, drop_absent
        As for `.xtal.merge`.
    shells, weighting, seed, jackknife, wilson
        As for `.xtal.merging_statistics`.

    Returns
    -------
    merged, statistics : Dataset
        Along ``hkl``, and along ``shell``.

    Raises
    ------
    XreflError
        As `.xtal.merge` and `.xtal.merging_statistics`, with its subclasses.
    ValueError, TypeError
        An option is not known or out of range.

    Warns
    -----
    DroppedWarning, CrystalWarning
        As `.xtal.merge`.

    Examples
    --------
    >>> import xrefl
    >>> model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    >>> observed = xrefl.simulate_unmerged(model, dmin=2.0, multiplicity=8)
    >>> merged, statistics = observed.xtal.merge_with_statistics(shells=5)
    >>> merged.sizes["hkl"] == int(statistics.n_unique_overall)
    True
    >>> bool(statistics.cc_half_overall > 0.99)
    True
    """
    check_choices(friedel, weights, errors)
    asked = Asked.of(ds, shells, friedel, weighting, seed, jackknife, wilson, dataset)
    labels, whole = gather(
        ds, intensity, sigma, spacegroup, partials, error_model, dataset, resolution=True
    )
    group = whole.observations.recipe.group
    found = go_over(whole.observations, reject, asked)
    sums = whole.counted(found.sums)
    if friedel == "separate":
        warn_of_missing_mates(ds, whole.observations, sums.table)
    merged = merged_dataset(
        ds, labels, sums, group, friedel=friedel, weights=weights, errors=errors,
        drop_absent=drop_absent, reject=reject, partials=partials, error_model=error_model,
        dataset=dataset,
    )  # fmt: skip
    counts = counts_of(sums.excluded, found.at_origin)
    return merged, statistics_dataset(found, asked, labels, group, counts)
