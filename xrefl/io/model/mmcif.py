"""Read macromolecular models from mmCIF (dictionary PDBx/mmCIF, category atom_site)."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrefl.crystal.atoms import names_of
from xrefl.crystal.cell import UnitCell
from xrefl.errors import FormatError, FormatWarning
from xrefl.io.cif.crystal import block_spacegroup, block_wavelength
from xrefl.io.cif.document import CifBlock
from xrefl.io.cif.table import CifTable
from xrefl.io.model.atom_site import B_OF_U, filled, located, read_columns, tags_of, whole
from xrefl.io.model.crystal import cell_of
from xrefl.io.model.dataset import Model
from xrefl.io.model.elements import split_type_symbol

__all__ = ["is_macromolecular", "read_mmcif"]

_MARKS = tuple(
    f"_atom_site.{name}"
    for name in ("group_PDB", "label_atom_id", "auth_atom_id", "label_asym_id", "auth_asym_id")
)
_XYZ = ("x", "y", "z")
_WANTED: dict[str, tuple[str, tuple[str, ...]]] = {
    "group": ("U", tags_of("group_PDB")),
    "serial": ("U", tags_of("id")),
    "name": ("U", tags_of("label_atom_id", "auth_atom_id")),
    "altloc": ("U", tags_of("label_alt_id")),
    "resname": ("U", tags_of("auth_comp_id", "label_comp_id")),
    "chain": ("U", tags_of("auth_asym_id", "label_asym_id")),
    "seqnum": ("f8", tags_of("auth_seq_id", "label_seq_id")),
    "icode": ("U", tags_of("pdbx_PDB_ins_code")),
    "model": ("f8", tags_of("pdbx_PDB_model_num")),
    "type_symbol": ("U", tags_of("type_symbol")),
    "charge": ("f8", tags_of("pdbx_formal_charge")),
    "occupancy": ("f8", tags_of("occupancy")),
    "b_iso": ("f8", tags_of("B_iso_or_equiv")),
    "u_iso": ("f8", tags_of("U_iso_or_equiv")),
    "label_asym_id": ("U", tags_of("label_asym_id")),
    "label_entity_id": ("U", tags_of("label_entity_id")),
    "label_seq_id": ("U", tags_of("label_seq_id")),
    **{axis: ("f8", tags_of(f"Cartn_{axis}")) for axis in _XYZ},
    **{f"fract_{axis}": ("f8", tags_of(f"fract_{axis}")) for axis in _XYZ},
}
_TEXT = ("group", "altloc", "resname", "chain", "icode")
_LABELS = ("label_asym_id", "label_entity_id", "label_seq_id")
_ELEMENTS = ("[1][1]", "[2][2]", "[3][3]", "[1][2]", "[1][3]", "[2][3]")


def is_macromolecular(table: CifTable) -> bool:
    """Tell whether a loop of atoms has chains or residues, as mmCIF has."""
    return any(tag in table for tag in _MARKS)


def read_mmcif(block: CifBlock, table: CifTable, source: str) -> Model:
    """Return the model of a block's table ``_atom_site``."""
    where = table.where
    _warn_of_left_out(block, table)
    cell = cell_of(block)
    found = read_columns(table, _WANTED)
    _fill_from_labels(table, found)
    found.setdefault("name", np.full(table.nrow, ""))
    xyz = _coordinates(table, found, cell, where)
    for name in _TEXT:
        found.setdefault(name, np.full(table.nrow, ""))
    keep = located(where, found | {"xyz_x": xyz[:, 0]}, ["xyz_x"])
    element, charge = _elements(found, where)
    columns = {
        "group": found["group"],
        "serial": _serials(found, table.nrow),
        "name": found["name"],
        "altloc": found["altloc"],
        "resname": found["resname"],
        "chain": found["chain"],
        "seqnum": _optional(table, found, "seqnum", 0),
        "icode": found["icode"],
        "model": _optional(table, found, "model", 1),
        "element": element,
        "charge": charge,
        "xyz": xyz,
        "occupancy": filled(where, found, "occupancy", found.get("occupancy"), 1.0),
        "b_iso": _b_iso(found, where),
        "u_aniso": _anisotropic(block, table, found.get("serial")),
    }
    columns |= {name: found[name] for name in _LABELS if name in found}
    given_cartesian = "x" in found
    return Model(
        source=source,
        source_format="mmCIF",
        columns={name: values[keep] for name, values in columns.items()},
        cell=cell,
        spacegroup=block_spacegroup(block, cell.parameters) if cell else None,
        fractionalization=_fractionalization(block) if cell and given_cartesian else None,
        attrs={
            "title": block.text("_struct.title"),
            "entry_id": block.text("_entry.id", "_struct.entry_id"),
            "block": block.name,
            "wavelength": block_wavelength(block),
        },
    )


def _fill_from_labels(table: CifTable, found: dict[str, NDArray[Any]]) -> None:
    """Take the identifiers of the other kind where the preferred ones have no value."""
    for name, (dtype, tags) in _WANTED.items():
        if name not in found or (other := table.find(*tags[2:])) is None:
            continue
        values = found[name]
        missing = np.isnan(values) if values.dtype.kind == "f" else values == ""
        if missing.any() and other != table.find(*tags):
            more = read_columns(table, {name: (dtype, (other,))})[name]
            found[name] = np.where(missing, more, values)


def _warn_of_left_out(block: CifBlock, table: CifTable) -> None:
    if "_atom_site.aniso_U[1][1]" in table:
        _warn(
            f"{table.where}: anisotropic displacements in the table of atoms are not read; they "
            "belong in a table _atom_site_anisotrop"
        )
    operators = block.table("_struct_ncs_oper.code")
    if operators is not None:
        codes = operators.texts("_struct_ncs_oper.code").tolist()
        if count := codes.count("generate"):
            _warn(
                f"{operators.where}: {count} copies of the model by non-crystallographic symmetry "
                "(_struct_ncs_oper) are not in the file and are not made; the asymmetric unit is "
                "incomplete"
            )


def _coordinates(
    table: CifTable, found: dict[str, NDArray[Any]], cell: UnitCell | None, where: str
) -> NDArray[np.float64]:
    """Return x, y, z in Å, NaN where a coordinate is missing."""
    for names in (_XYZ, tuple(f"fract_{axis}" for axis in _XYZ)):
        if all(name in found for name in names):
            xyz = np.stack([found[name] for name in names], axis=1)
            if names is not _XYZ:
                if cell is None:
                    raise FormatError(
                        f"{where}: the coordinates are fractional, and there is no unit cell to "
                        "make Å of them; add _cell.length_a and the others"
                    )
                xyz = cell.orthogonalize(xyz)
            xyz[np.isnan(xyz).any(axis=1)] = np.nan
            return xyz
    raise FormatError(
        f"{where}: one of the coordinates is missing; _atom_site.Cartn_x, _y and _z are needed, or "
        "_atom_site.fract_x, _y and _z"
    )


def _optional(
    table: CifTable, found: dict[str, NDArray[Any]], name: str, default: int
) -> NDArray[np.int32]:
    if name not in found:
        return np.full(table.nrow, default, np.int32)
    tag = table.find(*_WANTED[name][1])
    assert tag is not None
    return whole(table, tag, found[name], default)


def _serials(found: dict[str, NDArray[Any]], nrow: int) -> NDArray[np.int32]:
    """Return ids as numbers, 0 where they are none; the dictionary lets them be any text."""
    if "serial" in found:
        try:
            return found["serial"].astype(np.int32)
        except (ValueError, OverflowError):
            pass
    return np.zeros(nrow, np.int32)


def _elements(
    found: dict[str, NDArray[Any]], where: str
) -> tuple[NDArray[np.str_], NDArray[np.int8]]:
    symbols = found.get("type_symbol", np.full(len(found["name"]), ""))
    kinds, inverse = np.unique(symbols, return_inverse=True)
    parts = [split_type_symbol(kind) for kind in kinds.tolist()]
    unknown = np.array([element is None for element, _ in parts])[inverse]
    if unknown.any():
        rows = np.flatnonzero(unknown)
        _warn(
            f"{where}: the type symbol {str(symbols[rows[0]])!r} is no element; it is 'X' for "
            f"{names_of(found, rows)}"
        )
    element = np.array([element or "X" for element, _ in parts], "U2")[inverse]
    charge = np.array([charge for _, charge in parts], np.float64)[inverse]
    if "charge" in found:
        charge = np.where(np.isnan(found["charge"]), charge, found["charge"])
    fine = (charge == np.rint(charge)) & (np.abs(charge) < 128)
    if not fine.all():
        row = int(np.flatnonzero(~fine)[0])
        raise FormatError(
            f"{where}: the charge of {names_of(found, [row])} is {charge[row]:g}; it has to be a "
            "small whole number"
        )
    return element, charge.astype(np.int8)


def _b_iso(found: dict[str, NDArray[Any]], where: str) -> NDArray[np.float64]:
    values = found.get("b_iso")
    if "u_iso" in found:
        of_u = found["u_iso"] * B_OF_U
        values = of_u if values is None else np.where(np.isnan(values), of_u, values)
    return filled(where, found, "B factor", values, 0.0)


def _anisotropic(
    block: CifBlock, atoms: CifTable, ids: NDArray[np.str_] | None
) -> NDArray[np.float64]:
    """Return U of ``_atom_site_anisotrop``, which is Cartesian, NaN for isotropic atoms."""
    u = np.full((atoms.nrow, 6), np.nan)
    for letter, scale in (("U", 1.0), ("B", 1 / B_OF_U)):
        tags = [f"_atom_site_anisotrop.{letter}{element}" for element in _ELEMENTS]
        table = block.table(tags[0])
        if table is None:
            continue
        wanted = {tag: ("f8", [tag]) for tag in tags} | {"id": ("U", ["_atom_site_anisotrop.id"])}
        found = read_columns(table, wanted)
        if len(found) < 7 or ids is None:
            raise FormatError(
                f"{table.where}: anisotropic displacements need _atom_site.id, "
                f"_atom_site_anisotrop.id and six columns from {tags[0]}; complete the file"
            )
        values = np.stack([found[tag] for tag in tags], axis=1)
        given = np.flatnonzero(~np.isnan(values).all(axis=1))
        u[_rows_of(table, found["id"][given], given, ids)] = values[given] * scale
        if np.isnan(values[given]).any():
            row = int(given[np.isnan(values[given]).any(axis=1)][0])
            raise FormatError(
                f"{table.place(tags[0], row)}: a component of U is missing; give all six or none"
            )
        break
    return u


def _rows_of(
    table: CifTable, wanted: NDArray[np.str_], given: NDArray[np.intp], ids: NDArray[np.str_]
) -> list[int]:
    """Return the atoms of ids, each of which has to be that of one atom."""
    place = {name: row for row, name in enumerate(ids.tolist())}
    if len(place) < ids.size:
        raise FormatError(
            f"{table.where}: two atoms have the same _atom_site.id, so that rows of anisotropic "
            "displacements cannot be told apart; number the atoms"
        )
    rows: list[int] = []
    for name, row in zip(wanted.tolist(), given.tolist(), strict=True):
        if name not in place:
            raise FormatError(
                f"{table.place('_atom_site_anisotrop.id', row)}: there is no atom with the id "
                f"{name!r}, or it has two rows here; each row belongs to one atom"
            )
        rows.append(place.pop(name))
    return rows


def _fractionalization(
    block: CifBlock,
) -> tuple[NDArray[np.float64], NDArray[np.float64], str] | None:
    tags = [[f"_atom_sites.fract_transf_matrix[{i}][{j}]" for j in (1, 2, 3)] for i in (1, 2, 3)]
    matrix = [[block.number(tag) for tag in row] for row in tags]
    shift = [block.number(f"_atom_sites.fract_transf_vector[{i}]") for i in (1, 2, 3)]
    if any(value is None for row in matrix for value in row):
        return None
    return (
        np.array(matrix, np.float64),
        np.array([value or 0.0 for value in shift]),
        block.where(tags[0][0]),
    )


def _warn(message: str) -> None:
    warnings.warn(message, FormatWarning, stacklevel=5)
