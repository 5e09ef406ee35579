"""Merge the observations of each unique reflection."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.hkl.rebuild import called, with_history
from xrefl.merging.assemble import assemble, attributes
from xrefl.merging.codes import at_origin
from xrefl.merging.error_model import ErrorModel
from xrefl.merging.estimates import ERRORS, WEIGHTS, Errors, Weights, estimates
from xrefl.merging.in_order import first_sums
from xrefl.merging.observations import Labels
from xrefl.merging.options import Friedel, Partials, gather, one_of, threshold_of
from xrefl.merging.outliers import find_outliers, without_outliers
from xrefl.merging.passes import compute
from xrefl.merging.report import counts_in_attrs, counts_of, refuse_nothing, warn_of_excluded
from xrefl.merging.suspect import warn_of_missing_mates
from xrefl.merging.table import Totals, observations_at_origin

__all__ = ["check_choices", "merge", "merged_dataset"]


def merge(
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
) -> xr.Dataset:
    """Merge unmerged observations to one intensity for each unique reflection.

    With weights w = 1/σ², the mean of n observations I and its standard deviation are

    <I> = Σ w I / Σ w,  σ(<I>) = 1/√Σw,

    and without weights Σ I / n and √Σσ² / n. The deviations of the observations from the mean tell
    another standard deviation, where n is 2 or more,

    σ(<I>) = √(Σ w (I - <I>)² / ((n - 1) Σ w)),  without weights √(Σ (I - <I>)² / (n (n - 1)))

    (Bevington & Robinson 2003, *Data Reduction and Error Analysis for the Physical Sciences*,
    sections 4.1-4.2; the factor between both is that of Birge 1932, Phys. Rev. 40, 207-227).
    χ² is Σ (I - <I>)²/σ².

    Observations without a number in one of the columns, or with a σ that is not positive, never
    count, nor do those of 0 0 0; beyond 1e75 numbers count as infinite, and a σ below 1e-75 as 0.
    Observations are read in stretches and never held all together, but for ``reject`` and
    ``partials="sum"``; results do not depend on how they are cut to more than rounding. This
    computes: with `dask.distributed`, workers of the active Client read and sum up their own rows.

    Parameters
    ----------
    ds : Dataset
        Unmerged observations, with original Miller indices, or with those of the asymmetric unit
        and M/ISYM. Dask-backed, lazily read or in memory.
    intensity, sigma : str, optional
        Labels. By default the column of type J that is called I, or the only one; and the
        standard deviations that belong to it by name (SIGI), or come next.
    friedel : {"merge", "separate"}
        With "separate", Friedel mates are merged together and each on its own. Centric
        reflections are never split: I(+) has all, I(-) is NaN.
    weights : {"inverse_variance", "unweighted"}
        See above.
    errors : {"sigmas", "scatter", "larger"}
        Whether standard deviations come from those of the observations, from their scatter, or
        are the larger of both. A single observation keeps its own. The scatter of observations
        that agree exactly is 0.
    spacegroup : SpaceGroup, str or int, optional
        In whose Laue group to merge; by default it is that of the Dataset.
    drop_absent : bool
        Whether to leave out systematically absent reflections of the space group.
    reject : float, optional
        Reject outliers, beyond this many standard deviations (6 in Aimless); by default there is
        no rejection. See `.xtal.outliers`, which lists them. All observations of the reflections
        that have outliers are then held in memory: most of them, if most reflections have some.
    partials : {"sum", "exclude", "keep"}, optional
        What to do with observations that M/ISYM flags as partial (256 and more). "sum" adds up
        the intensities and variances of parts with the same original indices in consecutive
        batches, if their fractions (FRACTIONCALC) make 0.95 to 1.05; such parts are held in
        memory. "exclude" leaves them out, "keep" takes each for a whole observation. There is no
        default: partial observations are an error if nothing is said.
    error_model : ErrorModel, optional
        Corrects the standard deviations of the observations first, which takes a pass more.
    dataset : int or str, optional
        Id or name of the data set to merge, where batch headers tell several.

    Returns
    -------
    Dataset
        Along ``hkl``, sorted, in the CCP4 asymmetric unit. ``IMEAN``, ``SIGIMEAN``; with
        friedel="separate" ``I(+)``, ``SIGI(+)``, ``I(-)``, ``SIGI(-)`` and their numbers of
        observations ``N(+)``, ``N(-)``; ``N``, the number of observations (int32); ``CHI2``,
        χ²/(n - 1) of both mates together, NaN where n is 1. They are float32 if the columns are,
        else float64. In ``attrs`` there are the counts ``n_observations`` (merged),
        ``n_missing``, ``n_sigma_not_positive``, ``n_000``, ``n_partial``, ``n_rejected`` (left
        out for these reasons), and ``n_absent``, of absent reflections, dropped or not.

    Raises
    ------
    MissingColumnError
        There are no such columns, or there is no such data set.
    FormatError
        A column is not of real numbers, or of another type.
    NotMergedError
        These are merged reflections.
    CrystalMismatchError
        Cells of batches or data sets differ by more than 1 %, or wavelengths differ.
    MillerIndexError
        Indices are missing or no whole numbers, M/ISYM names no operation, or there are no
        observations.
    XreflError
        No observation is left, or partial ones are there and nothing was said of them.
    ValueError, TypeError
        An option is not known or out of range.

    Warns
    -----
    DroppedWarning
        Observations were left out that were not asked to be; it tells how many, and why.
    CrystalWarning
        The cell does not have the symmetry of ``spacegroup``, or that lacks the centring of the
        observations. Friedel mates are to be apart, but all indices are in the asymmetric unit
        and there is no M/ISYM, so that all observations count as I(+).

    Examples
    --------
    >>> import xrefl
    >>> model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    >>> observed = xrefl.simulate_unmerged(model, dmin=2.0, multiplicity=8)
    >>> merged = observed.xtal.merge()
    >>> list(merged.data_vars), merged.attrs["n_observations"] == observed.sizes["obs"]
    (['IMEAN', 'SIGIMEAN', 'N', 'CHI2'], True)
    >>> pairs = observed.xtal.merge(friedel="separate", reject=6.0).xtal.stack_friedel()
    >>> pairs.I_anom.dims
    ('hkl', 'friedel')
    """
    check_choices(friedel, weights, errors)
    labels, whole = gather(ds, intensity, sigma, spacegroup, partials, error_model, dataset)
    source, group = whole.observations, whole.observations.recipe.group
    if reject is None:
        sums = first_sums(source, friedel == "merge")
    else:
        found = find_outliers(source, threshold_of(reject), friedel == "merge")
        in_all, outliers = compute(source, *found)
        if error_model is None:
            sums = Totals(*without_outliers(in_all, outliers))
        else:  # it depends on the means, which are without outliers from now on
            left = replace(source, rejected=outliers.rejected_rows)
            sums = first_sums(left, friedel == "merge")
    if friedel == "separate":
        warn_of_missing_mates(ds, source, sums.table)
    return merged_dataset(
        ds, labels, whole.counted(sums), group, friedel=friedel, weights=weights, errors=errors,
        drop_absent=drop_absent, reject=reject, partials=partials, error_model=error_model,
        dataset=dataset,
    )  # fmt: skip


def check_choices(friedel: Friedel, weights: Weights, errors: Errors) -> None:
    """Raise ValueError for choices that are not known, before anything is read."""
    one_of("friedel", friedel, ("merge", "separate"))
    one_of("weights", weights, WEIGHTS)
    one_of("errors", errors, ERRORS)


def merged_dataset(
    ds: xr.Dataset,
    labels: Labels,
    sums: Totals,
    group: SpaceGroup,
    *,
    friedel: Friedel,
    weights: Weights,
    errors: Errors,
    drop_absent: bool,
    reject: float | None,
    partials: Partials | None,
    error_model: ErrorModel | None,
    dataset: int | str | None,
) -> xr.Dataset:
    """Return merged reflections, from the sums over their observations; options as of `merge`."""
    sums, origin = _without_origin(sums)
    counts = counts_of(sums.excluded, origin)
    if not len(sums.table.codes):
        refuse_nothing(counts, ds.sizes["obs"], labels, partials)
    warn_of_excluded(counts, ds.sizes["obs"], labels, partials)

    kinds = [ds[name].dtype for name in labels]
    dtype = np.float32 if all(kind.kind == "f" and kind.itemsize <= 4 for kind in kinds) else float
    merged = estimates(sums.table, weights, errors, friedel == "separate", dtype)
    absent = sums.absent
    if absent is None:
        absent = group.absent(merged.hkl)
    n_absent = int(np.count_nonzero(absent))
    if drop_absent and n_absent:
        merged = merged.select(~absent)
    attrs = attributes(ds, group, dataset) | counts_in_attrs(counts, sums.table, n_absent)
    result = assemble(ds, merged, labels.intensity, dataset, attrs)
    chosen = ["weights 1/σ²" if weights == "inverse_variance" else "unweighted"]
    if errors != "sigmas":
        chosen.append(f"errors={errors!r}")
    if error_model is not None:
        terms = vars(error_model).items()
        chosen.append("σ with " + ", ".join(f"{name} {value:.4g}" for name, value in terms))
    if reject is not None:
        chosen.append(f"{counts['rejected']:,} outliers beyond {reject:g} σ rejected")
    if partials is not None:
        chosen.append(f"partials={partials!r}")
    if dataset is not None:
        chosen.append(f"dataset={dataset!r}")
    return with_history(
        result,
        f"{attrs['n_observations']:,} observations of {labels.intensity} merged to "
        f"{result.sizes['hkl']:,} reflections in {called(group)}, " + ", ".join(chosen),
    )


def _without_origin(sums: Totals) -> tuple[Totals, int]:
    """Return sums without those of the reflection 0 0 0, and how many observations it has."""
    count = observations_at_origin(sums.table)
    if not count:
        return sums, 0
    table = sums.table.whole()
    others = np.ones(len(table.codes), np.bool_)
    others[at_origin(table.codes)] = False
    return sums._replace(table=table.select(others), absent=None), count
