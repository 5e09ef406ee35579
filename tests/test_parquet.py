"""Parquet files: what is written comes back, and other programs read it."""

from __future__ import annotations

import json
import os
import pickle
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xrefl
from tests import strategies
from tests.conftest import real_files
from tests.lazy import nothing_computed
from tests.test_zarr import CIFS, mtz_of, observations, same
from xrefl.errors import FormatError
from xrefl.io.store import parquet_write


@pytest.mark.parametrize("path", real_files("*.mtz*") + CIFS, ids=lambda path: path.name)
@pytest.mark.parametrize("chunks", [None, 100])
def test_real_files(tmp_path, path, chunks):
    ds = xrefl.open_reflections(path, chunks=chunks)
    ds.xtal.to_parquet(tmp_path / "a.parquet")
    copy = xrefl.open_parquet(tmp_path / "a.parquet", chunks=chunks)
    assert copy.encoding.get("resolution") == ds.encoding.get("resolution")
    same(copy, ds)


@given(file=strategies.gemmi_files(unmerged=True), rows=st.integers(1, 50), lazy=st.booleans())
@settings(max_examples=15)
def test_random_observations(tmp_path_factory, file, rows, lazy):
    folder = tmp_path_factory.mktemp("parquet")
    file.write_to_file(str(folder / "a.mtz"))
    ds = xrefl.open_mtz(folder / "a.mtz", chunks=7 if lazy else None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet_write, "_ROWS", rows)
        ds.xtal.to_parquet(folder / "a.parquet")
    copy = xrefl.open_parquet(folder / "a.parquet", chunks=9 if lazy else None)
    assert mtz_of(copy) == mtz_of(ds)
    same(copy, ds)


@given(ds=strategies.merged_datasets())
@settings(max_examples=15)
def test_random_merged(tmp_path_factory, ds):
    path = tmp_path_factory.mktemp("parquet") / "a.parquet"
    ds.xtal.to_parquet(path)
    same(xrefl.open_parquet(path), ds)


@given(
    start=st.one_of(st.none(), st.integers(-12, 12)),
    stop=st.one_of(st.none(), st.integers(-12, 12)),
    step=st.sampled_from([None, 1, 2, 3]),
)
def test_any_slice(tmp_path_factory, start, stop, step):
    path = tmp_path_factory.getbasetemp() / "slices.parquet"
    ds = observations().load().isel(obs=[0, 1, 2] * 3 + [0])
    ds = ds.assign(ROW=("obs", np.arange(10)), TEXT=("obs", np.array(list("abcdefghij"))))
    if not path.exists():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(parquet_write, "_ROWS", 3)
            ds.xtal.to_parquet(path)
    rows = slice(start, stop, step)
    part = xrefl.open_parquet(path).isel(obs=rows)
    np.testing.assert_array_equal(part.ROW, np.arange(10)[rows])
    xr.testing.assert_identical(part.load(), ds.isel(obs=rows))


def test_plain_pandas(tmp_path):
    ds = observations().load()
    ds.xtal.to_parquet(tmp_path / "a.parquet")
    df = pd.read_parquet(tmp_path / "a.parquet")
    assert list(df) == ["h", "k", "l", "M/ISYM", "BATCH", "I"]
    for name in df:
        np.testing.assert_array_equal(df[name], ds[name])
        assert df[name].dtype == ds[name].dtype
    assert pq.read_metadata(tmp_path / "a.parquet").num_rows == 3
    part = pd.read_parquet(tmp_path / "a.parquet", columns=["I"], filters=[("h", ">", 1)])
    assert len(part) == 1


def test_types_and_batch_headers(tmp_path):
    odd = np.array([0x7FC00001, 0xFFC12345, 0x80000000], np.uint32).view(np.float32)
    ds = observations().load()
    words = ds.batch_floats.values.copy()
    words[0, :3] = odd
    ds = ds.assign(
        X=("obs", odd), flag=("obs", [True, False, True]), text=("obs", np.array(["a", "", "Åcd"]))
    ).assign_coords(batch_floats=(ds.batch_floats.dims, words), dataset=("obs", [1, 1, 2]))
    ds = ds.assign(number=5, big=("obs", np.array([2**40, 0, -1])))
    ds.xtal.to_parquet(tmp_path / "a.parquet")
    copy = xrefl.open_parquet(tmp_path / "a.parquet")
    same(copy, ds)
    assert copy.X.values.tobytes() == odd.tobytes()
    assert copy.batch_floats.values.tobytes() == words.tobytes()


def test_other_byte_order(tmp_path):
    ds = observations().load()
    ds = ds.assign(X=ds.I.astype(">f4"), N=ds.BATCH.astype(">i2"))
    ds.xtal.to_parquet(tmp_path / "a.parquet")
    same(xrefl.open_parquet(tmp_path / "a.parquet"), ds)
    np.testing.assert_array_equal(pd.read_parquet(tmp_path / "a.parquet").X, ds.X)


def test_a_damaged_page_is_noticed(tmp_path):
    path = tmp_path / "a.parquet"
    rng = np.random.default_rng(0)
    ds = observations().load().isel(obs=np.zeros(1000, int))
    ds.assign(I=("obs", rng.random(1000).astype(np.float32))).xtal.to_parquet(path)
    column = pq.read_metadata(path).row_group(0).column(5)
    assert column.path_in_schema == "I"
    content = bytearray(path.read_bytes())
    content[column.data_page_offset + column.total_compressed_size - 100] ^= 1
    path.write_bytes(content)
    with pytest.raises(FormatError, match="the file is damaged"):
        xrefl.open_parquet(path).I.load()


def test_lazy(tmp_path):
    ds = observations(chunks=2)
    ds.xtal.to_parquet(tmp_path / "a.parquet")
    with nothing_computed():
        copy = xrefl.open_parquet(tmp_path / "a.parquet", chunks={})
    again = pickle.loads(pickle.dumps(copy))
    same(again, ds)
    assert xrefl.open_parquet(tmp_path / "a.parquet").isel(obs=1).I.item() == 9.5
    empty = ds.isel(obs=slice(0))
    empty.xtal.to_parquet(tmp_path / "a.parquet")
    same(xrefl.open_parquet(tmp_path / "a.parquet"), empty)


def test_a_file_that_changes(tmp_path):
    path = tmp_path / "a.parquet"
    observations().xtal.to_parquet(path)
    ds = xrefl.open_parquet(path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(FormatError, match="has changed since it was opened"):
        ds.load()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ds: ds.assign(F=ds.I * 1j), "column 'F' is of complex64, .*amplitude_phase"),
        (lambda ds: ds.assign(x=ds.I.astype(np.longdouble)), r"of float128, .*astype\(\"f8\"\)"),
        (lambda ds: ds.assign(F=ds.I.expand_dims(friedel=2)), r"dimensions .*unstack_friedel"),
        (lambda ds: ds.assign_attrs(x=object()), r"ds\.attrs\['x'\] is of type object"),
        (lambda ds: ds.rename(I=1), "name that is no text"),
    ],
)
def test_what_cannot_be_written(tmp_path, change, message):
    with pytest.raises(FormatError, match=message):
        change(observations()).xtal.to_parquet(tmp_path / "a.parquet")
    assert not list(tmp_path.iterdir())


def test_full_disk(tmp_path):
    resource = pytest.importorskip("resource")
    ds = observations().load().isel(obs=np.zeros(60_000, int))
    ds = ds.assign(I=("obs", np.random.default_rng(0).normal(size=60_000)))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            ds.xtal.to_parquet(tmp_path / "a.parquet")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


def with_notes(path, **changes):
    """Write the file anew with other metadata."""
    table = pq.read_table(path)
    notes = json.loads(table.schema.metadata[b"xrefl"]) | changes
    notes = {name: value for name, value in notes.items() if value is not None}
    pq.write_table(table.replace_schema_metadata({"xrefl": json.dumps(notes)}), path)


def test_damaged_files_and_those_of_others(tmp_path, example):
    path = tmp_path / "a.parquet"
    with pytest.raises(FileNotFoundError):
        xrefl.open_parquet(path)
    with pytest.raises(FormatError, match="is no Parquet file"):
        xrefl.open_parquet(example)
    pd.DataFrame({"a": [1]}).to_parquet(path)
    with pytest.raises(FormatError, match=r"xrefl did not write it; pandas\.read_parquet"):
        xrefl.open_parquet(path)
    for changes, message in (
        ({"version": 2}, r"newer version of xrefl \(format 2; .* update xrefl"),
        ({"rows": 4}, "has 3 rows, but should have 4"),
        ({"dim": None}, "metadata of xrefl are damaged"),
        ({"version": None}, "metadata of xrefl are damaged: KeyError"),
    ):
        observations().xtal.to_parquet(path)
        with_notes(path, **changes)
        with pytest.raises(FormatError, match=message):
            xrefl.open_parquet(path)
    observations().xtal.to_parquet(path)
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["I"]), path)
    with pytest.raises(FormatError, match="the column 'I' is not there"):
        xrefl.open_parquet(path)
    observations().xtal.to_parquet(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(FormatError, match="or damaged"):
        xrefl.open_parquet(path)


def test_without_the_package_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ImportError, match=r"pip install 'xrefl\[parquet\]'"):
        xrefl.open_parquet(tmp_path / "a.parquet")
    with pytest.raises(ImportError, match=r"pip install 'xrefl\[parquet\]'"):
        observations().xtal.to_parquet(tmp_path / "a.parquet")
