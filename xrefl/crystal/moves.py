"""Reflections under equivalent indices, and what that does to their phases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from xrefl._memory import empty_columns
from xrefl._parallel import over_rows
from xrefl.crystal.miller import LIMIT, ORIGIN, WEIGHTS
from xrefl.crystal.op import DEN
from xrefl.errors import MillerIndexError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xrefl.crystal.miller import Column
    from xrefl.crystal.op import Op

__all__ = ["Moved", "move"]

# Fewer reflections than this take less time than the threads would save.
_MIN_ROWS = 100_000


class Moved(NamedTuple):
    """Reflections under new indices.

    Attributes
    ----------
    hkl : tuple of 3 ndarray, shape (n,), int32
        h R, or -h R for Friedel mates; read-only.
    keys : ndarray, shape (n,), int64
        The new indices, packed (`xrefl.hkl.packing.pack`).
    shift : ndarray, shape (n,), int8
        The phase of F(h R) minus that of F(h), -h.t, in 1/24 turn from 0 to 23; empty if it was
        not asked for.
    """

    hkl: tuple[Column, ...]
    keys: NDArray[np.int64]
    shift: NDArray[np.int8]


def move(
    columns: tuple[Column, ...],
    isym: NDArray[np.int32],
    operations: Sequence[Op],
    *,
    shift: bool = False,
) -> Moved:
    """Apply operations to Miller indices, to each reflection its own.

    ``F(h R) = F(h) exp(-2 pi i h.t)`` (International Tables B, section 1.4.2).

    Parameters
    ----------
    columns : tuple of three ndarray
        Miller indices, from `as_miller`.
    isym : ndarray, shape (n,), int32
        2 i + 1 for operation i, counted from zero; 2 i + 2 to change the sign as well.
    operations : sequence of Op
        With whole numbers in their rotations.
    shift : bool
        Whether to give the shifts of phases.

    Raises
    ------
    MillerIndexError
        Indices are so large (2¹⁸) that the new ones might not fit into packed keys.

    Examples
    --------
    >>> from xrefl.crystal.miller import as_miller
    >>> from xrefl.crystal.op import Op
    >>> ops = [Op("x,y,z"), Op("-x,y+1/2,-z")]
    >>> moved = move(as_miller([(1, 3, 2)]), np.array([3], np.int32), ops, shift=True)
    >>> [int(index[0]) for index in moved.hkl], int(moved.shift[0])
    ([-1, 3, -2], 12)
    """
    from xrefl.crystal import _kernels

    count = columns[0].size
    rotations = np.array([op.rotation for op in operations], dtype=np.int64) // DEN
    packed = rotations @ np.array(WEIGHTS)
    signed = np.stack([packed, -packed], axis=1).reshape(-1, 3)  # one for each ISYM
    translations = np.array([op.translation for op in operations], dtype=np.int32) % DEN
    *hkl, keys = empty_columns(count, [np.int32] * 3 + [np.int64])
    shifted = shift and any(any(op.translation) for op in operations)
    shifts = np.empty(count if shifted else 0, dtype=np.int8)
    tables = signed, np.repeat(translations, 2, axis=0), ORIGIN
    beyond = np.zeros(1, np.bool_)
    args = *columns, isym, *tables, *hkl, keys, shifts, beyond
    over_rows(_kernels.move, count, *args, min_rows=_MIN_ROWS)
    if beyond[0]:
        ranges = [(int(index.min()), int(index.max())) for index in columns]
        raise MillerIndexError(
            f"Miller indices in the ranges {ranges} are too large for symmetry operations; they "
            f"must be smaller than {LIMIT // 4}"
        )
    for index in hkl:
        index.setflags(write=False)
    return Moved(tuple(hkl), keys, shifts if shifted or not shift else np.zeros(count, np.int8))
