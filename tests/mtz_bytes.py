"""Make MTZ files byte by byte, in variants that no program at hand writes."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

COLUMNS = (("H", "H"), ("K", "H"), ("L", "H"), ("FREE", "I"), ("F", "F"), ("SIGF", "Q"))
ROWS = np.array(
    [[1, 0, 2, 0, 10.5, 0.5], [1, 0, 3, 1, np.nan, np.nan], [2, 1, -3, 1, 7.25, 0.125]], np.float32
)
MULTI_COLUMNS = (*COLUMNS[:3], ("M/ISYM", "Y"), ("BATCH", "B"), ("I", "J"))
MULTI_ROWS = np.array(
    [[1, 0, 2, 1, 7, 10.5], [1, 0, 2, 258, 8, 9.5], [2, 1, 3, 4, 7, np.nan]], np.float32
)


def record(text: str) -> bytes:
    return text.encode().ljust(80)


def batch(number: int, order: str, words: tuple[int, int] = (29, 156)) -> bytes:
    integers = np.arange(words[0])
    integers[20] = 1
    floats = np.arange(words[1]) / 4 + number
    return b"".join(
        [
            record(f"BH {number:8d}{sum(words):8d}{words[0]:8d}{words[1]:8d}"),
            record(f"TITLE Batch {number}"),
            integers.astype(order + "i4").tobytes(),
            floats.astype(order + "f4").tobytes(),
            record("BHCH     PHI"),
        ]
    )


def header_records(
    columns: Sequence[tuple[str, str]] = COLUMNS,
    nrow: int = len(ROWS),
    *,
    batches: Sequence[int] = (),
    valm: str = "NAN",
    spacegroup: str = "'P 1 21 1'",
    operations: Sequence[str] = ("X,  Y,  Z", "-X,  Y+1/2,  -Z"),
    extra: Sequence[str] = (),
) -> list[str]:
    """Return the records before END."""
    return [
        "VERS MTZ:V1.1",
        "TITLE a title",
        f"NCOL {len(columns):8d} {nrow:12d} {len(batches):8d}",
        "CELL    10.0000   20.0000   30.0000   90.0000   95.0000   90.0000",
        "SORT    1   2   3   0   0",
        f"SYMINF   2  2 P     4             {spacegroup} PG2",
        *(f"SYMM {operation}" for operation in operations),
        "RESO 0.001   0.3",
        f"VALM {valm}",
        *(f"COLUMN {label:<30} {kind} 0 1 {int(i > 2)}" for i, (label, kind) in enumerate(columns)),
        "NDIF 2",
        "PROJECT       0 HKL_base",
        "CRYSTAL       0 HKL_base",
        "DATASET       0 HKL_base",
        "DCELL         0    10.0000   20.0000   30.0000   90.0000   95.0000   90.0000",
        "DWAVEL        0    0.00000",
        "PROJECT       1 a project",
        "CRYSTAL       1 a crystal",
        "DATASET       1 a data set",
        "DCELL         1    10.0100   20.0000   30.0000   90.0000   95.0000   90.0000",
        "DWAVEL        1    0.97918",
        *extra,
        *(f"BATCH {number:6d}" for number in batches),
    ]


def mtz_bytes(
    rows: np.ndarray = ROWS,
    records: Sequence[str] | None = None,
    *,
    order: str = "<",
    batches: Sequence[int] = (),
    history: Sequence[str] = ("first line", "second line"),
    appended: bytes = b"",
    wide_offset: bool = False,
    stamp: bytes | None = None,
) -> bytes:
    """Return a whole file."""
    if records is None:
        columns = MULTI_COLUMNS if batches else COLUMNS
        records = header_records(columns, len(rows), batches=batches)
    word = 21 + rows.size
    place = struct.pack(order + "i", -1 if wide_offset else word)
    long_place = struct.pack(order + "q", word if wide_offset else 0)
    stamp = stamp or (b"\x44\x41\0\0" if order == "<" else b"\x11\x11\0\0")
    parts = [(b"MTZ " + place + stamp + long_place).ljust(80, b"\0")]
    parts.append(rows.astype(order + "f4").tobytes())
    parts += [record(line) for line in (*records, "END")]
    if history:
        parts += [record(line) for line in (f"MTZHIST {len(history):3d}", *history)]
    if batches:
        parts += [record("MTZBATS"), *(batch(number, order) for number in batches)]
    parts += [record("MTZENDOFHEADERS"), appended]
    return b"".join(parts)
