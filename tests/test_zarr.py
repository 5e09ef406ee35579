"""Zarr stores: what is written comes back."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

import xrefl
from tests import mtz_bytes, strategies
from tests.conftest import real_files
from tests.lazy import nothing_computed
from xrefl.errors import MillerIndexError

CIFS = [path for path in real_files("*.cif") if path.stem in ("5wkd-sf", "4003024", "cc12-hkl")]


def observations(*, chunks=None, batches=(7, 8)) -> xr.Dataset:
    content = mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS, batches=batches)
    return xrefl.open_mtz(content, chunks=chunks)


def mtz_of(ds: xr.Dataset) -> bytes:
    stream = io.BytesIO()
    ds.xtal.to_mtz(stream)
    return stream.getvalue()


def same(one: xr.Dataset, other: xr.Dataset) -> None:
    """Assert that two Datasets are identical, with the types and the order of their columns."""
    assert list(one.data_vars) == list(other.data_vars)
    assert {n: v.dtype for n, v in one.variables.items()} == {
        n: v.dtype for n, v in other.variables.items()
    }
    assert set(one.xindexes) == set(other.xindexes)
    xr.testing.assert_identical(one.load(), other.load())


@pytest.mark.parametrize("path", real_files("*.mtz*"), ids=lambda path: path.name)
@pytest.mark.parametrize("chunks", [None, 100])
def test_real_files(tmp_path, path, chunks):
    ds = xrefl.open_mtz(path, chunks=chunks)
    ds.xtal.to_zarr(tmp_path / "a.zarr", chunks=64)
    copy = xrefl.open_zarr(tmp_path / "a.zarr", chunks=chunks)
    assert copy.encoding.get("resolution") == ds.encoding.get("resolution")
    assert mtz_of(copy) == mtz_of(ds)
    same(copy, ds)


@pytest.mark.parametrize("path", CIFS + real_files("*.hkl"), ids=lambda p: p.name)
def test_real_files_of_other_formats(tmp_path, path):
    ds = xrefl.open_reflections(path)
    ds.xtal.to_zarr(tmp_path / "a.zarr", chunks=100)
    same(xrefl.open_zarr(tmp_path / "a.zarr"), ds)


@given(file=strategies.gemmi_files(unmerged=True), chunks=st.integers(1, 50), lazy=st.booleans())
@settings(max_examples=15)
def test_random_observations(tmp_path_factory, file, chunks, lazy):
    folder = tmp_path_factory.mktemp("store")
    file.write_to_file(str(folder / "a.mtz"))
    ds = xrefl.open_mtz(folder / "a.mtz", chunks=7 if lazy else None)
    ds.xtal.to_zarr(folder / "a.zarr", chunks=chunks)
    copy = xrefl.open_zarr(folder / "a.zarr", chunks={} if lazy else None)
    assert mtz_of(copy) == mtz_of(ds)
    same(copy, ds)


@given(ds=strategies.merged_datasets(), chunks=st.integers(1, 70))
@settings(max_examples=15)
def test_random_merged(tmp_path_factory, ds, chunks):
    path = tmp_path_factory.mktemp("store") / "a.zarr"
    ds.xtal.to_zarr(path, chunks=chunks)
    same(xrefl.open_zarr(path), ds)


def test_labels_attributes_and_types(tmp_path):
    ds = observations().load()
    ds = ds.assign(
        {
            "M_ISYM": ds["M/ISYM"] + 1,
            "__x": ("obs", np.array([True, False, True]), {"free_value": True}),
            "zarr.json": ("obs", np.array(["o", "f", "xyz"])),
            "xrefl_store": ("obs", np.arange(3) * 1j),
            "a b": ("obs", np.array([0.0, -0.0, np.inf])),
            "pair": (("friedel", "obs"), np.arange(6.0).reshape(2, 3)),
            "number": 5,
        }
    ).assign_coords(friedel=["+", "-"])
    ds = ds.assign_attrs(history="one line", more={"a": [1, 2.5], "b": None}, mtz_text="Å\n")
    ds.xtal.to_zarr(tmp_path / "a.zarr", chunks=2)
    copy = xrefl.open_zarr(tmp_path / "a.zarr")
    same(copy, ds)
    assert np.signbit(copy["a b"].values[1])


def test_every_bit_of_missing_values_and_batch_headers(tmp_path):
    odd = np.array([0x7FC00001, 0xFFC12345, 0x80000000], np.uint32).view(np.float32)
    ds = observations().load().assign(X=("obs", odd))
    words = ds.batch_floats.values.copy()
    words[0, :3] = odd
    ds = ds.assign_coords(batch_floats=(ds.batch_floats.dims, words))
    ds.xtal.to_zarr(tmp_path / "a.zarr")
    copy = xrefl.open_zarr(tmp_path / "a.zarr").load()
    assert copy.X.values.tobytes() == odd.tobytes()
    assert copy.batch_floats.values.tobytes() == ds.batch_floats.values.tobytes()
    assert copy.batch_integers.values.tobytes() == ds.batch_integers.values.tobytes()


def test_opens_lazily(tmp_path):
    ds = observations()
    ds.xtal.to_zarr(tmp_path / "a.zarr", chunks=2)
    with nothing_computed():
        copy = xrefl.open_zarr(tmp_path / "a.zarr", chunks={})
        assert copy.I.chunks == ((3,),)
        assert copy.I.encoding == {"preferred_chunks": {"obs": 2}}
        assert xrefl.open_zarr(tmp_path / "a.zarr", chunks=2).h.chunks == ((2, 1),)
    assert "..." in repr(xrefl.open_zarr(tmp_path / "a.zarr").I)  # no values were read
    with nothing_computed():
        summed = copy.I + copy.xtal.inv_d2()
    np.testing.assert_array_equal(summed, ds.I + ds.xtal.inv_d2())


def test_pickled(tmp_path):
    ds = observations()
    ds.xtal.to_zarr(tmp_path / "a.zarr", chunks=2)
    for chunks in (None, {}):
        same(pickle.loads(pickle.dumps(xrefl.open_zarr(tmp_path / "a.zarr", chunks=chunks))), ds)


def test_lazy_data_are_left_as_they_are(tmp_path):
    ds = observations(chunks=2)
    before = ds.copy(deep=True)
    ds.xtal.to_zarr(tmp_path / "a.zarr")
    assert ds.I.chunks == ((2, 1),)
    xr.testing.assert_identical(ds, before)


@pytest.mark.parametrize("chunks", [None, {}])
def test_no_rows(tmp_path, chunks):
    ds = observations().isel(obs=slice(0))
    for sort in (None, "hkl", "resolution"):
        ds.xtal.to_zarr(tmp_path / "a.zarr", overwrite=True, sort=sort)
        copy = xrefl.open_zarr(tmp_path / "a.zarr", chunks=chunks)
        same(copy.assign_attrs(history=ds.attrs["history"]), ds)
    with pytest.raises(MillerIndexError, match="no reflections with h = 1; the store has no rows"):
        xrefl.open_zarr(tmp_path / "a.zarr", h=1)


def test_plain_xarray_and_restore(tmp_path, example):
    for ds in (observations().load(), xrefl.open_mtz(example).load()):
        ds.xtal.to_zarr(tmp_path / "a.zarr", overwrite=True)
        copy = xrefl.restore(xr.open_zarr(tmp_path / "a.zarr").load())
        assert set(copy.variables) == set(ds.variables)
        for name in ds.variables:
            np.testing.assert_array_equal(copy[name], ds[name])
            assert copy[name].attrs == ds[name].attrs
        assert copy.attrs == ds.attrs


def test_chunks_are_compressed_and_have_checksums(tmp_path):
    observations().xtal.to_zarr(tmp_path / "a.zarr")
    array = zarr.open_group(tmp_path / "a.zarr", mode="r", use_consolidated=False)["I"]
    names = [codec.to_dict()["name"] for codec in array.compressors]
    assert names == ["blosc", "crc32c"]
    assert array.chunks == (2**18,)


def test_frames(tmp_path, example):
    df = xrefl.open_mtz(example).xtal.to_dataframe()
    df.xtal.to_zarr(tmp_path / "a.zarr")
    df.xtal.to_parquet(tmp_path / "a.parquet")
    same(xrefl.open_zarr(tmp_path / "a.zarr"), df.xtal.to_dataset())
    same(xrefl.open_parquet(tmp_path / "a.parquet"), df.xtal.to_dataset())
