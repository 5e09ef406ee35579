"""Read small-molecule models from CIF (core dictionary, fractional coordinates)."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrefl.crystal.atoms import names_of
from xrefl.crystal.cell import UnitCell
from xrefl.crystal.tensor import COMPONENTS, components, tensor
from xrefl.errors import FormatError, FormatWarning
from xrefl.io.cif.crystal import block_spacegroup, block_wavelength
from xrefl.io.cif.document import CifBlock
from xrefl.io.cif.table import CifTable
from xrefl.io.model.atom_site import B_OF_U, filled, located, read_columns, tags_of, whole
from xrefl.io.model.crystal import cell_of
from xrefl.io.model.dataset import Model
from xrefl.io.model.elements import element_of_label, split_type_symbol

__all__ = ["cartesian_u", "read_small"]

_TITLE = ("_publ_section_title", "_publ_section.title", "_publ.section_title")
_ENTRY = ("_cod_database_code", "_database_code_depnum_ccdc_archive", "_entry.id")
_FRACT = ("fract_x", "fract_y", "fract_z")
_ORDER_TAGS = tags_of("site_symmetry_order")
_WANTED: dict[str, tuple[str, tuple[str, ...]]] = {
    "name": ("U", tags_of("label")),
    "type_symbol": ("U", tags_of("type_symbol")),
    "u_iso": ("f8", tags_of("U_iso_or_equiv")),
    "b_iso": ("f8", tags_of("B_iso_or_equiv")),
    "occupancy": ("f8", tags_of("occupancy")),
    "order": ("f8", _ORDER_TAGS),
    "calc_flag": ("U", tags_of("calc_flag")),
    "altloc": ("U", tags_of("disorder_group")),
    "disorder_assembly": ("U", tags_of("disorder_assembly")),
    **{name: ("f8", tags_of(name)) for name in _FRACT},
}


def read_small(block: CifBlock, table: CifTable, source: str) -> Model:
    """Return the model of a block's loop of atoms."""
    cell = cell_of(block)
    if not any(tag in table for name in _FRACT for tag in _WANTED[name][1]):
        raise FormatError(
            f"{table.where}: there are no fractional coordinates (_atom_site_fract_x, _y and _z), "
            "which small-molecule CIF needs; add them"
        )
    if cell is None:
        raise FormatError(
            f"{table.where}: the coordinates are fractional, and there is no unit cell to make Å "
            "of them; add _cell_length_a and the others"
        )
    found = read_columns(table, _WANTED)
    for name in (*_FRACT, "name"):
        if name not in found:
            tag = _WANTED[name][1][1]
            raise FormatError(f"{table.where}: there is no {tag}; add it")
    keep = located(table.where, found, _FRACT) & ~_is_dummy(found, table.where)
    if not keep.any():
        raise FormatError(f"{table.where}: all atoms are dummies; there is no model to open")
    stated = None
    if (order_tag := table.find(*_ORDER_TAGS)) is not None:
        stated = whole(table, order_tag, found["order"], 0)[keep]
    u = _anisotropic(block, found["name"], keep, cell)[keep]
    found = {name: values[keep] for name, values in found.items()}
    empty = np.full(len(found["name"]), "")
    element, charge = _elements(found, table.where)
    columns = {
        "group": empty,
        "serial": np.zeros(len(empty), np.int32),
        "name": found["name"],
        "altloc": found.get("altloc", empty),
        "resname": empty,
        "chain": empty,
        "seqnum": np.zeros(len(empty), np.int32),
        "icode": empty,
        "model": np.ones(len(empty), np.int32),
        "element": element,
        "charge": charge,
        "xyz": cell.orthogonalize(np.stack([found[name] for name in _FRACT], axis=1)),
        "occupancy": filled(table.where, found, "occupancy", found.get("occupancy"), 1.0),
        "b_iso": _b_iso(found, u, table.where),
        "u_aniso": u,
        "type_symbol": found.get("type_symbol", empty),
    }
    if "disorder_assembly" in found:
        columns["disorder_assembly"] = found["disorder_assembly"]
    return Model(
        source=source,
        source_format="CIF",
        columns=columns,
        cell=cell,
        spacegroup=block_spacegroup(block, cell.parameters),
        stated_order=_with_minus(columns["altloc"], stated),
        chemical_occupancy=True,
        attrs={
            "title": " ".join((block.text(*_TITLE) or "").split()),
            "entry_id": block.text(*_ENTRY),
            "block": block.name,
            "wavelength": block_wavelength(block),
        },
        variables=_dispersion(block),
    )


def cartesian_u(u: NDArray[np.float64], cell: UnitCell) -> NDArray[np.float64]:
    """Return Cartesian tensors of the U of a CIF, which goes with a*, b* and c*.

    U_cart = A N U Nᵀ Aᵀ, with A the orthogonalization matrix and N = diag(a*, b*, c*)
    (R. W. Grosse-Kunstleve & P. D. Adams, J. Appl. Cryst. 35 (2002) 477-480).

    Parameters
    ----------
    u : ndarray, shape (n, 6)
        Components 11, 22, 33, 12, 13, 23 in Å^2.
    cell : UnitCell

    Examples
    --------
    >>> cell = UnitCell(10, 10, 10, 90, 90, 120)
    >>> cartesian_u(np.array([[0.1, 0.1, 0.2, 0.05, 0, 0]]), cell).round(3).tolist()
    [[0.1, 0.1, 0.2, 0.0, 0.0, 0.0]]
    """
    to_cartesian = cell.orthogonalization * np.array(cell.reciprocal_constants[:3])
    return components(to_cartesian @ tensor(u) @ to_cartesian.T)


def _is_dummy(found: dict[str, NDArray[Any]], where: str) -> NDArray[np.bool_]:
    dummy = np.zeros(len(found["name"]), bool)
    if "calc_flag" in found:
        dummy = np.isin(np.strings.lower(found["calc_flag"]), ["dum", "dummy"])
    if dummy.any():
        _warn(
            f"{where}: dummy atoms (calc_flag dum) are not read: "
            f"{names_of(found, np.flatnonzero(dummy))}"
        )
    return dummy


def _elements(
    found: dict[str, NDArray[Any]], where: str
) -> tuple[NDArray[np.str_], NDArray[np.int8]]:
    """Return elements and charges of type symbols, or of labels where there are none.

    The dictionary has labels begin with the type symbol.
    """
    names = found["name"]
    symbols = found.get("type_symbol", np.full(len(names), ""))
    parts = [split_type_symbol(symbol) for symbol in symbols.tolist()]
    element = [part[0] for part in parts]
    guessed: list[int] = []
    for row, symbol in enumerate(symbols.tolist()):
        if element[row] is None:
            element[row] = element_of_label(symbol or str(names[row])) or "X"
            if symbol or element[row] == "X":
                guessed.append(row)
    if guessed:
        what = ", ".join(dict.fromkeys(f"{symbols[row] or names[row]}: {element[row]}"
                                       for row in guessed))  # fmt: skip
        _warn(f"{where}: type symbols that are no elements are read as ({what})")
    return np.array(element, "U2"), np.array([part[1] for part in parts], np.int8)


def _b_iso(
    found: dict[str, NDArray[Any]], u: NDArray[np.float64], where: str
) -> NDArray[np.float64]:
    """Return B of U_iso, or of B_iso, or the equivalent of the anisotropic tensor, or 0."""
    given = [found["u_iso"] * B_OF_U] if "u_iso" in found else []
    given += [found["b_iso"]] if "b_iso" in found else []
    if not given and np.isnan(u).all():
        return np.zeros(len(u))
    values = u[:, :3].mean(axis=1) * B_OF_U
    for column in reversed(given):
        values = np.where(np.isnan(column), values, column)
    return filled(where, found, "displacement parameter", values, 0.0)


def _with_minus(
    group: NDArray[np.str_], stated: NDArray[np.int32] | None
) -> NDArray[np.int32] | None:
    """Return orders of site symmetry with 1 for disorder about a special position.

    The dictionary marks it with a minus before the disorder group.
    """
    about = np.strings.startswith(group, "-")
    if stated is None:
        return about.astype(np.int32) if about.any() else None
    return np.where(about & (stated == 0), 1, stated).astype(np.int32)


def _anisotropic(
    block: CifBlock, labels: NDArray[np.str_], keep: NDArray[np.bool_], cell: UnitCell
) -> NDArray[np.float64]:
    """Return Cartesian U, NaN for isotropic atoms."""
    u = np.full((len(labels), 6), np.nan)
    label_tags = tags_of("label", category="atom_site_aniso")
    for letter, scale in (("U", 1.0), ("B", 1 / B_OF_U)):
        names = [f"{letter}_{component}" for component in COMPONENTS]
        tags = [tags_of(name, category="atom_site_aniso") for name in names]
        table = block.table(*tags[0])
        if table is None:
            continue
        wanted = {name: ("f8", tag) for name, tag in zip(names, tags, strict=True)}
        found = read_columns(table, wanted | {"label": ("U", label_tags)})
        if len(found) < 7:
            raise FormatError(
                f"{table.where}: anisotropic displacements need {label_tags[1]} and the six "
                f"components {tags[0][1]} to {tags[5][1]}; complete the loop"
            )
        values = np.stack([found[name] for name in names], axis=1)
        given = np.flatnonzero(~np.isnan(values).all(axis=1))
        label_tag = table.find(*label_tags)
        assert label_tag is not None
        rows = _rows_of(found["label"][given], labels, table, label_tag, given)
        if np.isnan(values[given]).any():
            row = int(given[np.isnan(values[given]).any(axis=1)][0])
            raise FormatError(
                f"{table.place(label_tag, row)}: a component of U is missing; give all six or none"
            )
        u[rows] = cartesian_u(values[given] * scale, cell)
        break
    return u


def _rows_of(
    wanted: NDArray[np.str_],
    labels: NDArray[np.str_],
    table: CifTable,
    tag: str,
    given: NDArray[np.intp],
) -> NDArray[np.intp]:
    """Return the atom of each label, of which there must be exactly one."""
    atoms = pd.Index(labels)
    twice = set(atoms[atoms.duplicated()])
    rows = atoms.drop_duplicates().get_indexer(pd.Index(wanted))
    first = np.flatnonzero(~atoms.duplicated())
    for i in np.flatnonzero((rows < 0) | np.isin(wanted, list(twice))).tolist():
        label = str(wanted[i])
        count = int((labels == label).sum())
        raise FormatError(
            f"{table.place(tag, int(given[i]))}: {count} atoms have the label {label!r}; each row "
            "of anisotropic displacements belongs to one atom"
        )
    return first[rows]


def _dispersion(block: CifBlock) -> dict[str, Any]:
    """Return f' and f'' along ``atom_type``, as the file gives them for its wavelength."""
    wanted = {
        "atom_type": ("U", tags_of("symbol", category="atom_type")),
        "dispersion_real": ("f8", tags_of("scat_dispersion_real", category="atom_type")),
        "dispersion_imag": ("f8", tags_of("scat_dispersion_imag", category="atom_type")),
        "dispersion_source": ("U", tags_of("scat_dispersion_source", category="atom_type")
                              + tags_of("scat_source", category="atom_type")),
    }  # fmt: skip
    table = block.table(*wanted["dispersion_real"][1], *wanted["dispersion_imag"][1])
    if table is None:
        return {}
    found = read_columns(table, wanted)
    if "atom_type" not in found:
        return {}
    names = {"dispersion_real": "f'", "dispersion_imag": "f''"}
    return {
        name: ("atom_type", values, {"long_name": names[name]} if name in names else {})
        for name, values in found.items()
    }


def _warn(message: str) -> None:
    warnings.warn(message, FormatWarning, stacklevel=5)
