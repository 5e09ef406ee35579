"""Damaged MTZ files: an error of ours that names the file and the place, or the right content.

Never another exception, never memory beyond what the file's size justifies.
"""

from __future__ import annotations

import gzip
import random
import warnings

import numpy as np
import pytest

import xrefl
from tests import mtz_bytes
from xrefl.errors import FormatError, FormatWarning, XreflError

MERGED = mtz_bytes.mtz_bytes()
UNMERGED = mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS, batches=(7, 8))
MUTATIONS = 20_000


def opened(content: bytes) -> bool:
    """Return whether a file opens and all of it can be used; XreflError is the only way not to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FormatWarning)
        try:
            ds = xrefl.open_mtz(content)
            ds.load()
        except XreflError as error:
            assert "<bytes>" in str(error) or "symmetr" in str(error)
            return False
        dim = "hkl" if ds.xtal.is_merged else "obs"
        assert all(column.shape == (ds.sizes[dim],) for column in ds.data_vars.values())
        assert ds.nbytes < 20 * len(content) + 10_000
    return True


@pytest.mark.parametrize("content", [MERGED, UNMERGED], ids=["merged", "unmerged"])
def test_cut_anywhere(content):
    for length in range(len(content) - 80):  # every byte, so every record boundary, too
        with pytest.raises(FormatError, match=r"<bytes>: .* byte"):
            xrefl.open_mtz(content[:length]).load()


def _mutated(content: bytes, rng: random.Random) -> bytes:
    """Return the file with a few bytes, words or records changed, moved, doubled or lost."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data))
        record = 80 * (at // 80)
        kind = rng.randrange(8)
        if kind == 0:
            data[at] = rng.randrange(256)
        elif kind == 1:
            data[at : at + 4] = rng.randbytes(4)
        elif kind == 2:
            data[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\x80", b"9999", b"-  1"])
        elif kind == 3:
            del data[record : record + 80]
        elif kind == 4:
            data[record:record] = data[record : record + 80]
        elif kind == 5:
            other = 80 * rng.randrange(max(1, len(data) // 80))
            data[record : record + 80] = data[other : other + 80]
        elif kind == 6:
            del data[at:]
        else:
            data[4 + rng.randrange(16)] = rng.randrange(256)  # the start: header place, stamp
        if len(data) < 160:
            break
    return bytes(data)


@pytest.mark.parametrize("content", [MERGED, UNMERGED], ids=["merged", "unmerged"])
def test_mutated_files(content):
    rng = random.Random(2)
    outcomes = [opened(_mutated(content, rng)) for _ in range(MUTATIONS // 2)]
    assert 0.1 < np.mean(outcomes) < 0.9  # both ways are tried


def test_mutated_gzip():
    packed = gzip.compress(MERGED)
    rng = random.Random(3)
    assert not all(opened(_mutated(packed, rng)) for _ in range(500))


def changed(old: str, new: str) -> bytes:
    records = [line.replace(old, new) for line in mtz_bytes.header_records()]
    assert records != mtz_bytes.header_records()
    return mtz_bytes.mtz_bytes(records=records)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an MTZ file"),
        (b"CCP4 map" * 50, "not an MTZ file"),
        (b"MTZ ", "only 4 bytes"),
        (MERGED[:4] + b"\xff\xff\xff\x7f" + MERGED[8:], "should begin at byte 8589934584"),
        (MERGED[:4] + b"\x01\0\0\0" + MERGED[8:], "should begin at byte 0"),
        (MERGED[:8] + b"\x22\x22" + MERGED[10:], "machine stamp 2222"),
        (changed("NCOL        6", "NCOL        7"), "promises 7 columns, but there are 6"),
        (changed("           3        0", "           4        0"), "promises 4 rows of 6"),
        (changed("           3        0", "          -3        0"), "negative"),
        (changed("           3        0", "           3        2"), "promises 2 batches"),
        (changed("NCOL", "NCLO"), "no record NCOL"),
        (changed(" Q 0 1 1", " ? 0 1 1"), "unknown type '\\?'"),
        (changed(" Q 0 1 1", " Q"), "record COLUMN is not readable"),
        (changed("   H 0 1 0", "   F 0 1 0"), "must be Miller indices"),
        (changed("CELL    10.0000", "CELL    nan"), "record CELL is not readable"),
        (changed("CELL    10.0000   20.0000", "CELL    10.0000 "), "record CELL is not readable"),
        (changed("X,  Y,  Z", "X,  Y,  W"), "SYMM"),
        (MERGED.replace(b"END  ", b"ENT  "), "ends within the header, before record END"),
        (MERGED.replace(b"MTZENDOFHEADERS", b"MTZENDOFHEADER_"), "before MTZENDOFHEADERS"),
        (MERGED.replace(b"MTZHIST   2", b"MTZHIST 999"), "ends within the history"),
        (MERGED.replace(b"MTZHIST   2", b"MTZHIST  ab"), "MTZHIST is not readable"),
        (UNMERGED.replace(b"     185", b"     186"), "186 words, 29 \\+ 156"),
        (UNMERGED.replace(b"BH        8", b"XX        8"), "batch header 2 is not a BH record"),
        (UNMERGED.replace(b"BHCH", b"BHCX"), "followed by TITLE and BHCH"),
        (UNMERGED.replace(b"BH        8     185", b"BH       x8     185"), "batch number"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(content, message):
    with pytest.raises(FormatError, match=message) as caught, warnings.catch_warnings():
        warnings.simplefilter("ignore", FormatWarning)
        xrefl.open_mtz(content)
    assert "<bytes>" in str(caught.value)


def test_unknown_space_group_without_operations():
    content = mtz_bytes.mtz_bytes(
        records=mtz_bytes.header_records(spacegroup="'X 9'", operations=())
    )
    with pytest.raises(FormatError, match="unknown space group 'X 9'"):
        xrefl.open_mtz(content)


@pytest.mark.parametrize("value", [np.nan, 1.5, 1e20])
def test_indices_that_are_not_whole(value):
    rows = mtz_bytes.ROWS.copy()
    rows[1, 2] = value
    with pytest.raises(
        FormatError, match=r"column L must hold whole numbers, but row 1 \(byte 112"
    ):
        xrefl.open_mtz(mtz_bytes.mtz_bytes(rows))


def test_indices_out_of_range():
    rows = mtz_bytes.ROWS.copy()
    rows[1, 2] = 2**23
    with pytest.raises(FormatError, match=r"<bytes>.*8388608"):
        xrefl.open_mtz(mtz_bytes.mtz_bytes(rows))


def test_file_name_and_place_are_named(tmp_path):
    path = tmp_path / "cut.mtz"
    path.write_bytes(MERGED[:1000])
    with pytest.raises(FormatError, match=r"cut\.mtz: .*\(at byte \d+\)\. The file is damaged"):
        xrefl.open_mtz(path)


def test_column_named_in_a_record_that_is_not_there():
    records = mtz_bytes.header_records(extra=("COLSRC FC  FROM  1",))
    with pytest.warns(FormatWarning, match="'FC'"):
        xrefl.open_mtz(mtz_bytes.mtz_bytes(records=records))


def test_unknown_records_are_named():
    records = mtz_bytes.header_records(extra=("FOOBAR 1",))
    with pytest.warns(FormatWarning, match="unknown header record 'FOOBAR'"):
        assert xrefl.open_mtz(mtz_bytes.mtz_bytes(records=records)).sizes["hkl"] == 3


def test_a_column_that_nobody_asks_for_does_no_harm(monkeypatch):
    from xrefl.io import lazy

    rows = mtz_bytes.MULTI_ROWS.copy()
    rows[1, 4] = np.nan
    for small in (0, 2**28):
        monkeypatch.setattr(lazy, "_FEW_ROWS", 0)
        monkeypatch.setattr(lazy, "_SMALL", small)
        ds = xrefl.open_mtz(mtz_bytes.mtz_bytes(rows, batches=(7,)))
        assert ds.h.values.tolist() == [1, 1, 2]
        assert ds["M/ISYM"].values.tolist() == [1, 258, 4]
        assert ds.I.values[1] == 9.5
        with pytest.raises(FormatError, match="column BATCH must hold whole numbers, but row 1"):
            ds.BATCH.load()


def test_a_file_that_changes_while_it_is_read_is_told_as_such(tmp_path, monkeypatch):
    from xrefl.io import source

    path = tmp_path / "file.mtz"
    rows = mtz_bytes.MULTI_ROWS.copy()
    path.write_bytes(mtz_bytes.mtz_bytes(rows, batches=(7,)))
    ds = xrefl.open_mtz(path)
    read_into = source._FileReader.read_into

    def meanwhile(reader, offset, buffer):  # another program writes into the file
        with path.open("r+b") as stream:
            stream.seek(offset)
            stream.write(np.full(len(buffer) // 4, np.nan, np.float32).tobytes())
            stream.truncate()
        read_into(reader, offset, buffer)

    monkeypatch.setattr(source._FileReader, "read_into", meanwhile)
    with pytest.raises(FormatError, match="the file has changed since it was opened"):
        ds.BATCH.load()
