"""Kernels over observations that are grouped by unique reflections, and over tables of these."""

from __future__ import annotations

from typing import Any

import numpy as np

from xrefl._numba import helper, kernel
from xrefl.crystal._kernels import is_null, nine

# Columns of `xrefl.merging.table.Table.sums`
WEIGHT, WMEAN, WSQUARES, MEAN, SQUARES, VARIANCE, OVER_SIGMA = range(7)
WIDTH = 7

# The sums of (I - <I>)²/σ² are finite within these; no numbers of a diffraction experiment are
# beyond, nor is any of single precision.
_LARGEST = 1e75
_SMALLEST = 1e-75


@kernel
def find_usable(
    h: Any, k: Any, l: Any, intensity: Any, sigma: Any, box: Any, counts: Any, use: Any
) -> None:
    """Mark rows that count, find the box of their indices, and count what does not count.

    ``box`` is low h, k, l and high h, k, l; ``counts`` is of rows without a number, and of those
    whose σ is not positive. What is too large counts as infinite, and a σ too small as 0.
    """
    missing = not_positive = 0
    low_h, low_k, low_l, high_h, high_k, high_l = box
    for i in range(h.size):
        if not use[i]:
            continue
        if not (abs(intensity[i]) < _LARGEST and abs(sigma[i]) < _LARGEST):
            missing += 1
            use[i] = False
            continue
        if sigma[i] < _SMALLEST:
            not_positive += 1
            use[i] = False
            continue
        low_h, high_h = min(low_h, h[i]), max(high_h, h[i])
        low_k, high_k = min(low_k, k[i]), max(high_k, k[i])
        low_l, high_l = min(low_l, l[i]), max(high_l, l[i])
    box[0], box[1], box[2], box[3], box[4], box[5] = low_h, low_k, low_l, high_h, high_k, high_l
    counts[0] += missing
    counts[1] += not_positive


@kernel
def count_in_box(h: Any, k: Any, l: Any, minus: Any, use: Any, box: Any, counts: Any) -> None:
    """Count the observations in each cell of the box, mates next to each other."""
    nk, nl = box[4] - box[1] + 1, box[5] - box[2] + 1
    for i in range(h.size):
        if use[i]:
            cell = ((h[i] - box[0]) * nk + (k[i] - box[1])) * nl + (l[i] - box[2])
            counts[2 * cell + minus[i]] += 1


@kernel
def merge_centric(counts: Any, box: Any, matrices: Any) -> None:
    """Count observations of a centric reflection's mate as those of the reflection.

    The count of the mate becomes -1. Indices are centric where one of the matrices makes them 0.
    """
    cell = 0
    for h in range(box[0], box[3] + 1):
        for k in range(box[1], box[4] + 1):
            for l in range(box[2], box[5] + 1):
                if counts[2 * cell + 1] > 0:
                    for j in range(matrices.shape[0]):
                        if is_null(float(h), float(k), float(l), nine(matrices, j)):
                            counts[2 * cell] += counts[2 * cell + 1]
                            counts[2 * cell + 1] = -1
                            break
                cell += 1


@kernel
def number_cells(counts: Any, box: Any, origin: Any, codes: Any, starts: Any) -> Any:
    """List the occupied cells in order, and replace their counts by where their rows begin.

    Returns how many cells there are. Counts below zero are of mates that count as the reflection.
    """
    nk, nl = box[4] - box[1] + 1, box[5] - box[2] + 1
    found, at = 0, 0
    for place in range(counts.size):
        if counts[place] > 0:
            cell = place // 2
            h = np.int64(cell // (nk * nl) + box[0])
            k = np.int64(cell // nl % nk + box[1])
            l = np.int64(cell % nl + box[2])
            key = ((h + origin) << 42) + ((k + origin) << 21) + (l + origin)
            codes[found] = ((key - (np.int64(1) << 62)) << 1) + (place & 1)
            starts[found] = at
            at += counts[place]
            counts[place] = starts[found]
            found += 1
    starts[found] = at
    return found


@kernel
def to_places(
    h: Any,
    k: Any,
    l: Any,
    minus: Any,
    intensity: Any,
    sigma: Any,
    use: Any,
    box: Any,
    places: Any,
    values: Any,
    rows: Any,
) -> None:
    """Bring observations to the places of their cells, in the order of rows."""
    nk, nl = box[4] - box[1] + 1, box[5] - box[2] + 1
    for i in range(h.size):
        if use[i]:
            cell = 2 * (((h[i] - box[0]) * nk + (k[i] - box[1])) * nl + (l[i] - box[2]))
            if minus[i] and places[cell + 1] >= 0:
                cell += 1
            place = places[cell]
            places[cell] = place + 1
            values[place, 0] = intensity[i]
            values[place, 1] = sigma[i]
            if rows.size:
                rows[place] = i


@kernel
def sum_groups(starts: Any, values: Any, n: Any, sums: Any) -> None:
    """Write the sums over each group of observations."""
    for group in range(n.size):
        first, last = starts[group], starts[group + 1]
        weight = weighted = plain = variance = over_sigma = 0.0
        for i in range(first, last):
            intensity, sigma = values[i, 0], values[i, 1]
            w = 1.0 / (sigma * sigma)
            weight += w
            weighted += w * intensity
            plain += intensity
            variance += sigma * sigma
            over_sigma += intensity / sigma
        wmean, mean = weighted / weight, plain / (last - first)
        wsquares = squares = 0.0
        if last - first > 1:
            for i in range(first, last):
                intensity, sigma = values[i, 0], values[i, 1]
                wsquares += (intensity - wmean) ** 2 / (sigma * sigma)
                squares += (intensity - mean) ** 2
        n[group] = last - first
        sums[group, WEIGHT], sums[group, WMEAN], sums[group, WSQUARES] = weight, wmean, wsquares
        sums[group, MEAN], sums[group, SQUARES] = mean, squares
        sums[group, VARIANCE], sums[group, OVER_SIGMA] = variance, over_sigma


@kernel
def count_distinct(a: Any, b: Any) -> Any:
    """Return how many different numbers there are in two ascending lists."""
    i = j = count = 0
    while i < a.size and j < b.size:
        here, there = a[i], b[j]
        i += here <= there
        j += there <= here
        count += 1
    return count + (a.size - i) + (b.size - j)


@helper
def _copy(source: Any, i: Any, target: Any, at: Any) -> None:
    for j in range(WIDTH):
        target[at, j] = source[i, j]


@helper
def _add(n_a: Any, a: Any, i: Any, n_b: Any, b: Any, j: Any, sums: Any, at: Any) -> None:
    """Write the sums over the observations of two rows (Chan, Golub & LeVeque 1979)."""
    total, weight = n_a + n_b, a[i, WEIGHT] + b[j, WEIGHT]
    share, wshare = n_b / total, b[j, WEIGHT] / weight
    step, wstep = b[j, MEAN] - a[i, MEAN], b[j, WMEAN] - a[i, WMEAN]
    sums[at, WSQUARES] = a[i, WSQUARES] + b[j, WSQUARES] + a[i, WEIGHT] * wshare * wstep * wstep
    sums[at, WEIGHT], sums[at, WMEAN] = weight, a[i, WMEAN] + wshare * wstep
    sums[at, MEAN] = a[i, MEAN] + share * step
    sums[at, SQUARES] = a[i, SQUARES] + b[j, SQUARES] + n_a * share * step * step
    sums[at, VARIANCE] = a[i, VARIANCE] + b[j, VARIANCE]
    sums[at, OVER_SIGMA] = a[i, OVER_SIGMA] + b[j, OVER_SIGMA]


@kernel
def join(
    codes_a: Any, n_a: Any, a: Any, codes_b: Any, n_b: Any, b: Any, codes: Any, n: Any, sums: Any
) -> None:
    """Join two tables."""
    i = j = 0
    for at in range(codes.size):
        if j == codes_b.size or (i < codes_a.size and codes_a[i] < codes_b[j]):
            codes[at], n[at] = codes_a[i], n_a[i]
            _copy(a, i, sums, at)
            i += 1
        elif i == codes_a.size or codes_b[j] < codes_a[i]:
            codes[at], n[at] = codes_b[j], n_b[j]
            _copy(b, j, sums, at)
            j += 1
        else:
            codes[at], n[at] = codes_a[i], n_a[i] + n_b[j]
            _add(n_a[i], a, i, n_b[j], b, j, sums, at)
            i += 1
            j += 1


@kernel
def count_pairs(codes: Any) -> Any:
    """Return how many reflections are there with their mates."""
    pairs = 0
    for i in range(1, codes.size):
        pairs += codes[i] == codes[i - 1] + 1 and codes[i] & 1 == 1
    return pairs


@kernel
def merge_mates(codes_a: Any, n_a: Any, a: Any, codes: Any, n: Any, sums: Any) -> None:
    """Join the rows of reflections and their mates, which follow them."""
    i = 0
    for at in range(codes.size):
        codes[at] = codes_a[i] & ~np.int64(1)
        if i + 1 < codes_a.size and codes_a[i + 1] == codes[at] + 1 and codes_a[i] == codes[at]:
            n[at] = n_a[i] + n_a[i + 1]
            _add(n_a[i], a, i, n_a[i + 1], a, i + 1, sums, at)
            i += 2
        else:
            n[at] = n_a[i]
            _copy(a, i, sums, at)
            i += 1


@kernel
def deviations(codes: Any, starts: Any, values: Any, table_codes: Any, sums: Any, out: Any) -> None:
    """Add |I - mean| of each observation to its reflection, for both means.

    The table has mates apart, or together; then it has no codes of mates.
    """
    at = 0
    for group in range(codes.size):
        code = codes[group]
        while at + 1 < table_codes.size and table_codes[at + 1] <= code:
            at += 1
        wmean, mean = sums[at, WMEAN], sums[at, MEAN]
        from_wmean = from_mean = 0.0
        for i in range(starts[group], starts[group + 1]):
            from_wmean += abs(values[i, 0] - wmean)
            from_mean += abs(values[i, 0] - mean)
        out[at, 0] += from_wmean
        out[at, 1] += from_mean


@kernel
def place_codes(codes: Any, box: Any, origin: Any, places: Any) -> None:
    """Write the number of each code into its cell of the box."""
    nk, nl = box[4] - box[1] + 1, box[5] - box[2] + 1
    mask = (np.int64(1) << 21) - 1
    for i in range(codes.size):
        key = (codes[i] >> 1) + (np.int64(1) << 62)
        h, k, l = (key >> 42) - origin, (key >> 21 & mask) - origin, (key & mask) - origin
        cell = ((h - box[0]) * nk + (k - box[1])) * nl + (l - box[2])
        places[2 * cell + (codes[i] & 1)] = i


@kernel
def deviations_of_rows(
    h: Any, k: Any, l: Any, minus: Any, intensity: Any, use: Any, box: Any, places: Any, sums: Any
) -> Any:  # fmt: skip
    """Add |I - mean| of each row to its reflection, for both means.

    Rows of ``sums`` are both means, and then both sums: what is needed together lies together.
    A mate that has no place of its own is at that of its reflection. Returns how many rows have
    no place at all.
    """
    nk, nl = box[4] - box[1] + 1, box[5] - box[2] + 1
    strangers = 0
    for i in range(h.size):
        if use[i]:
            cell = 2 * (((h[i] - box[0]) * nk + (k[i] - box[1])) * nl + (l[i] - box[2]))
            at = places[cell + 1] if minus[i] else -1
            at = places[cell] if at < 0 else at
            if at < 0:
                strangers += 1
                continue
            sums[at, 2] += abs(intensity[i] - sums[at, 0])
            sums[at, 3] += abs(intensity[i] - sums[at, 1])
    return strangers


@helper
def _mixed(x: Any) -> Any:
    """Return 64 bits that depend on all bits of x (the finalizer of SplitMix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@kernel
def choose_halves(
    codes: Any, starts: Any, table_codes: Any, before: Any, seed: Any, in_first: Any
) -> None:
    """Send one observation of each pair to the first half, which of them by chance.

    The mate of a reflection has the opposite chance, so that one observation of each makes two
    halves.
    """
    at = 0
    start = _mixed(seed + np.uint64(0x9E3779B97F4A7C15))
    for group in range(codes.size):
        code = codes[group]
        while at + 1 < table_codes.size and table_codes[at] < code:
            at += 1
        reflection = _mixed(start ^ np.uint64(code >> 1))
        number = np.int64(before[at])
        for i in range(starts[group], starts[group + 1]):
            chance = _mixed(reflection + np.uint64(number >> 1)) & np.uint64(1)
            in_first[i] = (np.int64(chance) + number + code) & 1 == 0
            number += 1
