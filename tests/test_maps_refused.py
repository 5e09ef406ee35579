"""What maps and grids refuse, what they say then, and what they take after all."""

from __future__ import annotations

import io

import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.lazy import nothing_computed
from xrefl.errors import CrystalError, FormatError, MillerIndexError, MissingColumnError


@pytest.fixture(scope="module")
def wkd():
    return xrefl.tutorial.open("5wkd").load()


@pytest.fixture(scope="module")
def rho(wkd):
    return wkd.xtal.to_map("FWT", "PHWT", sample_rate=3)


@pytest.fixture(scope="module")
def model():
    return xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model")).load()


TRANSFORMS = {
    "to_structure_factors": {}, "to_structure_factors to 3 Å": {"dmin": 3.0},
    "to_grid": {}, "to_grid with half of l": {"half_l": True},
}  # fmt: skip


@pytest.mark.parametrize("fill", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", TRANSFORMS)
def test_missing_points_of_a_map(rho, method, fill):
    holes = rho.copy(deep=True)
    holes[3, 4, 5] = holes[50, 1, 29] = fill
    name, options = method.split()[0], TRANSFORMS[method]
    with pytest.raises(FormatError, match=r"2 of 21,600 points of the map have no finite value"):
        getattr(holes.xtal, name)(**options)
    for chunks in ({}, {"x": 20}, {"z": 7}):
        with nothing_computed():
            lazy = getattr(holes.chunk(chunks).xtal, name)(**options)
        with pytest.raises(FormatError, match="have no finite value, and a Fourier"):
            lazy.compute()
    filled = holes.where(np.isfinite(holes), rho)
    xr.testing.assert_identical(
        getattr(filled.xtal, name)(**options), getattr(rho.xtal, name)(**options)
    )


@pytest.mark.parametrize("fill", [np.nan, np.inf])
@pytest.mark.parametrize("chunks", [None, {}, {"h": 7}])
def test_missing_points_of_a_grid(rho, chunks, fill):
    grid = rho.xtal.to_grid(half_l=True)
    grid = grid.where((grid.h != 3) | (grid.k != 1) | (grid.l != 2), fill)
    grid = grid if chunks is None else grid.chunk(chunks)
    with pytest.raises(FormatError, match=r"1 of .* points of the grid have no finite value"):
        grid.xtal.to_map().compute()


@pytest.mark.parametrize(
    ("kind", "what"),
    [("J", "intensities"), ("K", "intensities"), ("Q", "deviations"), ("L", "deviations"),
     ("M", "deviations"), ("W", "weights"), ("I", "whole numbers"), ("P", "phases")],
)  # fmt: skip
def test_what_is_no_amplitude(wkd, kind, what):
    ds = wkd.assign(X=wkd.FWT.assign_attrs(mtz_type=kind))
    text = rf"X is not a column of amplitudes but of .*{what}.*: its mtz_type is '{kind}'"
    for call in (ds.xtal.to_map, ds.xtal.to_grid, ds.xtal.structure_factor):
        with pytest.raises(FormatError, match=text) as caught:
            call("X", "PHWT")
        assert ("to_patterson" in str(caught.value)) == (kind in "JK")


@pytest.mark.parametrize("kind", ["F", "D", "E", "G", "R", None])
def test_what_is_an_amplitude(wkd, rho, kind):
    column = wkd.FWT.drop_attrs(deep=False)
    column = column if kind is None else column.assign_attrs(mtz_type=kind)
    ours = wkd.assign(X=column).xtal.to_map("X", "PHWT", sample_rate=3)
    np.testing.assert_array_equal(ours, rho)


def test_amplitudes_and_phases_of_one_column(wkd):
    for call in (wkd.xtal.to_map, wkd.xtal.to_grid):
        with pytest.raises(FormatError, match=r"amplitudes and phases are both .* 'PHWT'"):
            call("PHWT", "PHWT")


def test_sizes_beyond_memory(wkd):
    with pytest.raises(CrystalError, match=r"points needs [\d,]+ GB, more than there is memory"):
        wkd.xtal.to_map("FWT", "PHWT", sample_rate=10_000)
    with pytest.raises(CrystalError, match=r"= 1,000,000,000,000,000 points needs 8,000,000 GB"):
        wkd.xtal.to_grid("FWT", "PHWT", size=(100_000, 100_000, 100_000))
    with pytest.raises(CrystalError, match="no axis may have more than 1,048,576"):
        wkd.xtal.to_map("FWT", "PHWT", sample_rate=1e300)
    with nothing_computed():
        lazy = wkd.xtal.to_map("FWT", "PHWT", exact_size=(9000, 4000, 9000), chunks={})
    assert lazy.nbytes > 1e12 and lazy.isel(z=0, x=slice(2), y=slice(2)).sizes == {"x": 2, "y": 2}


def test_no_room_names_what_the_method_can_do(wkd):
    with pytest.raises(MillerIndexError, match=r"no room .*sel_resolution\(dmin=...\)$"):
        wkd.xtal.to_map("FWT", "PHWT", exact_size=(30, 8, 30))
    with pytest.raises(MillerIndexError, match=r"no room .*leave them out with clip=True$"):
        wkd.xtal.to_grid("FWT", "PHWT", size=(30, 8, 30))


def test_maps_have_no_miller_indices(rho):
    for call in (
        rho.xtal.d, rho.xtal.inv_d2, rho.xtal.centric, lambda: rho.xtal.is_merged,
        lambda: rho.xtal.resolution,
    ):  # fmt: skip
        with pytest.raises(MillerIndexError, match="this is a map; it has no Miller indices"):
            call()
    with pytest.raises(MillerIndexError, match="this is a reciprocal grid, and no list"):
        rho.xtal.to_grid().xtal.resolution  # noqa: B018


def test_a_cell_that_got_lost(rho):
    other = rho.assign_attrs(cell=[50.3, 4.8, 14.7, 90.0, 101.7, 90.0])
    with xr.set_options(keep_attrs=True):
        attrs = {key: value for key, value in rho.attrs.items() if other.attrs[key] == value}
    difference = (rho - other).drop_attrs().assign_attrs(attrs)
    with pytest.raises(CrystalError, match=r"no attrs\['cell'\]. Arithmetic of two maps .* alike"):
        difference.xtal.to_grid()
    with pytest.raises(CrystalError, match="the space group is not known: there is no attrs"):
        difference.drop_attrs().assign_attrs(cell=rho.attrs["cell"]).xtal.to_grid()


def test_a_map_from_a_file_has_the_cell_of_its_source(rho):
    file = io.BytesIO()
    rho.xtal.to_ccp4(file)
    read = xrefl.open_ccp4(file.getvalue())
    assert read.attrs["cell"] == rho.attrs["cell"] == [50.347, 4.777, 14.746, 90.0, 101.73, 90.0]
    again = io.BytesIO()
    read.xtal.to_ccp4(again)
    assert again.getvalue()[:224] == file.getvalue()[:224]
    ds = xr.open_dataset(file.getvalue(), engine="ccp4")
    assert ds.attrs == {"cell": rho.attrs["cell"], "spacegroup": "C 1 2 1"}
    assert ds.xtal.spacegroup.number == 5
    assert not (rho - read).any()


def test_maps_without_coordinates(rho, model):
    plain = rho.drop_vars(["x", "y", "z"])
    calls = {
        "normalize": {}, "symmetrize": {}, "to_grid": {}, "to_structure_factors": {"dmin": 2.0},
        "complete_cell": {}, "statistics": {}, "interpolate": {"points": model},
        "box_around": {"model": model, "margin": 2},
    }  # fmt: skip
    for name, options in calls.items():
        ours = getattr(plain.xtal, name)(**options)
        expected = getattr(rho.xtal, name)(**options)
        if name == "normalize":  # point by point, so that there are still none
            assert not ours.coords
            expected = expected.drop_vars(["x", "y", "z"])
        xr.testing.assert_identical(ours, expected)
    with pytest.raises(FormatError, match="the coordinate 'z' is not that of a whole unit cell"):
        plain[:, :, :10].xtal.to_grid()


def test_one_atom(rho, model):
    one, alone = model.isel(atom=7), model.isel(atom=[7])
    xr.testing.assert_identical(rho.xtal.mask_around(one, 2), rho.xtal.mask_around(alone, 2))
    xr.testing.assert_identical(rho.xtal.box_around(one, 2), rho.xtal.box_around(alone, 2))
    assert rho.xtal.interpolate(one).item() == rho.xtal.interpolate(alone).item()


def test_positions_of_a_model(rho, model):
    ours = rho.xtal.interpolate(model, order=3)
    xr.testing.assert_identical(ours, rho.xtal.interpolate(model.xyz, order=3))
    turned = model.assign(xyz=model.xyz.transpose())
    np.testing.assert_array_equal(rho.xtal.interpolate(turned, order=3), ours)
    with pytest.raises(FormatError, match="a model are in Å; leave cartesian=False out"):
        rho.xtal.interpolate(model, cartesian=False)
    with pytest.raises(MissingColumnError, match="no positions 'xyz'"):
        rho.xtal.interpolate(model.drop_vars("xyz"))


def test_small_things(rho):
    assert rho.xtal.statistics().points.dtype == np.int64
    with nothing_computed():
        assert rho.chunk(x=20).xtal.statistics().points.dtype == np.int64
    for unblur in ("a", np.nan):
        with pytest.raises(CrystalError, match="unblur must be a finite B"):
            rho.xtal.to_structure_factors(unblur=unblur)
    np.testing.assert_allclose(rho.xtal.symmetrize(), rho, atol=2e-6)


def test_every_other_section_is_a_coarser_map(rho):
    half = rho.isel(z=slice(None, None, 2))
    assert half.attrs["grid"] == [90, 8, 30]  # left behind; coordinates count
    file = io.BytesIO()
    half.xtal.to_ccp4(file)
    assert xrefl.open_ccp4(file.getvalue()).attrs["grid"] == [90, 8, 15]
    assert half.xtal.to_grid().attrs["grid"] == [90, 8, 15]


def test_restored_maps_and_grids(rho, tmp_path):
    rho = rho.assign_attrs(labels=["one line"])
    rho.to_netcdf(tmp_path / "map.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "map.nc") as ds:
        stored = ds.load()
    for restored in (xrefl.restore(stored)["map"], xrefl.restore(stored["map"])):
        xr.testing.assert_identical(restored, rho)
        assert all(type(value) in (list, str) for value in restored.attrs.values())
    grid = rho.xtal.to_grid()
    changed = grid.assign_attrs(cell=np.array(grid.attrs["cell"]))
    assert xrefl.restore(changed).attrs == grid.attrs
    with pytest.raises(MissingColumnError, match="nothing to restore"):
        xrefl.restore(rho.isel(x=0))


def test_a_map_in_place_of_reflections(rho, tmp_path):
    for name in ("map.ccp4", "map.ccp4.gz"):
        rho.xtal.to_ccp4(tmp_path / name)
        for opened in (xrefl.open_mtz, xrefl.open_reflections):
            with pytest.raises(
                FormatError, match=rf"{name} is a CCP4 map, and no file.*xrefl.open_ccp4"
            ):
                opened(tmp_path / name)
        with xr.open_dataset(tmp_path / name) as ds:
            assert list(ds.data_vars) == ["density"]
