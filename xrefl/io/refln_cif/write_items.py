"""The single items of a data block of reflections: what holds for all rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import xarray as xr

from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.hkl.crystal import crystal
from xrefl.hkl.index import HKLIndex
from xrefl.io.cif.format import number_text, quoted
from xrefl.io.mtz.collect import history_lines

__all__ = ["crystal_items", "diffraction_items", "loop_text", "optional"]

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
    return "".join([*_about(ds, entry_id, ddl1), *_cell_and_group(ds, entry_id, ddl1)])


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
    pairs = list(zip(dataset_ids, map(optional, wavelength_ids), strict=True))
    return loop_text("_diffrn.", ("id", "crystal_id", "details"), rows) + loop_text(
        "_diffrn_radiation.", ("diffrn_id", "wavelength_id"), pairs
    )


def _about(ds: xr.Dataset, entry_id: str | None, ddl1: bool) -> Iterator[str]:
    if entry_id is not None or not ddl1:
        yield f"_entry.id {optional(entry_id)}\n#\n"
    text = "\n".join(line for line in history_lines(ds) if line.strip())
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
        yield f"_cell.entry_id {optional(entry_id)}\n"
    parameters = ["?"] * 6 if cell is None else map(number_text, cell)
    for parameter, text in zip(_CELL, parameters, strict=True):
        yield f"_cell{dot}{parameter} {text}\n"
    yield "#\n"
    named = group is not None and group.is_tabulated
    name = group.name if group is not None and named else None
    number = group.number if group is not None and named else None
    if not ddl1:
        yield f"_symmetry.entry_id {optional(entry_id)}\n"
        symbol = _pdb_name(group) if group is not None and named else None
        yield f"_symmetry.space_group_name_H-M {optional(symbol)}\n"
        yield f"_symmetry.Int_Tables_number {optional(number)}\n#\n"
    yield f"_space_group{dot}name_H-M_alt {optional(name)}\n"
    yield f"_space_group{dot}IT_number {optional(number)}\n"
    if group is not None:
        if named:
            yield f"_space_group{dot}name_Hall {quoted(group.hall)}\n"
        operations = [(i, quoted(str(one))) for i, one in enumerate(group.operations, 1)]
        yield "#\n" + loop_text(f"_space_group_symop{dot}", ("id", "operation_xyz"), operations)
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


def loop_text(category: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a loop of values that are ready to be written."""
    tags = "".join(f"{category}{name}\n" for name in names)
    lines = "".join(" ".join(map(str, row)) + "\n" for row in rows)
    return f"loop_\n{tags}{lines}#\n"


def optional(value: str | int | None) -> str:
    """Return an id or a name as a value, "?" for none."""
    return "?" if value is None else quoted(str(value))
