"""What symmetry says of a reflection: centric, its multiplicity factor, absent or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from xrefl._parallel import over_rows
from xrefl.crystal.miller import as_miller

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["absence_conditions", "absent", "centric", "centric_matrices", "epsilon"]

# Tests of one reflection against one matrix; fewer take less time than threads would save.
_MIN_TESTS = 5_000_000
_DEN = 24
# Every order of a crystallographic rotation divides it.
_TURN = 12


def centric(
    hkl: ArrayLike | tuple[ArrayLike, ArrayLike, ArrayLike], rotations: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """Tell which reflections are centric: an operation takes h to -h.

    Parameters
    ----------
    hkl : array_like of int, shape (n, 3), or tuple of three arrays
        Miller indices.
    rotations : ndarray of int, shape (m, 3, 3)
        Rotation parts R of the operations of the space group; indices go to h R.

    Returns
    -------
    ndarray, shape (n,), bool

    Raises
    ------
    MillerIndexError
        If these are not Miller indices.

    Examples
    --------
    >>> twofold = np.array([np.eye(3, dtype=int), np.diag([-1, 1, -1])])
    >>> centric([(1, 0, 2), (1, 1, 2)], twofold)
    array([ True, False])
    """
    from xrefl.crystal import _kernels

    columns = as_miller(hkl)
    out = np.empty(columns[0].size, dtype=np.bool_)
    _run(_kernels.any_null, columns, centric_matrices(rotations), out)
    return out


def centric_matrices(rotations: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the matrices R + 1, shape (m, 3, 3); h is centric where h (R + 1) = 0 for any."""
    found: NDArray[np.float64] = np.unique(_matrices(rotations) + np.eye(3), axis=0)
    return found


def epsilon(
    hkl: ArrayLike | tuple[ArrayLike, ArrayLike, ArrayLike], rotations: NDArray[np.integer]
) -> NDArray[np.int32]:
    """Return the factor epsilon of reflections: how many operations take h to h.

    The expected intensity of a reflection is epsilon times that of a general one
    (International Tables B, section 2.1.3.3).

    Parameters
    ----------
    hkl : array_like of int, shape (n, 3), or tuple of three arrays
        Miller indices.
    rotations : ndarray of int, shape (m, 3, 3)
        Rotation parts of all operations of the space group, or, to leave the centring of the
        lattice out, of its primitive operations.

    Returns
    -------
    ndarray, shape (n,), int32

    Raises
    ------
    MillerIndexError
        If these are not Miller indices.

    Examples
    --------
    >>> twofold = np.array([np.eye(3, dtype=int), np.diag([-1, 1, -1])])
    >>> epsilon([(0, 4, 0), (1, 1, 2)], twofold)
    array([2, 1], dtype=int32)
    """
    from xrefl.crystal import _kernels

    columns = as_miller(hkl)
    matrices, weights = np.unique(_matrices(rotations) - np.eye(3), axis=0, return_counts=True)
    out = np.empty(columns[0].size, dtype=np.int32)
    _run(_kernels.count_null, columns, matrices, weights.astype(np.int32), out)
    return out


def absent(
    hkl: ArrayLike | tuple[ArrayLike, ArrayLike, ArrayLike],
    rotations: NDArray[np.integer],
    translations: NDArray[np.integer],
) -> NDArray[np.bool_]:
    """Tell which reflections are systematically absent.

    A reflection is absent when an operation takes h to h and its translation t shifts the
    phase: h.t is not a whole number (International Tables B, section 1.4.2).

    Parameters
    ----------
    hkl : array_like of int, shape (n, 3), or tuple of three arrays
        Miller indices.
    rotations : ndarray of int, shape (m, 3, 3)
        Rotation parts of all operations of the space group, centring included.
    translations : ndarray of int, shape (m, 3)
        Their translations, in 1/24.

    Returns
    -------
    ndarray, shape (n,), bool

    Raises
    ------
    MillerIndexError
        If these are not Miller indices.

    Examples
    --------
    >>> screw = np.array([np.eye(3, dtype=int), np.diag([-1, 1, -1])])
    >>> absent([(0, 3, 0), (0, 4, 0)], screw, np.array([[0, 0, 0], [0, 12, 0]]))
    array([ True, False])
    """
    from xrefl.crystal import _kernels

    columns = as_miller(hkl)
    out = np.empty(columns[0].size, dtype=np.bool_)
    _run(_kernels.any_shifted, columns, *absence_conditions(rotations, translations), out)
    return out


def absence_conditions(
    rotations: NDArray[np.integer], translations: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return R - 1 and t of those operations of a group that can make reflections absent.

    Where h R = h, h.t is h.(t + R t + R² t + ...)/n for n terms: an operation where that mean
    is a lattice vector, neither screw axis nor glide plane, makes nothing absent. Operations
    with the same R differ by centring vectors, which are among the conditions themselves: one
    of them is enough, and none if any of them is harmless.

    Parameters
    ----------
    rotations : ndarray of int, shape (m, 3, 3)
    translations : ndarray of int, shape (m, 3)
        In 1/24; all operations of the group, centring included.

    Returns
    -------
    matrices : ndarray, shape (n, 3, 3), float64
    shifts : ndarray, shape (n, 3), float64
        In 1/24.
    """
    R, t = _matrices(rotations), np.asarray(translations, dtype=np.float64)
    moved, total = t, t.copy()
    for _ in range(_TURN - 1):
        moved = np.einsum("nij,nj->ni", R, moved)
        total += moved
    harmless = (total % (_TURN * _DEN) == 0).all(axis=1)
    matrices = R - np.eye(3)
    _, first, kind = np.unique(matrices, axis=0, return_index=True, return_inverse=True)
    chosen = ~matrices.any(axis=(1, 2)) & ~harmless
    chosen[first] |= ~np.isin(kind[first], kind[harmless])
    return matrices[chosen], t[chosen]


def _matrices(rotations: NDArray[np.integer]) -> NDArray[np.float64]:
    return np.asarray(rotations, dtype=np.float64).reshape(-1, 3, 3)


def _run(kernel: Any, columns: Any, matrices: NDArray[np.float64], *args: Any) -> None:
    rows = _MIN_TESTS // max(len(matrices), 1)
    over_rows(kernel, columns[0].size, *columns, matrices, *args, min_rows=rows)
