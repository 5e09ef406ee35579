"""Columns of a CIF's loop of atoms, under the tags of all dictionaries."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrefl.crystal.atoms import names_of
from xrefl.errors import FormatError, FormatWarning
from xrefl.io.cif.table import CifField, CifTable
from xrefl.io.model.dataset import LARGEST

__all__ = [
    "B_OF_U",
    "COORDINATES",
    "filled",
    "located",
    "read_columns",
    "tags_of",
    "whole",
]

B_OF_U = 8 * math.pi**2
COORDINATES = ("Cartn_x", "fract_x")

_MISSING = np.array(["?", "."])


def tags_of(*names: str, category: str = "atom_site") -> tuple[str, ...]:
    """Return the tags of names, with a dot (DDL2 and later) and with an underscore (DDL1)."""
    return tuple(f"_{category}{mark}{name}" for name in names for mark in "._")


def read_columns(
    table: CifTable, wanted: Mapping[str, tuple[str, Sequence[str]]]
) -> dict[str, NDArray[Any]]:
    """Return the columns that are in the table, all read in one pass.

    Parameters
    ----------
    table : CifTable
    wanted : dict of str to (str, sequence of str)
        Type ("f8" or "U") and tags for each name of the result; the first of the tags that is
        there counts.

    Returns
    -------
    dict of str to ndarray
        Numbers are NaN where the file has ? or ., text is "".
    """
    found = {
        name: CifField(tag, dtype)
        for name, (dtype, tags) in wanted.items()
        if (tag := table.find(*tags)) is not None
    }
    columns = dict(zip(found, table.read(list(found.values())), strict=True))
    for name, values in columns.items():
        if values.dtype.kind == "U":
            missing = np.isin(values, _MISSING)
            columns[name] = np.where(missing, "", values) if missing.any() else values
        elif (too_large := np.abs(values) > LARGEST).any():
            tag, row = found[name].tag, int(np.flatnonzero(too_large)[0])
            raise FormatError(
                f"{table.place(tag, row)}: {tag} is {values[row]:g}, which cannot be; correct the "
                "number, or write ?"
            )
    return columns


def whole(
    table: CifTable, tag: str, values: NDArray[np.float64], missing: int | None
) -> NDArray[np.int32]:
    """Return numbers of a column as int32; FormatError where they are not whole, or missing."""
    absent = np.isnan(values)
    fine = (values == np.rint(values)) & (np.abs(values) < 2**31)
    if missing is not None:
        fine |= absent
    if not fine.all():
        row = int(np.flatnonzero(~fine)[0])
        value = "missing" if absent[row] else f"{values[row]:g}"
        raise FormatError(f"{table.place(tag, row)}: {tag} is {value}; a whole number is needed")
    return np.where(absent, missing or 0, values).astype(np.int32)


def located(
    where: str, columns: dict[str, NDArray[Any]], coordinates: Sequence[str]
) -> NDArray[np.bool_]:
    """Tell which atoms have coordinates; a `FormatWarning` names those that have none."""
    xyz = np.stack([columns[name] for name in coordinates], axis=1)
    has_place: NDArray[np.bool_] = ~np.isnan(xyz).any(axis=1)
    lost = np.flatnonzero(~has_place)
    if lost.size:
        _warn(f"{where}: atoms without coordinates are not read: {names_of(columns, lost)}")
    if not has_place.any():
        raise FormatError(f"{where}: no atom has coordinates, so there is no model to open")
    return has_place


def filled(
    where: str,
    columns: Mapping[str, NDArray[Any]],
    what: str,
    values: NDArray[np.float64] | None,
    default: float,
) -> NDArray[np.float64]:
    """Return a column with the default for missing values.

    A column that is not there at all is what its default in the dictionary is for; single
    missing values give a `FormatWarning`.
    """
    if values is None:
        return np.full(len(columns["name"]), default)
    missing = np.isnan(values)
    if missing.any() and not missing.all():
        atoms = names_of(columns, np.flatnonzero(missing))
        _warn(f"{where}: the {what} is missing for {atoms}; {default:g} is used")
    return np.where(missing, default, values)


def _warn(message: str) -> None:
    warnings.warn(message, FormatWarning, stacklevel=5)
