"""Miller indices packed into one integer each.

A packed key holds h, k and l in 21 bits each, h in the highest, each with 2²⁰ added so that it
is not negative. Keys therefore sort as the indices do (by h, then k, then l), and comparing,
sorting or looking up reflections is comparing, sorting or looking up integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt

from xrefl._parallel import over_rows, thread_count
from xrefl.crystal.miller import BITS, LIMIT, ORIGIN, as_miller
from xrefl.errors import MillerIndexError

__all__ = [
    "LIMIT",
    "all_differ",
    "are_packed",
    "first_duplicate",
    "format_hkl",
    "increasing",
    "pack",
    "unpack",
]

Int32Array: TypeAlias = npt.NDArray[np.int32]
Int64Array: TypeAlias = npt.NDArray[np.int64]

_MASK = (1 << BITS) - 1

# Sorting fewer keys than this takes less time than loading numba does. A table over the box that
# encloses all indices beats sorting while it has few empty places.
_MANY = 1 << 17
_BITS_PER_ROW = 64
_BLOCK = 16_384


def pack(h: npt.ArrayLike, k: npt.ArrayLike, l: npt.ArrayLike) -> Int64Array:
    """Pack Miller indices into order-preserving keys.

    Parameters
    ----------
    h, k, l : array_like of int
        Miller indices, of shapes that broadcast together. Floats with integer values are
        taken as well.

    Returns
    -------
    ndarray of int64
        ``(h + 2²⁰) 2⁴² + (k + 2²⁰) 2²¹ + (l + 2²⁰)``.

    Raises
    ------
    MillerIndexError
        An index is not an integer, or not in the range -2²⁰ to 2²⁰ - 1.

    Examples
    --------
    >>> import numpy as np
    >>> keys = pack([0, 0, 1], [0, 2, -7], [1, -5, 3])
    >>> bool(np.all(keys[1:] > keys[:-1]))
    True
    >>> unpack(keys)[1]
    array([ 0,  2, -7], dtype=int32)
    """
    indices = np.broadcast_arrays(
        *(_integers(name, values) for name, values in (("h", h), ("k", k), ("l", l)))
    )
    keys = np.empty(indices[0].shape, np.int64)
    _pack_rows([index.ravel() for index in indices], keys.reshape(-1))
    return keys


def _pack_rows(indices: Sequence[npt.NDArray[np.signedinteger]], keys: Int64Array) -> None:
    # In one thread: threads would wait for each other between steps as short as these.
    scratch = np.empty(_BLOCK, np.int64)  # once: new memory takes longer than the sums
    for first in range(0, keys.size, _BLOCK):
        rows = slice(first, first + _BLOCK)
        for name, index in zip("hkl", indices, strict=True):
            for extreme in (index[rows].min(), index[rows].max()):
                if not -LIMIT <= extreme < LIMIT:
                    _raise_out_of_range(name, extreme)
        h, k, l = (index[rows] for index in indices)
        key = np.left_shift(h, 2 * BITS, out=keys[rows], dtype=np.int64)
        key += np.left_shift(k, BITS, out=scratch[: len(k)], dtype=np.int64)
        key += l
        key += ORIGIN


def unpack(keys: npt.ArrayLike) -> tuple[Int32Array, Int32Array, Int32Array]:
    """Return the Miller indices that `pack` has packed.

    Parameters
    ----------
    keys : array_like of int64

    Returns
    -------
    h, k, l : ndarray of int32
        Of the shape of `keys`.

    Examples
    --------
    >>> [int(index) for index in unpack(pack(-5, 0, 2))]
    [-5, 0, 2]
    """
    keys = np.asarray(keys, np.int64)
    indices = np.empty((3, keys.size), np.int32)
    flat = keys.ravel()
    for start in range(0, keys.size, _BLOCK):  # a block and its copy stay in the cache
        rows = slice(start, start + _BLOCK)
        for index, shift in zip(indices, (2 * BITS, BITS, 0), strict=True):
            values = flat[rows] >> shift
            values &= _MASK
            values -= LIMIT
            index[rows] = values
    h, k, l = (index.reshape(keys.shape) for index in indices)
    return h, k, l


def are_packed(values: npt.NDArray[Any]) -> bool:
    """Tell packed keys from other numbers: they are larger than any Miller index.

    Those with h = -2²⁰ and k = -2²⁰ are not, but no crystal has them.

    Examples
    --------
    >>> are_packed(pack([1, -3], 0, 2)), are_packed(np.arange(3))
    (True, False)
    """
    return values.size == 0 or (values.dtype.kind in "iu" and bool(np.all(values >= LIMIT)))


def increasing(keys: Int64Array) -> bool:
    """Tell whether each key is greater than the one before it.

    Examples
    --------
    >>> increasing(pack([0, 0, 1], 0, [1, 2, 0]))
    True
    """
    # most keys that are out of order are so soon
    starts = range(0, max(len(keys) - 1, 0), _BLOCK)
    return all(
        np.all(keys[i + 1 : i + 1 + _BLOCK] > keys[i : i + _BLOCK][: len(keys) - 1 - i])
        for i in starts
    )


def first_duplicate(
    keys: Int64Array, hkl: Sequence[Int32Array] | None = None
) -> tuple[int, int] | None:
    """Find the first reflection that occurs a second time.

    Parameters
    ----------
    keys : (n,) ndarray of int64
        Packed Miller indices, in any order.
    hkl : sequence of three (n,) ndarray of int32, optional
        The same unpacked, if they are at hand.

    Returns
    -------
    tuple of int or None
        Two row numbers: of the first row that repeats an earlier one, preceded by that of the
        earlier row. None if all keys differ.

    Examples
    --------
    >>> first_duplicate(pack([1, 2, 3, 2], 0, 0))
    (1, 3)
    >>> first_duplicate(pack([1, 2, 3], 0, 0)) is None
    True
    """
    if increasing(keys) or (len(keys) >= _MANY and all_differ(hkl or unpack(keys))):
        return None
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    repeats = np.flatnonzero(ordered[1:] == ordered[:-1]) + 1
    if repeats.size == 0:
        return None
    place = repeats[np.argmin(order[repeats])]
    return int(order[place - 1]), int(order[place])


def format_hkl(keys: npt.ArrayLike, limit: int = 5) -> str:
    """Write packed keys as Miller indices, no more than `limit` of them.

    Examples
    --------
    >>> format_hkl(pack([1, -2], 0, 4))
    '(1 0 4) (-2 0 4)'
    """
    keys = np.ravel(keys)
    shown = " ".join(f"({h} {k} {l})" for h, k, l in zip(*unpack(keys[:limit]), strict=True))
    return shown if len(keys) <= limit else f"{shown} ... ({len(keys)} in all)"


def _integers(name: str, values: npt.ArrayLike) -> npt.NDArray[np.signedinteger]:
    """Return one index of the reflections as integers."""
    array = np.asarray(values)
    if array.dtype.kind == "f":
        wrong = array[array != np.rint(array)]  # NaN differs from itself
        if wrong.size:
            raise MillerIndexError(f"Miller index {name} = {wrong[0]} is not an integer")
        beyond = array[np.abs(array) > LIMIT]  # might not be an int64
        if beyond.size:
            _raise_out_of_range(name, beyond[0])
    elif array.dtype.kind not in "iu":
        raise MillerIndexError(f"Miller index {name} must be integers, found {array.dtype}")
    return array if array.dtype.kind == "i" else array.astype(np.int64)


def _raise_out_of_range(name: str, value: object) -> NoReturn:
    raise MillerIndexError(
        f"Miller index {name} = {value} is out of the range {-LIMIT} to {LIMIT - 1}"
    )


def all_differ(hkl: Sequence[Int32Array]) -> bool:
    """Tell whether no reflection occurs twice; False also if they are too scattered to tell fast.

    Each reflection is a bit in the box that encloses all. Threads have boxes of their own.

    Parameters
    ----------
    hkl : sequence of three (n,) ndarray of int32

    Examples
    --------
    >>> all_differ(unpack(pack([1, 2, 3], 0, 0))), all_differ(unpack(pack([1, 2, 1], 0, 0)))
    (True, False)
    """
    from xrefl.hkl import _kernels

    columns = as_miller(tuple(hkl))
    count = columns[0].size
    if count == 0:
        return True
    low = [int(index.min()) for index in columns]
    extent = [int(index.max()) - least + 1 for index, least in zip(columns, low, strict=True)]
    size = extent[0] * extent[1] * extent[2]
    if size > max(_BITS_PER_ROW * count, 1024):
        return False
    boxes = np.zeros((thread_count(), size // 8 + 1), np.uint8)
    repeated = np.zeros(len(boxes), np.bool_)
    args = *columns, tuple(low), tuple(extent), boxes, repeated
    over_rows(_kernels.mark, len(boxes), *args, min_rows=1, slices_per_thread=1)
    seen = boxes[0]
    for box in boxes[1:]:
        if repeated.any() or np.any(seen & box):
            return False
        seen = seen | box
    return not repeated.any()
