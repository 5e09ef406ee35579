"""Sets of atomic radii for solvent masks, each with the numbers that go with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xrefl.errors import CrystalWarning, FormatError, warn_caller
from xrefl.models.elements import elements

__all__ = ["LARGEST", "Radii", "RadiiSet", "radii_of", "radii_set"]

Radii = Literal["vdw", "cctbx", "refmac"]

LARGEST = 20.0
"""Å; no distance of a mask comes near."""

_UNKNOWN = 1.0  # gemmi, too, takes 1 Å for elements without a radius
_REFMAC = {"H": 1.4, "D": 1.4, "O": 1.08, "C": 2.0, "N": 1.12}
_REFMAC_OTHER = 1.6


class RadiiSet(NamedTuple):
    """Radii and what goes with them.

    Attributes
    ----------
    radii : mapping of str to float
        Å, by elements.
    other : float
        Radius of elements that are not among them, Å; NaN if there is none.
    probe, shrink : float
        Å, see `xrefl.models.solvent_mask.solvent_mask`.
    island : float
        Å³.
    """

    radii: Mapping[str, float]
    other: float
    probe: float
    shrink: float
    island: float


def radii_set(radii: Radii | float) -> RadiiSet:
    """Return a set by its name, or one radius for all elements.

    Raises
    ------
    FormatError
        There is no such set, or the radius is no number above 0 and up to 20 Å.

    Examples
    --------
    >>> radii_set("refmac").radii["C"], radii_set("refmac").island, radii_set(2.1).other
    (2.0, 50.0, 2.1)
    """
    if radii == "vdw":
        known = {symbol: one.vdw for symbol, one in elements().items()}
        return RadiiSet(known, math.nan, 1.0, 1.1, 0.0)
    if radii == "cctbx":
        known = {symbol: one.cctbx for symbol, one in elements().items()}
        return RadiiSet(known, math.nan, 1.1, 0.9, 0.0)
    if radii == "refmac":
        return RadiiSet(_REFMAC, _REFMAC_OTHER, 1.0, 0.8, 50.0)
    if isinstance(radii, (int, float, np.number)) and 0 < radii <= LARGEST:
        return RadiiSet({}, float(radii), 0.0, 0.0, 0.0)
    names = ", ".join(map(repr, get_args(Radii)))
    raise FormatError(
        f"radii must be one of {names}, or a number in Å, above 0 and up to {LARGEST:g}, not "
        f"{radii!r}"
    )


def radii_of(symbols: ArrayLike, chosen: RadiiSet) -> NDArray[np.float64]:
    """Return the radius of each atom; 1 Å for elements that have none, with a `CrystalWarning`.

    Examples
    --------
    >>> radii_of(["C", "O", "Zn"], radii_set("vdw"))
    array([1.7 , 1.52, 1.39])
    """
    kinds, index = np.unique(np.asarray(symbols), return_inverse=True)
    radii = np.array([chosen.radii.get(str(kind), chosen.other) for kind in kinds])
    unknown = np.isnan(radii)
    if unknown.any():
        warn_caller(
            f"{np.isin(index, np.flatnonzero(unknown)).sum()} atoms of "
            f"{', '.join(map(repr, kinds[unknown].tolist()))} have no van der Waals radius in the "
            f"table; they get {_UNKNOWN:g} Å. radii='refmac', or one number, has no such gaps",
            CrystalWarning,
        )
    return np.where(unknown, _UNKNOWN, radii)[index]
