"""What symmetry demands of structure factors, made exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xrefl.crystal.op import DEN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xrefl.crystal.miller import Column
    from xrefl.crystal.spacegroup import SpaceGroup

__all__ = ["as_symmetry_demands"]

_INVERSION = ((-DEN, 0, 0), (0, -DEN, 0), (0, 0, -DEN))


def as_symmetry_demands(
    f: NDArray[np.complex128], hkl: tuple[Column, ...], group: SpaceGroup, *, real: bool
) -> NDArray[np.complex128]:
    """Return structure factors, absent ones exactly 0, and centric ones of exactly their phase.

    Where an operation takes h to -h, F(h)* = F(h) exp(-2πi h·t), so that the phase is π h·t or the
    opposite one (International Tables B, section 1.4.2). Sums and transforms have it to rounding.

    Parameters
    ----------
    f : ndarray of complex, shape (n,)
    hkl : tuple of three ndarray
        Miller indices.
    group : SpaceGroup
        That of the sum.
    real : bool
        Whether form factors are real. With f'' phases of centric reflections are not restricted.

    Examples
    --------
    >>> from xrefl.crystal.spacegroup import SpaceGroup
    >>> hkl = tuple(np.array([[2, 0, 1], [0, 3, 0]], np.int32).T)
    >>> as_symmetry_demands(np.array([1e-9j - 5, 1e-9]), hkl, SpaceGroup("P 21"), real=True)
    array([-5.+0.j,  0.+0.j])
    """
    out = np.where(group.absent(hkl), 0, f)
    rows = np.flatnonzero(group.centric(hkl)) if real else np.empty(0, np.intp)
    indices = np.stack([one[rows] for one in hkl], axis=1).astype(np.int64)
    turns = np.zeros(len(rows), np.int64)
    left = np.arange(len(rows))
    # the inversion first, which is all that many need
    for op in sorted(group.primitive_operations, key=lambda op: op.rotation != _INVERSION):
        if not left.size:
            break
        some = indices[left]
        opposite = (some @ op.matrix == -some).all(axis=1)
        turns[left[opposite]] = some[opposite] @ np.array(op.translation)
        left = left[~opposite]
    units = _HALF_TURNS[turns % (2 * DEN)]
    along = out[rows].real * units.real + out[rows].imag * units.imag
    out[rows] = along * units + 0.0  # no -0.0, which would make -180 of 180 degrees
    return out


def _half_turns() -> NDArray[np.complex128]:
    """Return exp(πi n/24); what is 0 exactly so."""
    angles = np.pi * np.arange(2 * DEN) / DEN
    waves = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.where(abs(waves) < 1e-9, 0.0, waves).view(np.complex128)[:, 0]


_HALF_TURNS = _half_turns()
