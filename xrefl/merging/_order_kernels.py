"""Kernels over a block of observations whose reflections ascend.

A run is what follows each other of one reflection; run r has the slots 2 r, of the reflection, and
2 r + 1, of its mate. What is done for each row has no branches that depend on the data, since
which mate was observed cannot be foretold.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xrefl._numba import kernel
from xrefl.crystal._kernels import is_null, nine

# Sums of a slot. While rows are added up, `MEAN` and `WMEAN` are sums, too.
WEIGHT, WMEAN, WSQUARES, MEAN, SQUARES, VARIANCE, OVER_SIGMA = range(7)
WIDTH = 7
COUNT = 7
# Means that deviations are from, and the deviations.
FROM_WMEAN, FROM_MEAN, BY_WMEAN, BY_MEAN = range(4)


@kernel
def take_rows(
    table: Any, at: Any, missing: Any, origin: Any, most: Any, conditions: Any, keys: Any,
    minus: Any, intensity: Any, sigma: Any, use: Any, counts: Any,
) -> Any:  # fmt: skip
    """Take what is merged from the rows of a file; returns whether there is nothing special.

    ``at`` tells where h, k, l, M/ISYM, I and σ are. Special is what is no whole number, a partial
    observation, M/ISYM above ``most``, and indices beyond ``origin`` or outside the asymmetric
    unit, for which a linear form is negative. ``counts`` is of rows without a number, and of those
    whose σ is not positive.
    """
    size = 512  # rows of which all that is needed stays in the cache
    taken, value = np.empty((6, size), np.float32), np.empty(size, np.float32)
    not_there = not_positive = 0
    for start in range(0, table.shape[0], size):
        rows = table[start : start + size]
        n = rows.shape[0]
        for j in range(6):
            column, here = taken[j], at[j]
            for i in range(n):
                column[i] = rows[i, here]
        strange = 0
        for j in range(4):
            column = taken[j]
            for i in range(n):
                strange |= (np.float32(np.int32(column[i])) != column[i]) | (column[i] == missing)
        h, k, l, symmetry, observed, error = taken
        for i in range(n):
            strange |= (symmetry[i] < 1) | (symmetry[i] > most)
            strange |= (abs(h[i]) >= origin) | (abs(k[i]) >= origin) | (abs(l[i]) >= origin)
        for condition in conditions:
            value[:n] = np.float32(0.0)
            for form in condition:
                a, b, c = form
                if a != 0.0 or b != 0.0 or c != 0.0:
                    for i in range(n):
                        here = a * h[i] + b * k[i] + c * l[i]
                        value[i] = here if value[i] == 0.0 else value[i]
            for i in range(n):
                strange |= value[i] < 0.0
        if strange:
            return False
        for i in range(n):
            high = (np.int64(np.int32(h[i])) + origin) << 42
            middle = (np.int64(np.int32(k[i])) + origin) << 21
            keys[start + i] = high + middle + (np.int64(np.int32(l[i])) + origin)
        for i in range(n):
            minus[start + i] = np.int32(symmetry[i]) & 1 == 0
            intensity[start + i], sigma[start + i] = observed[i], error[i]
        for i in range(n):
            there = (abs(observed[i]) < np.inf) & (abs(error[i]) < np.inf)
            there &= (observed[i] != missing) & (error[i] != missing) & use[start + i]
            positive = there & (error[i] > 0.0)
            not_there += use[start + i] & (not there)
            not_positive += there & (not positive)
            use[start + i] = positive
    counts[0] += not_there
    counts[1] += not_positive
    return True


@kernel
def number_runs(
    row_keys: Any, use: Any, matrices: Any, origin: Any, runs: Any, keys: Any, apart: Any
) -> Any:
    """Give runs numbers, and tell where mates are apart.

    Rows have packed keys; those that do not count are passed over. A mate is the reflection itself
    where one of the matrices makes the indices 0. Returns the number of runs, or -1 if
    reflections do not ascend.
    """
    run, previous, ascending = -1, np.int64(-1), True
    for i in range(row_keys.size):
        if use[i]:
            key = row_keys[i]
            ascending &= key >= previous
            run += key != previous
            keys[run] = key
            runs[i] = run
            previous = key
    if not ascending:
        return -1
    apart[: run + 1] = True
    mask = (np.int64(1) << 21) - 1
    for j in range(matrices.shape[0]):
        m = nine(matrices, j)
        for r in range(run + 1):
            key = keys[r]
            here_h = float((key >> 42) - origin)
            here_k, here_l = float((key >> 21 & mask) - origin), float((key & mask) - origin)
            apart[r] &= not is_null(here_h, here_k, here_l, m)
    return run + 1


@kernel
def sum_runs(
    minus: Any, intensity: Any, sigma: Any, use: Any, runs: Any, count: Any, apart: Any,
    together: Any, weights: Any, sums: Any, about: Any,
) -> None:  # fmt: skip
    """Add up the observations of each slot, and their deviations from the means.

    The weights 1/σ² of rows are kept from the first loop to the second, as divisions take long,
    and so are slots, in the place of ``runs``.
    Deviations are from the means of both mates ``together``, and are then those of the first slot.
    """
    sums[: 2 * count] = 0.0
    for i in range(runs.size):
        if use[i]:
            slot = 2 * runs[i] + (minus[i] & apart[runs[i]])
            runs[i] = slot
            value, error = np.float64(intensity[i]), np.float64(sigma[i])
            inverse = 1.0 / error
            weight = inverse * inverse
            weights[i] = weight
            sums[slot, COUNT] += 1.0
            sums[slot, WEIGHT] += weight
            sums[slot, WMEAN] += weight * value
            sums[slot, MEAN] += value
            sums[slot, VARIANCE] += error * error
            sums[slot, OVER_SIGMA] += value * inverse
    for run in range(count):
        for slot in range(2 * run, 2 * run + 2):
            there = sums[slot, COUNT] > 0.0
            sums[slot, WMEAN] = sums[slot, WMEAN] / sums[slot, WEIGHT] if there else 0.0
            sums[slot, MEAN] = sums[slot, MEAN] / sums[slot, COUNT] if there else 0.0
            about[slot, FROM_WMEAN], about[slot, FROM_MEAN] = sums[slot, WMEAN], sums[slot, MEAN]
            about[slot, BY_WMEAN] = about[slot, BY_MEAN] = 0.0
        if together:
            a, b = 2 * run, 2 * run + 1
            wshare = sums[b, WEIGHT] / (sums[a, WEIGHT] + sums[b, WEIGHT])
            share = sums[b, COUNT] / (sums[a, COUNT] + sums[b, COUNT])
            wmean = sums[a, WMEAN] + wshare * (sums[b, WMEAN] - sums[a, WMEAN])
            mean = sums[a, MEAN] + share * (sums[b, MEAN] - sums[a, MEAN])
            about[a, FROM_WMEAN] = about[b, FROM_WMEAN] = wmean
            about[a, FROM_MEAN] = about[b, FROM_MEAN] = mean
    for i in range(runs.size):
        if use[i]:
            slot = runs[i]
            value = np.float64(intensity[i])
            from_wmean, from_mean = value - sums[slot, WMEAN], value - sums[slot, MEAN]
            sums[slot, WSQUARES] += weights[i] * from_wmean * from_wmean
            sums[slot, SQUARES] += from_mean * from_mean
            about[slot, BY_WMEAN] += abs(value - about[slot, FROM_WMEAN])
            about[slot, BY_MEAN] += abs(value - about[slot, FROM_MEAN])


@kernel
def write_runs(
    keys: Any, count: Any, slots: Any, about: Any, found: Any, codes: Any, n: Any, sums: Any,
    together: Any, found_both: Any, both_codes: Any, both_n: Any, both_sums: Any, deviations: Any,
) -> Any:  # fmt: skip
    """Append the slots that have observations to a table; and to one of both mates ``together``.

    Deviations are those of the latter. Returns how many rows there are in each.
    """
    for run in range(count):
        code = (keys[run] - (np.int64(1) << 62)) << 1
        first = found
        for mate in range(2):
            slot = 2 * run + mate
            # written in any case, and overwritten by the next if there are no observations
            codes[found], n[found] = code + mate, np.int64(slots[slot, COUNT])
            for j in range(WIDTH):
                sums[found, j] = slots[slot, j]
            if slots[slot, COUNT] < 2.0:
                sums[found, WSQUARES] = sums[found, SQUARES] = 0.0
            if not together:
                deviations[found, 0] = about[slot, BY_WMEAN]
                deviations[found, 1] = about[slot, BY_MEAN]
            found += slots[slot, COUNT] > 0.0
        if together:
            a, b = 2 * run, 2 * run + 1
            deviations[found_both, 0] = about[a, BY_WMEAN] + about[b, BY_WMEAN]
            deviations[found_both, 1] = about[a, BY_MEAN] + about[b, BY_MEAN]
            both_codes[found_both] = code
            if found - first == 1:
                both_n[found_both] = n[first]
                for j in range(WIDTH):
                    both_sums[found_both, j] = sums[first, j]
            else:
                n_a, n_b = slots[a, COUNT], slots[b, COUNT]
                weight = slots[a, WEIGHT] + slots[b, WEIGHT]
                wstep = slots[b, WMEAN] - slots[a, WMEAN]
                step = slots[b, MEAN] - slots[a, MEAN]
                both_n[found_both] = n[first] + n[first + 1]
                both_sums[found_both, WEIGHT] = weight
                both_sums[found_both, WMEAN] = about[a, FROM_WMEAN]
                both_sums[found_both, WSQUARES] = (
                    sums[first, WSQUARES] + sums[first + 1, WSQUARES]
                    + slots[a, WEIGHT] * (slots[b, WEIGHT] / weight) * wstep * wstep
                )  # fmt: skip
                both_sums[found_both, MEAN] = about[a, FROM_MEAN]
                both_sums[found_both, SQUARES] = (
                    sums[first, SQUARES] + sums[first + 1, SQUARES]
                    + n_a * (n_b / (n_a + n_b)) * step * step
                )  # fmt: skip
                for j in range(VARIANCE, WIDTH):
                    both_sums[found_both, j] = slots[a, j] + slots[b, j]
            found_both += 1
    return found, found_both
