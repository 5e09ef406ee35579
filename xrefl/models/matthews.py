"""How much room a crystal has for each dalton of its molecules."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from xrefl.errors import CrystalError, FormatError
from xrefl.hkl.crystal import space_group, unit_cell
from xrefl.models.checks import finite, require_model
from xrefl.models.elements import HYDROGENS, elements

__all__ = ["Matthews", "matthews"]

# Å³/Da of a protein: a partial specific volume of 0.74 cm³/g.
_PROTEIN = 1.23
_WATER = ("HOH", "DOD", "WAT", "H2O")
_RESIDUE = ("chain", "seqnum", "icode", "resname")
_TABLE = Path(__file__).parent / "tables" / "hydrogens.csv"


class Matthews(NamedTuple):
    """What the volume of a crystal and the mass of its molecules say."""

    v_m: float
    """Matthews coefficient, Å³/Da."""
    solvent_fraction: float
    """Part of the volume that proteins of this mass leave to the solvent."""
    mass: float
    """Mass of the molecules in an asymmetric unit, Da."""


def matthews(model: xr.Dataset, *, mass: float | None = None) -> Matthews:
    """Return the Matthews coefficient, and the part of the crystal that it leaves to the solvent.

    V_M = V/(n M), where n is the number of operations of the space group, lattice centring
    included, and M the mass in an asymmetric unit. The solvent is 1 - 1.23/V_M for proteins, with a
    partial specific volume of 0.74 cm³/g (Matthews, 1968, J. Mol. Biol. 33, 491). Nucleic acids
    are denser, and leave more; what is denser still, as minerals, makes the number negative.

    Without ``mass`` the mass is that of the atoms of the model, times their occupancies. Water does
    not count. Residues of amino acids and nucleotides that have no hydrogen in the model get what
    belongs to them in a chain. What is not in the model, as disordered loops, is missing: the
    mass by the sequence is better where it is known.

    Parameters
    ----------
    model : Dataset
        Along ``atom``, as `xrefl.open_model` gives it. Its values are needed: dask-backed variables
        are computed.
    mass : float, optional
        Mass of the molecules in an asymmetric unit, Da.

    Returns
    -------
    Matthews
        ``v_m`` (Å³/Da), ``solvent_fraction`` and ``mass`` (Da).

    Raises
    ------
    CrystalError
        The model has no atoms, or several models; no cell or space group; an occupancy is missing,
        or the weight of an element not known.
    FormatError
        The mass is not positive.
    MissingColumnError
        A variable is not there.

    Examples
    --------
    >>> import xrefl
    >>> model = xrefl.open_model(xrefl.tutorial.path("5e5z", kind="model"))
    >>> found = model.xtal.matthews()
    >>> round(found.v_m, 2), round(found.solvent_fraction, 2), round(found.mass)
    (1.32, 0.07, 654)
    """
    require_model(model, "element", "xyz", "occupancy")
    cell, group = unit_cell(model), space_group(model)
    if mass is None:
        mass = _mass(model)
        if not mass > 0:
            raise CrystalError("only water has a mass in this model; give mass=, in Da")
    elif not 0 < mass < math.inf:
        raise FormatError(f"the mass must be a positive number in Da, not {mass!r}")
    v_m = cell.volume / (len(group.operations) * mass)
    return Matthews(v_m, 1 - _PROTEIN / v_m, mass)


def _mass(model: xr.Dataset) -> float:
    """Return the mass of the atoms, but water, and of hydrogens that are not in the model."""
    share = finite(model, "occupancy")
    if "occupancy_divisor" in model.variables:
        share = share / finite(model, "occupancy_divisor")
    symbols = model["element"].values
    names = {name: model[name].values for name in (*_RESIDUE, "name") if name in model.variables}
    kept = ~np.isin(names["resname"], _WATER) if "resname" in names else np.ones(len(share), bool)
    weights = {symbol: one.weight for symbol, one in elements().items()}
    kinds, index = np.unique(symbols[kept], return_inverse=True)
    if unknown := [str(kind) for kind in kinds if str(kind) not in weights]:
        raise CrystalError(
            f"the weight of {', '.join(map(repr, unknown))} is not known: set the element of these "
            "atoms, or give mass=, in Da"
        )
    mass = float(share[kept] @ np.array([weights[str(kind)] for kind in kinds])[index])
    if len(names) < len(_RESIDUE) + 1:
        return mass
    atoms = pd.DataFrame({**names, "share": share, "hydrogen": np.isin(symbols, HYDROGENS)})
    residues = atoms.groupby(list(_RESIDUE), sort=False).agg(
        share=("share", "sum"), places=("name", "nunique"), hydrogen=("hydrogen", "any")
    )
    bare = residues[~residues["hydrogen"]]
    count = bare.index.get_level_values("resname").map(_hydrogens()).to_numpy(float, na_value=0.0)
    # the shares of alternatives add up to that of one atom
    return mass + weights["H"] * float(count @ (bare["share"] / bare["places"]).to_numpy())


@cache
def _hydrogens() -> dict[str, int]:
    _, *lines = _TABLE.read_text(encoding="ascii").splitlines()
    return {name: int(count) for name, count in (line.split(";") for line in lines)}
