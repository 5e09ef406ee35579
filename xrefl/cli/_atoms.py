"""The atomic model that a command is given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from xrefl.cli._streams import incoming

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["RADIATION", "atoms_of", "of_atoms", "of_charges"]

RADIATION = {
    "xray": "X-rays",
    "electron": "electrons",
    "neutron": "neutrons",
    "mott_bethe": "electrons, by the Mott-Bethe formula",
}


def atoms_of(
    source: Path, number: int | None, cell: list[float] | None, spacegroup: str | None
) -> tuple[xr.Dataset, Path]:
    """Return the atoms of a file: one model, with a crystal; and what messages call the file.

    Raises
    ------
    CrystalError
        There are several models, or not the one that is asked for; or the crystal is not known, or
        known already.
    FormatError
        The file has no model.
    """
    from xrefl.io.model.open import open_model

    content, name = incoming(source)
    model = _one_model(name, open_model(content), number)
    return _with_crystal(name, model, cell, spacegroup), name


def _one_model(source: Path, model: xr.Dataset, number: int | None) -> xr.Dataset:
    """Return the atoms of one model."""
    import numpy as np

    from xrefl.errors import CrystalError

    known = np.unique(model["model"].values)
    listed = ", ".join(map(str, known[:8])) + (", ..." if known.size > 8 else "")
    if number is not None and number not in known:
        raise CrystalError(f"{source}: there is no model {number}; there is {listed}")
    if number is None and known.size > 1:
        raise CrystalError(
            f"{source}: there are {known.size} models ({listed}), which would all scatter at once; "
            "choose one with --model"
        )
    return model if number is None else model.isel(atom=(model["model"] == number).values)


def _with_crystal(
    source: Path, model: xr.Dataset, cell: list[float] | None, spacegroup: str | None
) -> xr.Dataset:
    """Return the model with the crystal of the options, where the file has none."""
    from xrefl.crystal.cell import UnitCell
    from xrefl.crystal.sites import site_symmetry_order
    from xrefl.crystal.spacegroup import SpaceGroup
    from xrefl.errors import CrystalError

    given = {"cell": cell, "spacegroup": spacegroup}
    for name, what in (("cell", "unit cell"), ("spacegroup", "space group")):
        if name in model.attrs and given[name] is not None:
            raise CrystalError(
                f"{source}: the model has a {what}, {model.attrs[name]}; leave --{name} out"
            )
        if name not in model.attrs and given[name] is None:
            raise CrystalError(f"{source}: the model has no {what}; give one with --{name}")
    if cell is not None:
        model = model.assign_attrs(cell=list(UnitCell(*cell).parameters))
    if spacegroup is not None:
        group = SpaceGroup(spacegroup)
        model = model.assign_attrs(spacegroup=group.name)
        if "type_symbol" in model:  # of a small molecule, where occupancies are not divided yet
            unit_cell = UnitCell.from_parameters(model.attrs["cell"])
            order = site_symmetry_order(model["xyz"].values, unit_cell, group)
            model = model.assign(occupancy_divisor=("atom", order))
    return model


def of_atoms(
    model: xr.Dataset, kind: str, anomalous: Mapping[str, complex] | None
) -> list[tuple[str, str]]:
    """Return what to tell of a model and of what it scatters."""
    from xrefl.crystal.spacegroup import SpaceGroup

    group = SpaceGroup(model.attrs["spacegroup"])
    cell = "  ".join(f"{edge:g}" for edge in model.attrs["cell"])
    facts = [
        ("atoms", f"{model.sizes['atom']:,}"),
        ("space group", f"{group.name} (number {group.number})"),
        ("unit cell", f"{cell}  (Å, degrees)"),
        ("radiation", RADIATION[kind]),
    ]
    if anomalous is not None:
        added = (
            f"{element} {value:+.3f}"
            if isinstance(value, float)
            else f"{element} {value.real:+.3f} {value.imag:+.3f}i"
            for element, value in anomalous.items()
        )
        is_real = all(isinstance(value, float) for value in anomalous.values())
        facts.append(("f'" if is_real else "f' + i f''", ", ".join(added)))
    return facts


def of_charges(model: xr.Dataset) -> list[tuple[str, str]]:
    """Return which charged atoms scatter as ions, and which as neutral atoms."""
    from xrefl.scattering._tables import table

    if "charge" not in model.variables:
        return [("ions", "none: the model has no charges")]
    pairs = zip(model["element"].values.tolist(), model["charge"].values.tolist(), strict=True)
    charged = sorted({(str(element), int(charge)) for element, charge in pairs if charge})
    known = table("xray")
    names = {pair: f"{pair[0]}{abs(pair[1])}{'+' if pair[1] > 0 else '-'}" for pair in charged}
    ions = ", ".join(names[pair] for pair in charged if pair in known)
    neutral = ", ".join(names[pair] for pair in charged if pair not in known)
    facts = [("ions", ions or "none")]
    if neutral:
        facts.append(("neutral", f"{neutral}, for which there are no form factors"))
    return facts
