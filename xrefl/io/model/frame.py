"""The Cartesian axes of a file: those of the PDB convention, or others that the file defines."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.errors import FormatWarning

__all__ = ["to_standard_frame"]

Floats = NDArray[np.float64]

_SAME = 1e-3  # a cell in three decimals and two, next to a matrix of a cell in full precision
_SAME_CELL = 0.02


def to_standard_frame(
    cell: UnitCell, matrix: Floats, shift: Floats, where: str
) -> tuple[Floats, Floats] | None:
    """Return rotation and translation (Å) from a file's Cartesian axes to the standard ones.

    None if the file's axes are the standard ones (x along a, z along c*). A matrix that does not
    belong to the cell is left out. Both departures give a `FormatWarning`.

    Parameters
    ----------
    cell : UnitCell
    matrix, shift : ndarray, shapes (3, 3) and (3,)
        Fractional coordinates are ``matrix @ xyz + shift`` (SCALEn records, or
        ``_atom_sites.fract_transf_*``).
    where : str
        Names the place in the file.
    """
    axes = cell.orthogonalization
    turn, move = axes @ matrix, axes @ shift
    rounding = np.abs(axes).sum(axis=1)  # of matrices with six decimals, of shifts with five
    if np.all(np.abs(turn - np.eye(3)) <= _SAME + 6e-7 * rounding[:, None]) and np.all(
        np.abs(move) <= _SAME + 6e-6 * rounding
    ):
        return None
    if not np.isfinite(turn).all() or (
        np.abs(turn.T @ turn - np.eye(3)).max() > _SAME_CELL or np.linalg.det(turn) < 0
    ):
        _warn(
            f"{where}: the matrix to fractional coordinates does not belong to the unit cell "
            f"{cell.parameters}; read with the cell, in the standard orientation"
        )
        return None
    # The nearest rotation: the digits of the file would distort the model by some 0.01 Å.
    left, _, right = np.linalg.svd(turn)
    _warn(
        f"{where}: the coordinates are not in the standard orientation (x along a, z along c*); "
        'they are turned into it, by attrs["frame"]'
    )
    return left @ right, move


def _warn(message: str) -> None:
    warnings.warn(message, FormatWarning, stacklevel=3)
