"""Memory for large columns.

The system hands memory out in pages of 4 kB, and getting so many takes longer than filling them.
Pages of 2 MB are asked for by NumPy for arrays of 4 MiB and more, but an array begins and ends
within such a page, so a sixth of a column of 12 MB would still be of small ones.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["empty", "empty_columns", "physical"]

_ASKED_FOR = 2**22
_PAGE = 2**21
_LINE = 64


def physical() -> int:
    """Return how many bytes of memory the machine has; very many where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return 2**62


def empty(count: int, dtype: DTypeLike) -> NDArray[Any]:
    """Return an array like ``np.empty``, a large one on whole pages of its own."""
    kind = np.dtype(dtype)
    size = count * kind.itemsize
    if size < _ASKED_FOR or kind.hasobject:
        return np.empty(count, kind)
    block = np.empty((-(-size // _PAGE) + 1) * _PAGE, np.uint8)
    start = -block.ctypes.data % _PAGE
    return block[start : start + size].view(kind)


def empty_columns(count: int, dtypes: Sequence[DTypeLike]) -> list[NDArray[Any]]:
    """Return arrays of one length; those too small for large pages are cut from one block."""
    kinds = [np.dtype(dtype) for dtype in dtypes]
    small = [0 < count * kind.itemsize < _ASKED_FOR and not kind.hasobject for kind in kinds]
    steps = [-(-count * kind.itemsize // _LINE) * _LINE for kind in kinds]
    block = empty(sum(step for step, cut in zip(steps, small, strict=True) if cut), np.uint8)
    columns, at = [], 0
    for kind, step, cut in zip(kinds, steps, small, strict=True):
        if cut:
            columns.append(block[at : at + count * kind.itemsize].view(kind))
            at += step
        else:
            columns.append(empty(count, kind))
    return columns
