"""Zarr stores: further runs are added, or nothing is changed."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xrefl
from tests.test_zarr import mtz_of, observations, same
from xrefl.errors import (
    CrystalMismatchError,
    FormatError,
    MillerIndexError,
    MissingColumnError,
    NotMergedError,
)
from xrefl.io.store import link, write


def contents(path) -> dict[str, bytes]:
    """Return all files of a folder."""
    files = (file for file in sorted(path.rglob("*")) if file.is_file())
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def run(number: int, *, chunks=None) -> xr.Dataset:
    ds = observations(batches=(7, 8), chunks=chunks)
    return ds.assign(I=ds.I + number)


@pytest.mark.parametrize("chunks", [None, 2])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 100])
def test_three_runs(tmp_path, chunks, size):
    runs = [run(number, chunks=chunks) for number in range(3)]
    path = tmp_path / "a.zarr"
    for number, ds in enumerate(runs):
        ds.xtal.to_zarr(
            path, chunks=size if number == 0 else None, dataset=number, append=True, renumber=True
        )
    stored = xrefl.open_zarr(path)
    expected = xrefl.concat_observations(runs, dataset=[0, 1, 2], renumber=True)
    np.testing.assert_array_equal(stored.dataset, np.repeat([0, 1, 2], 3))
    part = xrefl.open_zarr(path, dataset=1, chunks=chunks)
    assert part.BATCH.values.tolist() == [1007, 1008, 1007]
    np.testing.assert_array_equal(stored.batch, [7, 8, 1007, 1008, 2007, 2008])
    np.testing.assert_array_equal(stored.BATCH, [7, 8, 7, 1007, 1008, 1007, 2007, 2008, 2007])
    assert mtz_of(stored.assign_attrs(history=[])) == mtz_of(expected.assign_attrs(history=[]))
    xr.testing.assert_identical(
        stored.load().drop_attrs(deep=False), expected.load().drop_attrs(deep=False)
    )
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zarr"]


def test_named_runs_of_growing_names(tmp_path):
    path = tmp_path / "a.zarr"
    for name in ("a", "bcd", "ef"):
        run(0).xtal.to_zarr(path, dataset=name, append=True, renumber=True, chunks=2)
    stored = xrefl.open_zarr(path)
    assert stored.dataset.values.tolist() == ["a"] * 3 + ["bcd"] * 3 + ["ef"] * 3
    part = xrefl.open_zarr(path, dataset="bcd")
    assert part.attrs["history"][0] == "reflections with dataset = 'bcd' selected"
    xr.testing.assert_equal(part.load(), stored.load().isel(obs=stored.dataset.values == "bcd"))
    assert xrefl.open_zarr(path, dataset="ef", h=2).BATCH.values.tolist() == [2007]
    with pytest.raises(
        MissingColumnError, match=r"no run in .*a\.zarr is called 'x'; there are 'a', 'bcd', 'ef'"
    ):
        xrefl.open_zarr(path, dataset="x")
    with pytest.raises(MillerIndexError, match="no reflections with dataset = 'a' and h = 99"):
        xrefl.open_zarr(path, dataset="a", h=99)
    with pytest.raises(TypeError, match="have names, but dataset=1"):
        xrefl.open_zarr(path, dataset=1)


def test_appended_rows_are_sorted_among_themselves(tmp_path):
    path = tmp_path / "a.zarr"
    ds = run(0).isel(obs=[2, 0, 1])
    ds.xtal.to_zarr(path, chunks=2)
    ds.xtal.to_zarr(path, append=True, renumber=True, sort="hkl")
    stored = xrefl.open_zarr(path)
    assert stored.h.values.tolist() == [2, 1, 1, 1, 1, 2]
    assert xrefl.open_zarr(path, h=2).BATCH.values.tolist() == [7, 1007]


def test_complete_chunks_are_shared(tmp_path):
    path = tmp_path / "a.zarr"
    run(0).xtal.to_zarr(path, chunks=2)
    before = (path / "I" / "c" / "0").stat().st_ino
    last = (path / "I" / "c" / "1").stat().st_ino
    run(1).xtal.to_zarr(path, append=True, renumber=True)
    assert (path / "I" / "c" / "0").stat().st_ino == before
    assert (path / "I" / "c" / "1").stat().st_ino != last


def test_without_links(tmp_path, monkeypatch):
    from pathlib import Path

    def refuse(*args):
        raise OSError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    path = tmp_path / "a.zarr"
    run(0).xtal.to_zarr(path, chunks=1)
    run(1).xtal.to_zarr(path, append=True, renumber=True)
    expected = xrefl.concat_observations([run(0), run(1)], renumber=True)
    same(xrefl.open_zarr(path), expected)


@pytest.mark.parametrize("module", [write.link_chunks, write.atomic_folder])
def test_nothing_changes_when_it_fails(tmp_path, monkeypatch, module):
    path = tmp_path / "a.zarr"
    run(0).xtal.to_zarr(path, chunks=2)
    before = contents(path)

    def broken(block):
        if block.size:
            raise OSError(28, "No space left on device")
        return block

    ds = run(1, chunks=2)
    ds = ds.assign(
        I=ds.I.copy(
            data=ds.I.data.map_blocks(broken, dtype=ds.I.dtype, meta=np.empty(0, np.float32))
        )
    )
    if module is write.link_chunks:
        monkeypatch.setattr(link, "link_or_copy", lambda *args: (_ for _ in ()).throw(OSError(28)))
    with pytest.raises(OSError, match=r"28|No space left on device; make room"):
        ds.xtal.to_zarr(path, append=True, renumber=True)
    assert contents(path) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zarr"]


def other_type(ds):
    return ds.assign(I=ds.I.astype(np.float64))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda ds: ds.xtal.assign_crystal(cell=(10.2, 20, 30, 90, 95, 90)), CrystalMismatchError,
         r"cell \(10.2.*more than 1 % off.*\(10.0"),
        (lambda ds: ds.drop_vars("M/ISYM").xtal.assign_crystal(spacegroup="P 1 2 1"),
         CrystalMismatchError,
         r"run has the space group P 1 2 1, but the store .*a\.zarr has P 1 21"),
        (lambda ds: ds.drop_vars("I"), MissingColumnError,
         r"only in the store .*a\.zarr: I; only in the new run: none"),
        (lambda ds: ds, FormatError, r"that those before have, too: 7, 8 \(2 in all\)"),
        (lambda ds: other_type(ds).assign_coords(batch=[1, 2]), FormatError,
         "column 'I' is of float32 in .* and would become float64"),
    ],
)  # fmt: skip
def test_refused(tmp_path, change, error, message):
    path = tmp_path / "a.zarr"
    run(0).xtal.to_zarr(path)
    before = contents(path)
    with pytest.raises(error, match=message):
        change(run(1)).xtal.to_zarr(path, append=True)
    assert contents(path) == before


def test_misuse(tmp_path, example):
    path = tmp_path / "a.zarr"
    run(0).xtal.to_zarr(path, chunks=2)
    with pytest.raises(FormatError, match="chunks of 2 rows, which appending leaves"):
        run(1).xtal.to_zarr(path, append=True, chunks=3)
    with pytest.raises(ValueError, match="choose one"):
        run(1).xtal.to_zarr(path, append=True, overwrite=True)
    with pytest.raises(MissingColumnError, match=r"a\.zarr has no .*'dataset'.* leave dataset="):
        run(1).xtal.to_zarr(path, append=True, dataset=1)
    run(0).xtal.to_zarr(tmp_path / "named.zarr", dataset="first")
    with pytest.raises(MissingColumnError, match=r"named\.zarr tells runs apart.* give it one"):
        run(1).xtal.to_zarr(tmp_path / "named.zarr", append=True)
    with pytest.raises(FormatError, match=r"named\.zarr have names; give the new one a name"):
        run(1).xtal.to_zarr(tmp_path / "named.zarr", append=True, dataset=2)
    with pytest.raises(MissingColumnError, match=r"no coordinate 'dataset'.*append=True"):
        xrefl.open_zarr(path, dataset=1)
    with pytest.raises(TypeError, match="dataset must be a whole number or a name, found 1"):
        run(1).xtal.to_zarr(tmp_path / "b.zarr", dataset=1.5)
    merged = xrefl.open_mtz(example)
    with pytest.raises(NotMergedError, match="leave append and dataset out"):
        merged.xtal.to_zarr(tmp_path / "b.zarr", dataset=1)
    merged.xtal.to_zarr(tmp_path / "m.zarr")
    with pytest.raises(NotMergedError, match="to which nothing is appended"):
        run(1).xtal.to_zarr(tmp_path / "m.zarr", append=True)


def test_replaced_meanwhile(tmp_path):
    path = tmp_path / "a.zarr"
    run(0).xtal.to_zarr(path, chunks=2)
    ds = run(1, chunks=2)

    def meanwhile(block):
        if block.size == 2:
            run(2).xtal.to_zarr(path, overwrite=True)
        return block

    data = ds.I.data.map_blocks(meanwhile, dtype=ds.I.dtype, meta=np.empty(0, np.float32))
    with pytest.raises(FormatError, match="has been replaced while it was written anew"):
        ds.assign(I=ds.I.copy(data=data)).xtal.to_zarr(path, append=True, renumber=True)
    same(xrefl.open_zarr(path), run(2))


@given(
    counts=st.lists(st.integers(0, 12), min_size=1, max_size=3),
    chunk=st.integers(1, 9),
    lazy=st.booleans(),
    names=st.booleans(),
    sort=st.booleans(),
)
@settings(max_examples=8)
def test_any_runs(tmp_path_factory, counts, chunk, lazy, names, sort):
    path = tmp_path_factory.mktemp("store") / "a.zarr"
    rng = np.random.default_rng(sum(counts))
    runs = []
    for number, count in enumerate(counts):
        rows = rng.integers(0, 3, count)
        ds = run(number).load().isel(obs=rows).assign(X=("obs", rng.normal(size=count)))
        ds = ds.chunk(obs=4) if lazy else ds
        label = "r" * (number + 1) if names else number
        ds.xtal.to_zarr(
            path, append=True, chunks=None if number else chunk, dataset=label, renumber=True,
            sort="hkl" if sort else None,
        )  # fmt: skip
        runs.append(ds.xtal.sort_hkl() if sort else ds)
    labels = ["r" * (i + 1) if names else i for i in range(len(runs))]
    expected = xrefl.concat_observations(runs, dataset=labels, renumber=True)
    stored = xrefl.open_zarr(path)
    same(stored.drop_attrs(deep=False), expected.drop_attrs(deep=False))
    stored = xrefl.open_zarr(path)
    for h in (1, 2):
        if count := int((expected.h == h).sum()):
            assert xrefl.open_zarr(path, h=h).sizes["obs"] == count
