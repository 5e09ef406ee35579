"""Structure factors by summation over atoms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xrefl._parallel import over_rows
from xrefl.crystal.miller import as_miller
from xrefl.crystal.op import DEN
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.models.scatterers import Scatterers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from xrefl.crystal.miller import Column

__all__ = ["direct_sum"]

_BLOCK = 128  # atoms at a time, so that tables of their waves stay in the cache
_LARGEST_TABLES = 2**24  # numbers; reached by indices that no crystal has
_PIECE = 4096  # reflections at a time: form factors are kept while atoms are added block by block
_LOG2_E = 1 / math.log(2)
_WORTH_THREADS = 300_000  # terms
_VECTOR = 8  # numbers that the processor works on at once, several times over
_NOTHING = -1  # the row, after those of all atoms, of one that does not scatter


def direct_sum(
    atoms: Scatterers, hkl: tuple[ArrayLike, ArrayLike, ArrayLike]
) -> NDArray[np.complex128]:
    """Return F(h) = Σ w f(s) T(h R) exp(2πi h·(R x + t)), over atoms and all operations.

    w is the weight of the atom, f its form factor with the addend, and T = exp(-B s²) or
    exp(-h β hᵀ) its displacement factor (International Tables B, section 1.2).

    The waves exp(2πi h·x) are products of three from tables. Those of h and -h are conjugate, so
    that of operations that differ by an inversion one is summed.

    Parameters
    ----------
    atoms : Scatterers
    hkl : tuple of three array_like
        Miller indices.

    Returns
    -------
    ndarray of complex, shape (n,)
    """
    columns = as_miller(hkl)
    a, b, c = atoms.gaussians
    out = _summed(atoms, columns, (a, b, c + atoms.addend.real))
    if atoms.addend.imag.any():
        out += 1j * _summed(atoms, columns, (a[:, :0], b[:, :0], atoms.addend.imag))
    return out


def _summed(
    atoms: Scatterers, hkl: tuple[Column, ...], coefficients: tuple[NDArray[np.float64], ...]
) -> NDArray[np.complex128]:
    """Return the sum with real form factors."""
    from xrefl.scattering import _direct_kernels

    out = np.zeros((hkl[0].size, 2))
    if not len(out) or not atoms.index.size:
        return out.view(np.complex128)[:, 0]
    operations = _operations(atoms.spacegroup)
    limits = _limits(hkl, operations.rotations)
    block = max(1, min(_BLOCK, _LARGEST_TABLES // (2 * sum(limits))))
    a, b, c = (np.ascontiguousarray(one) for one in coefficients)
    args = (
        *(*hkl, atoms.cell.inv_d2(hkl) / 4),
        *operations,
        *_blocks(atoms, block),
        *(a, b * -_LOG2_E, c),
    )

    def rows(start: int, stop: int) -> None:
        most = min(_PIECE, stop - start)
        tables = (np.empty((2, limit + 1, block)) for limit in limits)
        exponents, amplitudes, weights = np.empty((3, max(most, block)))
        memory = (np.empty((len(c), most)), exponents, amplitudes, weights)
        _direct_kernels.direct_sum(start, stop, *args, *tables, *memory, out)

    over_rows(
        rows,
        len(out),
        min_rows=max(2, _WORTH_THREADS // (atoms.index.size * len(operations.rotations))),
    )
    return out.view(np.complex128)[:, 0]


class _Operations(NamedTuple):
    """Operations without centring, one of each pair that differs by an inversion."""

    rotations: NDArray[np.int64]
    shifts: NDArray[np.int64]
    mate_shifts: NDArray[np.int64]
    centring: NDArray[np.int64]
    turns: NDArray[np.float64]


def _operations(group: SpaceGroup) -> _Operations:
    shifts = {op.rotation: op.translation for op in group.primitive_operations}
    matrices = {op.rotation: op.matrix for op in group.primitive_operations}
    chosen: list[Any] = []
    mates: list[Any] = []
    for rotation in shifts:
        mate = tuple(tuple(-x for x in row) for row in rotation)
        if mate not in shifts:
            chosen.append(rotation)
        elif mate not in chosen:
            chosen.append(rotation)
            mates.append(shifts[mate])
    return _Operations(
        np.array([matrices[rotation] for rotation in chosen]).astype(np.int64),
        np.array([shifts[rotation] for rotation in chosen], np.int64),
        np.array(mates, np.int64).reshape(-1, 3),
        np.array(group.centring_vectors, np.int64),
        _turns(),
    )


def _turns() -> NDArray[np.float64]:
    """Return cos and sin of 1/24 turns; those that are whole are exactly so."""
    angle = 2 * np.pi * np.arange(DEN) / DEN
    turns = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.where(abs(turns) < 1e-9, 0.0, turns)


def _limits(
    hkl: tuple[NDArray[np.int32], ...], rotations: NDArray[np.int64]
) -> tuple[int, int, int]:
    """Return the largest indices that operations lead to."""
    corners = np.array([max(abs(int(one.min())), abs(int(one.max()))) for one in hkl])
    largest = np.einsum("i,oij->oj", corners, abs(rotations)).max(axis=0)
    h, k, l = np.maximum(largest, 1).tolist()
    return h, k, l


def _blocks(atoms: Scatterers, size: int) -> tuple[NDArray[Any], ...]:
    """Return blocks of atoms, all isotropic or all anisotropic, and what there is of each atom.

    Atoms of weight zero fill blocks up, so that vectors are whole.
    """
    rows: list[NDArray[np.intp]] = []
    blocks = []
    end = 0
    for is_anisotropic in (False, True):
        chosen = np.flatnonzero(atoms.is_anisotropic == is_anisotropic)
        if chosen.size:
            rows.append(chosen)
            rows.append(np.full(-chosen.size % _VECTOR, _NOTHING))
        start, end = end, end + chosen.size + -chosen.size % _VECTOR
        blocks += [(i, min(i + size, end), is_anisotropic) for i in range(start, end, size)]
    order = np.concatenate(rows)
    falloffs = np.zeros((6, atoms.index.size + 1))
    falloffs[0, :-1] = atoms.b_iso
    falloffs[:, :-1] += atoms.beta.T * np.array([1, 1, 1, 2, 2, 2])[:, None]
    falloffs *= -_LOG2_E
    return (
        np.array(blocks, np.int64),
        np.ascontiguousarray(np.append(atoms.fract, np.zeros((1, 3)), axis=0)[order].T),
        np.append(atoms.weight, 0.0)[order],
        np.append(atoms.index, np.int32(0)).astype(np.uint32)[order],
        np.ascontiguousarray(falloffs[:, order]),
    )
