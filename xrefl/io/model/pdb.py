"""Read models in the PDB format, version 3.3 (https://www.wwpdb.org/documentation/file-format)."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrefl.errors import FormatError, FormatWarning
from xrefl.io.model import pdb_header
from xrefl.io.model.dataset import Model
from xrefl.io.model.elements import element_of_pdb_name, element_of_symbol
from xrefl.io.model.hybrid36 import decode
from xrefl.io.model.pdb_lines import PdbLines, PdbRows

__all__ = ["RECORDS", "read_pdb"]

# Records of the format, of its older versions, and of CCP4; those not read describe the model.
_RECORD_NAMES = """
    HEADER OBSLTE TITLE SPLIT CAVEAT COMPND SOURCE KEYWDS EXPDTA NUMMDL MDLTYP AUTHOR REVDAT
    SPRSDE JRNL REMARK DBREF DBREF1 DBREF2 SEQADV SEQRES MODRES HET HETNAM HETSYN FORMUL HELIX
    SHEET TURN SSBOND LINK HYDBND SLTBRG CISPEP SITE CRYST1 ORIGX1 ORIGX2 ORIGX3 SCALE1 SCALE2
    SCALE3 MTRIX1 MTRIX2 MTRIX3 TVECT MODEL ATOM ANISOU TER HETATM SIGATM SIGUIJ ENDMDL CONECT
    MASTER END FTNOTE USER LINKR
"""
RECORDS = frozenset(_RECORD_NAMES.split())
_SHORTEST = 54  # columns up to z


def read_pdb(data: bytes, name: str) -> Model:
    """Return the model of a PDB file.

    Parameters
    ----------
    data : bytes
        The file.
    name : str
        What messages call it.
    """
    lines = PdbLines(data, name)
    _stop_at_end(lines)
    _check_records(lines)
    is_atom = (lines.records == b"ATOM") | (lines.records == b"HETATM")
    atom_lines = np.flatnonzero(is_atom)
    if not atom_lines.size:
        raise FormatError(f"{name}: there is no record ATOM or HETATM, so no model to open")
    _check_lengths(lines, atom_lines, _SHORTEST)
    rows = lines.rows(atom_lines)
    crystal = pdb_header.read_crystal(lines)
    _warn_of_ncs(lines)
    return Model(
        source=name,
        source_format="PDB",
        columns=_columns(lines, rows),
        cell=crystal.cell,
        spacegroup=crystal.spacegroup,
        fractionalization=pdb_header.read_scale(lines) if crystal.cell else None,
        attrs={"title": pdb_header.title(lines), "entry_id": pdb_header.entry_id(lines)},
    )


def _columns(lines: PdbLines, rows: PdbRows) -> dict[str, NDArray[Any]]:
    element, charge = _elements(rows)
    places = (("x", 31, 38), ("y", 39, 46), ("z", 47, 54))
    xyz = np.stack([_present(rows, first, last, axis) for axis, first, last in places], axis=1)
    records = np.array(["ATOM", "HETATM"])
    return {
        "group": records[(lines.records[rows.lines] == b"HETATM").astype(np.intp)],
        "serial": _serials(rows),
        "name": rows.text(13, 16),
        "altloc": rows.text(17, 17),
        "resname": rows.text(18, 20),
        "chain": rows.text(21, 22),
        "seqnum": _residue_numbers(rows),
        "icode": rows.text(27, 27),
        "model": pdb_header.model_numbers(lines, rows.lines),
        "element": element,
        "charge": charge,
        "xyz": xyz,
        "occupancy": _with_default(rows, 55, 60, "occupancy", 1.0),
        "b_iso": _with_default(rows, 61, 66, "B factor", 0.0),
        "u_aniso": _anisotropic(lines, rows),
    }


def _stop_at_end(lines: PdbLines) -> None:
    """Leave out what follows the record END, as other programs do, and tell of atoms there."""
    ends = np.flatnonzero(lines.records == b"END")
    if not ends.size:
        return
    end = int(ends[0])
    after = lines.records[end:]
    lost = np.flatnonzero((after == b"ATOM") | (after == b"HETATM"))
    if lost.size:
        _warn(
            f"{lines.where(end)}: {lost.size} atoms follow the record END, from line "
            f"{end + int(lost[0]) + 1}; they are not read"
        )
    after[:] = b""


def _warn_of_ncs(lines: PdbLines) -> None:
    """Tell of copies that the file leaves to be made: MTRIX without the 1 in column 60."""
    left = [
        line
        for line in np.flatnonzero(lines.records == b"MTRIX1").tolist()
        if lines.text(line)[59:60] != "1"
    ]
    if left:
        _warn(
            f"{lines.where(left[0])}: {len(left)} copies of the model by non-crystallographic "
            "symmetry (MTRIX) are not in the file and are not made; the asymmetric unit is "
            "incomplete"
        )


def _check_records(lines: PdbLines) -> None:
    names = np.unique(lines.records)
    unknown = [name for name in names.tolist() if name and name.decode("latin-1") not in RECORDS]
    if not unknown:
        return
    found = np.flatnonzero(np.isin(lines.records, unknown))
    line = int(found[0])
    _warn(
        f"{lines.where(line)}: {lines.text(line)[:6]!r} is no record of the PDB format; "
        f"{found.size} lines with such records are not read"
    )


def _check_lengths(lines: PdbLines, numbers: NDArray[np.intp], shortest: int) -> None:
    short = np.flatnonzero(lines.lengths[numbers] < shortest)
    if short.size:
        line = int(numbers[short[0]])
        raise FormatError(
            f"{lines.where(line)}: the line has {lines.lengths[line]} columns, but this record "
            f"needs {shortest}; the file may be cut: {lines.text(line)!r}"
        )


def _present(rows: PdbRows, first: int, last: int, what: str) -> NDArray[np.float64]:
    values = rows.numbers(first, last, what)
    if np.isnan(values).any():
        row = int(np.flatnonzero(np.isnan(values))[0])
        raise FormatError(f"{rows.place(row, first, last)}: {what} is missing; complete the record")
    return values


def _with_default(
    rows: PdbRows, first: int, last: int, what: str, default: float
) -> NDArray[np.float64]:
    values = rows.numbers(first, last, what)
    missing = np.isnan(values)
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        _warn(
            f"{rows.place(row, first, last)}: the {what} is missing here, and from {missing.sum()} "
            f"atoms in all; {default:g} is used"
        )
        values[missing] = default
    return values


def _serials(rows: PdbRows) -> NDArray[np.int32]:
    """Return serial numbers, 0 where there is none ("*****", as past 99,999 atoms, or blank)."""
    sixth = rows.chars[:, 5].astype(np.int32) - ord("0")  # of "ATOM 100000"
    try:
        serials = rows.integers(7, 11, "serial")
        return serials + np.where((sixth >= 0) & (sixth <= 9), sixth * 100_000, 0).astype(np.int32)
    except FormatError:
        decoded = [decode(text, 5) or 0 for text in rows.text(7, 11).tolist()]
        return np.array(decoded, np.int32)


def _residue_numbers(rows: PdbRows) -> NDArray[np.int32]:
    try:
        return rows.integers(23, 26, "the residue number")
    except FormatError:
        decoded = [decode(text, 4) for text in rows.text(23, 26).tolist()]
        if None in decoded:
            row = decoded.index(None)
            raise FormatError(
                f"{rows.place(row, 23, 26)}: the residue number is "
                f"{rows.field(23, 26)[row].decode()!r}, neither a whole number nor one in "
                "hybrid-36; number the residues"
            ) from None
        return np.array(decoded, np.int32)


def _elements(rows: PdbRows) -> tuple[NDArray[np.str_], NDArray[np.int8]]:
    """Return elements and charges from columns 77-80, elements from names where there are none."""
    symbols, inverse = np.unique(rows.field(77, 78), return_inverse=True)
    known = [element_of_symbol(symbol.decode()) for symbol in symbols.tolist()]
    is_known = np.array([symbol is not None for symbol in known])[inverse]
    element = np.array([symbol or "X" for symbol in known], "U2")[inverse]
    unknown = np.flatnonzero(~is_known & ~rows.is_blank(77, 78))
    if unknown.size:
        row = int(unknown[0])
        _warn(
            f"{rows.place(row, 77, 78)}: {rows.field(77, 78)[row].decode()!r} is no element; the "
            f"elements of {unknown.size} atoms are taken from their names"
        )
    if not is_known.all():
        element[~is_known] = _elements_of_names(rows, np.flatnonzero(~is_known))
    return element, _charges(rows, is_known)


def _elements_of_names(rows: PdbRows, which: NDArray[np.intp]) -> NDArray[np.str_]:
    names, inverse = np.unique(rows.field(13, 16)[which], return_inverse=True)
    padded = [name.decode().ljust(4) for name in names.tolist()]
    found = [element_of_pdb_name(name) for name in padded]
    if None in found:
        name = padded[found.index(None)]
        row = int(which[np.flatnonzero(inverse == found.index(None))[0]])
        _warn(
            f"{rows.place(row, 13, 16)}: the element is not given, and the name {name!r} does not "
            'begin with one in columns 13-14; it is "X" for such atoms. Write elements into '
            "columns 77-78"
        )
    return np.array([symbol or "X" for symbol in found], "U2")[inverse]


def _charges(rows: PdbRows, is_known: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Return charges ("2+", "1-"); columns 79-80 mean something only beside an element."""
    texts, inverse = np.unique(rows.field(79, 80), return_inverse=True)
    charges = np.zeros(texts.size, np.int8)
    for k, text in enumerate(text.decode().strip() for text in texts.tolist()):
        digit, sign = text.strip("+-"), text.strip("0123456789")
        if text and len(digit) <= 1 and sign in ("+", "-", "") and (digit + sign).strip():
            charges[k] = -int(digit or 1) if sign == "-" else int(digit or 1)
        elif text and (rows_with := np.flatnonzero((inverse == k) & is_known)).size:
            _warn(
                f"{rows.place(int(rows_with[0]), 79, 80)}: {text!r} is no charge (such as '2+'); "
                f"{rows_with.size} atoms with it are read as neutral"
            )
    return np.where(is_known, charges[inverse], 0).astype(np.int8)


def _anisotropic(lines: PdbLines, rows: PdbRows) -> NDArray[np.float64]:
    """Return U of the records ANISOU, which belong to the atom before them.

    Six zeros, which some programs write for isotropic atoms, become NaN as well.
    """
    u = np.full((rows.lines.size, 6), np.nan)
    where = np.flatnonzero(lines.records == b"ANISOU")
    if not where.size:
        return u
    _check_lengths(lines, where, 70)
    records = lines.rows(where)
    atom = np.searchsorted(rows.lines, where) - 1
    same = (atom >= 0) & (records.field(7, 27) == rows.field(7, 27)[atom])
    same[1:] &= atom[1:] != atom[:-1]
    if not same.all():
        row = int(np.flatnonzero(~same)[0])
        raise FormatError(
            f"{records.place(row, 7, 27)}: ANISOU of {records.field(7, 27)[row].decode()!r} does "
            "not follow the record of this atom, or follows it twice; put it after its atom"
        )
    values = [
        records.integers(first, first + 6, "U").astype(np.float64) / 1e4
        for first in range(29, 71, 7)
    ]
    u[atom] = np.stack(values, axis=1)
    u[(u == 0).all(axis=1)] = np.nan
    return u


def _warn(message: str) -> None:
    warnings.warn(message, FormatWarning, stacklevel=4)
