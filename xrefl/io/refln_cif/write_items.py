"""The single items of a data block of reflections: what holds for all rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr

from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import FormatError
from xrefl.hkl.crystal import crystal
from xrefl.hkl.datasets import DatasetInfo, datasets_of
from xrefl.hkl.index import HKLIndex
from xrefl.io.cif.format import number_text, quoted
from xrefl.io.refln_cif.metadata import CELL_PARAMETERS, DATASET_CATEGORY

__all__ = ["crystal_items", "diffraction_items", "wavelengths"]

_CELL = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")


def crystal_items(ds: xr.Dataset, entry_id: str | None, *, ddl1: bool) -> str:
    """Return the items that every block begins with, after its name.

    Parameters
    ----------
    ds : Dataset
        Reflections; what its attrs, index and coordinates do not know is written as ``?``.
    entry_id : str, optional
        Name of the entry.
    ddl1 : bool
        Whether to use the tags of the core CIF dictionary ("_cell_length_a"), which
        small-molecule programs read, or those of mmCIF ("_cell.length_a").
    """
    parts = [*_about(ds, entry_id, ddl1), *_cell_and_group(ds, entry_id, ddl1)]
    parts += _wavelengths(ds, ddl1)
    if not ddl1:
        parts += ["_exptl_crystal.id 1\n", "#\n", "_reflns_scale.group_code 1\n", "#\n"]
    datasets = datasets_of(ds)
    if datasets:
        parts.append(_dataset_loop(datasets))
    return "".join(parts)


def diffraction_items(dataset_ids: Sequence[int], wavelength_ids: Sequence[int | None]) -> str:
    """Return what mmCIF wants to know of each diffraction experiment of unmerged data.

    Parameters
    ----------
    dataset_ids : sequence of int
        The ids in the column ``diffrn_id``.
    wavelength_ids : sequence of int or None
        For each, the id of its wavelength, if that is known.
    """
    rows = [(number, 1, "'unmerged data'") for number in dataset_ids]
    pairs = list(zip(dataset_ids, map(_optional, wavelength_ids), strict=True))
    return _loop("_diffrn.", ("id", "crystal_id", "details"), rows) + _loop(
        "_diffrn_radiation.", ("diffrn_id", "wavelength_id"), pairs
    )


def _about(ds: xr.Dataset, entry_id: str | None, ddl1: bool) -> Iterator[str]:
    if entry_id is not None or not ddl1:
        yield f"_entry.id {_optional(entry_id)}\n#\n"
    history = ds.attrs.get("history") or ()
    lines = [history] if isinstance(history, str) else [str(line) for line in history]
    text = "\n".join(line for line in lines if line.strip())
    if text:
        yield f"_audit{'_' if ddl1 else '.'}update_record {quoted(text, numbers=True)}\n#\n"
    title = str(ds.attrs.get("title") or "")
    if title.strip():
        tag = "_publ_section_title" if ddl1 else "_struct.title"
        yield f"{tag} {quoted(title, numbers=True)}\n#\n"


def _cell_and_group(ds: xr.Dataset, entry_id: str | None, ddl1: bool) -> Iterator[str]:
    cell, group = _known_crystal(ds)
    dot = "_" if ddl1 else "."
    if not ddl1:
        yield f"_cell.entry_id {_optional(entry_id)}\n"
    parameters = ["?"] * 6 if cell is None else map(number_text, cell)
    for parameter, text in zip(_CELL, parameters, strict=True):
        yield f"_cell{dot}{parameter} {text}\n"
    yield "#\n"
    named = group is not None and group.is_tabulated
    name = group.name if group is not None and named else None
    number = group.number if group is not None and named else None
    if not ddl1:
        yield f"_symmetry.entry_id {_optional(entry_id)}\n"
        symbol = _pdb_name(group) if group is not None and named else None
        yield f"_symmetry.space_group_name_H-M {_optional(symbol)}\n"
        yield f"_symmetry.Int_Tables_number {_optional(number)}\n#\n"
    yield f"_space_group{dot}name_H-M_alt {_optional(name)}\n"
    yield f"_space_group{dot}IT_number {_optional(number)}\n"
    if group is not None:
        if named:
            yield f"_space_group{dot}name_Hall {quoted(group.hall)}\n"
        operations = [(i, quoted(str(one))) for i, one in enumerate(group.operations, 1)]
        yield "#\n" + _loop(f"_space_group_symop{dot}", ("id", "operation_xyz"), operations)
    else:
        yield "#\n"


def _pdb_name(group: SpaceGroup) -> str:
    """Return the symbol as in PDB files, where an initial H is for hexagonal axes."""
    if group.extension == "H":
        return "H" + group.hm[1:]
    return group.hm if group.extension == "R" else group.name


def _known_crystal(ds: xr.Dataset) -> tuple[tuple[float, ...] | None, SpaceGroup | None]:
    """Return what is known of the crystal, and see that attrs and index agree."""
    index = ds.xindexes.get("hkl")
    known = index if isinstance(index, HKLIndex) else None
    cell = ds.attrs.get("cell", known.cell if known else None)
    group = ds.attrs.get("spacegroup", known.spacegroup if known else None)
    if cell is not None and group is not None:
        agreed = crystal(ds)
        return agreed.cell.parameters, agreed.spacegroup
    numbers = None if cell is None else tuple(float(number) for number in cell)
    return numbers, None if group is None else SpaceGroup(group)


def _wavelengths(ds: xr.Dataset, ddl1: bool) -> Iterator[str]:
    category = "_diffrn_radiation_wavelength" + ("_" if ddl1 else ".")
    found = wavelengths(ds)
    if len(set(found.values())) == 1:
        value = next(iter(found.values()))
        yield f"{category}id 1\n{category}wavelength {number_text(value)}\n#\n"
    elif found:
        rows = [(number, number_text(value)) for number, value in found.items()]
        yield _loop(category, ("id", "wavelength"), rows)


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
    return _loop(DATASET_CATEGORY, names, rows)


def _loop(category: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    tags = "".join(f"{category}{name}\n" for name in names)
    lines = "".join(" ".join(map(str, row)) + "\n" for row in rows)
    return f"loop_\n{tags}{lines}#\n"


def _optional(value: str | int | None) -> str:
    return "?" if value is None else quoted(str(value))
