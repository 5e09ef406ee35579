"""Statistics of merging: how well the observations of each unique reflection agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.merging.asked import Asked, Found, go_over
from xrefl.merging.codes import at_origin
from xrefl.merging.error_model import ErrorModel
from xrefl.merging.observations import Labels
from xrefl.merging.options import Friedel, Partials, gather
from xrefl.merging.r_factors import WeightingName, weighting_called
from xrefl.merging.report import counts_in_attrs, counts_of, refuse_nothing, warn_of_excluded
from xrefl.merging.shell_statistics import (
    Columns,
    halves_statistics,
    jackknife_errors,
    statistics_in_shells,
)
from xrefl.merging.statistics_table import OVERALL
from xrefl.merging.suspect import warn_of_missing_mates
from xrefl.merging.wilson_line import wilson_line
from xrefl.statistics.groups import shell_coords
from xrefl.statistics.shells import Shells

__all__ = ["merging_statistics", "statistics_dataset"]

_COUNTS = ("n_observations", "n_unique", "n_possible", "n_pairs", "n_repeated")
_LONG_NAMES = {
    "n_observations": "number of observations",
    "n_unique": "number of unique reflections, Friedel mates as one",
    "n_possible": "number of possible reflections",
    "completeness": "completeness",
    "multiplicity": "multiplicity",
    "n_pairs": "number of Friedel pairs with both mates observed",
    "anomalous_completeness": "completeness of Friedel pairs",
    "anomalous_multiplicity": "multiplicity of the mates of Friedel pairs",
    "mean_intensity": "mean of merged intensities",
    "i_over_sigma": "mean I/σ(I) of merged intensities",
    "i_over_sigma_observed": "mean I/σ(I) of observations",
    "chi_square": "χ² of observations about their mean, per degree of freedom",
    "r_merge": "Rmerge",
    "r_meas": "Rmeas",
    "r_pim": "Rpim",
    "n_repeated": "number of merged reflections observed twice or more",
    "cc_half": "CC1/2 (σ-τ)",
    "cc_star": "CC*",
    "cc_anom": "correlation of anomalous differences of halves (σ-τ)",
    "anomalous_signal": "mean |ΔI|/σ(ΔI)",
    "sig_ano": "mean |ΔF|/σ(ΔF)",
    "cc_half_random": "CC1/2 of random halves",
    "cc_anom_random": "correlation of anomalous differences of random halves",
    "r_merge_error": "standard error of Rmerge",
    "r_meas_error": "standard error of Rmeas",
    "r_pim_error": "standard error of Rpim",
    "cc_half_error": "standard error of CC1/2",
    "wilson_b": "Wilson B factor",
    "wilson_b_error": "standard error of the Wilson B factor",
}


def merging_statistics(
    ds: xr.Dataset,
    *,
    intensity: str | None = None,
    sigma: str | None = None,
    shells: Shells | int | None = 20,
    friedel: Friedel = "merge",
    weighting: WeightingName = "aimless",
    spacegroup: SpaceGroup | str | int | None = None,
    reject: float | None = None,
    partials: Partials | None = None,
    error_model: ErrorModel | None = None,
    dataset: int | str | None = None,
    seed: int | None = None,
    jackknife: bool = False,
    wilson: bool = False,
) -> xr.Dataset:
    """Tell how well the observations of each unique reflection agree, by shells and overall.

    Statistics are of the observations that `.xtal.merge` merges with the same options, but for
    systematic absences, which never count. This computes: observations are gone over twice,
    stretch by stretch, and the result is small.

    Parameters
    ----------
    ds : Dataset
        Unmerged observations, with original Miller indices, or with those of the asymmetric unit
        and M/ISYM. Dask-backed, lazily read or in memory.
    intensity, sigma : str, optional
        Labels of intensities and their standard deviations, as for `.xtal.merge`.
    shells : int, Shells or None
        That many shells of equal volume between the limits of the observations, or the result of
        ``ds.xtal.shells``. None gives overall values alone.
    friedel : {"merge", "separate"}
        Whether observations of Friedel mates are of one reflection in means, R factors, χ² and
        CC1/2. Counts, completeness and multiplicity are the same with both.
    weighting : {"aimless", "xds", "unweighted"}
        How R factors, CC1/2 and the correlation of anomalous differences are weighted: as
        Aimless and MRFANA do, as XDS and cctbx do, or as they were published, without weights.
        See `xrefl.merging.r_factors.r_factors`.
    spacegroup : SpaceGroup, str or int, optional
        In whose Laue group observations are equivalent; by default that of the Dataset.
    reject, partials, error_model, dataset
        As for `.xtal.merge`.
    seed : int, optional
        Also divide the observations of each reflection into two halves at random, and correlate
        these; the same seed gives the same halves.
    jackknife : bool
        Also estimate standard errors, leaving out each unique reflection in turn.
    wilson : bool
        Also make a Wilson plot of merged intensities, as `xrefl.statistics.wilson.wilson` does.

    Returns
    -------
    Dataset
        Along ``shell``, from low to high resolution, with the coordinates ``dmin`` and ``dmax``
        (Å) and ``inv_d2``, the mean 1/d² of the unique reflections (Å⁻²). Each variable has a
        twin over all shells, ``r_meas_overall`` for ``r_meas``. What has nothing to be
        calculated from is NaN. With ``shells=None``, the overall values without suffix; a
        crystal without a known cell has these, too, but for completeness.

        - ``n_observations``, ``n_unique``, ``n_possible``: numbers (int64). ``completeness`` is
          of unique reflections, within the limits of the shells, and ``multiplicity`` the
          observations for each; Friedel mates are one reflection.
        - ``n_pairs``: acentric reflections with both mates observed, none if indices are in the
          asymmetric unit and there is no M/ISYM; ``anomalous_completeness``, their fraction of
          the possible ones; ``anomalous_multiplicity``, the observations for each of their mates.
        - ``mean_intensity``, ``i_over_sigma``: means of merged I, and of I/σ(I), with the
          weights 1/σ²; ``i_over_sigma_observed`` of observations.
        - ``chi_square``: Σ(I - <I>)²/σ² / Σ(n - 1), near 1 if the σ are right.
        - ``r_merge``, ``r_meas``, ``r_pim``, ``cc_half`` (σ-τ), and ``cc_star``, over
          the ``n_repeated`` reflections that were observed twice or more.
        - ``cc_anom`` (σ-τ), ``anomalous_signal`` = <|ΔI|/σ(ΔI)>, ``sig_ano`` = <|ΔF|/σ(ΔF)>, as
          in XDS; without anomalous differences these two are near 0.8.
        - with ``seed``: ``cc_half_random``, ``cc_anom_random``.
        - with ``jackknife``: ``r_merge_error``, ``r_meas_error``, ``r_pim_error``,
          ``cc_half_error``.
        - with ``wilson``, overall: ``wilson_b`` and its standard error ``wilson_b_error`` (Å²),
          with form factors of average protein; NaN if d < 4 Å has no three shells for a plot.

        The attributes say what was asked for, and, as in merged data, how many observations did
        not count.

    Raises
    ------
    CrystalError
        The cell is not known, and there are to be shells; or there are too many possible
        reflections to count, as a wrong Miller index makes them.
    CrystalMismatchError
        The shells are of another crystal, or the cell contradicts ``spacegroup``; or as
        `.xtal.merge`.
    MillerIndexError
        All reflections are absent; or as `.xtal.merge`.
    MissingColumnError, FormatError, NotMergedError, XreflError, TypeError
        As `.xtal.merge`.
    ValueError
        An option is not known or out of range, or there are fewer reflections than shells.

    Warns
    -----
    DroppedWarning, CrystalWarning
        As `.xtal.merge`.

    Examples
    --------
    >>> import numpy as np, xarray as xr, xrefl
    >>> coords = {"h": ("obs", [1, -1, 0, 0]), "k": ("obs", [2, 2, 0, 0])}
    >>> coords["l"] = ("obs", [3, -3, 4, 4])
    >>> values = {"I": ("obs", [10.0, 12.0, 7.0, 9.0], {"mtz_type": "J"})}
    >>> values["SIGI"] = ("obs", [1.0, 1.0, 2.0, 1.0], {"mtz_type": "Q"})
    >>> crystal = {"cell": (10, 11, 12, 90, 90, 90), "spacegroup": "P 1 2 1"}
    >>> stats = xr.Dataset(values, coords, crystal).xtal.merging_statistics(shells=2)
    >>> stats.r_merge.values.round(3)
    array([0.091, 0.116])
    >>> round(float(stats.r_merge_overall), 3), int(stats.n_unique_overall)
    (0.102, 2)
    """
    asked = Asked.of(ds, shells, friedel, weighting, seed, jackknife, wilson, dataset)
    labels, whole = gather(
        ds, intensity, sigma, spacegroup, partials, error_model, dataset, resolution=True
    )
    found = go_over(whole.observations, reject, asked)
    counts = counts_of(whole.counted(found.sums).excluded, found.at_origin)
    if found.nothing:
        refuse_nothing(counts, ds.sizes["obs"], labels, partials)
    warn_of_excluded(counts, ds.sizes["obs"], labels, partials)
    if friedel == "separate":
        warn_of_missing_mates(ds, whole.observations, found.sums.table)
    return statistics_dataset(found, asked, labels, whole.observations.recipe.group, counts)


def statistics_dataset(
    found: Found, asked: Asked, labels: Labels, group: SpaceGroup, counts: dict[str, int]
) -> xr.Dataset:
    """Return the statistics that are asked for."""
    merged, wanted = found.merged, weighting_called(asked.weighting)
    places = found.shells
    assert places is not None  # there are reflections
    columns = statistics_in_shells(merged, places, wanted, asked.cell, group)
    if found.halves is not None:
        columns |= halves_statistics(merged, places, wanted, found.halves)
    if asked.jackknife:
        columns |= jackknife_errors(merged, places, wanted)
    if asked.wilson:
        columns |= wilson_line(merged.table, asked.cell, group)
    absent = places.number < 0
    absent[at_origin(places.codes)] = False
    attrs = {
        "spacegroup": group.name,
        "intensity": labels.intensity,
        "sigma": labels.sigma,
        "friedel": asked.friedel,
        "weighting": asked.weighting,
        **({} if asked.seed is None else {"seed": asked.seed}),
        **counts_in_attrs(counts, merged.apart, int(np.count_nonzero(absent))),
    }
    return _dataset(columns, None if asked.alone else places.shells, attrs)


def _dataset(columns: Columns, shells: Shells | None, attrs: Mapping[str, Any]) -> xr.Dataset:
    """Label statistics whose last row is that over all shells."""
    variables: dict[str, Any] = {}
    overall = {}
    for name, long_name in _LONG_NAMES.items():
        if name not in columns:
            continue
        values = columns[name]
        if name in _COUNTS:
            values = values.astype(np.int64)
        described = {"long_name": long_name}
        if name.startswith("wilson"):
            described["units"] = "Å²"
        if len(values) > 1:  # not overall alone
            variables[name] = ("shell", values[:-1], described)
        overall[name] = ((), values[-1], described)
    if shells is None:
        return xr.Dataset(overall, attrs=attrs)
    coords = shell_coords(shells)
    middle = {"long_name": "mean 1/d²", "units": "Å⁻²"}
    coords["inv_d2"] = ("shell", columns["inv_d2"][:-1], middle)
    variables |= {name + OVERALL: value for name, value in overall.items()}
    return xr.Dataset(variables, coords, attrs)
