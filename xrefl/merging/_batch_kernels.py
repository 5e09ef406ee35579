"""Kernels over observations by ranges of batches, and over pairs of observations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xrefl._numba import helper, kernel
from xrefl.merging._batch_sums import (
    CHI_SQUARE,
    CROSS,
    D_COUNT,
    D_ERROR,
    D_MEAN,
    D_SQUARE,
    DEVIATION,
    DEVIATION_MEAS,
    DIVISOR,
    FREEDOM,
    INTENSITY,
    N_REPEATED,
    OVER_SIGMA,
    PART_MEAN,
    PART_SQUARES,
    PART_WEIGHT,
    RANGE,
    ROW,
    SQUARE,
    TIMES,
    N,
)  # fmt: skip
from xrefl.merging.table import MEAN, SQUARES, WEIGHT, WMEAN, WSQUARES


@helper
def _left_out(
    times: Any, weight: Any, mean: Any, squares: Any, n: Any, w: Any, m: Any, q: Any, centre: Any
) -> Any:
    """Return how the sums over reflections change if n of the observations of one are left out.

    The formulas of Chan, Golub & LeVeque (1979) for joining two parts, solved for one of them.
    """
    distance = mean - centre
    error = squares / (weight * (times - 1.0))
    rest = times - n
    if rest < 2.0:
        return -1.0, -distance, -distance * distance, -error
    rest_weight = weight - w
    step = (mean - m) * w / rest_weight
    others = mean + step
    rest_squares = squares - q - (m - others) ** 2 * w * rest_weight / weight
    rest_error = max(rest_squares, 0.0) / (rest_weight * (rest - 1.0))
    return 0.0, step, step * (distance + others - centre), rest_error - error


@kernel
def by_range(
    codes: Any, starts: Any, values: Any, place: Any, table_codes: Any, n: Any,
    sums: Any, shell: Any, shells: Any, centre: Any, weighted: Any, divisor: Any, whole: Any,
    out: Any, first: Any, pairs: Any,
) -> Any:  # fmt: skip
    """Sum up observations of a stretch by ranges of batches.

    ``place`` has the range of each observation, and ``whole`` tells which ranges have no rows
    elsewhere. Rows of ``out`` are of ranges and shells. A range is left out of a reflection if
    none of one of the two is elsewhere, or else they become one of the ``pairs``, of which the
    number is returned.
    """
    ranges = whole.size
    seen = np.full(ranges, -1)
    there = np.empty(ranges, np.int64)
    part = np.empty((ranges, 4))
    at = group = count = 0
    while group < codes.size:
        code = codes[group]
        while at + 1 < table_codes.size and table_codes[at + 1] <= code:
            at += 1
        start = starts[group]
        group += 1
        # the table may have mates together that are apart here
        while group < codes.size and (
            at + 1 == table_codes.size or codes[group] < table_codes[at + 1]
        ):
            group += 1
        stop, s = starts[group], shell[at]
        if s < 0:
            continue
        times, total_weight = np.float64(n[at]), sums[at, WEIGHT]
        mean = sums[at, WMEAN] if weighted else sums[at, MEAN]
        wmean, expected = sums[at, WMEAN], sums[at, divisor]
        meas = math.sqrt(times / (times - 1.0)) if times > 1.0 else 0.0
        found = 0
        for i in range(start, stop):
            r, intensity, sigma = place[i], values[i, 0], values[i, 1]
            first[at] = min(first[at], r)
            row = r * shells + s
            out[row, N] += 1.0
            out[row, INTENSITY] += intensity
            out[row, OVER_SIGMA] += intensity / sigma
            if times < 2.0:
                continue
            w = 1.0 / (sigma * sigma)
            deviation = abs(intensity - mean)
            out[row, N_REPEATED] += 1.0
            out[row, DEVIATION] += deviation
            out[row, DEVIATION_MEAS] += deviation * meas
            out[row, DIVISOR] += expected
            out[row, CROSS] += w * intensity * wmean
            out[row, SQUARE] += w * wmean * wmean
            out[row, CHI_SQUARE] += w * (intensity - wmean) ** 2
            out[row, FREEDOM] += 1.0 - w / total_weight
            if not weighted:
                w = 1.0
            if seen[r] != at:
                seen[r] = at
                there[found] = r
                found += 1
                part[r, 0] = part[r, 1] = part[r, 2] = part[r, 3] = 0.0
            part[r, 0] += 1.0
            part[r, 1] += w
            step = intensity - part[r, 2]
            part[r, 2] += step * w / part[r, 1]
            part[r, 3] += w * step * (intensity - part[r, 2])
        squares = sums[at, WSQUARES] if weighted else sums[at, SQUARES]
        weight = total_weight if weighted else times
        for j in range(found):
            r = there[j]
            if whole[r] or stop - start == n[at]:
                change = _left_out(
                    times, weight, mean, squares, part[r, 0], part[r, 1], part[r, 2], part[r, 3],
                    centre,
                )  # fmt: skip
                row = r * shells + s
                out[row, D_COUNT] += change[0]
                out[row, D_MEAN] += change[1]
                out[row, D_SQUARE] += change[2]
                out[row, D_ERROR] += change[3]
            else:
                pairs[count, ROW], pairs[count, RANGE] = at, r
                pairs[count, TIMES], pairs[count, PART_WEIGHT] = part[r, 0], part[r, 1]
                pairs[count, PART_MEAN], pairs[count, PART_SQUARES] = part[r, 2], part[r, 3]
                count += 1
    return count


@kernel
def leave_out_pairs(
    pairs: Any, order: Any, n: Any, sums: Any, shell: Any, shells: Any, centre: Any,
    weighted: Any, out: Any,
) -> None:  # fmt: skip
    """Join pairs of the same reflection and range, and leave these out."""
    i = 0
    while i < order.size:
        first = order[i]
        at, r = np.int64(pairs[first, ROW]), np.int64(pairs[first, RANGE])
        times, weight = pairs[first, TIMES], pairs[first, PART_WEIGHT]
        mean, squares = pairs[first, PART_MEAN], pairs[first, PART_SQUARES]
        i += 1
        while i < order.size and pairs[order[i], ROW] == at and pairs[order[i], RANGE] == r:
            j = order[i]
            both = weight + pairs[j, PART_WEIGHT]
            share = pairs[j, PART_WEIGHT] / both
            step = pairs[j, PART_MEAN] - mean
            mean += share * step
            squares += pairs[j, PART_SQUARES] + weight * share * step * step
            times += pairs[j, TIMES]
            weight = both
            i += 1
        total = np.float64(n[at])
        change = _left_out(
            total, sums[at, WEIGHT] if weighted else total,
            sums[at, WMEAN] if weighted else sums[at, MEAN],
            sums[at, WSQUARES] if weighted else sums[at, SQUARES],
            times, weight, mean, squares, centre,
        )  # fmt: skip
        row = r * shells + shell[at]
        out[row, D_COUNT] += change[0]
        out[row, D_MEAN] += change[1]
        out[row, D_SQUARE] += change[2]
        out[row, D_ERROR] += change[3]


@kernel
def place_groups(
    codes: Any, starts: Any, values: Any, batch: Any, all_codes: Any, to: Any, out_values: Any,
    out_batch: Any,
) -> None:  # fmt: skip
    """Bring the groups of a part to where ``to`` says, which then is where the next will go."""
    at = 0
    for group in range(codes.size):
        while all_codes[at] < codes[group]:
            at += 1
        place = to[at]
        for i in range(starts[group], starts[group + 1]):
            out_values[place, 0], out_values[place, 1] = values[i, 0], values[i, 1]
            out_batch[place] = batch[i]
            place += 1
        to[at] = place


@kernel
def compare_pairs(
    start: Any, stop: Any, blocks: Any, starts: Any, values: Any, place: Any, position: Any,
    shell: Any, cumulative: Any, by_difference: Any,
) -> None:  # fmt: skip
    """Sum up |I1 - I2| and the means of both over pairs of observations of each reflection.

    In the first result pairs are of the later range, in the second of the difference of both.
    """
    for block in range(start, stop):
        for group in range(blocks[block], blocks[block + 1]):
            s = shell[group]
            if s < 0:
                continue
            for i in range(starts[group], starts[group + 1]):
                for j in range(starts[group], i):
                    difference = abs(values[i, 0] - values[j, 0])
                    total = values[i, 0] + values[j, 0]
                    later = max(place[i], place[j])
                    apart = abs(position[place[i]] - position[place[j]])
                    cumulative[block, later, s, 0] += difference
                    cumulative[block, later, s, 1] += 0.5 * abs(total)
                    cumulative[block, later, s, 2] += 1.0
                    by_difference[block, apart, s, 0] += difference
                    by_difference[block, apart, s, 1] += 0.5 * total
                    by_difference[block, apart, s, 2] += 1.0
