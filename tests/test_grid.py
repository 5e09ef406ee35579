"""Reciprocal grids: their sizes, what is on them, and their resolution."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xrefl
from tests.lazy import nothing_computed
from xrefl.errors import (
    CrystalError,
    FormatError,
    MillerIndexError,
    MissingColumnError,
    NotMergedError,
)
from xrefl.fourier.size import suitable_size

F, PHI = "pdbx_FWT", "pdbx_PHWT"
CELL = (50.0, 60.0, 70.0, 90.0, 90.0, 90.0)


@pytest.fixture(scope="module")
def wkd():
    with xr.open_dataset(xrefl.tutorial.path("5wkd", kind="sf-mmcif")) as ds:
        return ds.load()


@pytest.fixture(scope="module")
def block():
    doc = gemmi.cif.read(str(xrefl.tutorial.path("5wkd", kind="sf-mmcif")))
    return gemmi.as_refln_blocks(doc)[0]


def reflections(hkl, values, spacegroup, cell=CELL, kind="F"):
    index = xrefl.HKLIndex.from_miller(*np.transpose(hkl), cell=cell, spacegroup=spacegroup)
    attrs = {"cell": list(cell), "spacegroup": spacegroup}
    return xr.Dataset({"F": ("hkl", values, {"mtz_type": kind})}, index.coordinates(), attrs)


def test_sizes_of_the_reference(wkd):
    assert wkd.xtal.grid_size() == (54, 6, 18)
    assert wkd.xtal.grid_size(min_size=(64, 8, 0)) == (64, 8, 18)
    assert wkd.xtal.grid_size(sample_rate=3.0) == (90, 8, 30)
    assert wkd.xtal.fits_into((54, 6, 18))
    assert not wkd.xtal.fits_into((52, 6, 18))


def test_sizes_are_those_of_gemmi_in_all_settings():
    for entry in gemmi.spacegroup_table():
        group = xrefl.SpaceGroup(entry.xhm())
        one = np.array([[0, 0, 1]], np.int32), np.ones(1, np.complex64)
        data = gemmi.ComplexAsuData(gemmi.UnitCell(50, 50, 50, 90, 90, 90), entry, *one)
        for least in ([1, 1, 3], [7, 11, 17], [23, 23, 23], [41, 13, 29], [101, 97, 88]):
            size = suitable_size(group, least)
            assert list(size) == data.get_size_for_hkl(min_size=least), entry.xhm()


def test_sample_rate_is_that_of_gemmi(wkd, block):
    for rate in (0.7, 1.5, 2.6, 3.0, 4.0, 5.3):
        assert list(wkd.xtal.grid_size(sample_rate=rate)) == block.get_size_for_hkl(
            sample_rate=rate
        )


def test_symmetry_mates_have_room():
    # (10, -5, 3) is a mate of (5, 5, 3); gemmi makes a grid of 12 x 12 and leaves it out
    ds = reflections([(5, 5, 3)], np.float32([1]), "P 6", (50, 50, 60, 90, 90, 120))
    assert ds.xtal.grid_size() == (24, 24, 8)
    assert not ds.xtal.fits_into((12, 12, 8))
    assert ds.xtal.to_grid("F").sel(h=10, k=-5, l=3).item() == 1
    with pytest.raises(
        MillerIndexError, match=r"\(12, 12, 8\) has no room for 1 of 1.*\(5, 5, 3\)"
    ):
        ds.xtal.to_grid("F", size=(12, 12, 8))
    clipped = ds.xtal.to_grid("F", size=(12, 12, 8), clip=True)
    assert np.count_nonzero(clipped) == 4
    assert clipped.sel(h=5, k=5, l=3) == clipped.sel(h=-5, k=-5, l=-3) == 1


def test_sizes_of_observations_and_of_nothing(wkd):
    unmerged = wkd.drop_indexes(["hkl", "h", "k", "l"]).drop_vars("hkl").rename(hkl="obs")
    assert unmerged.xtal.grid_size() == (54, 6, 18)
    assert unmerged.chunk(obs=100).xtal.grid_size(sample_rate=3) == (90, 8, 30)
    assert unmerged.xtal.fits_into((54, 6, 18))
    assert wkd.isel(hkl=slice(0)).xtal.grid_size(sample_rate=3) == (2, 2, 2)
    assert wkd[F].xtal.cell == wkd.xtal.cell
    with pytest.raises(NotMergedError):
        unmerged.xtal.to_grid(F, PHI)


def test_values_of_the_reference(wkd):
    grid = wkd.xtal.to_grid(F, PHI, size=(54, 6, 18))
    assert grid.dims == ("h", "k", "l") and grid.dtype == np.complex128
    assert grid.attrs["cell"] == wkd.attrs["cell"] and grid.attrs["half_l"] == 0
    assert grid.xtal.spacegroup == wkd.xtal.spacegroup and grid.xtal.cell == wkd.xtal.cell
    expected = 31.747737884521484 - 57.06287384033203j  # of 32 bits
    assert grid.sel(h=7, k=1, l=-5).item() == pytest.approx(expected, rel=2e-7)
    assert grid[-1, -1, -1].item() == pytest.approx(-178.310546875 + 99.20561218261719j, rel=2e-7)
    assert grid.xtal.inv_d2()[-1, -1, -1].item() == pytest.approx(0.0496019399792323, rel=1e-14)
    assert grid.xtal.d()[-1, -1, -1].item() == pytest.approx(4.490044743125198, rel=1e-14)
    assert grid.xtal.d().sel(h=0, k=0, l=0) == np.inf
    assert wkd.xtal.to_grid(F, PHI, half_l=True).shape == (54, 6, 10)


@pytest.mark.parametrize("half", [False, True])
def test_grids_are_those_of_gemmi(wkd, block, half):
    size = [60, 10, 24]
    ours = wkd.xtal.to_grid(F, PHI, size=size, half_l=half)
    theirs = block.get_f_phi_on_grid(F, PHI, size, half_l=half).array
    np.testing.assert_allclose(ours, theirs, atol=1e-6 * abs(theirs).max())
    single = block.get_value_on_grid("F_meas_au", size, half_l=half).array
    assert np.isnan(single).any()  # gemmi keeps missing values here
    ours = wkd.xtal.to_grid("F_meas_au", size=size, half_l=half)
    np.testing.assert_allclose(ours, np.nan_to_num(single), rtol=1e-6)


def test_precision_follows_the_columns(wkd):
    single = wkd.assign({F: wkd[F].astype(np.float32), PHI: wkd[PHI].astype(np.float32)})
    assert single.xtal.to_grid(F, PHI).dtype == np.complex64
    assert single.xtal.to_grid(F).dtype == np.float32
    assert wkd.xtal.to_grid(F).dtype == np.float64
    whole = single.assign(N=single[F].fillna(0).astype(np.int32)).xtal.to_grid("N")
    assert whole.dtype == np.float32
    both = single.assign(C=single.xtal.structure_factor(F, PHI))
    xr.testing.assert_equal(both.xtal.to_grid("C"), single.xtal.to_grid(F, PHI))


@pytest.mark.parametrize("half", [False, True])
def test_resolution_of_points(wkd, half):
    grid = wkd.xtal.to_grid(F, PHI, half_l=half)
    hkl = np.array(np.meshgrid(*(grid[n] for n in "hkl"), indexing="ij")).reshape(3, -1).T
    expected = wkd.xtal.cell.inv_d2(hkl).reshape(grid.shape)
    np.testing.assert_allclose(grid.xtal.inv_d2(), expected, rtol=1e-13, atol=1e-18)
    turned = grid.transpose("l", "h", "k").xtal.d()
    np.testing.assert_allclose(turned.transpose("h", "k", "l"), grid.xtal.d())
    assert turned.dims == ("l", "h", "k") and turned.attrs["units"] == "Å"
    np.testing.assert_array_equal(wkd[F].xtal.d(), wkd.xtal.d())
    np.testing.assert_array_equal(wkd[F].xtal.inv_d2(), wkd.xtal.inv_d2())


def test_a_reflection_keeps_its_own_value():
    # absent, and centric with a phase that symmetry does not allow
    ds = reflections([(0, 3, 0), (1, 0, 2)], np.complex64([2, 3j]), "P 1 21 1")
    for half in (False, True):
        grid = ds.xtal.to_grid("F", half_l=half)
        assert grid.sel(h=0, k=3, l=0) == 2 and grid.sel(h=0, k=-3, l=0) == 2
        assert grid.sel(h=1, k=0, l=2) == 3j


def test_missing_values_are_zero(wkd):
    ds = wkd.isel(hkl=slice(0, 3)).copy(deep=True)
    ds[F][0] = np.nan
    ds[PHI][1] = np.nan
    grid = ds.xtal.to_grid(F, PHI)
    present = ds.isel(hkl=[2]).xtal.to_grid(F, PHI, size=grid.shape)
    xr.testing.assert_equal(grid, present)
    assert not np.isnan(grid).any()


def test_lazy_columns_give_lazy_grids(wkd):
    lazy = wkd.chunk(hkl=100)
    with nothing_computed():
        grid = lazy.xtal.to_grid(F, PHI, half_l=True)
        d = grid.xtal.d()
        number = lazy.xtal.to_grid("F_meas_au")
    assert grid.chunks == ((54,), (6,), (10,)) and d.chunks is not None
    xr.testing.assert_identical(grid.compute(), wkd.xtal.to_grid(F, PHI, half_l=True))
    xr.testing.assert_identical(d.compute(), grid.compute().xtal.d())
    xr.testing.assert_identical(number.compute(), wkd.xtal.to_grid("F_meas_au"))


def test_arguments_are_not_changed(wkd):
    before = wkd.copy(deep=True)
    grid = wkd.xtal.to_grid(F, PHI)
    copy = grid.copy(deep=True)
    grid.xtal.to_map()
    grid.xtal.to_structure_factors(dmin=2)
    grid.xtal.d()
    xr.testing.assert_identical(grid, copy)
    xr.testing.assert_identical(wkd, before)


def test_frames_have_the_methods(wkd):
    numbers = wkd[[F, PHI]].assign_coords(wkd.coords)
    frame = numbers.xtal.to_dataframe()
    assert frame.xtal.grid_size() == (54, 6, 18) and frame.xtal.fits_into((54, 6, 18))
    xr.testing.assert_allclose(frame.xtal.to_grid(F, PHI), wkd.xtal.to_grid(F, PHI))
    assert frame.xtal.map_coefficients("2fofc") == (F, PHI)


def test_grids_survive_netcdf(wkd, tmp_path):
    value = wkd.xtal.to_grid("F_meas_au").rename("grid")
    value.to_netcdf(tmp_path / "grid.nc", engine="h5netcdf")
    with xr.open_dataarray(tmp_path / "grid.nc", engine="h5netcdf") as back:
        assert back.xtal.cell == wkd.xtal.cell
        xr.testing.assert_equal(back.xtal.d(), value.xtal.d())


def test_complex_grids_and_maps_survive_zarr(wkd, tmp_path):
    grid = wkd.xtal.to_grid(F, PHI, half_l=True)
    rho = grid.xtal.to_map()
    for obj in (grid, rho):
        obj.to_zarr(tmp_path / f"{obj.name}.zarr", consolidated=False)
        back = xr.open_dataarray(tmp_path / f"{obj.name}.zarr", engine="zarr", consolidated=False)
        xr.testing.assert_equal(back, obj)
        assert back.xtal.cell == wkd.xtal.cell and back.xtal.spacegroup == wkd.xtal.spacegroup
        xr.testing.assert_equal(
            back.xtal.to_structure_factors(dmin=2), obj.xtal.to_structure_factors(dmin=2)
        )


@pytest.mark.parametrize("half", [False, True])
def test_a_part_of_a_grid_is_not_taken_for_a_half(wkd, half):
    grid = wkd.xtal.to_grid(F, PHI, half_l=half)
    assert grid.attrs["grid"] == [54, 6, 18]
    part = grid.isel(l=slice(0, 5))  # as the half of a grid of 8 points would be
    for method in ("to_map", "to_structure_factors", "d"):
        with pytest.raises(FormatError, match=r"\(54, 6, 8\) points.*says \(54, 6, 18\)"):
            getattr(part.xtal, method)()
    with pytest.raises(FormatError, match="not that of a whole unit cell"):
        grid.isel(h=slice(0, 0)).xtal.to_map()
    with pytest.raises(FormatError, match="not that of a whole unit cell"):
        grid.assign_coords(k=list("abcdef")).xtal.to_map()
    with pytest.raises(FormatError, match="the coordinate 'l' is missing"):
        grid.drop_vars("l").xtal.d()
    for wrong in (np.full(grid.l.size, np.nan), grid.l.values * 1j, ["x"] * grid.l.size):
        with pytest.raises(FormatError, match="'l' is not that of a whole unit cell"):
            grid.assign_coords(l=wrong).xtal.d()
    with pytest.raises(FormatError, match="a reciprocal grid is of numbers, not of datetime64"):
        grid.real.astype("M8[s]").assign_attrs(grid.attrs).xtal.to_map()


def test_bad_input(wkd):
    with pytest.raises(MissingColumnError, match="no column 'nothing'"):
        wkd.xtal.to_grid("nothing", PHI)
    with pytest.raises(FormatError, match="of type P, whose values differ between symmetry mates"):
        wkd.assign({PHI: wkd[PHI].assign_attrs(mtz_type="P")}).xtal.to_grid(PHI)
    with pytest.raises(FormatError, match="half_l needs an even number of points along l, not 19"):
        wkd.xtal.to_grid(F, PHI, size=(54, 6, 19), half_l=True)
    with pytest.raises(FormatError, match="either the size, or min_size and sample_rate"):
        wkd.xtal.to_grid(F, PHI, size=(54, 6, 18), sample_rate=3)
    for size in ((54, 6), (54, 6, 0), (54, 6, 1.5), "abc"):
        with pytest.raises(CrystalError, match="a size is three whole numbers of at least 1"):
            wkd.xtal.to_grid(F, PHI, size=size)
    for rate in (0, -1, np.nan, np.inf):
        with pytest.raises(CrystalError, match="sample_rate must be a positive number"):
            wkd.xtal.grid_size(sample_rate=rate)
    pair = reflections([(1, 2, 3), (-1, -2, -3)], np.float32([1, 2]), "P 1")
    with pytest.raises(MillerIndexError, match="are equivalent"):
        pair.xtal.to_grid("F")
    grid = wkd.xtal.to_grid(F, PHI)
    for broken in (
        grid.isel(h=slice(0, 20)),
        grid.roll(l=1, roll_coords=True),
    ):
        with pytest.raises(FormatError, match="not that of a whole unit cell"):
            broken.xtal.to_map()
    with pytest.raises(FormatError, match="expected a reciprocal grid"):
        wkd[F].xtal.to_map()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 230), st.integers(0, 2**32 - 1))
def test_equal_reflections_give_equal_grids(number, seed):
    # whichever of the equivalents is listed
    group = xrefl.SpaceGroup(number)
    rng = np.random.default_rng(seed)
    hkl, _ = group.to_asu(rng.integers(-6, 7, (20, 3)).astype(np.int32))
    hkl = np.unique(hkl, axis=0)
    hkl = hkl[~group.absent(hkl) & ~group.centric(hkl)]
    values = rng.normal(size=len(hkl)) + 1j * rng.normal(size=len(hkl))
    ds = reflections(hkl, values, group.name, kind="F")
    whole = ds.xtal.expand_to_p1()
    size = ds.xtal.grid_size()
    ours = ds.xtal.to_grid("F", size=size)
    np.testing.assert_allclose(ours, whole.xtal.to_grid("F", size=size), atol=1e-12)
    op = group.operations[rng.integers(len(group.operations))]
    moved = reflections(
        op.apply_to_hkl(hkl), values * np.exp(1j * np.radians(op.phase_shift(hkl))), group.name
    )
    np.testing.assert_allclose(ours, moved.xtal.to_grid("F", size=size), atol=1e-12)
