"""What cannot be right: a group that does not fit the data, and mates that are not told apart."""

from __future__ import annotations

import contextlib

import numpy as np
import xarray as xr

from xrefl.crystal.asu import in_asu
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.compatible import contradiction
from xrefl.crystal.miller import as_miller
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError, CrystalMismatchError, CrystalWarning, warn_caller
from xrefl.hkl import find
from xrefl.hkl.crystal import space_group, warn_of_contradiction
from xrefl.merging import codes as coding
from xrefl.merging.passes import Observations, compute
from xrefl.merging.source import read
from xrefl.merging.table import Pieces, Table

__all__ = ["check_group", "warn_of_missing_mates"]


def check_group(
    ds: xr.Dataset, group: SpaceGroup, cell: UnitCell | None, *, resolution: bool
) -> None:
    """Tell that a group that was asked for fits neither the cell nor the group of the data.

    Parameters
    ----------
    ds : Dataset
        The observations, with their own group.
    group : SpaceGroup
        The one to merge in.
    cell : UnitCell or None
        If it is known.
    resolution : bool
        Whether resolution matters, which would be wrong: then a contradiction is an error.

    Raises
    ------
    CrystalMismatchError
        The cell contradicts the group, and resolution matters.

    Warns
    -----
    CrystalWarning
        The cell contradicts the group, or the group lacks the centring of the data.
    """
    if cell is not None:
        if resolution and (found := contradiction(cell, group)) is not None:
            raise CrystalMismatchError(
                f"cell and space group contradict each other: {found}; equivalent reflections "
                "would have different resolutions. Check the space group, or assign the cell that "
                "belongs to it first, ds.xtal.to_original_hkl().xtal.assign_crystal(cell=..., "
                "spacegroup=...)"
            )
        warn_of_contradiction(cell, group)
    with contextlib.suppress(CrystalError):  # the group of the data may not be known
        own = space_group(ds)
        if not _translations(own) <= _translations(group):
            warn_caller(
                f"{group.name} lacks the centring of {own.name}, the space group of the "
                "observations: reflections that are absent by it count as possible, so that "
                f"completeness is too low; a centred group{_like(group, own)} takes them out",
                CrystalWarning,
            )


def _translations(group: SpaceGroup) -> set[tuple[int, ...]]:
    return {tuple(vector) for vector in group.centring_vectors}


def _like(group: SpaceGroup, own: SpaceGroup) -> str:
    """Return the name of the group with the centring of another one, if that is a group."""
    with contextlib.suppress(CrystalError):
        return f", as {SpaceGroup(own.name[0] + group.name[1:]).name!r},"
    return ""


def warn_of_missing_mates(ds: xr.Dataset, source: Observations, table: Table | Pieces) -> None:
    """Warn if Friedel mates are to be apart, but nothing tells them apart.

    That is so if there is no column M/ISYM, and all indices are in the asymmetric unit, though
    there are acentric reflections. Indices are read once more only if no mate has been found.

    Parameters
    ----------
    ds : Dataset
    source : Observations
        Of the Dataset.
    table : Table or Pieces
        Sums over its observations, mates apart.
    """
    from dask.delayed import delayed

    group = source.recipe.group
    if find.columns(ds, type="Y") or group.is_centrosymmetric or coding.is_minus(table.codes).any():
        return
    if group.centric(coding.indices(table.codes)).all():
        return
    task = delayed(_all_in_unit, pure=False)
    if all(compute(source, *(task(one.columns, group) for one in source.stretches))):
        warn_caller(
            f"all {source.nrow:,} observations have Miller indices in the asymmetric unit, and "
            "there is no column M/ISYM (MTZ type Y), so Friedel mates cannot be told apart: each "
            "counts as I(+). Take original indices, or add M/ISYM",
            CrystalWarning,
        )


def _all_in_unit(columns: object, group: SpaceGroup) -> bool:
    values = read(columns)  # type: ignore[arg-type]
    return bool(np.all(in_asu(as_miller(tuple(values[name] for name in "hkl")), group)))
