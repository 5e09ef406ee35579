"""Zarr stores: sorted on the way, and read in part."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

import xrefl
from xrefl.errors import CrystalError, MillerIndexError
from xrefl.io.store import external_sort, write
from xrefl.io.store.external_sort import sorted_blocks
from xrefl.io.store.order import Order

CELL = (30.0, 41.0, 52.0, 90.0, 100.0, 90.0)
GROUP = "P 1 2 1"


def observations(count: int, *, seed: int = 0, chunks: int | None = None) -> xr.Dataset:
    """Return observations with original indices and a column that numbers the rows."""
    rng = np.random.default_rng(seed)
    hkl = rng.integers(-9, 10, (count, 3)).astype(np.int32)
    hkl[~hkl.any(axis=1)] = 1
    ds = xr.Dataset(
        {"I": ("obs", rng.normal(size=count).astype(np.float32), {"mtz_type": "J"}),
         "ROW": ("obs", np.arange(count))},
        coords={name: ("obs", index) for name, index in zip("hkl", hkl.T, strict=True)},
        attrs={"cell": list(CELL), "spacegroup": GROUP},
    )  # fmt: skip
    return ds if chunks is None else ds.chunk(obs=chunks)


def in_asu(ds: xr.Dataset) -> list[np.ndarray]:
    """Return the indices in the unit k >= 0, l >= 0, h >= 0 where l = 0 (P 2/m, CCP4)."""
    h, k, l = (ds[name].values.astype(int) for name in "hkl")
    k = np.abs(k)
    turned = (l < 0) | ((l == 0) & (h < 0))
    return [np.where(turned, -h, h), k, np.where(turned, -l, l)]


@pytest.fixture
def little_memory(monkeypatch):
    """Sort 50 rows at a time."""
    few = functools.partial(sorted_blocks, rows_in_memory=50)
    monkeypatch.setattr(write, "sorted_blocks", few)


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("chunks", [None, 70])
def test_sorted_by_equivalent_indices(tmp_path, chunks):
    ds = observations(1000, chunks=chunks)
    ds.xtal.to_zarr(tmp_path / "a.zarr", sort="hkl", chunks=64)
    stored = xrefl.open_zarr(tmp_path / "a.zarr").load()
    h, k, l = in_asu(ds)
    expected = ds.isel(obs=np.lexsort([l, k, h]))  # stable
    xr.testing.assert_identical(stored, expected.load().assign_attrs(history=["sorted by h, k, l"]))


@pytest.mark.usefixtures("little_memory")
def test_sorted_by_shells_of_resolution(tmp_path):
    ds = observations(3000)
    ds.xtal.to_zarr(tmp_path / "a.zarr", sort="resolution", chunks=100)
    stored = xrefl.open_zarr(tmp_path / "a.zarr").load()
    np.testing.assert_array_equal(np.sort(stored.ROW), ds.ROW)
    expected = ds.isel(obs=stored.ROW.values)
    expected.attrs["history"] = ["sorted by shell of resolution, h, k, l"]
    xr.testing.assert_identical(stored, expected)
    inv_d2 = stored.xtal.inv_d2().values
    highest = np.maximum.accumulate(inv_d2)
    order = np.argsort(np.argsort(inv_d2))
    assert np.abs(order - np.arange(3000)).max() < 40  # a shell has some 3000/256 rows
    assert np.mean(inv_d2 == highest) > 0.05
    equivalents = np.array(in_asu(stored))
    runs = 1 + np.count_nonzero(np.any(np.diff(equivalents), axis=0))
    assert runs == len(np.unique(equivalents, axis=1).T)  # those of a reflection are adjacent


@given(
    count=st.integers(0, 200),
    rows_in_memory=st.integers(10, 100),
    block=st.integers(1, 90),
    width=st.integers(1, 6),
    shells=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=30)
def test_external_sort(tmp_path_factory, count, rows_in_memory, block, width, shells, seed):
    rng = np.random.default_rng(seed)
    hkl = list(rng.integers(-width, width + 1, (3, count)).astype(np.int32))
    more = [np.arange(count), rng.normal(size=(count, 2)), rng.integers(0, 2, count) > 0,
            np.array(["a", "bcd"])[rng.integers(0, 2, count)]]  # fmt: skip
    columns = [*hkl, *more]

    def read(numbers):
        return ([columns[i][s : s + block] for i in numbers] for s in range(0, count, block))

    order = Order(None, xrefl.UnitCell(*CELL) if shells else None)
    folder = tmp_path_factory.mktemp("spool")
    blocks = list(
        sorted_blocks(read, count, len(columns), order, folder, rows_in_memory=rows_in_memory)
    )
    if count:
        rows = order.order(hkl)
        rows = np.arange(count) if rows is None else rows
        for column, parts in zip(columns, zip(*blocks, strict=True), strict=True):
            np.testing.assert_array_equal(np.concatenate(parts), column[rows])
    assert not list(folder.iterdir())


def test_sample_tells_ranges_of_equal_size(tmp_path, monkeypatch):
    monkeypatch.setattr(external_sort, "_SAMPLE", 4000)
    ds = observations(20_000)
    columns = [ds[name].values for name in "hkl"]

    def read(numbers):
        return ([columns[i][s : s + 3000] for i in numbers] for s in range(0, 20_000, 3000))

    blocks = sorted_blocks(read, 20_000, 3, Order(None, None), tmp_path, rows_in_memory=2000)
    sizes = [len(block[0]) for block in blocks]
    assert len(sizes) == 10
    assert max(sizes) < 2600


def test_sorted_merged(tmp_path, example):
    ds = xrefl.open_mtz(example).load()
    shuffled = ds.isel(hkl=np.random.default_rng(0).permutation(ds.sizes["hkl"]))
    shuffled.xtal.to_zarr(tmp_path / "a.zarr", sort="hkl")
    expected = shuffled.xtal.sort_hkl()
    assert expected.attrs["history"][0] == "sorted by h, k, l"
    xr.testing.assert_identical(xrefl.open_zarr(tmp_path / "a.zarr").load(), expected)


LIMITS = [
    {"dmin": 8.0},
    {"dmax": 5.0},
    {"dmin": 5.0, "dmax": 6.0},
    {"h": 3},
    {"h": slice(-2, 1), "l": slice(None, 0)},
    {"k": slice(7, None), "dmin": 4.0},
]


@pytest.mark.parametrize("limits", LIMITS, ids=str)
@pytest.mark.parametrize("sort", [None, "hkl", "resolution"])
@pytest.mark.parametrize("chunks", [None, 50])
def test_parts_are_what_selecting_gives(tmp_path, limits, sort, chunks):
    observations(2000).xtal.to_zarr(tmp_path / "a.zarr", sort=sort, chunks=90)
    whole = xrefl.open_zarr(tmp_path / "a.zarr").load()
    part = xrefl.open_zarr(tmp_path / "a.zarr", chunks=chunks, **limits)
    expected = whole
    for name in "hkl":
        if isinstance(limits.get(name), int):
            expected = expected.isel(obs=expected[name].values == limits[name])
        elif name in limits:
            low, high = limits[name].start, limits[name].stop
            values = expected[name].values
            inside = (values >= (-99 if low is None else low)) & (
                values <= (99 if high is None else high)
            )
            expected = expected.isel(obs=inside)
    resolution = {name: limits[name] for name in ("dmin", "dmax") if name in limits}
    if resolution:
        expected = expected.xtal.sel_resolution(**resolution)
    assert 0 < part.sizes["obs"] < 2000
    assert part.attrs["history"][0].endswith("selected")
    xr.testing.assert_identical(part.load().drop_attrs(deep=False), expected.drop_attrs(deep=False))


def test_history_of_a_resolution_range_is_that_of_selecting(tmp_path):
    ds = observations(500)
    ds.xtal.to_zarr(tmp_path / "a.zarr")
    part = xrefl.open_zarr(tmp_path / "a.zarr", dmin=5.0).load()
    xr.testing.assert_identical(part, ds.xtal.sel_resolution(dmin=5.0))


def test_part_of_merged(tmp_path, example):
    ds = xrefl.open_mtz(example)
    ds.xtal.to_zarr(tmp_path / "a.zarr", chunks=40, sort="resolution")
    part = xrefl.open_zarr(tmp_path / "a.zarr", dmin=2.0)
    expected = ds.xtal.sel_resolution(dmin=2.0)
    selected, before, *others = part.attrs["history"]
    assert before == "sorted by shell of resolution, h, k, l"
    assert [selected, *others] == expected.attrs["history"]
    part, expected = (one.xtal.sort_hkl().drop_attrs(deep=False) for one in (part, expected))
    xr.testing.assert_identical(part, expected)
    assert part.FP.sel(hkl=(1, 1, 2)) == ds.FP.sel(hkl=(1, 1, 2))


@pytest.fixture
def chunks_read(monkeypatch):
    """Return the list of chunks that have been read, such as ``I/c/3``."""
    keys: list[str] = []
    get = zarr.storage.LocalStore.get

    async def counted(self, key, *args, **kwargs):
        if "/c/" in key or key.startswith("c/"):
            keys.append(f"{self.root.name}/{key}" if key.startswith("c/") else key)
        return await get(self, key, *args, **kwargs)

    monkeypatch.setattr(zarr.storage.LocalStore, "get", counted)
    return keys


@pytest.mark.parametrize(
    ("sort", "limits"),
    [
        ("resolution", {"dmin": 6.0}),
        ("resolution", {"dmin": 3.3, "dmax": 3.5}),
        ("hkl", {"h": 2}),
        ("hkl", {"h": slice(-9, -8)}),
        (None, {"dmin": 6.0}),
    ],
)
@pytest.mark.parametrize("chunks", [None, {}])
def test_other_chunks_are_not_read(tmp_path, chunks_read, sort, limits, chunks):
    ds = observations(4000)
    ds = ds.assign_coords({name: ("obs", i) for name, i in zip("hkl", in_asu(ds), strict=True)})
    ds.xtal.to_zarr(tmp_path / "a.zarr", sort=sort, chunks=100)
    chunks_read.clear()
    part = xrefl.open_zarr(tmp_path / "a.zarr", chunks=chunks, **limits)
    opened = {key for key in chunks_read if not key.startswith("limits/")}
    assert {key.split("/")[0] for key in opened} == set("hkl")
    # Those that the rows fill, and one more at each end; a shell has 16 rows.
    most = 40 if sort is None else part.sizes["obs"] // 100 + 2
    assert len(opened) <= 3 * most < 3 * 20 or sort is None
    chunks_read.clear()
    part.I.compute()
    read = [key for key in chunks_read if key.startswith("I/")]
    assert len(set(read)) == len(read) <= most
    if sort is None:
        assert len(read) > 30


def test_nothing_but_attributes_is_read_of_the_whole(tmp_path, chunks_read):
    observations(500).xtal.to_zarr(tmp_path / "a.zarr", chunks=100)
    chunks_read.clear()
    xrefl.open_zarr(tmp_path / "a.zarr", chunks={})
    assert not chunks_read


@pytest.mark.parametrize(
    ("limits", "error", "message"),
    [
        ({"dmin": 99.0}, MillerIndexError, r"with d >= 99.0 Å; the store has h from -9"),
        ({"h": 10}, MillerIndexError, r"no reflections with h = 10; the store has h from -9 to 9"),
        ({"h": slice(3, 2)}, MillerIndexError, "no reflections with 3 <= h <= 2"),
        ({"dmin": 0.0}, MillerIndexError, "dmin must be a positive number of Å, found 0.0"),
        ({"dmin": float("nan")}, MillerIndexError, "dmin must be a positive"),
        ({"dmin": 3.0, "dmax": 3.0}, MillerIndexError, "dmax=3.0 must be greater than dmin=3.0"),
        ({"k": 1.5}, TypeError, "k must be an integer or a slice without a step, found 1.5"),
        ({"k": slice(0, 4, 2)}, TypeError, "k must be an integer or a slice"),
    ],
)  # fmt: skip
def test_bad_limits(tmp_path, limits, error, message):
    observations(50).xtal.to_zarr(tmp_path / "a.zarr")
    with pytest.raises(error, match=message):
        xrefl.open_zarr(tmp_path / "a.zarr", **limits)


def test_without_a_cell(tmp_path):
    ds = observations(50).drop_attrs(deep=False)
    ds.xtal.to_zarr(tmp_path / "a.zarr")
    assert xrefl.open_zarr(tmp_path / "a.zarr", h=3).sizes["obs"] == int((ds.h == 3).sum())
    with pytest.raises(CrystalError, match=r"has no unit cell.*assign_crystal"):
        xrefl.open_zarr(tmp_path / "a.zarr", dmin=3.0)
    with pytest.raises(CrystalError, match="not known"):
        ds.xtal.to_zarr(tmp_path / "b.zarr", sort="hkl")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


@pytest.mark.parametrize("sort", [None, "hkl", "resolution"])
@pytest.mark.parametrize("chunks", [None, {}])
def test_merging_from_a_store(tmp_path, sort, chunks):
    ds = observations(3000).assign(SIGI=("obs", np.linspace(1, 2, 3000), {"mtz_type": "Q"}))
    ds["h"].attrs["indices"] = "original"
    ds.xtal.to_zarr(tmp_path / "a.zarr", sort=sort, chunks=500)
    expected = ds.xtal.merge(intensity="I", sigma="SIGI").load()
    merged = xrefl.open_zarr(tmp_path / "a.zarr", chunks=chunks).xtal.merge(
        intensity="I", sigma="SIGI"
    )
    xr.testing.assert_allclose(merged.load(), expected, rtol=1e-6)
    part = xrefl.open_zarr(tmp_path / "a.zarr", chunks=chunks, dmin=5.0).xtal.merge(
        intensity="I", sigma="SIGI"
    )
    xr.testing.assert_allclose(part.load(), expected.xtal.sel_resolution(dmin=5.0), rtol=1e-6)
