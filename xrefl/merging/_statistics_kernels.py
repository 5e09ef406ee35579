"""Kernels that sum up unique reflections by shells.

Block i has ``rows`` rows and the table ``tables[i]``, which has a row of zeros for each shell.
Shells are numbered from 0; reflections with a number below it do not count. Means and the sums
of squares about them are updated row by row (Welford, 1962, Technometrics 4, 419).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xrefl._numba import kernel

# Columns of `xrefl.merging.table.Table.sums`. Constants are here since numba, which keeps compiled
# kernels, would not see them change elsewhere.
WEIGHT, WMEAN, WSQUARES, MEAN, SQUARES, VARIANCE, OVER_SIGMA = range(7)

# What the kernels add up; their names are in the layouts of the modules that call them.
# `shell_sums`:
(
    N_OBSERVATIONS, N_MERGED, INTENSITY, I_OVER_SIGMA, I_OVER_SIGMA_OBSERVED, CHI_SQUARE, FREEDOM,
    DEVIATION, DEVIATION_MEAS, DEVIATION_PIM, DENOMINATOR, N_REPEATED, MEAN_Y, SQUARES_Y, ERROR,
) = range(15)  # fmt: skip

# `pair_sums`:
(
    N_UNIQUE, INV_D2, N_PAIRS, PAIR_OBSERVATIONS, SIGNAL, SIG_ANO, N_SIG_ANO, N_REPEATED_PAIRS,
    MEAN_DELTA, SQUARES_DELTA, ERROR_DELTA, N_WITHIN, N_PAIRS_WITHIN,
) = range(13)  # fmt: skip

# `correlate`:
COUNT, MEAN_A, MEAN_B, AA, BB, AB = range(6)


@kernel
def shell_sums(
    start: Any, stop: Any, rows: Any, tables: Any, shell: Any, n: Any, sums: Any, deviations: Any,
    mean: Any, deviation: Any, divisor: Any,
) -> None:  # fmt: skip
    """Sum up a table of unique reflections, and deviations from the means, by shells.

    ``mean``, ``deviation`` and ``divisor`` are the columns of means, of deviations from them, and
    of the means that R factors are divided by.
    """
    for block in range(start, stop):
        out = tables[block]
        for i in range(block * rows, min((block + 1) * rows, n.size)):
            s = shell[i]
            if s < 0:
                continue
            intensity, weight = sums[i, WMEAN], sums[i, WEIGHT]
            out[s, N_OBSERVATIONS] += n[i]
            out[s, N_MERGED] += 1.0
            out[s, INTENSITY] += intensity
            out[s, I_OVER_SIGMA] += intensity * math.sqrt(weight)
            out[s, I_OVER_SIGMA_OBSERVED] += sums[i, OVER_SIGMA]
            if n[i] < 2:
                continue
            times = np.float64(n[i])
            out[s, CHI_SQUARE] += sums[i, WSQUARES]
            out[s, FREEDOM] += times - 1.0
            pim = deviations[i, deviation] * math.sqrt(1.0 / (times - 1.0))
            out[s, DEVIATION] += deviations[i, deviation]
            out[s, DEVIATION_MEAS] += pim * math.sqrt(times)
            out[s, DEVIATION_PIM] += pim
            out[s, DENOMINATOR] += times * sums[i, divisor]
            squares = sums[i, SQUARES] if mean == MEAN else times * sums[i, WSQUARES] / weight
            out[s, ERROR] += squares / ((times - 1.0) * times)
            out[s, N_REPEATED] += 1.0
            step = sums[i, mean] - out[s, MEAN_Y]
            out[s, MEAN_Y] += step / out[s, N_REPEATED]
            out[s, SQUARES_Y] += step * (sums[i, mean] - out[s, MEAN_Y])


@kernel
def pair_sums(
    start: Any, stop: Any, rows: Any, tables: Any, codes: Any, unique: Any, shell: Any,
    inv_d2: Any, n: Any, sums: Any, mean: Any, low: Any, high: Any,
) -> None:  # fmt: skip
    """Sum up differences between Friedel mates by shells, from a table with mates apart.

    The shells and the 1/d² are those of ``unique`` reflections. Between ``low`` and ``high`` are
    the 1/d² of those that count for completeness.
    """
    for block in range(start, stop):
        out = tables[block]
        at = np.searchsorted(unique, codes[block * rows] & ~np.int64(1))
        for i in range(block * rows, min((block + 1) * rows, n.size)):
            is_mate = i > 0 and codes[i - 1] >> 1 == codes[i] >> 1
            at += not is_mate and i > block * rows
            s = shell[at]
            if s < 0:
                continue
            if not is_mate:
                out[s, N_UNIQUE] += 1.0
                out[s, INV_D2] += inv_d2[at]
                out[s, N_WITHIN] += low < inv_d2[at] <= high
                continue
            j = i - 1  # the reflection, of which this is the mate
            out[s, N_PAIRS] += 1.0
            out[s, N_PAIRS_WITHIN] += low < inv_d2[at] <= high
            out[s, PAIR_OBSERVATIONS] += n[i] + n[j]
            plus, minus = sums[j, WMEAN], sums[i, WMEAN]
            plus_variance, minus_variance = 1.0 / sums[j, WEIGHT], 1.0 / sums[i, WEIGHT]
            out[s, SIGNAL] += abs(plus - minus) / math.sqrt(plus_variance + minus_variance)
            if plus > 0.0 and minus > 0.0:
                error = math.sqrt(plus_variance / (4.0 * plus) + minus_variance / (4.0 * minus))
                out[s, SIG_ANO] += abs(math.sqrt(plus) - math.sqrt(minus)) / error
                out[s, N_SIG_ANO] += 1.0
            if n[i] < 2 or n[j] < 2:
                continue
            out[s, N_REPEATED_PAIRS] += 1.0
            delta = sums[j, mean] - sums[i, mean]
            step = delta - out[s, MEAN_DELTA]
            out[s, MEAN_DELTA] += step / out[s, N_REPEATED_PAIRS]
            out[s, SQUARES_DELTA] += step * (delta - out[s, MEAN_DELTA])
            for row in (i, j):
                times = np.float64(n[row])
                squares = sums[row, SQUARES]
                if mean != MEAN:
                    squares = times * sums[row, WSQUARES] / sums[row, WEIGHT]
                out[s, ERROR_DELTA] += squares / ((times - 1.0) * times)


@kernel
def correlate(start: Any, stop: Any, rows: Any, tables: Any, shell: Any, a: Any, b: Any) -> None:
    """Sum up pairs of values by shells, their means and second moments; NaN does not count."""
    for block in range(start, stop):
        out = tables[block]
        for i in range(block * rows, min((block + 1) * rows, shell.size)):
            s = shell[i]
            if s < 0 or not (np.isfinite(a[i]) and np.isfinite(b[i])):
                continue
            out[s, COUNT] += 1.0
            step_a, step_b = a[i] - out[s, MEAN_A], b[i] - out[s, MEAN_B]
            out[s, MEAN_A] += step_a / out[s, COUNT]
            out[s, MEAN_B] += step_b / out[s, COUNT]
            rest_b = b[i] - out[s, MEAN_B]
            out[s, AA] += step_a * (a[i] - out[s, MEAN_A])
            out[s, BB] += step_b * rest_b
            out[s, AB] += step_a * rest_b
