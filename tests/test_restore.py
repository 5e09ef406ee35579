import dask
import numpy as np
import pytest
import xarray as xr

import xrefl
from tests import mtz_bytes
from xrefl import restore
from xrefl.errors import (
    CrystalMismatchError,
    FormatWarning,
    MillerIndexError,
    MissingColumnError,
)
from xrefl.hkl.index import HKLIndex, MillerIndex

ROWS = np.array([(2, 0, -2), (0, 0, 4), (0, 2, 1), (1, -1, 0), (1, 3, 2)])
CELL = [10.0, 11.0, 12.0, 90.0, 95.0, 90.0]


@pytest.fixture
def merged():
    index = HKLIndex.from_miller(*ROWS.T, cell=CELL, spacegroup="P 1 21 1")
    ds = xr.Dataset(
        {
            "FP": ("hkl", np.float32([1, 2, np.nan, 4, 5]), {"mtz_type": "F", "dataset_id": 1}),
            "FREE": ("hkl", np.int32([0, 1, 0, 1, 0]), {"mtz_type": "I"}),
        },
        coords=index.coordinates(),
        attrs={
            "cell": CELL,
            "spacegroup": "P 1 21 1",
            "title": "a test",
            "history": ["one line"],
            "wavelength": 0.9795,
        },
    )
    ds.h.attrs["mtz_type"] = "H"
    return ds


@pytest.fixture
def unmerged():
    h, k, l = np.int32([(1, 1, 2), (0, 0, 0), (3, 3, 1)])
    return xr.Dataset(
        {"I": ("obs", np.float32([1, 2, 3]), {"scale": np.float64(2.5)})},
        coords={"h": ("obs", h), "k": ("obs", k), "l": ("obs", l)},
        attrs={"cell": np.array(CELL), "spacegroup": "P 1", "history": "one line"},
    )


def forbid(*args, **kwargs):
    raise AssertionError("computed")


def through_netcdf(obj, folder, **options):
    path = folder / "reflections.nc"
    obj.to_netcdf(path, engine="h5netcdf")
    opener = xr.open_dataarray if isinstance(obj, xr.DataArray) else xr.open_dataset
    return opener(path, engine="h5netcdf", **options)


def through_zarr(obj, folder, **options):
    path = folder / "reflections.zarr"
    obj.to_zarr(path, zarr_format=3, consolidated=False)
    opener = xr.open_dataarray if isinstance(obj, xr.DataArray) else xr.open_dataset
    return opener(path, engine="zarr", consolidated=False, **options)


@pytest.fixture(params=[through_netcdf, through_zarr], ids=["netcdf", "zarr"])
def reopen(request, tmp_path):
    opened = []

    def roundtrip(obj, **options):
        opened.append(request.param(obj, tmp_path, **options))
        return opened[-1]

    yield roundtrip
    for obj in opened:
        obj.close()


def check_restored(restored, original):
    xr.testing.assert_identical(restored, original)
    assert isinstance(restored.xindexes["hkl"], HKLIndex)
    assert isinstance(restored.xindexes["h"], MillerIndex)
    assert list(restored.xindexes) == ["hkl", "h", "k", "l"]
    assert restored.xindexes["hkl"].cell == tuple(CELL)
    assert restored.xindexes["h"].spacegroup == "P 1 21 1"
    assert restored.attrs == original.attrs
    for name, value in original.attrs.items():
        assert type(restored.attrs[name]) is type(value)


@pytest.mark.parametrize("options", [{}, {"chunks": {}}], ids=["eager", "chunks"])
def test_round_trip(merged, reopen, options):
    stored = reopen(merged, **options)
    before = stored.copy(deep=False)
    restored = xrefl.restore(stored)
    if options:
        assert restored.FP.chunks is not None
        with dask.config.set(scheduler=forbid), pytest.raises(AssertionError):
            restored.FP.compute()
    xr.testing.assert_identical(stored, before)
    assert not isinstance(stored.xindexes["hkl"], HKLIndex)
    check_restored(restored, merged)
    assert (restored.FP - merged.FP).sum() == 0
    assert restored.sel(hkl=(1, 3, 2)).FP == 5
    assert type(restored.FP.attrs["dataset_id"]) is int
    assert restored.h.attrs == {"mtz_type": "H"}
    check_restored(xrefl.restore(restored), merged)


def test_data_are_not_computed(merged, reopen):
    stored = reopen(merged, chunks={})
    lazy = stored.assign(
        FP=stored.FP.copy(data=dask.array.from_delayed(dask.delayed(forbid)(), (5,), np.float32))
    )
    assert xrefl.restore(lazy).FP.chunks == ((5,),)


def test_round_trip_of_a_dataarray(merged, reopen):
    array = merged.FP.assign_attrs(merged.attrs)
    restored = xrefl.restore(reopen(array))
    check_restored(restored, array)


def test_several_lines_of_history(merged, reopen):
    merged.attrs["history"] = ["the first", "the second, and longer"]
    assert xrefl.restore(reopen(merged)).attrs["history"] == merged.attrs["history"]


def test_no_history(merged, reopen):
    merged.attrs["history"] = []
    assert xrefl.restore(reopen(merged)).attrs["history"] == []


def test_coordinates_in_another_order(merged):
    bare = merged.drop_indexes(["hkl", "h", "k", "l"])
    shuffled = bare.drop_vars(["hkl", "h", "k", "l"]).assign_coords(
        {name: bare[name].variable for name in ("k", "l", "h", "hkl")}
    )
    check_restored(xrefl.restore(shuffled), merged)


def test_without_the_packed_coordinate(merged):
    bare = merged.drop_indexes(["hkl", "h", "k", "l"]).drop_vars("hkl")
    check_restored(xrefl.restore(bare), merged)


def test_without_h_k_l(merged):
    bare = merged.drop_indexes(["hkl", "h", "k", "l"]).drop_vars(["h", "k", "l"])
    del merged.h.attrs["mtz_type"]
    check_restored(xrefl.restore(bare), merged)


def test_miller_indices_as_columns(merged):
    bare = merged.drop_indexes(["hkl", "h", "k", "l"]).drop_vars("hkl")
    check_restored(xrefl.restore(bare.reset_coords(["h", "k", "l"])), merged)


def test_without_a_crystal(merged):
    bare = merged.drop_indexes(["hkl", "h", "k", "l"])
    bare.attrs = {}
    restored = xrefl.restore(bare)
    assert restored.xindexes["hkl"].cell is None
    assert restored.attrs == {}


def test_unmerged_data_keep_their_rows(unmerged, reopen):
    restored = xrefl.restore(reopen(unmerged))
    assert not restored.xindexes
    assert restored.h.values.tolist() == [1, 1, 2]
    assert restored.attrs == {"cell": CELL, "spacegroup": "P 1", "history": ["one line"]}
    assert type(restored.I.attrs["scale"]) is float


def test_cell_is_made_of_floats(merged):
    merged.attrs["cell"] = [int(parameter) for parameter in CELL]
    assert [type(parameter) for parameter in xrefl.restore(merged).attrs["cell"]] == [float] * 6


def test_attributes_of_the_given_object_stay(unmerged):
    xrefl.restore(unmerged)
    assert type(unmerged.attrs["cell"]) is np.ndarray
    assert unmerged.attrs["history"] == "one line"
    assert type(unmerged.I.attrs["scale"]) is np.float64


def test_an_index_of_another_crystal_is_not_overridden(merged):
    merged.attrs["cell"] = [20.0, *CELL[1:]]
    with pytest.raises(CrystalMismatchError, match="unit cells"):
        xrefl.restore(merged)


def test_what_the_index_knows_is_kept(merged):
    merged.attrs = {}
    restored = xrefl.restore(merged)
    assert restored.xindexes["hkl"].spacegroup == "P 1 21 1"


def test_contradicting_coordinates(merged):
    bare = merged.drop_indexes(["hkl", "h", "k", "l"])
    with pytest.raises(MillerIndexError, match="does not hold the packed h, k and l"):
        xrefl.restore(bare.assign_coords(h=-bare.h))


def test_duplicates(merged):
    twice = merged.isel(hkl=[0, 1, 0]).drop_indexes(["hkl", "h", "k", "l"])
    with pytest.raises(MillerIndexError, match=r"\(2 0 -2\) is in rows 0 and 2"):
        xrefl.restore(twice)


@pytest.mark.parametrize(
    "obj",
    [
        xr.Dataset({"x": ("atom", [1.0])}),
        xr.Dataset({"FP": ("hkl", [1.0])}),
        xr.Dataset({"FP": ("hkl", [1.0])}, coords={"hkl": [0]}),
    ],
)
def test_nothing_to_restore(obj):
    with pytest.raises(MissingColumnError):
        xrefl.restore(obj)


def observations() -> xr.Dataset:
    return xrefl.open_mtz(mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS, batches=(7, 8))).load()


@pytest.mark.parametrize("operations", [["X,Y,Z"], ["x,y,z", "-x,y+1/2,-z"]])
def test_observations_with_batches_through_netcdf(tmp_path, operations):
    ds = observations().assign_attrs(symmetry_operations=operations)
    with pytest.raises(ValueError, match="slashes"):
        ds.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    ds.rename({"M/ISYM": "M_ISYM"}).to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "b.nc", engine="h5netcdf") as stored:
        assert restore(stored.load()).identical(ds)


def test_observations_with_batches_through_zarr(tmp_path):
    ds = observations()
    ds.rename({"M/ISYM": "M_ISYM"}).to_zarr(tmp_path / "a.zarr", consolidated=False)
    stored = restore(xr.open_zarr(tmp_path / "a.zarr", consolidated=False).load())
    assert set(stored.data_vars) == set(ds.data_vars)
    for name in ds.data_vars:
        xr.testing.assert_identical(stored[name], ds[name])
    for name in ds.coords:
        np.testing.assert_array_equal(stored[name], ds[name])
    with pytest.warns(FormatWarning, match="M/ISYM is not there"):
        restore(ds.drop_vars("M/ISYM"))


def test_renamed_column_is_written_under_its_label():
    from tests.test_mtz_write import gemmi_reads, written

    ds = observations().rename({"M/ISYM": "M_ISYM", "I": "J"})
    assert [c.label for c in gemmi_reads(written(ds)).columns[3:]] == ["M/ISYM", "BATCH", "J"]
