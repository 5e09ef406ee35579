"""Kernels that turn sums over observations into merged reflections, and find outliers."""

from __future__ import annotations

from typing import Any

import numpy as np

from xrefl._numba import helper, kernel
from xrefl.crystal.miller import LIMIT
from xrefl.merging._kernels import MEAN, SQUARES, VARIANCE, WEIGHT, WMEAN, WSQUARES

SIGMAS, SCATTER, LARGER = range(3)


@helper
def _sigma(n: Any, weight: Any, squares: Any, variance: Any, errors: Any, unweighted: Any) -> Any:
    """Return the standard deviation of a mean; squares are those about it."""
    expected = np.sqrt(variance) / n if unweighted else 1.0 / np.sqrt(weight)
    if errors == SIGMAS or n < 2:
        return expected
    scatter = np.sqrt(squares / ((n - 1) * (n if unweighted else weight)))
    return max(scatter, expected) if errors == LARGER else scatter


@kernel
def estimate(
    start: Any,
    stop: Any,
    starts: Any,
    codes: Any,
    numbers: Any,
    sums: Any,
    unweighted: Any,
    errors: Any,
    hkl: Any,
    keys: Any,
    values: Any,
    sigmas: Any,
    counts: Any,
    chi2: Any,
) -> None:
    """Write indices, means, their standard deviations, numbers and χ²/(n - 1) of reflections.

    ``starts`` tells where the one or two rows of each are in the table. Means are of both mates
    together and, where there are three rows of ``values``, of each.
    """
    mask = (np.int64(1) << 21) - 1
    apart = values.shape[0] == 3
    for i in range(start, stop):
        key = (codes[starts[i]] >> 1) + (np.int64(1) << 62)
        keys[i] = key
        hkl[0, i] = (key >> 42) - LIMIT
        hkl[1, i] = ((key >> 21) & mask) - LIMIT
        hkl[2, i] = (key & mask) - LIMIT
        if apart:
            for sign in range(1, 3):
                values[sign, i] = sigmas[sign, i] = np.nan
                counts[sign, i] = 0
        n = 0
        weight = wmean = wsquares = mean = squares = variance = 0.0
        for row in range(starts[i], starts[i + 1]):
            number = numbers[row]
            if apart:
                sign = 1 + (codes[row] & 1)
                counts[sign, i] = number
                values[sign, i] = sums[row, MEAN if unweighted else WMEAN]
                sigmas[sign, i] = _sigma(
                    number,
                    sums[row, WEIGHT],
                    sums[row, SQUARES if unweighted else WSQUARES],
                    sums[row, VARIANCE],
                    errors,
                    unweighted,
                )
            total = weight + sums[row, WEIGHT]
            share, wshare = number / (n + number), sums[row, WEIGHT] / total
            step, wstep = sums[row, MEAN] - mean, sums[row, WMEAN] - wmean
            squares += sums[row, SQUARES] + n * share * step * step
            wsquares += sums[row, WSQUARES] + weight * wshare * wstep * wstep
            mean += share * step
            wmean += wshare * wstep
            variance += sums[row, VARIANCE]
            weight = total
            n += number
        counts[0, i] = n
        values[0, i] = mean if unweighted else wmean
        about = squares if unweighted else wsquares
        sigmas[0, i] = _sigma(n, weight, about, variance, errors, unweighted)
        if n < 2:
            chi2[i] = np.nan
        elif unweighted:
            chi2[i] = (wsquares + weight * (mean - wmean) ** 2) / (n - 1)
        else:
            chi2[i] = wsquares / (n - 1)


@kernel
def find_deviant(
    codes: Any,
    starts: Any,
    values: Any,
    table_codes: Any,
    numbers: Any,
    sums: Any,
    limit: Any,
    found: Any,
) -> None:
    """Mark the groups with an observation whose squared deviate from the others is beyond a limit.

    The table has mates apart, or together; then it has no codes of mates.
    """
    at = 0
    for group in range(codes.size):
        code = codes[group]
        while at + 1 < table_codes.size and table_codes[at + 1] <= code:
            at += 1
        # without an observation, χ² is less by just its squared deviate
        if numbers[at] < 3 or sums[at, WSQUARES] < limit:
            continue
        weight, mean = sums[at, WEIGHT], sums[at, WMEAN]
        for i in range(starts[group], starts[group + 1]):
            variance = values[i, 1] * values[i, 1]
            others = variance - 1.0 / weight
            # where one has nearly all the weight, nothing is left of the others by this
            if others < 1e-6 * variance or (values[i, 0] - mean) ** 2 >= limit * others:
                found[group] = True
                break


@kernel
def settle(
    starts: Any,
    intensity: Any,
    sigma: Any,
    threshold: Any,
    rejected: Any,
    means: Any,
    deviates: Any,
) -> None:
    """Reject what deviates most from the mean of the others, until nothing is beyond the threshold.

    Means of the others and deviates are those at the time of rejection. Two observations are kept.
    """
    limit = threshold * threshold
    weights = 1.0 / (sigma * sigma)
    for group in range(starts.size - 1):
        first, last = starts[group], starts[group + 1]
        left, best = last - first, -1
        while left > 2:
            if best < 0:
                best = first + np.argmax(weights[first:last])
            # sums without the largest weight, beside which the others may be lost
            rest = weighted = 0.0
            for i in range(first, last):
                if i != best:
                    rest += weights[i]
                    weighted += weights[i] * (intensity[i] - intensity[best])
            weight = rest + weights[best]
            mean = intensity[best] + weighted / weight
            # squares of the deviates; they are 0 for what was rejected
            worst, row = limit, -1
            for i in range(first, last):
                if i != best:
                    step = intensity[i] - mean
                    square = step * step * weights[i] * (weight / (weight - weights[i]))
                    if square > worst:
                        worst, row = square, i
            step = weighted / rest
            if step * step / (sigma[best] * sigma[best] + 1.0 / rest) > worst:
                row = best
            if row < 0:
                break
            others, sum_of_others = rest, weighted
            if row != best:
                others = weight - weights[row]
                sum_of_others -= weights[row] * (intensity[row] - intensity[best])
            means[row] = intensity[best] + sum_of_others / others
            spread = np.sqrt(sigma[row] * sigma[row] + 1.0 / others)
            deviates[row] = (intensity[row] - means[row]) / spread
            rejected[row] = True
            weights[row] = 0.0
            left -= 1
            if row == best:
                best = -1
