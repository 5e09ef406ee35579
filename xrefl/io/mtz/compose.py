"""Compose the header records of an MTZ file."""

from __future__ import annotations

import re
import struct
import sys
import warnings
from collections.abc import Sequence

import numpy as np

from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import FormatError, FormatWarning
from xrefl.hkl.datasets import DatasetInfo
from xrefl.io.mtz.header import Batches, ColumnInfo, Header
from xrefl.io.mtz.records import DATA_START, MAGIC, RECORD
from xrefl.io.mtz.symmetry import UNKNOWN_GROUP

__all__ = ["RowSummary", "compose_header", "compose_start"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

# How the CCP4 library (symop.lib) and programs that read its names spell some further settings.
_CCP4_NAMES = {
    "C 2 2 21 (a)": "C 2 2 21a)",
    "C 2 2 2 (a)": "C 2 2 2a",
    "F 2 2 2 (a)": "F 2 2 2a",
    "I 2 2 2 (a)": "I 2 2 2a",
    "P 42 21 2 (a)": "P 42 21 2a",
    "I 2 3 (a)": "I 2 3a",
}


class RowSummary:
    """What a header says of the rows: gathered while they are written."""

    def __init__(self, ncol: int) -> None:
        self.minimum = np.full(ncol, np.nan, np.float32)
        self.maximum = np.full(ncol, np.nan, np.float32)
        self.min_inv_d2 = np.inf
        self.max_inv_d2 = 0.0
        self.sort_order: tuple[int, ...] = (0, 0, 0, 0, 0)


def compose_start(ncol: int, nrow: int) -> bytes:
    """Return the first 80 bytes: where the header is, and the byte order of this machine."""
    word = 1 + (DATA_START + 4 * ncol * nrow) // 4
    short, long = (word, 0) if word < 2**31 else (-1, word)
    stamp = b"\x44\x41\0\0" if sys.byteorder == "little" else b"\x11\x11\0\0"
    return (MAGIC + struct.pack("=i4sq", short, stamp, long)).ljust(DATA_START, b"\0")


def compose_header(header: Header, spacegroup: SpaceGroup, summary: RowSummary) -> bytes:
    """Return everything that follows the rows."""
    assert header.cell is not None
    lines = [
        "VERS MTZ:V1.1",
        _text("TITLE ", header.title, 70),
        f"NCOL {len(header.columns):8d} {header.nrow:12d} {header.nbatch:8d}",
        _cell("CELL ", header.cell),
        "SORT " + "".join(f"{column:4d}" for column in summary.sort_order),
        _syminf(header, spacegroup),
        *(f"SYMM {operation}" for operation in header.operations),
        f"RESO {min(summary.min_inv_d2, summary.max_inv_d2):<20.16g} {summary.max_inv_d2:<.16g}",
        "VALM NAN",
        *_columns(header, summary),
        f"NDIF {len(header.datasets):8d}",
        *(line for dataset in header.datasets for line in _dataset(dataset)),
        *_batch_list(header.batches),
        "END",
    ]
    history = [piece for line in header.history for piece in _wrapped(line)]
    if history:
        lines += [f"MTZHIST {len(history):3d}", *history]
    parts = [_record(line) for line in lines]
    if header.nbatch:
        parts += [_record("MTZBATS"), *_batch_headers(header.batches)]
    parts += [
        _record("MTZENDOFHEADERS"),
        header.appended_text.encode(),
    ]
    return b"".join(parts)


def _record(line: str) -> bytes:
    record = line.encode().ljust(RECORD)
    if len(record) != RECORD:
        raise FormatError(
            f"a record of an MTZ file has {RECORD} bytes, but this one would have {len(record)}: "
            f"{line!r}; shorten the names or numbers in it"
        )
    return record


def _text(start: str, text: str, room: int) -> str:
    """Return a record that ends with free text, on one line and no longer than there is room."""
    plain = _CONTROL.sub(" ", text)
    if len(plain.encode()) > room:
        warnings.warn(
            f"an MTZ file has room for {room} characters of {start.strip()}; cut: {text!r}",
            FormatWarning,
            stacklevel=2,
        )
        plain = plain.encode()[:room].decode(errors="ignore")
    return start + plain


def _wrapped(line: str) -> list[str]:
    """Return a line of the history as lines that fit into records."""
    pieces = [""]
    for letter in _CONTROL.sub(" ", line):
        if len((pieces[-1] + letter).encode()) > RECORD:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _cell(start: str, cell: Sequence[float]) -> str:
    """Return a record that ends with a unit cell, in the customary columns if they hold it.

    A cell with more digits is written with as many as the record has room for.
    """
    customary = [f"{value:10.4f}" for value in cell]
    if [float(text) for text in customary] == list(cell):
        return start + "".join(customary)
    lines = (
        start + "".join(f" {value:.{digits}g}" for value in cell) for digits in range(17, 5, -1)
    )
    return next(line for line in lines if len(line) <= RECORD)


def _syminf(header: Header, spacegroup: SpaceGroup) -> str:
    """Return the record SYMINF, with names as the CCP4 library writes them ("H 3" for R 3:H)."""
    name = spacegroup.name if spacegroup.is_tabulated else UNKNOWN_GROUP
    name = _CCP4_NAMES.get(name, name)
    if spacegroup.extension == "H":
        name = "H" + spacegroup.hm[1:]
    elif spacegroup.extension == "R":
        name = spacegroup.hm
    quoted = f"'{name}'"
    primitive = len(spacegroup.primitive_operations)
    return (
        f"SYMINF {len(header.operations):3d} {primitive:2d} {name[0].upper()} "
        f"{spacegroup.ccp4_number or spacegroup.number:5d} {quoted:>22} "
        f"PG{spacegroup.point_group}"
    )


def _columns(header: Header, summary: RowSummary) -> list[str]:
    lines = []
    for column, low, high in zip(header.columns, summary.minimum, summary.maximum, strict=True):
        limits = (0.0, 0.0) if np.isnan(low) else (low, high)
        lines.append(
            f"COLUMN {column.label:<30} {column.type} {limits[0]:17.9g} {limits[1]:17.9g} "
            f"{column.dataset_id:4d}"
        )
        if column.source:
            lines.append(_of_column("COLSRC", column, column.source))
        if column.group:
            lines.append(_of_column("COLGRP", column, column.group))
    return lines


def _of_column(keyword: str, column: ColumnInfo, text: str) -> str:
    line = _text(f"{keyword} {column.label:<30} ", text, 36)
    padding = " " * (74 - len(line.encode()))  # a letter may be several bytes
    return f"{line}{padding}  {column.dataset_id:4d}"


def _dataset(dataset: DatasetInfo) -> list[str]:
    lines = [
        _text(f"PROJECT {dataset.id:7d} ", dataset.project, 64),
        _text(f"CRYSTAL {dataset.id:7d} ", dataset.crystal, 64),
        _text(f"DATASET {dataset.id:7d} ", dataset.name, 64),
    ]
    if dataset.cell is not None:
        lines.append(_cell(f"DCELL {dataset.id:9d} ", dataset.cell))
    wavelength = 0.0 if np.isnan(dataset.wavelength) else dataset.wavelength
    text = f"{wavelength:10.5f}"
    lines.append(
        f"DWAVEL {dataset.id:8d} {text if float(text) == wavelength else repr(wavelength)}"
    )
    return lines


def _batch_list(batches: Batches) -> list[str]:
    numbers = [f"{number:5d}" for number in batches.number.tolist()]
    each = (RECORD - len("BATCH ")) // (1 + max(map(len, numbers), default=1))
    return ["BATCH  " + " ".join(numbers[i : i + each]) for i in range(0, len(numbers), each)]


def _batch_headers(batches: Batches) -> list[bytes]:
    parts: list[bytes] = []
    nint, nfloat = batches.integers.shape[1], batches.floats.shape[1]
    for i, number in enumerate(batches.number.tolist()):
        parts += [
            _record(f"BH {number:8d}{nint + nfloat:8d}{nint:8d}{nfloat:8d}"),
            _record(_text("TITLE ", batches.title[i], 74)),
            batches.integers[i].tobytes(),
            batches.floats[i].tobytes(),
            _record(_text("BHCH ", batches.axes[i], 75)),
        ]
    return parts
