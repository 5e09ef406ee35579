"""What the columns of a data block refer to: wavelengths, crystals, scale groups, data sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from xrefl.errors import FormatError
from xrefl.hkl.blocks import row_blocks
from xrefl.hkl.crystal import is_merged
from xrefl.hkl.datasets import DatasetInfo, datasets_of
from xrefl.io.cif.format import RowFormatter, number_text, quoted
from xrefl.io.refln_cif.metadata import CELL_PARAMETERS, COLUMN_CATEGORY, DATASET_CATEGORY
from xrefl.io.refln_cif.tags import INDEX_TAGS
from xrefl.io.refln_cif.write_columns import CATEGORIES
from xrefl.io.refln_cif.write_items import loop_text, optional
from xrefl.io.refln_cif.write_rows import Loop

__all__ = ["Links", "links_of", "wavelengths"]


@dataclass(frozen=True, slots=True)
class Links:
    """Ids that columns have, and what they stand for.

    Attributes
    ----------
    wavelengths : dict of str to float
        In Å, by id; NaN where an id occurs of which nothing is known.
    crystals, scales : tuple of str
        The ids in columns crystal_id and scale_group_code; none without such a column.
    datasets : str
        The loop of data sets, as text.
    owners : dict of str to int
        The data set of each tag, where there are data sets.
    """

    wavelengths: dict[str, float]
    crystals: tuple[str, ...]
    scales: tuple[str, ...]
    datasets: str
    owners: dict[str, int]

    def joined(self, other: Links) -> Links | None:
        """Return the links of two tables in one block, None where they contradict each other."""
        both = self.wavelengths.keys() & other.wavelengths.keys()
        values = [(self.wavelengths[one], other.wavelengths[one]) for one in both]
        if self.datasets != other.datasets or not all(a == b or a != a != b for a, b in values):
            return None
        return Links(
            self.wavelengths | other.wavelengths,
            tuple(dict.fromkeys(self.crystals + other.crystals)),
            tuple(dict.fromkeys(self.scales + other.scales)),
            self.datasets,
            self.owners | other.owners,
        )

    def items(self, *, ddl1: bool) -> str:
        """Return the items of a block that say what the ids are."""
        category = "_diffrn_radiation_wavelength" + ("_" if ddl1 else ".")
        # Some programs read the first wavelength only, and 1 is the customary id.
        ids = sorted(self.wavelengths, key=lambda one: one != "1")
        rows = [(optional(one), number_text(self.wavelengths[one])) for one in ids]
        parts = [_items(category, ("id", "wavelength"), rows)]
        if not ddl1:
            parts.append(_ids("_exptl_crystal.", "id", self.crystals))
            parts.append(_ids("_reflns_scale.", "group_code", self.scales))
        parts.append(self.datasets)
        if self.owners:
            owners = [(quoted(tag), number) for tag, number in self.owners.items()]
            parts.append(loop_text(COLUMN_CATEGORY, ("tag", "dataset_id"), owners))
        return "".join(parts)


def links_of(ds: xr.Dataset, loop: Loop) -> Links:
    """Return what the columns of a loop refer to.

    Parameters
    ----------
    ds : Dataset
        What the loop is made of. Columns of ids are gone over once.
    loop : Loop
        The columns that are written.

    Raises
    ------
    FormatError
        Statements on the wavelength disagree.
    """
    datasets = datasets_of(ds)
    known = {one.id for one in datasets}
    owners = {
        column.tag: int(column.inputs[0].attrs["dataset_id"])
        for column in loop.columns
        if column.inputs
        and column.inputs[0].attrs.get("dataset_id") in known
        # In an MTZ file the indices belong to the base, whatever is measured.
        and not column.tag.lower().endswith(INDEX_TAGS)
    }
    measured = set(owners.values()) if is_merged(ds) else set()
    return Links(
        _wavelengths(ds, measured, _ids_in(loop, "wavelength_id")),
        _ids_in(loop, "crystal_id"),
        _ids_in(loop, "scale_group_code"),
        _dataset_loop(datasets) if datasets else "",
        owners,
    )


def wavelengths(ds: xr.Dataset) -> dict[int, float]:
    """Return the wavelengths in Å by id: of data sets where there are some, otherwise one.

    Raises
    ------
    FormatError
        ``attrs["wavelength"]`` is none of them.
    """
    found = {one.id: one.wavelength for one in datasets_of(ds) if np.isfinite(one.wavelength)}
    only = ds.attrs.get("wavelength")
    if only is None or not np.isfinite(only):
        return found
    if found and set(found.values()) != {float(only)}:
        raise FormatError(
            f"attrs['wavelength'] is {only}, but 'dataset_wavelength' has "
            f"{sorted(set(found.values()))}; make them agree, or delete the attribute"
        )
    return found or {1: float(only)}


def _wavelengths(ds: xr.Dataset, measured: set[int], ids: Sequence[str]) -> dict[str, float]:
    """Return the wavelengths by the ids that columns have, or else by those of data sets."""
    found = wavelengths(ds)
    if found:
        used = {number: value for number, value in found.items() if number in measured} or found
        values = set(used.values())
        known = {"1": values.pop()} if len(values) == 1 else {str(n): v for n, v in used.items()}
    else:
        known = _named_wavelengths(ds)
    if not known or not ids:
        return known
    values = set(known.values())
    if len(values) == 1:
        return dict.fromkeys(ids, values.pop())
    return known | {one: np.nan for one in ids if one not in known}


def _named_wavelengths(ds: xr.Dataset) -> dict[str, float]:
    """Return the several wavelengths that a CIF file had, by their ids."""
    values = np.atleast_1d(ds.attrs.get("wavelengths", [])).astype(float).tolist()
    ids = [str(one) for one in np.atleast_1d(ds.attrs.get("wavelength_ids", [])).tolist()]
    if len(values) != len(ids) or len(set(ids)) != len(ids):
        raise FormatError(
            f"attrs['wavelengths'] is {values}, and attrs['wavelength_ids'] {ids}; give each "
            "wavelength an id of its own, or delete both attributes"
        )
    return dict(zip(ids, values, strict=True))


def _ids_in(loop: Loop, name: str) -> tuple[str, ...]:
    """Return the different values of a column of ids, none where it is not written."""
    for column in loop.columns:
        tags = {category + name for category in CATEGORIES.values()}
        if column.tag.lower() not in tags:
            continue
        found: dict[str, None] = {}
        if column.make is None:
            for (values,) in row_blocks(column.inputs, loop.nrow):
                different = values if values.dtype.kind in "OT" else np.unique(values)
                found.update(dict.fromkeys(different.tolist()))
        elif not column.inputs:  # a constant
            found.update(dict.fromkeys(column.make(np.arange(1)).tolist()))
        formatter = RowFormatter([None], [column.real])
        texts = [
            one
            if isinstance(one, str)
            else b"".join(formatter.lines([np.asarray([one])])).decode().strip()
            for one in found
        ]
        return tuple(text for text in dict.fromkeys(texts) if text not in ("", "?", "."))
    return ()


def _ids(category: str, name: str, ids: Sequence[str]) -> str:
    return _items(category, (name,), [(quoted(one),) for one in ids or ("1",)])


def _items(category: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return single items for one row, a loop for several."""
    if len(rows) != 1:
        return loop_text(category, names, rows) if rows else ""
    pairs = zip(names, rows[0], strict=True)
    return "".join(f"{category}{name} {text}\n" for name, text in pairs) + "#\n"


def _dataset_loop(datasets: Sequence[DatasetInfo]) -> str:
    names = ("id", "project", "crystal", "name", *CELL_PARAMETERS, "wavelength")
    rows = [
        (
            one.id,
            *(quoted(text, numbers=True) for text in (one.project, one.crystal, one.name)),
            *(map(number_text, one.cell) if one.cell else "??????"),
            number_text(one.wavelength),
        )
        for one in datasets
    ]
    return loop_text(DATASET_CATEGORY, names, rows)
