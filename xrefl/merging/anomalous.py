"""How far Friedel mates differ, and whether the differences are reproducible."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrefl.merging._sums import Layout, sums_in_shells
from xrefl.merging.cc_half import sigma_tau
from xrefl.merging.in_shells import InShells
from xrefl.merging.table import Pieces, Table

__all__ = ["PairStatistics", "pair_differences", "pair_statistics"]

_LAYOUT = Layout(
    names=(
        "unique", "inv_d2", "pairs", "observations", "signal", "sig_ano", "positive", "repeated",
        "delta", "squares", "error", "unique_within", "pairs_within",
    ),
    counted="repeated",
    means=("delta",),
    moments=(("squares", "delta", "delta"),),
)  # fmt: skip

PairStatistics = dict[str, NDArray[np.float64]]
"""Statistics of Friedel pairs in each shell, and over all shells as the last."""


def pair_statistics(table: Table | Pieces, found: InShells, mean: int) -> PairStatistics:
    """Return statistics of Friedel pairs: acentric reflections with both mates observed.

    Parameters
    ----------
    table : Table or Pieces
        Mates apart.
    found : InShells
        Of the unique reflections, mates as one.
    mean : int
        Column of the means that ``cc_anom`` is of.

    Returns
    -------
    dict of ndarray, shape (shells + 1,)
        ``n_unique``, the number of reflections, mates as one, and ``inv_d2``, the mean of their
        1/d²; ``n_pairs``; ``unique_within`` and ``pairs_within``, how many of both are within the
        limits of the shells; ``anomalous_multiplicity``, observations for each mate of the pairs;
        ``anomalous_signal``, the mean of |ΔI|/σ(ΔI), ΔI = I(+) - I(-) being of intensities merged
        with the weights 1/σ²; ``sig_ano``, the mean of |ΔF|/σ(ΔF), F = √I with σ(F) = σ(I)/(2F),
        over the pairs with positive intensities, as XDS has it; ``cc_anom``, the correlation of
        ΔI between halves of the observations by the σ-τ method, the variance of ΔI being the sum
        of those of its two intensities (Assmann, Brehm & Diederichs, 2016, J. Appl. Cryst. 49,
        1021), over the pairs of which both mates have been observed twice or more. NaN where
        there is nothing to average. Without any anomalous difference ``anomalous_signal`` and
        ``sig_ano`` are near √(2/π) = 0.80.
    """
    from xrefl.merging import _statistics_kernels

    pieces = ((piece.codes, *found[1:], *piece[1:]) for piece in table.pieces)
    sums = sums_in_shells(
        _statistics_kernels.pair_sums, found.size, _LAYOUT, pieces, mean, *found.limits
    )
    pairs, unique, positive = (
        np.where(sums[name] > 0, sums[name], np.nan) for name in ("pairs", "unique", "positive")
    )
    return {
        "n_unique": sums["unique"],
        "inv_d2": sums["inv_d2"] / unique,
        "n_pairs": sums["pairs"],
        "unique_within": sums["unique_within"],
        "pairs_within": sums["pairs_within"],
        "anomalous_multiplicity": sums["observations"] / (2 * pairs),
        "anomalous_signal": sums["signal"] / pairs,
        "sig_ano": sums["sig_ano"] / positive,
        "cc_anom": sigma_tau(sums["repeated"], sums["squares"], sums["error"]),
    }


def pair_differences(
    codes: NDArray[np.int64], *columns: NDArray[np.float64]
) -> tuple[NDArray[np.intp], list[NDArray[np.float64]]]:
    """Return the rows of the mates of Friedel pairs, and what I(+) - I(-) is in each column.

    Parameters
    ----------
    codes : ndarray of int64, shape (m,)
        Unique reflections, ascending, mates apart.
    *columns : ndarray of float64, shape (m,)
    """
    mates = np.flatnonzero(codes[1:] >> 1 == codes[:-1] >> 1) + 1
    return mates, [column[mates - 1] - column[mates] for column in columns]
