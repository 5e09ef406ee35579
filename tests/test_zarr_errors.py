"""Zarr stores: what is refused, and that nothing is lost when writing fails."""

from __future__ import annotations

import builtins
import json
import os
import shutil

import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.test_zarr import observations, same
from tests.test_zarr_append import contents
from xrefl.errors import FormatError
from xrefl.io.store import folder as folders


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "a.zarr"
    observations().xtal.to_zarr(path, chunks=2)
    return path


def large() -> xr.Dataset:
    """Return columns that do not compress to less than 300 kB."""
    ds = observations().load().isel(obs=np.zeros(60_000, int))
    return ds.assign(I=("obs", np.random.default_rng(0).normal(size=60_000)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits of files are those of Unix")
@pytest.mark.parametrize("options", [{"overwrite": True}, {"append": True, "renumber": True}])
@pytest.mark.parametrize("sort", [None, "hkl"])
def test_full_disk(store, options, sort):
    import resource

    observations().xtal.to_zarr(store, overwrite=True)
    before = contents(store)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ds = large() if "overwrite" in options else large().assign(I=large().I.astype(np.float32))
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            ds.xtal.to_zarr(store, sort=sort, **options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert contents(store) == before
    assert [entry.name for entry in store.parent.iterdir()] == ["a.zarr"]


def test_existing_stores_and_files(store, tmp_path):
    before = contents(store)
    with pytest.raises(FileExistsError, match="overwrite=True replaces it, append=True adds to it"):
        observations().xtal.to_zarr(store)
    assert contents(store) == before
    for name in ("file", "folder"):
        other = tmp_path / name
        if name == "file":
            other.write_text("mine")
        else:
            other.mkdir()
            (other / "mine").touch()
        with pytest.raises(FileExistsError, match="is no Zarr store, so it is not replaced"):
            observations().xtal.to_zarr(other, overwrite=True)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.zarr", "file", "folder"]
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        observations().xtal.to_zarr(tmp_path / "none" / "a.zarr")
    (tmp_path / "empty").mkdir()
    observations().xtal.to_zarr(tmp_path / "empty", overwrite=True)
    same(xrefl.open_zarr(tmp_path / "empty"), observations())


def test_replaced_by_what_is_read_from_it(store):
    ds = xrefl.open_zarr(store, chunks={})
    ds.isel(obs=[2, 0]).xtal.to_zarr(store, overwrite=True)
    same(xrefl.open_zarr(store), observations().isel(obs=[2, 0]))


def test_a_store_that_changes_is_not_read_on(store):
    lazy, cached = xrefl.open_zarr(store, chunks={}), xrefl.open_zarr(store)
    values = cached.I.values
    observations().isel(obs=[2, 1, 0]).xtal.to_zarr(store, overwrite=True)
    np.testing.assert_array_equal(cached.I, values)  # was read before
    for ds in (lazy, cached):
        with pytest.raises(FormatError, match="has changed since it was opened; open it again"):
            ds.load()
    shutil.rmtree(store)
    with pytest.raises(FormatError, match="has changed"):
        cached.h.values  # noqa: B018


def test_the_old_store_returns_if_renaming_fails(store, monkeypatch):
    before = contents(store)
    rename = folders.Path.rename

    def refuse(self, target):
        if self.suffix == ".part":
            raise OSError("cannot rename")
        return rename(self, target)

    monkeypatch.setattr(folders.Path, "rename", refuse)
    with pytest.raises(OSError, match="cannot rename"):
        observations().xtal.to_zarr(store, overwrite=True)
    assert contents(store) == before
    assert [entry.name for entry in store.parent.iterdir()] == ["a.zarr"]


def test_permissions_stay(store):
    store.chmod(0o750)
    observations().xtal.to_zarr(store, overwrite=True)
    assert store.stat().st_mode & 0o7777 == 0o750


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sort": "h"}, 'sort must be "hkl", "resolution" or None, found \'h\''),
        ({"chunks": 0}, "chunks must be a positive number of rows, found 0"),
        ({"chunks": 2.5}, r"found 2\.5"),
    ],
)
def test_options(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        observations().xtal.to_zarr(tmp_path / "a.zarr", **options)


def test_what_a_store_cannot_hold(tmp_path):
    ds = observations().load()
    for wrong, message in (
        (ds.assign_attrs(x=object()), r"ds\.attrs\['x'\] is of type object"),
        (ds.assign(I=ds.I.assign_attrs(x={1: 2})), "has an attribute called 1"),
        (ds.assign(x=("obs", np.array([1, "a", None], object))), "column 'x' is of object"),
        (ds.rename(I=1), "name that is no text"),
    ):
        with pytest.raises(FormatError, match=message):
            wrong.xtal.to_zarr(tmp_path / "a.zarr")
    assert not list(tmp_path.iterdir())


def edited(store, **changes):
    path = store / "xrefl_store" / "zarr.json"
    notes = json.loads(path.read_text())
    notes["attributes"].update(changes)
    path.write_text(json.dumps(notes))


def test_newer_version(store):
    edited(store, version=2)
    with pytest.raises(FormatError, match=r"newer version of xrefl \(format 2; .* update xrefl"):
        xrefl.open_zarr(store)
    with pytest.raises(FormatError, match="newer version"):
        observations().xtal.to_zarr(store, append=True, renumber=True)


def test_not_a_store(tmp_path, example):
    with pytest.raises(FileNotFoundError, match="there is no store"):
        xrefl.open_zarr(tmp_path / "none.zarr")
    with pytest.raises(FormatError, match=r"is no Zarr store; xrefl.open_reflections"):
        xrefl.open_zarr(example)
    with pytest.raises(FormatError, match="is no Zarr store"):
        xrefl.open_zarr(tmp_path)
    ds = xr.Dataset({"a": ("x", [1.0])})
    ds.to_zarr(tmp_path / "b.zarr", consolidated=False, zarr_format=3)
    with pytest.raises(FormatError, match=r"did not write it .*xarray\.open_zarr"):
        xrefl.open_zarr(tmp_path / "b.zarr")
    ds.to_zarr(tmp_path / "c.zarr", consolidated=False, zarr_format=2)
    with pytest.raises(FormatError, match=r"of format 2, .*xarray\.open_zarr"):
        xrefl.open_zarr(tmp_path / "c.zarr")


def test_damaged_stores(store, tmp_path):
    whole = tmp_path / "whole"
    shutil.copytree(store, whole)

    def again():
        shutil.rmtree(store)
        shutil.copytree(whole, store)

    (store / "I" / "c" / "1").unlink()
    with pytest.raises(FormatError, match=r"column 'I' .* has 1 chunks, but should have 2"):
        xrefl.open_zarr(store)
    again()
    shutil.rmtree(store / "I")
    with pytest.raises(FormatError, match=r"the column 'I' .* is not there"):
        xrefl.open_zarr(store)
    again()
    (store / "xrefl_store" / "zarr.json").write_text("{")
    with pytest.raises(FormatError, match="is damaged"):
        xrefl.open_zarr(store)
    again()
    (store / "I" / "zarr.json").write_text("{}")
    with pytest.raises(FormatError, match="is damaged"):
        xrefl.open_zarr(store)
    again()
    edited(store, rows=4)
    with pytest.raises(FormatError, match="has 3 rows, but should have 4"):
        xrefl.open_zarr(store)
    again()
    chunk = store / "I" / "c" / "0"
    content = bytearray(chunk.read_bytes())
    content[-6] ^= 1
    chunk.write_bytes(content)
    with pytest.raises(ValueError, match="checksum"):
        xrefl.open_zarr(store).load()


def test_without_the_package_zarr(tmp_path, monkeypatch):
    imported = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "zarr":
            raise ImportError("no zarr")
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match=r"pip install 'xrefl\[zarr\]'"):
        xrefl.open_zarr(tmp_path)
    with pytest.raises(ImportError, match=r"pip install 'xrefl\[zarr\]'"):
        observations().xtal.to_zarr(tmp_path / "a.zarr")
