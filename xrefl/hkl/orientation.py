"""Batch headers on other axes of the crystal: their cells and orientation matrices.

The words of a header are those of the CCP4 library (``cmtzlib``): the cell comes first, then the
rotation U by columns. U B h is where h is in the laboratory before the goniostat turns, and B has
a* along x and b* in the plane of x and y (Busing & Levy 1967, Acta Cryst. 22, 457-464, eq. 3).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.op import Op
from xrefl.errors import CrystalError

__all__ = ["busing_levy", "with_axes"]

_CELL = slice(0, 6)
_U = slice(6, 15)
# How far U U' may be from the identity: some programs write few digits.
_TOLERANCE = 0.01


def busing_levy(cell: UnitCell) -> NDArray[np.float64]:
    """Return the matrix B, which makes Cartesian coordinates in Å⁻¹ of Miller indices.

    Examples
    --------
    >>> hkl = [1, 2, 3]
    >>> cell = UnitCell(10, 20, 30, 80, 90, 100)
    >>> bool(np.isclose((busing_levy(cell) @ hkl) @ (busing_levy(cell) @ hkl), cell.inv_d2(hkl)))
    True
    """
    return np.asarray(np.linalg.cholesky(cell.reciprocal_metric).T)


def with_axes(words: NDArray[Any], to_hkl: Op) -> NDArray[Any]:
    """Return the words of cells, or of batch headers, on other axes.

    With h' = h R for rows of indices, U' = U B R⁻¹ᵀ B'⁻¹ leaves every reflection where it is in the
    laboratory. What is no cell (NaN, or 0) stays, and so does what is no rotation.

    Parameters
    ----------
    words : ndarray, shape (..., number of words)
        Six or more.
    to_hkl : Op
        What becomes of Miller indices.
    """
    words = words.copy()
    rows = words.reshape(-1, words.shape[-1])
    cells, which = np.unique(rows[:, _CELL], axis=0, return_inverse=True)
    back = np.linalg.inv(to_hkl.matrix).T
    for number, parameters in enumerate(cells.tolist()):
        try:
            old = UnitCell(*parameters)
            new = old.transformed(to_hkl)
        except CrystalError:
            continue
        mine = np.flatnonzero(which.reshape(-1) == number)
        rows[mine, _CELL] = new.parameters
        if rows.shape[1] >= _U.stop:
            turn = busing_levy(old) @ back @ np.linalg.inv(busing_levy(new))
            u = rows[mine, _U].reshape(-1, 3, 3)  # of each its transpose, as it is by columns
            known = (
                np.abs(u @ u.swapaxes(1, 2) - np.eye(3)).max(axis=(1, 2), initial=0) < _TOLERANCE
            )
            rows[mine[known], _U] = (turn.T @ u[known]).reshape(-1, 9)
    return words
