"""Ways in which a crystal may be twinned, from its cell and space group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.op import DEN, Op
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.hkl.crystal import crystal
from xrefl.sets.operators import lattice_cosets

__all__ = ["laws_of", "obliquity", "twin_laws"]

Array = NDArray[np.float64]

# A metric without any symmetry, of which the mean over a group has that of the group alone.
_GENERIC = np.array([[1.0, 0.137, 0.219], [0.137, 1.37, 0.061], [0.219, 0.061, 1.83]])
_EXACT = 1e-9


def twin_laws(ds: xr.Dataset, *, max_delta: float = 3.0) -> xr.Dataset:
    """Return the operations by which the domains of a twin with one lattice may be related.

    They are rotations of the lattice that are no symmetry of the Laue group, one of each coset: an
    operation of the group that follows changes nothing. Twins by merohedry have the lattice in
    common because the crystal system demands its symmetry, twins by pseudo-merohedry because the
    cell happens to have it, within the obliquity (Le Page, 1982, J. Appl. Cryst. 15, 255;
    Flack, 1987, Acta Cryst. A43, 564). A law and its inverse, as rotations of 120° and -120° are,
    relate the same pairs of reflections. Twins by reticular merohedry, of which a sublattice alone
    is common, are not found.

    Parameters
    ----------
    ds : Dataset
        Reflections or a model: what has a cell and a space group.
    max_delta : float
        By how many degrees the lattice may depart from the symmetry.

    Returns
    -------
    Dataset
        Along ``law``, the operation of Miller indices, as "k,h,-l": ``kind`` ("merohedral" or
        "pseudo-merohedral") and ``obliquity`` in degrees, see `obliquity`. No laws, no length.

    Raises
    ------
    CrystalError
        There is no cell or no space group, or ``max_delta`` is no angle from 0 to 45.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5e5z")
    >>> len(ds.xtal.twin_laws().law)
    0
    >>> cell = (9.643, 11.2, 19.029, 90, 90.3, 90)
    >>> ds.xtal.assign_crystal(cell=cell).xtal.twin_laws().to_dataframe().round(2)
                           kind  obliquity
    law
    h,-k,-l  pseudo-merohedral        0.3
    """
    cell, group = crystal(ds)
    laws = laws_of(cell, group, max_delta)
    return xr.Dataset(
        {
            "kind": (
                "law",
                np.array([_kind(law, group) for law in laws], dtype="U17"),
                {"long_name": "merohedral if the symmetry of the crystal system implies the law"},
            ),
            "obliquity": (
                "law",
                np.array([obliquity(law, cell) for law in laws], np.float64),
                {"long_name": "departure of the lattice from the law", "units": "degree"},
            ),
        },
        {"law": ("law", _texts(laws), {"long_name": "twin law, an operation of Miller indices"})},
    )


def laws_of(cell: UnitCell, group: SpaceGroup, max_delta: float) -> tuple[Op, ...]:
    """Return the twin laws of a crystal, merohedral ones first, then by obliquity."""
    laws = lattice_cosets(cell, group, max_delta)[1:]
    order = sorted(range(len(laws)), key=lambda i: (_kind(laws[i], group), _rounded(laws[i], cell)))
    return tuple(laws[i] for i in order)


def obliquity(law: Op, cell: UnitCell) -> float:
    """Return by how many degrees a lattice departs from the symmetry of a rotation.

    tan²δ = (tr(W Wᵀ) - 3)/4 with W the operation on Cartesian axes, which is an orthogonal matrix
    if it is a symmetry. Of a twofold axis this is the angle between the row of the lattice along it
    and the normal of the plane across (Le Page, 1982, J. Appl. Cryst. 15, 255).

    Examples
    --------
    >>> round(obliquity(Op("-h,-k,l"), UnitCell(50, 60, 70, 90, 90.4, 90)), 3)
    0.4
    """
    R = np.array(law.rotation) / DEN
    W = cell.orthogonalization @ R @ cell.fractionalization
    return float(np.degrees(np.arctan(np.sqrt(max((np.sum(W**2) - 3) / 4, 0.0)))))


def _rounded(law: Op, cell: UnitCell) -> float:
    return round(obliquity(law, cell), 4)  # equal ones stay in order


def _kind(law: Op, group: SpaceGroup) -> str:
    rotations = group.primitive_rotations
    metric = np.einsum("nki,kl,nlj->ij", rotations, _GENERIC, rotations) / len(rotations)
    R = np.array(law.rotation) / DEN
    exact = np.abs(R.T @ metric @ R - metric).max() < _EXACT
    return "merohedral" if exact else "pseudo-merohedral"


def _texts(laws: Sequence[Op]) -> NDArray[np.str_]:
    return np.array([str(law) for law in laws], dtype=str)
