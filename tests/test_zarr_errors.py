"""Zarr stores: what is refused, and that nothing is lost when writing fails."""

from __future__ import annotations

import builtins
import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.test_zarr import observations, same
from tests.test_zarr_append import contents
from xrefl.errors import FormatError, MissingColumnError
from xrefl.io.store import folder as folders
from xrefl.io.store import open as opening


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


KILLED = """
import os, signal, sys
import xrefl
from xrefl.io.store import write

def kill(*args):
    os.kill(os.getpid(), signal.SIGKILL)

write.Template.finish = kill
ds = xrefl.open_zarr(sys.argv[1]).load()
ds.xtal.to_zarr(sys.argv[1], sort="hkl", renumber=True, **{sys.argv[2]: True})
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no signal kills at once")
@pytest.mark.parametrize("option", ["append", "overwrite"])
def test_killed_while_writing(store, option):
    before = contents(store)
    done = subprocess.run([sys.executable, "-c", KILLED, str(store), option], check=False)
    assert done.returncode == -signal.SIGKILL
    assert contents(store) == before
    same(xrefl.open_zarr(store), observations())
    xrefl.open_zarr(store).load().xtal.to_zarr(store, renumber=True, **{option: True})
    assert xrefl.open_zarr(store).load().sizes["obs"] == (6 if option == "append" else 3)


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


def test_opened_anew_if_it_is_replaced_meanwhile(store, monkeypatch):
    part = observations().isel(obs=[2])
    checked, times = opening._check_chunks, []

    def replace(*args):
        times.append(1)
        if len(times) <= most:
            part.xtal.to_zarr(store, overwrite=True, chunks=1)
        checked(*args)

    monkeypatch.setattr(opening, "_check_chunks", replace)
    most = 1
    same(xrefl.open_zarr(store), part)
    assert len(times) == 2
    most = 99
    with pytest.raises(FormatError, match="was replaced 10 times while it was opened"):
        xrefl.open_zarr(store)


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


@pytest.mark.parametrize("options", [{}, {"append": True}, {"overwrite": True}])
def test_stopped_between_two_renamings(store, options):
    old = store.with_name(".a.zarr.12345678.old")
    store.rename(old)
    with pytest.raises(FileNotFoundError, match=rf"was stopped .* rename {old.name} beside it"):
        xrefl.open_zarr(store)
    with pytest.raises(FileNotFoundError, match="or remove it"):
        observations().xtal.to_zarr(store, **options)
    old.rename(store)
    same(xrefl.open_zarr(store), observations())


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
        ({"chunks": 2.0}, r"found 2\.0"),
        ({"chunks": "auto"}, "found 'auto'"),
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
        (ds.assign(x=("obs", np.array([1, "a", None], object))), "'x' is of object"),
        (ds.assign_coords(x=("batch", np.array([1, "a"], object))), "'x' is of object"),
        (ds.assign(x=("obs", np.ones(3, np.longdouble))), "'x' is of float128, .* 64 bits"),
        (ds.assign_coords(when=np.datetime64("2020-01-01", "ns")), "'when' is of datetime64"),
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
    (store / "I" / "c" / "1").rename(store / "I" / "c" / ".1.Xy12")  # as a copy that was stopped
    with pytest.raises(FormatError, match="has 1 chunks, but should have 2"):
        xrefl.open_zarr(store)
    again()
    shutil.rmtree(store / "batch_phi_start" / "c")
    with pytest.raises(FormatError, match=r"column 'batch_phi_start' .* has 0 chunks"):
        xrefl.open_zarr(store)


@pytest.mark.parametrize(
    "array", ["batch_phi_start", "batch_title", "dataset_cell", "xrefl_store/limits"]
)
def test_damaged_headers_are_named(store, array):
    (chunk,) = (file for file in (store / array / "c").rglob("*") if file.is_file())
    chunk.write_bytes(chunk.read_bytes()[:-3])
    # text may be read earlier, by xarray
    where = "" if array == "batch_title" else f"/{array}"
    with pytest.raises(FormatError, match=rf"a\.zarr{where}.* is damaged"):
        xrefl.open_zarr(store, h=1)


@pytest.mark.parametrize("content", ["flipped", "short", "empty"])
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("chunks", [None, {}])
def test_a_damaged_chunk_is_named(store, content, number, chunks):
    chunk = store / "I" / "c" / str(number)
    whole = bytearray(chunk.read_bytes())
    flipped = bytes([*whole[:-6], whole[-6] ^ 1, *whole[-5:]])
    chunk.write_bytes({"flipped": flipped, "short": whole[:-1], "empty": b""}[content])
    ds = xrefl.open_zarr(store, chunks=chunks)
    assert ds.BATCH.values.tolist() == [7, 8, 7]
    with pytest.raises(FormatError, match=rf"a\.zarr/I/c/{number} is damaged .*; write the store"):
        ds.I.values  # noqa: B018


def test_a_damaged_chunk_of_pairs_is_named_or_missed(tmp_path, example):
    ds = xrefl.open_mtz(example).load()
    pairs = ds.assign(x=(("side", "hkl"), np.array([ds.FP.values, ds.FP.values])))
    pairs.xtal.to_zarr(tmp_path / "a.zarr", chunks=200)
    chunk = tmp_path / "a.zarr" / "x" / "c" / "0" / "1"
    chunk.write_bytes(b"")
    with pytest.raises(FormatError, match="x/c/0/1 is damaged"):
        xrefl.open_zarr(tmp_path / "a.zarr").x.load()
    chunk.unlink()
    with pytest.raises(FormatError, match=r"column 'x' .* has 2 chunks, but should have 3"):
        xrefl.open_zarr(tmp_path / "a.zarr")


def test_links_stay_links(store, tmp_path):
    link = tmp_path / "link.zarr"
    link.symlink_to(store.name)
    observations().isel(obs=[2]).xtal.to_zarr(link, overwrite=True)
    observations().xtal.to_zarr(link, append=True, renumber=True)
    assert link.is_symlink()
    assert xrefl.open_zarr(store).BATCH.values.tolist() == [7, 1007, 1008, 1007]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.zarr", "link.zarr"]
    dangling = tmp_path / "b.zarr"
    dangling.symlink_to("c.zarr")
    observations().xtal.to_zarr(dangling)
    same(xrefl.open_zarr(tmp_path / "c.zarr"), observations())


def test_dataset_of_merged_sets_is_no_run(tmp_path, example):
    sets = xrefl.concat([xrefl.open_mtz(example).load()] * 2)
    sets.xtal.to_zarr(tmp_path / "a.zarr")
    xr.testing.assert_identical(xrefl.open_zarr(tmp_path / "a.zarr").load(), sets)
    with pytest.raises(MissingColumnError, match="no coordinate 'dataset' that tells runs apart"):
        xrefl.open_zarr(tmp_path / "a.zarr", dataset=1)


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
