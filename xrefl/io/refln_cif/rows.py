"""Which rows of a table are the reflections of one data set."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import FormatError, FormatWarning, MillerIndexError, MissingColumnError
from xrefl.hkl.index import HKLIndex
from xrefl.hkl.packing import first_duplicate, pack
from xrefl.io.refln_cif.tables import ReflnTable

__all__ = ["DATA_SET_IDS", "Selection", "chosen_rows", "reflection_coordinates"]

Selection: TypeAlias = Mapping[str, Any]

DATA_SET_IDS = ("crystal_id", "wavelength_id", "scale_group_code")
"""Columns that tell the data sets of a merged table apart."""

_MOST_LISTED = 10


def chosen_rows(
    found: ReflnTable, variables: Mapping[str, xr.Variable], select: Selection
) -> NDArray[np.intp]:
    """Return the numbers of the rows that have the values asked for.

    Raises
    ------
    MissingColumnError
        A column is not in the table.
    FormatError
        No row has these values.
    """
    kept = np.ones(found.table.nrow, np.bool_)
    for name, wanted in select.items():
        if name not in variables:
            listed = ", ".join(column.name for column in found.columns)
            raise MissingColumnError(
                f"{found.table.where}: no column {name!r} to select by; the table has {listed}"
            )
        values = variables[name].values
        matches = np.isin(values, _like(values, wanted))
        if not matches.any():
            raise FormatError(
                f"{found.table.where}: no row has {name} {wanted!r}; there are {_counts(values)}"
            )
        kept &= matches
    if not kept.any() and found.table.nrow:
        raise FormatError(f"{found.table.where}: no row has all of {dict(select)}")
    return np.flatnonzero(kept)


def _like(values: NDArray[Any], wanted: object) -> list[Any]:
    """Return the values wanted as the column has them, so that 1, "1" and 1.0 are the same."""
    listed: list[Any] = [wanted]
    if isinstance(wanted, np.ndarray):
        listed = np.atleast_1d(wanted).tolist()
    elif isinstance(wanted, (Sequence, set, frozenset)) and not isinstance(wanted, str):
        listed = list(wanted)
    if values.dtype.kind in "UO":
        texts = [str(one) for one in listed]
        return texts + [text.removesuffix(".0") for text in texts]
    try:
        return [float(one) for one in listed]
    except (TypeError, ValueError):
        return []


def _counts(values: NDArray[Any]) -> str:
    found, counts = np.unique(values, return_counts=True)
    listed = [
        f"{value} ({count:,} rows)"
        for value, count in zip(found.tolist(), counts.tolist(), strict=True)
    ]
    more = ", ..." if len(listed) > _MOST_LISTED else ""
    return ", ".join(listed[:_MOST_LISTED]) + more


def reflection_coordinates(
    found: ReflnTable,
    variables: Mapping[str, xr.Variable],
    ids: Mapping[str, NDArray[Any]],
    kept: NDArray[np.intp] | None,
    attrs: Mapping[str, Any],
) -> xr.Coordinates:
    """Return the indexed coordinates of merged reflections.

    Parameters
    ----------
    found : ReflnTable
        The table.
    variables : mapping of str to Variable
        The columns h, k and l.
    ids : mapping of str to array
        Columns that tell data sets apart, and that were not used to select rows.
    kept : array of int, optional
        Numbers of the rows, where some were selected.
    attrs : mapping
        Cell and space group, where they are known.

    Raises
    ------
    FormatError
        A reflection is there twice, or its indices are too large.
    """
    data_sets = {name: one for name, one in ids.items() if one.size and (one != one[0]).any()}
    h, k, l = (variables[name].values for name in "hkl")
    for values in (h, k, l):
        values.flags.writeable = False
    try:
        index = HKLIndex.from_miller(
            h, k, l, cell=attrs.get("cell"), spacegroup=attrs.get("spacegroup")
        )
    except MillerIndexError as error:
        repeated = first_duplicate(pack(h, k, l)) if _packable(h, k, l) else None
        if repeated is None:
            raise FormatError(f"{found.table.where}: {error}") from None
        rows = [int(row if kept is None else kept[row]) for row in repeated]
        hkl = tuple(int(index[repeated[0]]) for index in (h, k, l))
        raise FormatError(_not_unique(found, hkl, rows, data_sets)) from None
    if data_sets:
        warnings.warn(
            f"{found.table.where}: {_several(data_sets)}. They have no reflection in common, and "
            f"were read as one; choose with {_example(data_sets)}",
            FormatWarning,
            stacklevel=2,
        )
    coords = index.coordinates()
    for name in "hkl":
        coords[name].attrs.update(variables[name].attrs)
    return coords


def _packable(*indices: NDArray[Any]) -> bool:
    try:
        pack(*indices)
    except MillerIndexError:
        return False
    return True


def _several(data_sets: Mapping[str, NDArray[Any]]) -> str:
    listed = "; by ".join(f"{name} {_counts(values)}" for name, values in data_sets.items())
    return f"the table holds several data sets: by {listed}"


def _example(data_sets: Mapping[str, NDArray[Any]]) -> str:
    name, values = next(iter(data_sets.items()))
    return f"select={{{name!r}: {values[0].item()!r}}}"


def _not_unique(
    found: ReflnTable,
    hkl: Sequence[int],
    rows: Sequence[int],
    data_sets: Mapping[str, NDArray[Any]],
) -> str:
    h, k, l = hkl
    tag = found.indices[0].tag
    first, second = (found.table.place(tag, row) for row in rows)
    what = f"{first}: the reflection {h} {k} {l} is there again ({second})"
    every_row = "read every row as an observation with kind='unmerged'"
    if data_sets:
        return f"{what}; {_several(data_sets)}. Choose with {_example(data_sets)}, or {every_row}"
    return f"{what}, but merged data have each reflection once; {every_row}"
