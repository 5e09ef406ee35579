"""Kernels that run over reflections."""

from __future__ import annotations

from typing import Any

from xrefl._numba import kernel


@kernel
def original_indices(
    start: int, stop: int, hkl: Any, misym: Any, inverses: Any, out: Any, bad: Any
) -> None:
    """Write the original indices of rows; the first row with an impossible ISYM goes to bad."""
    h, k, l = hkl
    for row in range(start, stop):
        isym = misym[row] & 0xFF
        if isym == 0 or isym > 2 * len(inverses):
            bad[0] = min(bad[0], row)
            continue
        rotation = inverses[(isym - 1) // 2]
        sign = 1 if isym & 1 else -1
        for i in range(3):
            out[i, row] = sign * (
                h[row] * rotation[0, i] + k[row] * rotation[1, i] + l[row] * rotation[2, i]
            )
