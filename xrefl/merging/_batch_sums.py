"""What is summed up for each range of batches, and what is kept of it for each reflection."""

from __future__ import annotations

__all__ = ["PAIR_WIDTH", "WIDTH"]

# Columns of the sums over observations: all of them, and those of reflections observed twice or
# more.
N, INTENSITY, OVER_SIGMA = range(3)
N_REPEATED, DEVIATION, DEVIATION_MEAS, DIVISOR, CROSS, SQUARE, CHI_SQUARE, FREEDOM = range(3, 11)
# How sums over unique reflections change when a range is left out: their number, <I> less a
# constant, its square, and s²/n.
D_COUNT, D_MEAN, D_SQUARE, D_ERROR = range(11, 15)
WIDTH = 15

# Columns of pairs of a reflection and a range: row of the table, range, number of observations,
# weight, mean, and the sum of squares about it.
ROW, RANGE, TIMES, PART_WEIGHT, PART_MEAN, PART_SQUARES = range(6)
PAIR_WIDTH = 6
