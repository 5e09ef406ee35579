"""What a PDB file says about the whole model: crystal, axes, title, entry, numbers of models."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError, FormatError, FormatWarning
from xrefl.io.model.hybrid36 import decode
from xrefl.io.model.pdb_lines import PdbLines

__all__ = ["Crystal", "entry_id", "read_crystal", "read_scale", "title"]

_CELL = ((7, 15), (16, 24), (25, 33), (34, 40), (41, 47), (48, 54))
_CELL_NAMES = ("a", "b", "c", "alpha", "beta", "gamma")
# Models without a crystal (NMR, electron microscopy) have this cell, which the format asks for.
_NO_CELL = (1.0, 1.0, 1.0, 90.0, 90.0, 90.0)


class Crystal(NamedTuple):
    """Unit cell and space group, None where the file does not give them."""

    cell: UnitCell | None
    spacegroup: SpaceGroup | None


def read_crystal(lines: PdbLines) -> Crystal:
    """Return the crystal of record CRYST1."""
    found = _lines_of(lines, b"CRYST1")
    if not found:
        _warn(f"{lines.name}: there is no record CRYST1; read without unit cell and space group")
        return Crystal(None, None)
    line = found[0]
    for other in found[1:]:
        if lines.text(other)[6:66].rstrip() != lines.text(line)[6:66].rstrip():
            raise FormatError(
                f"{lines.where(other)}: this record CRYST1 differs from the one in line "
                f"{line + 1}; a model has one crystal, so remove the wrong record"
            )
    rows = lines.rows(np.array([line]))
    numbers = [
        float(rows.numbers(first, last, f"the cell's {name}")[0])
        for (first, last), name in zip(_CELL, _CELL_NAMES, strict=True)
    ]
    if np.isnan(numbers).any():
        what = _CELL_NAMES[int(np.flatnonzero(np.isnan(numbers))[0])]
        raise FormatError(
            f"{lines.where(line)}: the cell's {what} is missing from record CRYST1; give all six "
            "parameters, or remove the record"
        )
    if tuple(numbers) == _NO_CELL:
        return Crystal(None, None)
    if max(numbers[:3]) <= 0:
        _warn(f"{lines.where(line)}: the cell of CRYST1 is none; read without it")
        return Crystal(None, None)
    try:
        cell = UnitCell.from_parameters(numbers)
    except CrystalError as error:
        raise FormatError(
            f"{lines.where(line)}: {error}; correct the record CRYST1 or remove it"
        ) from None
    name = str(rows.text(56, 66)[0])
    if not name:
        return Crystal(cell, None)
    try:
        return Crystal(cell, SpaceGroup.from_name(name, numbers))
    except CrystalError as error:
        _warn(f"{lines.where(line)}: {error}; read without a space group")
        return Crystal(cell, None)


def read_scale(
    lines: PdbLines,
) -> tuple[NDArray[np.float64], NDArray[np.float64], str] | None:
    """Return matrix, shift and place of records SCALE1 to SCALE3, None if there are none."""
    found = {name: _lines_of(lines, name) for name in (b"SCALE1", b"SCALE2", b"SCALE3")}
    if not any(found.values()):
        return None
    place = lines.where(min(n for numbers in found.values() for n in numbers))
    if any(len(numbers) != 1 for numbers in found.values()):
        _warn(f"{place}: the records SCALE1, SCALE2 and SCALE3 are not there once each; left out")
        return None
    rows = lines.rows(np.array([numbers[0] for numbers in found.values()]))
    columns = [rows.numbers(first, last, "SCALE") for first, last in ((11, 20), (21, 30), (31, 40))]
    shift = np.nan_to_num(rows.numbers(46, 55, "SCALE"))
    matrix = np.stack(columns, axis=1)
    if np.isnan(matrix).any():
        _warn(f"{place}: a number is missing from the records SCALE1 to SCALE3; left out")
        return None
    return matrix, shift, place


def title(lines: PdbLines) -> str:
    """Return the text of the TITLE records, "" if there are none."""
    parts = (lines.text(line)[10:80].strip() for line in _lines_of(lines, b"TITLE "))
    return " ".join(part for part in parts if part)


def entry_id(lines: PdbLines) -> str:
    """Return the entry's code from record HEADER, "" if there is none."""
    found = _lines_of(lines, b"HEADER")
    return lines.text(found[0])[62:66].strip() if found else ""


def model_numbers(lines: PdbLines, atom_lines: NDArray[np.intp]) -> NDArray[np.int32]:
    """Return the number of the model that each atom belongs to, 1 without records MODEL."""
    begins, ends = _lines_of(lines, b"MODEL "), _lines_of(lines, b"ENDMDL")
    numbers = np.ones(atom_lines.size, np.int32)
    if not begins:
        if ends and ends[0] < atom_lines.max(initial=-1):
            raise FormatError(f"{lines.where(ends[0])}: ENDMDL without MODEL; remove it")
        return numbers
    seen: dict[int, int] = {}
    inside = np.zeros(atom_lines.size, bool)
    for k, begin in enumerate(begins):
        number = _model_number(lines, begin)
        if number in seen:
            raise FormatError(
                f"{lines.where(begin)}: model {number} is in line {seen[number] + 1}, too; "
                "number the models"
            )
        seen[number] = begin
        following = begins[k + 1] if k + 1 < len(begins) else None
        end = next((end for end in ends if end > begin), None)
        if end is None and following is None:
            _warn(f"{lines.where(begin)}: model {number} has no ENDMDL; the file may be cut")
            end = lines.starts.size
        if end is None or (following is not None and end > following):
            raise FormatError(
                f"{lines.where(following or begin)}: MODEL without ENDMDL of the model before it; "
                "add ENDMDL"
            )
        rows = (atom_lines > begin) & (atom_lines < end)
        numbers[rows] = number
        inside |= rows
    if not inside.all():
        line = int(atom_lines[~inside][0])
        raise FormatError(
            f"{lines.where(line)}: an atom outside of MODEL and ENDMDL in a file with models; "
            "say which model it belongs to"
        )
    return numbers


def _model_number(lines: PdbLines, line: int) -> int:
    text = lines.text(line)[6:80].strip()
    number = decode(text, 4)
    if number is None or not -(2**31) <= number < 2**31:
        raise FormatError(
            f"{lines.where(line)}: the number of the model is {text!r}, which is not a whole "
            "number; number the models from 1"
        )
    return number


def _lines_of(lines: PdbLines, record: bytes) -> list[int]:
    found: list[int] = np.flatnonzero(lines.records == record.rstrip()).tolist()
    return found


def _warn(message: str) -> None:
    warnings.warn(message, FormatWarning, stacklevel=4)
