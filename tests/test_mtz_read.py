"""Opening MTZ files: all records, all variants."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
from itertools import chain

import gemmi
import numpy as np
import pytest
import xarray as xr

import xrefl
from tests import mtz_bytes
from tests.lazy import nothing_computed
from xrefl.errors import FormatError, FormatWarning, MissingColumnError


def test_reference_values_of_5e5z(example):
    ds = xr.open_dataset(example)
    assert ds.sizes["hkl"] == 441
    assert ds.attrs["spacegroup"] == "P 1 21 1"
    assert ds.attrs["cell"] == [9.643, 9.609, 19.029, 90, 101.224, 90]
    assert ds.attrs["history"] == ["From cif2mtz 17/ 5/2019 12:15:14"]
    assert ds.attrs["title"] == ""
    assert "wavelength" not in ds.attrs
    types = {name: column.attrs["mtz_type"] for name, column in ds.data_vars.items()}
    assert types == {"FREE": "I", "FP": "F", "SIGFP": "Q", "I": "J", "SIGI": "Q"}
    assert ds["I"].attrs["source"] == "CREATED_17/05/2019_12:15:14"
    assert ds["I"].attrs["dataset_id"] == 1
    assert float(ds["I"].min()) == -0.30090001225471497
    assert float(ds["I"].max()) == 216.60499572753906
    above = ds["I"].where(ds["I"] > 100, drop=True).values.tolist()
    assert above == [124.25700378417969, 100.08699798583984, 216.60499572753906]
    assert float(ds["I"].mean(dtype="f8")) == pytest.approx(11.505858, abs=1e-6)
    assert ds.FREE.dtype == np.float32  # 38 flags are missing
    assert xrefl.tutorial.open("5wkd").FREE.dtype == np.int32
    assert [ds[name].dtype for name in ("FP", "h", "hkl")] == [np.float32, np.int32, np.int64]
    assert ds.dataset_id.values.tolist() == [0, 1]
    assert ds.project_name.values.tolist() == ["HKL_base", "5e5z"]
    assert ds.dataset_name.values.tolist() == ["HKL_base", "1"]


def test_resolution_that_the_file_states():
    records = [
        "RESO 0.0028703967109323   0.3611701726913452" if line.startswith("RESO") else line
        for line in mtz_bytes.header_records()
    ]
    ds = xrefl.open_mtz(mtz_bytes.mtz_bytes(records=records))
    assert ds.encoding["resolution"] == (18.665044863474495, 1.6639645192598425)


def test_same_columns_as_gemmi(example):
    ds = xrefl.open_mtz(example)
    mtz = gemmi.read_mtz_file(str(example))
    table = np.column_stack(
        [ds[name.lower() if name in "HKL" else name].values for name in mtz.column_labels()]
    )
    np.testing.assert_array_equal(table.astype(np.float32), mtz.array)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("wide_offset", [False, True])
def test_byte_orders_and_header_offsets(order, wide_offset):
    ds = xrefl.open_mtz(mtz_bytes.mtz_bytes(order=order, wide_offset=wide_offset))
    assert ds.h.values.tolist() == [1, 1, 2]
    assert ds.l.values.tolist() == [2, 3, -3]
    np.testing.assert_array_equal(ds.F.values, np.array([10.5, np.nan, 7.25], np.float32))
    assert ds.FREE.values.tolist() == [0, 1, 1]
    assert ds.attrs["wavelength"] == 0.97918
    assert ds.attrs["title"] == "a title"
    assert ds.attrs["history"] == ["first line", "second line"]
    assert ds.dataset_cell.values[1].tolist() == [10.01, 20, 30, 90, 95, 90]
    assert np.isnan(ds.dataset_wavelength.values[0])


def test_header_past_the_reach_of_32_bits(tmp_path):
    path = tmp_path / "large.mtz"
    nrow, ncol = 358_000_000, 6  # 8.6 GB, of which the file system stores the header only
    place = 21 + nrow * ncol
    assert place > 2**31
    records = mtz_bytes.header_records(nrow=nrow)
    with path.open("wb") as stream:
        stream.write((b"MTZ " + struct.pack("<i4sq", -1, b"\x44\x41\0\0", place)).ljust(80, b"\0"))
        stream.seek(4 * (place - 1))
        stream.write(b"".join(map(mtz_bytes.record, (*records, "END", "MTZENDOFHEADERS"))))
    ds = xrefl.open_mtz(path, merged=False)
    assert ds.sizes["obs"] == nrow
    assert ds.F[-3:].values.tolist() == [0, 0, 0]


def test_valm_other_than_nan():
    records = mtz_bytes.header_records(valm="-999.0")
    rows = np.nan_to_num(mtz_bytes.ROWS, nan=-999.0)
    rows[2, 3] = -999.0
    ds = xrefl.open_mtz(mtz_bytes.mtz_bytes(rows, records))
    np.testing.assert_array_equal(ds.F.values, np.array([10.5, np.nan, 7.25], np.float32))
    assert ds.FREE.dtype == np.float32  # a flag is missing
    np.testing.assert_array_equal(ds.FREE.values, np.array([0, 1, np.nan], np.float32))


def test_flags_that_are_not_whole_stay_floats():
    rows = mtz_bytes.ROWS.copy()
    rows[0, 3] = 0.5
    ds = xrefl.open_mtz(mtz_bytes.mtz_bytes(rows))
    assert ds.FREE.dtype == np.float32
    assert ds.FREE.values.tolist() == [0.5, 1, 1]


def test_path_gzip_bytes_and_file_object(example, tmp_path):
    content = example.read_bytes()
    zipped = tmp_path / "5e5z.mtz.gz"
    zipped.write_bytes(gzip.compress(content))
    expected = xr.open_dataset(example).load()
    for source in (str(example), zipped, content, io.BytesIO(content), gzip.compress(content)):
        assert xrefl.open_mtz(source).identical(expected)
    with example.open("rb") as stream:
        assert xr.open_dataset(stream).identical(expected)  # guessed from the content
    with zipped.open("rb") as stream:
        assert xr.open_dataset(stream).identical(expected)
    with example.open("r", errors="replace") as text, pytest.raises(FormatError, match="binary"):
        xrefl.open_mtz(text)


def test_guess_can_open(example, tmp_path):
    from xrefl.io.backend import MtzBackendEntrypoint

    guess = MtzBackendEntrypoint().guess_can_open
    other = tmp_path / "other.mtz"
    other.write_bytes(b"not one")
    assert guess(example) and guess(str(example)) and guess(example.read_bytes())
    assert not any(guess(one) for one in (other, tmp_path / "none", b"", b"\x1f\x8bxx", 3, None))
    stream = io.BytesIO(example.read_bytes())
    stream.seek(0)
    assert guess(stream) and stream.tell() == 0


def test_unmerged_file():
    ds = xrefl.open_mtz(mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS, batches=(7, 8)))
    assert dict(ds.sizes)["obs"] == 3
    assert not ds.xtal.is_merged
    assert ds["M/ISYM"].dtype == ds.BATCH.dtype == ds.h.dtype == np.int32
    assert ds["M/ISYM"].values.tolist() == [1, 258, 4]
    assert ds.batch.values.tolist() == [7, 8]
    assert ds.batch_title.values.tolist() == ["Batch 7", "Batch 8"]
    assert ds.batch_dataset_id.values.tolist() == [1, 1]
    assert ds.batch_phi_start.values.tolist() == [9 + 7, 9 + 8]
    assert ds.batch_axes.values.tolist() == ["    PHI"] * 2
    assert ds.batch_integers.shape == (2, 29)
    assert ds.batch_floats.shape == (2, 156)
    assert ds.attrs["symmetry_operations"] == ["X,  Y,  Z", "-X,  Y+1/2,  -Z"]


def test_unmerged_flags_are_floats_since_nothing_is_read():
    columns = (*mtz_bytes.MULTI_COLUMNS[:5], ("FLAG", "I"))
    records = mtz_bytes.header_records(columns, 3, batches=(7,))
    ds = xrefl.open_mtz(mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS, records, batches=(7,)))
    assert ds.FLAG.dtype == np.float32


def test_nothing_is_read_before_it_is_used(tmp_path):
    path = tmp_path / "unmerged.mtz"
    path.write_bytes(mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS, batches=(7, 8)))
    ds = xrefl.open_mtz(path)
    used = ds.assign_attrs(x=1).isel(obs=slice(1, None)).rename(I="intensity")
    assert not any(ds[name].variable._in_memory for name in ("h", "k", "l", "I", "BATCH"))
    assert not used.intensity.variable._in_memory
    with nothing_computed():
        lazy = xrefl.open_mtz(path, chunks={})
        assert lazy.I.chunks == lazy.h.chunks == ((3,),)
        assert lazy.chunksizes["obs"] == (3,)
    assert xrefl.open_mtz(path, chunks={"obs": 2}).I.chunks == ((2, 1),)
    assert lazy.identical(ds)


def test_merged_columns_are_lazy_and_the_index_stays_in_memory(example):
    ds = xr.open_dataset(example)
    assert not ds.FP.variable._in_memory
    with nothing_computed():
        lazy = xrefl.open_mtz(example, chunks={"hkl": 100})
        assert lazy.FP.chunks == ((100, 100, 100, 100, 41),)
        assert lazy.h.chunks is None
        lazy.sel(h=0)
    assert lazy.load().identical(ds.load())


def test_preferred_chunks(monkeypatch, example):
    from xrefl.io import chunks as module

    monkeypatch.setattr(module, "_PREFERRED_CHUNK", 200)
    assert xr.open_dataset(example, chunks={}).FP.chunks == ((200, 200, 41),)
    assert xrefl.open_mtz(example, chunks={}).FP.chunks == ((200, 200, 41),)
    assert xrefl.open_mtz(example, chunks=300).FP.chunks == ((300, 141),)
    assert xrefl.open_mtz(example, chunks="auto").FP.chunks == ((441,),)
    assert xrefl.open_mtz(example, chunks={}).dataset_cell.chunks is None


@pytest.mark.parametrize(
    "key",
    [
        slice(3, 40),
        slice(None, None, 7),
        slice(400, 10, -3),
        slice(0, 0),
        5,
        -1,
        [4, 4, 0, 440],
        np.arange(441) % 2 == 0,
    ],
)
def test_indexing_equals_numpy(example, key):
    whole = xr.open_dataset(example).FP.values
    ds = xr.open_dataset(example)
    expected = whole[np.array(key) if isinstance(key, list) else key]
    np.testing.assert_array_equal(ds.FP.isel(hkl=key).values, expected)
    np.testing.assert_array_equal(ds.FP.values, whole)


def test_reading_in_many_blocks(monkeypatch, example):
    from xrefl import _memory
    from xrefl.io.mtz import table

    expected = xr.open_dataset(example).load()
    monkeypatch.setattr(table, "_BLOCK_ROWS", 10)
    monkeypatch.setattr(_memory, "_ASKED_FOR", 0)
    assert xr.open_dataset(example).identical(expected)
    np.testing.assert_array_equal(xr.open_dataset(example).FP[2::37], expected.FP[2::37])


def test_pickled_and_copied_before_and_after_reading(example):
    ds = xr.open_dataset(example)
    assert len(pickle.dumps(ds)) < 100_000
    assert pickle.loads(pickle.dumps(ds)).identical(ds.copy(deep=True))
    lazy = xrefl.open_mtz(example, chunks={"hkl": 200})
    assert pickle.loads(pickle.dumps(lazy)).compute().identical(ds)


def test_column_selection(example):
    assert list(xrefl.open_mtz(example, columns=["SIGI", "I"]).data_vars) == ["I", "SIGI"]
    ds = xr.open_dataset(example, drop_variables=["I", "SIGI"])
    assert list(ds.data_vars) == ["FREE", "FP", "SIGFP"]
    assert list(xr.open_dataset(example, drop_variables="I").data_vars)[-1] == "SIGI"
    renamed = xrefl.open_mtz(example, columns={"intensity": 6})
    assert list(renamed.data_vars) == ["intensity"]
    np.testing.assert_array_equal(renamed.intensity, xrefl.open_mtz(example).I)
    with pytest.raises(MissingColumnError, match="no column 'FC'; the file has H, K, L, FREE"):
        xrefl.open_mtz(example, columns=["FC"])
    with pytest.raises(MissingColumnError, match="no column 9"):
        xrefl.open_mtz(example, columns={"x": 9})


def test_duplicate_labels_can_be_opened_by_position():
    columns = (*mtz_bytes.COLUMNS[:4], ("F", "F"), ("F", "F"))
    content = mtz_bytes.mtz_bytes(records=mtz_bytes.header_records(columns))
    with pytest.raises(FormatError, match="columns 4 and 5 have the label 'F'"):
        xrefl.open_mtz(content)
    ds = xrefl.open_mtz(content, columns={"F": 4, "F_5": 5})
    assert ds.F_5.values[0] == 0.5


def test_duplicate_indices_are_refused_with_the_remedy():
    rows = np.vstack([mtz_bytes.ROWS, mtz_bytes.ROWS[:1]])
    content = mtz_bytes.mtz_bytes(rows)
    with pytest.raises(FormatError, match="merged=False"):
        xrefl.open_mtz(content)
    assert xrefl.open_mtz(content, merged=False).sizes["obs"] == 4


def test_collections_groups_sources_and_appended_text():
    extra = (
        "COLSRC F                              CREATED_BY hand 1",
        "COLGRP F                              FSIGF FP 1 1",
    )
    records = mtz_bytes.header_records(extra=extra)
    ds = xrefl.open_mtz(mtz_bytes.mtz_bytes(records=records, appended="Ω text".encode()))
    assert ds.F.attrs["source"] == "CREATED_BY hand"
    assert ds.F.attrs["mtz_group"] == "FSIGF FP 1"
    assert ds.attrs["mtz_appended_text"] == "Ω text"


@pytest.mark.parametrize(
    ("spacegroup", "operations", "expected", "warns"),
    [
        ("'P 1 21 1'", ("X,Y,Z", "-X,Y+1/2,-Z"), "P 1 21 1", None),
        ("P21", ("X,Y,Z", "-X,Y+1/2,-Z"), "P 1 21 1", None),
        ("'P 1 21 1'", (), "P 1 21 1", None),
        ("'X 9'", ("X,Y,Z", "-X,Y+1/2,-Z"), "P 1 21 1", "unknown space group name 'X 9'"),
        ("'P 1 2 1'", ("X,Y,Z", "-X,Y+1/2,-Z"), "P 1 21 1", "names P 1 2 1"),
        ("'P n n n'", ("X,Y,Z", "-X+1/2,-Y+1/2,Z", "X,-Y+1/2,-Z+1/2", "-X+1/2,Y,-Z+1/2",
                       "-X,-Y,-Z", "X+1/2,Y+1/2,-Z", "-X,Y+1/2,Z+1/2", "X+1/2,-Y,Z+1/2"),
         "P n n n:2", None),
        ("'X'", ("x,y,z", "-x,y+1/4,-z", "x,y+1/2,z", "-x,y+3/4,-z"), None, "unknown"),
    ],
)  # fmt: skip
def test_space_group_from_name_and_operations(spacegroup, operations, expected, warns):
    records = mtz_bytes.header_records(spacegroup=spacegroup, operations=operations)
    content = mtz_bytes.mtz_bytes(records=records)
    if warns:
        with pytest.warns(FormatWarning, match=warns):
            ds = xrefl.open_mtz(content)
    else:
        ds = xrefl.open_mtz(content)
    if expected:
        assert ds.attrs["spacegroup"] == expected
    else:  # a setting that no table has is named by its operations
        assert len(xrefl.SpaceGroup(ds.attrs["spacegroup"]).operations) == 4


def test_r3_is_told_from_the_operations():
    operations = ("x,y,z", "z,x,y", "y,z,x")
    records = mtz_bytes.header_records(spacegroup="'R 3'", operations=operations)
    ds = xrefl.open_mtz(mtz_bytes.mtz_bytes(records=records))
    assert ds.attrs["spacegroup"] == "R 3:R"


def test_no_machine_stamp():
    with pytest.warns(FormatWarning, match="no machine stamp"):
        ds = xrefl.open_mtz(mtz_bytes.mtz_bytes(order=">", stamp=b"\0\0\0\1"))
    assert ds.h.values.tolist() == [1, 1, 2]


def test_files_from_before_there_were_data_sets():
    records = [
        line.rsplit(" ", 1)[0] if line.startswith("COLUMN") else line
        for line in mtz_bytes.header_records()
        if line.split()[0] not in ("NDIF", "PROJECT", "CRYSTAL", "DATASET", "DCELL", "DWAVEL")
    ]
    ds = xrefl.open_mtz(mtz_bytes.mtz_bytes(records=records))
    assert "dataset_id" not in ds.coords
    assert ds.F.attrs["dataset_id"] == 0


def test_empty_table():
    ds = xrefl.open_mtz(mtz_bytes.mtz_bytes(mtz_bytes.ROWS[:0]))
    assert ds.sizes["hkl"] == 0
    assert ds.F.values.shape == (0,)


@pytest.mark.parametrize(("small", "passes"), [(2**28, 2), (0, 3)])
def test_columns_used_together_are_read_together(monkeypatch, small, passes):
    from xrefl.io import lazy
    from xrefl.io.mtz import table

    seen = []
    read = table.Table.read

    def counting(self, fields, rows=slice(None)):
        seen.append([field.label for field in fields])
        return read(self, fields, rows)

    monkeypatch.setattr(lazy, "_FEW_ROWS", 0)
    monkeypatch.setattr(lazy, "_SMALL", small)
    monkeypatch.setattr(table.Table, "read", counting)
    content = mtz_bytes.mtz_bytes(
        records=mtz_bytes.header_records(
            (*mtz_bytes.COLUMNS[:3], ("A", "F"), ("B", "Q"), ("C", "R"))
        )
    )
    ds = xr.open_dataset(content).load()
    assert len(seen) == passes
    assert sorted(chain(*seen[1:])) == list(ds.data_vars)
    monkeypatch.setattr(lazy, "_LARGE", 0)
    if small == 0:
        assert xr.open_dataset(content).load().identical(ds)
        assert len(seen[3:]) == 1 + 3


def test_a_file_that_changed_is_refused(tmp_path):
    path = tmp_path / "a.mtz"
    path.write_bytes(mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS, batches=(7,)))
    ds = xrefl.open_mtz(path)
    path.write_bytes(mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS[:2], batches=(7,)))
    with pytest.raises(FormatError, match="has changed since it was opened"):
        ds.I.load()


def test_data_sets_that_the_header_leaves_out():
    words = ("PROJECT", "CRYSTAL", "DATASET", "DCELL", "DWAVEL")
    records = [
        line
        for line in mtz_bytes.header_records()
        if line.split()[:2] not in [[word, "0"] for word in words]
    ]
    with pytest.warns(FormatWarning, match=r"data sets \[0\]"):
        ds = xrefl.open_mtz(mtz_bytes.mtz_bytes(records=records))
    assert ds.dataset_id.values.tolist() == [0, 1]
    assert ds.project_name.values.tolist() == ["", "a project"]
    stream = io.BytesIO()
    ds.xtal.to_mtz(stream)
    assert xrefl.open_mtz(stream.getvalue()).identical(ds)
