"""Statistics of merging by batch: what each image adds to the whole, or takes from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.merging import _batch_sums as of
from xrefl.merging import passes
from xrefl.merging.batch_passes import Plan, RangeSums, left_out, plan, range_sums
from xrefl.merging.batch_ranges import range_coords
from xrefl.merging.batch_request import Division, Options, attrs_of, request
from xrefl.merging.error_model import ErrorModel
from xrefl.merging.in_batches import all_batches, passes_in_batches
from xrefl.merging.in_shells import possible
from xrefl.merging.options import Friedel, Partials
from xrefl.merging.r_factors import Weighting, WeightingName, weighting_called
from xrefl.merging.report import warn_of_excluded
from xrefl.statistics.groups import shell_coords
from xrefl.statistics.shells import Shells

__all__ = ["batch_statistics"]

_OVERALL = "_overall"
_LONG_NAMES = {
    "n_observations": "number of observations",
    "mean_intensity": "mean I of observations",
    "i_over_sigma": "mean I/σ(I) of observations",
    "r_merge": "Rmerge",
    "r_meas": "Rmeas",
    "scale": "scale of observations to the merged intensities",
    "chi_square": "χ² of observations about the merged intensities, per degree of freedom",
    "n_unique": "number of unique reflections so far",
    "completeness": "completeness so far",
    "cc_half_without": "CC1/2 without the batches",
    "delta_cc_half": "ΔCC1/2",
}


def batch_statistics(
    ds: xr.Dataset,
    *,
    intensity: str | None = None,
    sigma: str | None = None,
    batch: str | None = None,
    width: int = 1,
    edges: Sequence[int] | None = None,
    shells: Shells | int | None = None,
    friedel: Friedel = "merge",
    weighting: WeightingName = "aimless",
    spacegroup: SpaceGroup | str | int | None = None,
    reject: float | None = None,
    partials: Partials | None = None,
    error_model: ErrorModel | None = None,
    dataset: int | str | None = None,
) -> xr.Dataset:
    """Tell how the observations of each batch agree with those of all others.

    Statistics are of the observations that `.xtal.merge` merges with the same options, but for
    systematic absences, which never count. This computes: observations are gone over twice,
    stretch by stretch, and the result is small. Memory holds the unique reflections (some 70
    bytes each), the stretches that are worked on, and 48 bytes for each pair of a reflection and
    a range of batches that both have observations in several stretches. These are few if rows
    are in the order of batches or of reflections, and may be as many as the observations if they
    are in neither.

    Parameters
    ----------
    ds : Dataset
        Unmerged observations, in memory, of a file, or dask-backed. Headers along ``batch``, as
        MTZ files have them, must be of all batches, or of none.
    intensity, sigma : str, optional
        Labels of intensities and their standard deviations; by default the only ones.
    batch : str, optional
        Label of the whole numbers that count images; by default the only column of MTZ type B.
    width : int
        How many batch numbers are taken together, counted from the first.
    edges : sequence of int, optional
        Instead of a width, the first batch of each range, and the number after the last.
    shells : int, Shells or None
        Also divide by resolution: that many shells of equal volume, or the result of
        ``ds.xtal.shells``.
    friedel : {"merge", "separate"}
        Whether observations of Friedel mates are of one reflection.
    weighting : {"aimless", "xds", "unweighted"}
        Means that R factors and CC1/2 are of, as for `merging_statistics`. The σ-τ method was
        published, and is used in XDSCC12, without weights.
    spacegroup : SpaceGroup, str or int, optional
        In whose Laue group observations are equivalent; by default that of the Dataset.
    reject, partials, error_model, dataset
        As for `.xtal.merge`. Added parts of an observation count for the batch of the first.

    Returns
    -------
    Dataset
        Along ``batch``, the number of the first batch of each range; ``batch_last`` is that of
        the last, and ``batch_phi_start`` and ``batch_phi_end`` (degrees) are there if there are
        headers. Ranges without a batch are left out. With shells, variables are along ``batch``
        and ``shell``, and each has a twin over all shells, ``delta_cc_half_overall`` for
        ``delta_cc_half``. What has nothing to be calculated from is NaN. <I> is the mean of
        all observations of a reflection, those of the batch included.

        - ``n_observations``, ``mean_intensity``, ``i_over_sigma``: number (int64) and means of
          the observations; ``n_excluded``, along ``batch`` alone, the number of rows that do
          not count, added parts of observations among them.
        - ``r_merge`` = Σ|I - <I>| / Σ<I>, and ``r_meas`` = Σ √(n/(n - 1)) |I - <I>| / Σ<I>
          (Diederichs & Karplus, 1997, Nature Struct. Biol. 4, 269), over the observations of the
          batch whose reflection was observed n >= 2 times in all.
        - ``scale``: the k that makes Σ(I - k<I>)²/σ² least over these, <I> being weighted.
        - ``chi_square``: Σ(I - <I>)²/σ² / Σ(1 - w/Σw) over these, with w = 1/σ² and Σw over the
          observations of a reflection; near 1 if the σ are right.
        - ``n_unique`` (int64): reflections, Friedel mates as one, that were observed up to and
          in these batches; ``completeness``, their fraction of the possible ones within the
          limits of all observations or of the shells.
        - ``cc_half_without``: CC1/2 (σ-τ; Assmann, Brehm & Diederichs, 2016, J. Appl. Cryst. 49,
          1021) of all other batches, and ``delta_cc_half``, that of all batches less
          this. It is negative for batches that spoil the rest. ``cc_half`` is that of all.

        The attributes say what was asked for, and, as in merged data, how many observations did
        not count.

    Raises
    ------
    MissingColumnError
        There are no batch numbers, or several columns of them; or as `.xtal.merge`.
    FormatError
        Batch numbers are missing or not whole; batches have no header, but others do; or as
        `.xtal.merge`.
    CrystalError
        Shells are asked for, but there is no unit cell; or as `.xtal.merge`.
    CrystalMismatchError
        The shells are of another crystal, or the cell contradicts ``spacegroup``; or as
        `.xtal.merge`.
    MillerIndexError
        All reflections are absent; or as `.xtal.merge`.
    NotMergedError, XreflError, TypeError
        As `.xtal.merge`.
    ValueError
        An option is not known or out of range; edges do not ascend, or leave out batches; there
        are fewer reflections than shells.

    Warns
    -----
    DroppedWarning, CrystalWarning
        As `.xtal.merge`.

    Notes
    -----
    A range is left out of CC1/2 exactly: its observations are taken from the mean and the variance
    of each reflection. This loses digits where it has observations that are orders of
    magnitude larger than all others of their reflections: some 10⁻¹⁶ times the square of that
    ratio.

    Examples
    --------
    >>> import xrefl
    >>> model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    >>> ds = xrefl.simulate_unmerged(model, dmin=2.0, multiplicity=12, n_batches=6)
    >>> spoiled = ds.I.where(ds.BATCH != 4, ds.I[::-1].values)  # as if shuffled
    >>> found = ds.assign(I=spoiled.assign_attrs(ds.I.attrs)).xtal.batch_statistics()
    >>> int(found.delta_cc_half.idxmin()), bool(found.delta_cc_half.min() < 0)
    (4, True)
    """
    wanted = weighting_called(weighting)
    options = Options(
        intensity, sigma, batch, width, edges, shells, friedel, spacegroup, reject, partials,
        error_model, dataset,
    )  # fmt: skip
    source, division = request(ds, options)
    known, found = _passes(source, division, wanted)
    warn_of_excluded(known.counts, division.nrow, division.labels, division.partials)
    result = _dataset(known, found, division, shells is not None)
    attrs = attrs_of(division, known.counts, known.table, known.found)
    return result.assign_attrs(attrs, weighting=weighting)


def _passes(
    source: passes.Observations, division: Division, weighting: Weighting
) -> tuple[Plan, RangeSums]:
    from dask.delayed import delayed

    first, second = passes_in_batches(source, 2)
    sums = passes.first_pass([part.grouped for part in first])
    if division.friedel == "merge":
        sums = passes.merged_mates(sums)
    known = delayed(plan, pure=False)(sums, all_batches(first), division, weighting)
    known = passes.settled(source, known)
    done: tuple[Plan, RangeSums] = passes.compute(source, known, range_sums(second, known))
    return done


def _dataset(known: Plan, found: RangeSums, division: Division, by_shell: bool) -> xr.Dataset:
    cc_half = left_out(found, known)
    sums = _with_overall(found.sums.reshape(len(known.ranges.first), -1, of.WIDTH), axis=1)
    columns = {
        **_of_observations(np.moveaxis(sums, -1, 0)),
        **_so_far(known, found, division),
        "cc_half_without": cc_half.without,
        "delta_cc_half": cc_half.whole - cc_half.without,
    }
    excluded = known.rows - sums[:, -1, of.N].astype(np.int64)
    variables: dict[str, Any] = {
        "n_excluded": ("batch", excluded, {"long_name": "number of rows that do not count"})
    }
    dims, coords = ("batch",), range_coords(known.ranges, division.known)
    whole = {"long_name": "CC1/2 of all batches"}
    suffix = ""
    if by_shell and known.found.shells is not None:
        coords |= shell_coords(known.found.shells)
        suffix = _OVERALL
        for name, values in columns.items():
            text = {"long_name": _LONG_NAMES[name]}
            variables[name] = (("batch", "shell"), values[:, :-1], text)
        variables["cc_half"] = ("shell", cc_half.whole[:-1], whole)
    for name, values in columns.items():
        variables[name + suffix] = (dims, values[:, -1], {"long_name": _LONG_NAMES[name]})
    variables["cc_half" + suffix] = ((), cc_half.whole[-1], whole)
    return xr.Dataset(variables, coords)


def _of_observations(sums: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return what follows from sums over the observations of each range and shell."""
    n = np.where(sums[of.N] > 0, sums[of.N], np.nan)
    divisor, square, freedom = (
        np.where(sums[column] > 0, sums[column], np.nan)
        for column in (of.DIVISOR, of.SQUARE, of.FREEDOM)
    )
    return {
        "n_observations": sums[of.N].astype(np.int64),
        "mean_intensity": sums[of.INTENSITY] / n,
        "i_over_sigma": sums[of.OVER_SIGMA] / n,
        "r_merge": sums[of.DEVIATION] / divisor,
        "r_meas": sums[of.DEVIATION_MEAS] / divisor,
        "scale": sums[of.CROSS] / square,
        "chi_square": sums[of.CHI_SQUARE] / freedom,
    }


def _so_far(known: Plan, found: RangeSums, division: Division) -> dict[str, NDArray[Any]]:
    """Return how many unique reflections were observed up to each range."""
    keys, number = known.table.codes >> 1, known.found.number
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))  # of both mates
    first, number = np.minimum.reduceat(found.first, starts), number[starts]
    shape = len(known.ranges.first), known.found.size

    def count(which: NDArray[np.bool_]) -> NDArray[np.int64]:
        cells = first[which].astype(np.int64) * shape[1] + number[which]
        counts = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
        return _with_overall(counts.cumsum(axis=0), axis=1)

    allowed = number >= 0
    counts: dict[str, NDArray[Any]] = {"n_unique": count(allowed)}
    if division.cell is not None and known.found.shells is not None:
        reflections, _ = possible(known.found, division.cell, division.group)
        most = _with_overall(reflections, axis=0)
        low, high = known.found.limits
        inv_d2 = known.found.inv_d2[starts]
        within = count(allowed & (inv_d2 > low) & (inv_d2 <= high))
        counts["completeness"] = within / np.where(most > 0, most, np.nan)
    return counts


def _with_overall(values: NDArray[Any], axis: int) -> NDArray[Any]:
    """Append the sum along an axis."""
    return np.concatenate([values, values.sum(axis, keepdims=True)], axis)
