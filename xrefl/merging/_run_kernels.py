"""Kernels over observations that are sorted by Miller indices already."""

from __future__ import annotations

from typing import Any

import numpy as np

from xrefl._numba import kernel


@kernel
def find_runs(h: Any, k: Any, l: Any, use: Any, firsts: Any) -> Any:
    """List the first row of each run of equal indices; returns how many, or -1 if not ascending.

    Rows that do not count are passed over.
    """
    found = 0
    last_h, last_k, last_l = np.int64(-(1 << 30)), np.int64(0), np.int64(0)
    for i in range(h.size):
        if use[i]:
            here_h, here_k, here_l = np.int64(h[i]), np.int64(k[i]), np.int64(l[i])
            if here_h == last_h and here_k == last_k and here_l == last_l:
                continue
            if here_h < last_h or (
                here_h == last_h and (here_k < last_k or (here_k == last_k and here_l < last_l))
            ):
                return -1
            firsts[found] = i
            found += 1
            last_h, last_k, last_l = here_h, here_k, here_l
    return found


@kernel
def divide_runs(
    firsts: Any,
    keys: Any,
    centric: Any,
    minus: Any,
    intensity: Any,
    sigma: Any,
    use: Any,
    codes: Any,
    starts: Any,
    values: Any,
    rows: Any,
) -> Any:
    """Write observations run by run, those of mates after the others; returns how many groups.

    ``keys`` are the codes of the reflections of runs, ``centric`` tells where mates are the same
    reflection; it may be empty if none are.
    """
    found, at = 0, 0
    for run in range(firsts.size):
        first = firsts[run]
        last = firsts[run + 1] if run + 1 < firsts.size else minus.size
        apart = not (centric.size and centric[run])
        used = others = 0
        for i in range(first, last):
            used += use[i]
            others += use[i] & minus[i] & apart
        own = used - others
        place, mate = at, at + own
        for i in range(first, last):
            if use[i]:
                # no branch: which mate it is cannot be foretold
                is_mate = minus[i] & apart
                to = mate if is_mate else place
                mate += is_mate
                place += not is_mate
                values[to, 0], values[to, 1] = intensity[i], sigma[i]
                if rows.size:
                    rows[to] = i
        if own:
            codes[found], starts[found] = keys[run], at
            found += 1
        if others:
            codes[found], starts[found] = keys[run] + 1, at + own
            found += 1
        at += own + others
    starts[found] = at
    return found
