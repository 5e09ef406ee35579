"""Read the header of an MTZ file.

Everything the header claims is checked against the size of the file before anything is
allocated, so that a damaged file gives an error that says where it is damaged.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from xrefl.errors import FormatError
from xrefl.hkl.datasets import DatasetInfo
from xrefl.io.mtz.batches import read_batches
from xrefl.io.mtz.column_types import COLUMN_TYPES
from xrefl.io.mtz.header import ColumnInfo, Header
from xrefl.io.mtz.records import DATA_START, RECORD, Records, decoded
from xrefl.io.mtz.table import Table
from xrefl.io.source import Source

__all__ = ["parse_mtz"]


def parse_mtz(source: Source) -> tuple[Header, Table]:
    """Return the header of an MTZ file, and where its table is.

    Raises
    ------
    FormatError
        The file is not an MTZ file, or is cut or damaged.
    """
    records = Records(source)
    header = Header()
    reader = _HeaderReader(header, records)
    for keyword, value in records.until("END", skip=b"BATCH "):  # the batch headers tell
        reader.take(keyword, value)
    reader.take_rest()
    return header, _table(header, records)


def _table(header: Header, records: Records) -> Table:
    ncol = len(header.columns)
    expected = DATA_START + 4 * ncol * header.nrow
    if expected != records.start:
        raise records.error(
            f"record NCOL promises {header.nrow} rows of {ncol} columns, which end at byte "
            f"{expected}, but the header begins at byte {records.start}"
        )
    return Table(
        records.source,
        DATA_START,
        header.nrow,
        ncol,
        records.byteorder + "f4",
        header.missing,
    )


class _HeaderReader:
    """Takes the records one by one and fills a `Header`."""

    def __init__(self, header: Header, records: Records) -> None:
        self.header = header
        self.records = records
        self._ncol: int | None = None
        self._handlers: dict[str, Callable[[str], None]] = {
            "VERS": self._vers,
            "TITLE": self._title,
            "NCOL": self._ncol_record,
            "CELL": self._cell,
            "SORT": _ignore,  # found anew from the rows when the file is written
            "SYMINF": self._syminf,
            "SYMM": self._symm,
            "RESO": self._reso,
            "VALM": self._valm,
            "COLUMN": self._column,
            "COLSRC": self._colsrc,
            "COLGRP": self._colgrp,
            "NDIF": _ignore,  # the PROJECT and DATASET records tell
            "PROJECT": self._project,
            "CRYSTAL": self._crystal,
            "DATASET": self._dataset,
            "DCELL": self._dcell,
            "DWAVEL": self._dwavel,
        }

    def take(self, keyword: str, value: str) -> None:
        handler = self._handlers.get(keyword)
        if handler is None:
            self.records.warn(f"unknown header record {keyword[:20]!r} ignored")
            return
        try:
            handler(value)
        except (ValueError, IndexError, OverflowError) as error:
            if isinstance(error, FormatError):
                raise
            raise self.records.error(f"record {keyword} is not readable: {value!r}") from None

    def take_rest(self) -> None:
        """Take what follows END, then check that the header is complete."""
        self._check_columns()
        records, header = self.records, self.header
        while not records.next_starts_with(b"MTZENDOFHEADERS"):
            keyword, _, value = records.text("the header, before MTZENDOFHEADERS").partition(" ")
            if keyword == "MTZHIST":
                try:
                    count = int(value)
                except ValueError:
                    raise records.error(f"record MTZHIST is not readable: {value!r}") from None
                header.history += [records.text("the history") for _ in range(count)]
            elif keyword == "MTZBATS":
                header.batches = read_batches(records, header.nbatch)
            elif keyword:
                records.warn(f"unknown record {keyword[:20]!r} after END ignored")
        if len(header.batches.number) != header.nbatch:
            raise records.error(
                f"record NCOL promises {header.nbatch} batches, but the file has "
                f"{len(header.batches.number)} batch headers"
            )
        records.take(min(RECORD, records.remaining()), "record MTZENDOFHEADERS")
        header.appended_text = decoded(records.take(records.remaining(), "the appended text"))

    def _check_columns(self) -> None:
        header, error = self.header, self.records.error
        if self._ncol is None:
            raise error("there is no record NCOL")
        if self._ncol != len(header.columns):
            raise error(
                f"record NCOL promises {self._ncol} columns, but there are {len(header.columns)} "
                "COLUMN records"
            )
        first = [column.type for column in header.columns[:3]]
        if first != ["H", "H", "H"]:
            raise error(f"the first three columns must be Miller indices (HHH), not {first}")
        missing = {column.dataset_id for column in header.columns}
        missing -= {dataset.id for dataset in header.datasets}
        if header.datasets and missing:
            self.records.warn(
                f"columns belong to data sets {sorted(missing)}, of which the header says nothing; "
                "read as data sets without a name"
            )
            header.datasets[:0] = [DatasetInfo(number) for number in sorted(missing)]
        if header.cell is None:
            known = [dataset.cell for dataset in header.datasets if dataset.cell]
            if not known:
                raise error("there is no unit cell: neither a record CELL nor DCELL")
            header.cell = known[-1]

    def _vers(self, value: str) -> None:
        if value.strip() != "MTZ:V1.1":
            self.records.warn(f"format version {value.strip()!r} read as if it were MTZ:V1.1")

    def _title(self, value: str) -> None:
        self.header.title = value.strip()

    def _ncol_record(self, value: str) -> None:
        numbers = [int(word) for word in value.split()]
        self._ncol, self.header.nrow, self.header.nbatch = (*numbers, 0)[:3]
        if min(self._ncol, self.header.nrow, self.header.nbatch) < 0:
            raise self.records.error(f"record NCOL has a negative number: {value!r}")

    def _cell(self, value: str) -> None:
        self.header.cell = _six(value)

    def _syminf(self, value: str) -> None:
        before, quote, rest = value.partition("'")
        words = before.split()
        name = rest.partition("'")[0] if quote else words[4]
        self.header.spacegroup_name = name.strip()

    def _symm(self, value: str) -> None:
        if len(self.header.operations) == 192:
            raise self.records.error("more than 192 SYMM records")
        self.header.operations.append(value.strip())

    def _reso(self, value: str) -> None:
        low, high = (float(word) for word in value.split())
        self.header.inv_d2_range = low, high

    def _valm(self, value: str) -> None:
        self.header.missing = float(value)

    def _column(self, value: str) -> None:
        # Files from before there were data sets end after the minimum and maximum.
        label, kind, _, _, *dataset_id = value.split()
        if kind not in COLUMN_TYPES:
            raise self.records.error(
                f"column {label} has the unknown type {kind!r}; known types are "
                f"{' '.join(COLUMN_TYPES)}"
            )
        self.header.columns.append(ColumnInfo(label, kind, int(dataset_id[0]) if dataset_id else 0))

    def _column_named(self, label: str, dataset_id: str) -> ColumnInfo | None:
        for column in reversed(self.header.columns):
            if column.label == label and column.dataset_id == int(dataset_id):
                return column
        self.records.warn(f"record about a column {label!r} that is not there, ignored")
        return None

    def _colsrc(self, value: str) -> None:
        label, *source, dataset_id = value.split()
        if column := self._column_named(label, dataset_id):
            column.source = " ".join(source)

    def _colgrp(self, value: str) -> None:
        label, *group, dataset_id = value.split()
        if column := self._column_named(label, dataset_id):
            column.group = " ".join(group)

    def _dataset_with_id(self, value: str) -> tuple[DatasetInfo, str]:
        number, _, rest = value.strip().partition(" ")
        for dataset in self.header.datasets:
            if dataset.id == int(number):
                return dataset, rest.strip()
        self.header.datasets.append(DatasetInfo(int(number)))
        return self.header.datasets[-1], rest.strip()

    def _project(self, value: str) -> None:
        dataset, name = self._dataset_with_id(value)
        dataset.project = name

    def _crystal(self, value: str) -> None:
        dataset, name = self._dataset_with_id(value)
        dataset.crystal = name

    def _dataset(self, value: str) -> None:
        dataset, name = self._dataset_with_id(value)
        dataset.name = name

    def _dcell(self, value: str) -> None:
        dataset, rest = self._dataset_with_id(value)
        dataset.cell = _six(rest)

    def _dwavel(self, value: str) -> None:
        dataset, rest = self._dataset_with_id(value)
        wavelength = float(rest)
        dataset.wavelength = wavelength if wavelength > 0 else math.nan


def _ignore(value: str) -> None:
    pass


def _six(value: str) -> tuple[float, ...]:
    numbers = tuple(float(word) for word in value.split())
    if len(numbers) != 6 or not all(math.isfinite(number) for number in numbers):
        raise ValueError(value)
    return numbers
