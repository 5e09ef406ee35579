"""The statistics of merging in shells of resolution, from sums over unique reflections."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.merging._sums import Layout, sums_in_shells
from xrefl.merging.anomalous import pair_differences, pair_statistics
from xrefl.merging.cc_half import cc_star, correlation, sigma_tau
from xrefl.merging.codes import firsts
from xrefl.merging.in_shells import InShells, possible
from xrefl.merging.jackknife import error_of_ratio, error_of_sigma_tau
from xrefl.merging.r_factors import Weighting, r_factors
from xrefl.merging.table import MEAN, SQUARES, WEIGHT, WSQUARES, Pieces, Table, divided, merge_mates

__all__ = ["Merged", "halves_statistics", "jackknife_errors", "statistics_in_shells"]

_LAYOUT = Layout(
    names=(
        "observations", "merged", "intensity", "i_over_sigma", "observed", "chi_square", "freedom",
        "r_merge", "r_meas", "r_pim", "divisor", "repeated", "mean", "squares", "error",
    ),
    counted="repeated",
    means=("mean",),
    moments=(("squares", "mean", "mean"),),
)  # fmt: skip

Columns = dict[str, NDArray[np.float64]]


class Merged(NamedTuple):
    """What the passes over the observations have found."""

    apart: Table | Pieces
    """Sums over observations, Friedel mates apart."""
    table: Table | Pieces
    """The same, with mates together where they are merged."""
    deviations: list[NDArray[np.float64]]
    """Σ|I - <I>| of the reflections of each piece of ``table``, shape (m, 2)."""


def statistics_in_shells(
    merged: Merged, found: InShells, weighting: Weighting, cell: UnitCell | None, group: SpaceGroup
) -> Columns:
    """Return statistics in each shell, and over all shells as the last.

    Parameters
    ----------
    merged : Merged
    found : InShells
        Of the unique reflections.
    weighting : Weighting
    cell : UnitCell or None
        Without one there is no completeness.
    group : SpaceGroup

    Returns
    -------
    dict of ndarray of float64, shape (shells + 1,)
        NaN where there is nothing to average.
    """
    from xrefl.merging import _statistics_kernels

    table, number = merged.table, _numbers(merged.table, found)
    pieces = zip(divided(table, number), merged.deviations, strict=True)
    sums = sums_in_shells(
        _statistics_kernels.shell_sums, found.size, _LAYOUT,
        ((shells, piece.n, piece.sums, deviations) for (piece, shells), deviations in pieces),
        *weighting,
    )  # fmt: skip
    pairs = pair_statistics(merged.apart, found, weighting.mean)
    observations, averaged, freedom, unique = (
        np.where(counts > 0, counts, np.nan)
        for counts in (sums["observations"], sums["merged"], sums["freedom"], pairs["n_unique"])
    )
    cc_half = sigma_tau(sums["repeated"], sums["squares"], sums["error"])
    return {
        "n_observations": sums["observations"],
        **_completeness(pairs, found, cell, group),
        "multiplicity": sums["observations"] / unique,
        "mean_intensity": sums["intensity"] / averaged,
        "i_over_sigma": sums["i_over_sigma"] / averaged,
        "i_over_sigma_observed": sums["observed"] / observations,
        "chi_square": sums["chi_square"] / freedom,
        **r_factors(sums),
        "n_repeated": sums["repeated"],
        "cc_half": cc_half,
        "cc_star": cc_star(cc_half),
        **pairs,
    }


def halves_statistics(
    merged: Merged, found: InShells, weighting: Weighting, halves: tuple[Table, Table]
) -> Columns:
    """Return correlations between halves of the observations that were chosen at random.

    Parameters
    ----------
    merged, found, weighting
        As for `statistics_in_shells`.
    halves : tuple of two Table
        Mates apart.

    Returns
    -------
    dict of ndarray of float64, shape (shells + 1,)
        ``cc_half_random``, of merged intensities (Karplus & Diederichs, 2012, Science 336, 1030),
        and ``cc_anom_random``, of I(+) - I(-). Reflections that both halves have count.
    """
    size = found.size
    apart = [_means(half, merged.apart.codes, weighting) for half in halves]
    mates, differences = pair_differences(merged.apart.codes, *apart)
    cc_anom = correlation(_numbers(merged.apart, found)[mates], differences, size)
    if merged.table is not merged.apart:
        apart = [_means(merge_mates(half), merged.table.codes, weighting) for half in halves]
    cc_half = correlation(_numbers(merged.table, found), apart, size)
    return {"cc_half_random": cc_half, "cc_anom_random": cc_anom}


def jackknife_errors(merged: Merged, found: InShells, weighting: Weighting) -> Columns:
    """Return standard errors of R factors and of CC1/2, leaving out one reflection each time.

    Parameters
    ----------
    merged, found, weighting
        As for `statistics_in_shells`.
    """
    number, table = _numbers(merged.table, found), merged.table.whole()
    used = (table.n > 1) & (number >= 0)
    n, sums = table.n[used].astype(np.float64), table.sums[used]
    deviation = np.concatenate(merged.deviations)[used, weighting.deviation]
    divisor, mean = n * sums[:, weighting.divisor], sums[:, weighting.mean]
    squares = n * sums[:, WSQUARES] / sums[:, WEIGHT]
    if weighting.mean == MEAN:
        squares = sums[:, SQUARES]
    above = {
        "r_merge_error": deviation,
        "r_meas_error": deviation * np.sqrt(n / (n - 1)),
        "r_pim_error": deviation * np.sqrt(1 / (n - 1)),
    }
    number = number[used]
    groups = [(number, found.size), (np.zeros_like(number), 1)]
    errors = {
        name: np.concatenate([error_of_ratio(*one, values, divisor) for one in groups])
        for name, values in above.items()
    }
    error = squares / (n * (n - 1))
    cc_half = [error_of_sigma_tau(*one, mean, error) for one in groups]
    return {**errors, "cc_half_error": np.concatenate(cc_half)}


def _numbers(table: Table | Pieces, found: InShells) -> NDArray[np.int32]:
    """Return the shells of the rows of a table, with mates together or apart."""
    if len(table.codes) == len(found.codes):
        return found.number
    numbers: NDArray[np.int32] = found.number[np.cumsum(firsts(table.codes)) - 1]
    return numbers


def _means(half: Table, codes: NDArray[np.int64], weighting: Weighting) -> NDArray[np.float64]:
    """Return the means of a half for each of the reflections, NaN where it has none."""
    means = np.full(len(codes), np.nan)
    means[np.searchsorted(codes, half.codes)] = half.sums[:, weighting.mean]
    return means


def _completeness(
    pairs: Columns, found: InShells, cell: UnitCell | None, group: SpaceGroup
) -> Columns:
    if found.shells is None or cell is None:
        return {}
    reflections, friedel = (
        np.append(counts, counts.sum()).astype(np.float64)
        for counts in possible(found, cell, group)
    )
    return {
        "n_possible": reflections,
        "completeness": pairs["unique_within"] / np.where(reflections > 0, reflections, np.nan),
        "anomalous_completeness": pairs["pairs_within"] / np.where(friedel > 0, friedel, np.nan),
    }
