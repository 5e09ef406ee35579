"""Maps: from structure factors and back, and what is done with their values."""

from __future__ import annotations

import io

import gemmi
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xrefl
from tests.lazy import nothing_computed
from tests.strategies import CELLS
from xrefl.errors import (
    CrystalError,
    FormatError,
    MillerIndexError,
    MissingColumnError,
    NotMergedError,
)

F, PHI = "pdbx_FWT", "pdbx_PHWT"
# One setting of each Laue class and lattice, with screw axes, glides and shifted origins.
GROUPS = {
    "P -1": (12, 13, 14, 80, 95, 105),
    "C 1 2 1": (20, 11, 14, 90, 101, 90),
    "P 1 1 21/b": (12, 13, 14, 90, 90, 105),
    "A 1 2/n 1": (12, 17, 14, 90, 101, 90),
    "F d d 2": (20, 22, 16, 90, 90, 90),
    "P n n n:1": (12, 13, 14, 90, 90, 90),
    "I 41/a m d:2": (15, 15, 20, 90, 90, 90),
    "P 43 21 2": (15, 15, 20, 90, 90, 90),
    "R 3 c:H": (15, 15, 20, 90, 90, 120),
    "R -3:R": (15, 15, 15, 85, 85, 85),
    "P 31 1 2": (15, 15, 20, 90, 90, 120),
    "P 65 2 2": (15, 15, 20, 90, 90, 120),
    "P 21 3": (15, 15, 15, 90, 90, 90),
    "F d -3 m:1": (20, 20, 20, 90, 90, 90),
    "I 41 3 2": (20, 20, 20, 90, 90, 90),
}


@pytest.fixture(scope="module")
def wkd():
    with xr.open_dataset(xrefl.tutorial.path("5wkd", kind="sf-mmcif")) as ds:
        return ds.load()


def random_structure_factors(spacegroup, cell, dmin=2.5, seed=0):
    """Return all reflections of atoms at random places, complex64."""
    hkl = xrefl.miller_indices(cell, spacegroup, dmin)
    places = np.random.default_rng(seed).random((4, 3))
    group = xrefl.SpaceGroup(spacegroup)
    atoms = np.concatenate([op.apply_to_xyz(places) for op in group.operations])
    values = np.exp(2j * np.pi * hkl @ atoms.T).sum(axis=1).astype(np.complex64)
    index = xrefl.HKLIndex.from_miller(*hkl.T, cell=cell, spacegroup=spacegroup)
    attrs = {"cell": list(map(float, cell)), "spacegroup": spacegroup}
    ds = xr.Dataset({"C": ("hkl", values)}, index.coordinates(), attrs)
    return ds.assign(ds.C.xtal.amplitude_phase())


def as_gemmi(ds):
    hkl = np.column_stack([ds[name].values for name in "hkl"])
    cell, group = gemmi.UnitCell(*ds.attrs["cell"]), gemmi.SpaceGroup(ds.attrs["spacegroup"])
    return gemmi.ComplexAsuData(cell, group, hkl, ds.C.values)


def test_maps_of_the_reference(wkd):
    rho = wkd.xtal.to_map(F, PHI, sample_rate=2.6)
    assert rho.shape == (72, 8, 24) and rho.dims == ("x", "y", "z") and rho.dtype == np.float32
    assert round(rho[1, 2, 3].item(), 5) == -0.40554
    assert round(rho.std().item(), 5) == 0.66338
    assert rho.x[1] == 1 / 72 and rho.z[-1] == 23 / 24
    assert rho.xtal.cell == wkd.xtal.cell and rho.xtal.spacegroup == wkd.xtal.spacegroup
    assert wkd.xtal.to_map(F, PHI, sample_rate=4).shape == (120, 12, 36)
    assert wkd.xtal.to_map(F, PHI, min_size=(127, 16, 31)).shape == (128, 16, 32)
    exact = wkd.xtal.to_map(F, PHI, exact_size=(70, 8, 24))
    assert exact.shape == (70, 8, 24) and round(exact.std().item(), 5) == 0.66338


def test_back_transforms_of_the_reference(wkd):
    rho = wkd.xtal.to_map(F, PHI, sample_rate=2.6)
    expected = pytest.approx(18.44025 + 26.18925j, abs=1e-4)  # "18.4402...+26.1892...j"
    grid = rho.xtal.to_grid()
    assert grid.shape == (72, 8, 24) and grid.dtype == np.complex64
    assert grid.sel(h=23, k=-1, l=-3).item() == expected
    half = rho.xtal.to_grid(half_l=True)
    assert half.shape == (72, 8, 13)
    assert half.sel(h=-23, k=1, l=3).item().conjugate() == expected
    listed = wkd.xtal.to_grid(F, PHI).xtal.to_structure_factors(dmin=1.8)
    assert listed.sizes["hkl"] == 407
    value = listed.xtal.structure_factor("F", "PHI").sel(hkl=(-6, 2, 5)).item()
    assert value == pytest.approx(-1.3769412 - 0.19008657j, rel=1e-6)


@pytest.mark.parametrize("name", GROUPS)
def test_maps_are_those_of_gemmi(name):
    ds = random_structure_factors(name, GROUPS[name])
    size = ds.xtal.grid_size(sample_rate=3)
    theirs = as_gemmi(ds).transform_f_phi_to_map(exact_size=size).array
    tolerance = 1e-6 * np.ptp(theirs)
    for rho in (
        ds.xtal.to_map("C", exact_size=size),
        ds.xtal.to_map("F", "PHI", exact_size=size),
        ds.xtal.to_grid("C", size=size).xtal.to_map(),
        ds.xtal.to_grid("C", size=size, half_l=True).xtal.to_map(),
    ):
        np.testing.assert_allclose(rho, theirs, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", GROUPS)
def test_reflections_of_maps_are_those_of_gemmi(name):
    ds = random_structure_factors(name, GROUPS[name])
    rho = ds.xtal.to_map("C", sample_rate=3)
    theirs = gemmi.transform_map_to_f_phi(
        gemmi.FloatGrid(rho.values, gemmi.UnitCell(*GROUPS[name]), gemmi.SpaceGroup(name))
    )
    np.testing.assert_allclose(rho.xtal.to_grid(), theirs.array, atol=2e-5 * abs(ds.C).max().item())
    options = [{}, {"dmin": 2.6}, {"with_000": True, "dmin": 3.01}, {"with_absent": True}]
    for one in options:
        renamed = {"with_absent": "with_sys_abs"}
        data = theirs.prepare_asu_data(**{renamed.get(k, k): v for k, v in one.items()})
        data.ensure_sorted()
        for source in (rho, rho.xtal.to_grid(), rho.xtal.to_grid(half_l=True)):
            ours = source.xtal.to_structure_factors(**one)
            hkl = np.column_stack([ours[letter].values for letter in "hkl"])
            np.testing.assert_array_equal(hkl, data.miller_array)
            values = ours.xtal.structure_factor("F", "PHI")
            np.testing.assert_allclose(values, data.value_array, atol=2e-5 * abs(ds.C).max().item())


def test_threads_change_nothing(monkeypatch):
    ds = random_structure_factors("P 21 21 21", (50, 60, 70, 90, 90, 90), 1.6)
    assert ds.sizes["hkl"] > 20_000
    results = []
    for threads in ("1", "3"):
        monkeypatch.setenv("XREFL_NUM_THREADS", threads)
        rho = ds.xtal.to_map("C", sample_rate=3)
        grid = ds.xtal.to_grid("C", half_l=True)
        back = rho.xtal.to_structure_factors(dmin=1.6)
        more = rho.xtal.to_grid(half_l=True), grid.xtal.to_map(), rho.xtal.symmetrize()
        results.append([rho, grid, back, *more])
    for one, other in zip(*results, strict=True):
        xr.testing.assert_identical(one, other)
    theirs = as_gemmi(ds).transform_f_phi_to_map(exact_size=rho.shape).array
    np.testing.assert_allclose(rho, theirs, rtol=0, atol=1e-6 * np.ptp(theirs))
    f = back.xtal.structure_factor("F", "PHI")
    np.testing.assert_allclose(f, ds.C.sel(hkl=f.hkl), atol=1e-5)
    np.testing.assert_allclose(rho.xtal.symmetrize(how="max"), rho, atol=1e-6 * np.ptp(theirs))


def test_blur_and_mott_bethe_are_those_of_gemmi(wkd):
    grid = wkd.xtal.to_grid(F, PHI)
    theirs = gemmi.transform_map_to_f_phi(
        gemmi.FloatGrid(
            grid.xtal.to_map().values, gemmi.UnitCell(*wkd.attrs["cell"]), gemmi.SpaceGroup("C2")
        )
    )
    for options in ({"unblur": 20.5}, {"mott_bethe": True}, {"unblur": -7, "mott_bethe": True}):
        data = theirs.prepare_asu_data(dmin=1.9, **options)
        data.ensure_sorted()
        ours = grid.xtal.to_structure_factors(dmin=1.9, **options)
        values = ours.xtal.structure_factor("F", "PHI")
        scale = abs(data.value_array).max()
        np.testing.assert_allclose(values, data.value_array, atol=2e-6 * scale)
    listed = grid.xtal.to_structure_factors(mott_bethe=True, with_000=True)
    assert listed.isnull().any("hkl").F and int(listed.F.isnull().sum()) == 1
    assert np.isnan(listed.F.sel(hkl=(0, 0, 0)))


def test_columns_of_reflections(wkd):
    ds = wkd.xtal.to_map(F, PHI, sample_rate=3).xtal.to_structure_factors(dmin=2)
    assert ds.F.attrs["mtz_type"] == "F" and ds.PHI.attrs["mtz_type"] == "P"
    assert ds.F.dtype == ds.PHI.dtype == np.float32
    assert ds.xtal.cell == wkd.xtal.cell and ds.xtal.spacegroup == wkd.xtal.spacegroup
    assert ds.xtal.spacegroup.in_asu((ds.h.values, ds.k.values, ds.l.values)).all()
    assert (np.diff(ds.hkl.values) > 0).all() and ds.xtal.d().min() >= 2


def test_map_coefficients_of_a_map_go_into_a_file(wkd, tmp_path):
    rho = wkd.xtal.to_map(F, PHI, sample_rate=2.6)
    ds = rho.xtal.to_structure_factors(dmin=1.8).rename(F="FWT", PHI="PHWT")
    ds.xtal.to_mtz(tmp_path / "map.mtz")
    mtz = gemmi.read_mtz_file(str(tmp_path / "map.mtz"))
    assert [column.type for column in mtz.columns] == list("HHHFP")
    again = mtz.transform_f_phi_to_map("FWT", "PHWT", exact_size=rho.shape)
    np.testing.assert_allclose(again.array, rho, atol=1e-5)


def test_another_crystal(wkd):
    rho = wkd.xtal.to_map(F, PHI, sample_rate=3)
    other = rho.xtal.assign_crystal(cell=(50, 5, 15, 90, 100, 90), spacegroup="P1")
    assert other.attrs["cell"] == [50, 5, 15, 90, 100, 90] and other.attrs["spacegroup"] == "P 1"
    assert rho.xtal.spacegroup == wkd.xtal.spacegroup and other.equals(rho)
    assert other.xtal.to_structure_factors(dmin=2).xtal.spacegroup.name == "P 1"
    assert rho.xtal.to_grid().xtal.assign_crystal(spacegroup=1).xtal.cell == wkd.xtal.cell
    column = wkd[F].xtal.assign_crystal(spacegroup="C 1 2/m 1")
    assert column.xtal.spacegroup.name == "C 1 2/m 1"


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(CELLS)), st.integers(0, 2**32 - 1))
def test_round_trip(name, seed):
    rng = np.random.default_rng(seed)
    group = xrefl.SpaceGroup(name)
    hkl, _ = group.to_asu(rng.integers(-7, 8, (40, 3)).astype(np.int32))
    hkl = np.unique(hkl, axis=0)
    hkl = hkl[~group.absent(hkl) & ~group.centric(hkl)]
    values = rng.normal(size=len(hkl)) + 1j * rng.normal(size=len(hkl))
    index = xrefl.HKLIndex.from_miller(*hkl.T, cell=CELLS[name], spacegroup=name)
    attrs = {"cell": list(CELLS[name]), "spacegroup": name}
    ds = xr.Dataset({"C": ("hkl", values.astype(np.complex64))}, index.coordinates(), attrs)
    least = rng.integers(1, 40, 3).tolist()
    rho = ds.xtal.to_map("C", min_size=least)
    back = rho.xtal.to_structure_factors(with_absent=True)
    f = back.xtal.structure_factor("F", "PHI")
    np.testing.assert_allclose(f.sel(hkl=ds.hkl), ds.C, atol=5e-6)
    assert int((abs(f) > 1e-5).sum()) == len(hkl)
    grid = ds.xtal.to_grid("C", size=rho.shape)
    np.testing.assert_allclose(rho.xtal.to_grid(), grid, atol=5e-6)
    np.testing.assert_allclose(grid.xtal.to_map(), rho, atol=1e-5 * np.ptp(rho.values) + 1e-12)


@pytest.mark.parametrize("size", [(9, 10, 7), (8, 9, 10), (1, 1, 1), (2, 1, 5)])
def test_maps_of_any_size(size):
    rng = np.random.default_rng(1)
    values = rng.normal(size=size)
    coords = {name: np.arange(n) / n for name, n in zip("xyz", size, strict=True)}
    attrs = {"cell": [10.0, 11.0, 12.0, 80.0, 85.0, 95.0], "spacegroup": "P 1"}
    for dtype in (np.float32, np.float64):
        rho = xr.DataArray(values.astype(dtype), coords, attrs=attrs)
        grid = rho.xtal.to_grid()
        assert grid.dtype == np.result_type(dtype, np.complex64)
        np.testing.assert_allclose(grid.xtal.to_map(), rho, atol=1e-6)
        h, k, l = (grid[name] for name in "hkl")
        turns = h * rho.x + k * rho.y + l * rho.z
        direct = (rho * np.exp(2j * np.pi * turns)).mean(("x", "y", "z")) * rho.xtal.cell.volume
        np.testing.assert_allclose(grid, direct.transpose("h", "k", "l"), atol=2e-3)
        listed = rho.xtal.to_structure_factors(with_000=True)
        assert listed.sizes["hkl"] == (np.prod([(n - 1) // 2 * 2 + 1 for n in size]) + 1) // 2
        f = listed.xtal.structure_factor("F", "PHI")
        expected = grid.sel(h=listed.h, k=listed.k, l=listed.l)
        np.testing.assert_allclose(f, expected, atol=2e-3)
        if size[2] % 2:
            with pytest.raises(FormatError, match=f"even number of points along z, not {size[2]}"):
                rho.xtal.to_grid(half_l=True)


def test_maps_in_any_order_of_dimensions(wkd):
    rho = wkd.xtal.to_map(F, PHI, sample_rate=2.6)
    turned = rho.transpose("z", "x", "y")
    xr.testing.assert_identical(turned.xtal.to_grid(), rho.xtal.to_grid())
    assert turned.xtal.symmetrize().dims == turned.dims
    xr.testing.assert_identical(
        turned.xtal.symmetrize().transpose(*rho.dims), rho.xtal.symmetrize()
    )


def test_lazy_columns_give_lazy_maps(wkd):
    lazy = wkd.chunk(hkl=100)
    with nothing_computed():
        rho = lazy.xtal.to_map(F, PHI, sample_rate=3)
        patterson = lazy.assign(F=lazy.F_meas_au.assign_attrs(mtz_type="F")).xtal.to_patterson("F")
        grid = rho.xtal.to_grid()
        back = rho.xtal.to_structure_factors(dmin=2, unblur=5)
        sigmas = rho.xtal.normalize()
        same = rho.xtal.symmetrize(how="mean")
        values = rho.xtal.interpolate([[1, 2, 3], [4, 5, 6]], order=3)
        again = grid.xtal.to_map()
        listed = grid.xtal.to_structure_factors(dmin=2)
    loaded = wkd.xtal.to_map(F, PHI, sample_rate=3)
    assert rho.chunks is not None and patterson.chunks is not None and back.F.chunks is not None
    xr.testing.assert_identical(rho.compute(), loaded)
    xr.testing.assert_identical(grid.compute(), loaded.xtal.to_grid())
    xr.testing.assert_identical(back.compute(), loaded.xtal.to_structure_factors(dmin=2, unblur=5))
    xr.testing.assert_allclose(sigmas.compute(), loaded.xtal.normalize())
    xr.testing.assert_identical(same.compute(), loaded.xtal.symmetrize(how="mean"))
    xr.testing.assert_identical(again.compute(), loaded.xtal.to_grid().xtal.to_map())
    expected = loaded.xtal.interpolate([[1, 2, 3], [4, 5, 6]], order=3)
    xr.testing.assert_identical(values.compute(), expected)
    assert listed.compute().sizes == back.sizes


def test_patterson(wkd):
    ds = wkd.assign(F=wkd.F_meas_au.fillna(0).assign_attrs(mtz_type="F"))
    ds = ds.assign(I=(ds.F**2).assign_attrs(mtz_type="J"))
    patterson = ds.xtal.to_patterson("F", sample_rate=3)
    assert patterson.xtal.spacegroup == xrefl.SpaceGroup("C 1 2/m 1")
    xr.testing.assert_allclose(patterson, ds.xtal.to_patterson("I", sample_rate=3))
    assert patterson[0, 0, 0] == patterson.max()
    np.testing.assert_allclose(patterson.xtal.symmetrize(how="mean"), patterson, atol=1e-3)
    whole = ds.xtal.expand_to_p1()
    x = np.array([3 / 90, 2 / 8, 5 / 30])
    turns = np.column_stack([whole[name].values for name in "hkl"]) @ x
    expected = 2 * (whole.I.values * np.cos(2 * np.pi * turns)).sum() / ds.xtal.cell.volume
    assert patterson[3, 2, 5].item() == pytest.approx(expected, rel=1e-4)
    with pytest.raises(FormatError, match="is of type P: set attrs"):
        wkd.xtal.to_patterson(PHI)


def test_map_coefficients(wkd):
    ds = xrefl.tutorial.open("5wkd")
    assert ds.xtal.map_coefficients("2fofc") == ("FWT", "PHWT")
    assert ds.xtal.map_coefficients("fofc") == ("DELFWT", "PHDELWT")
    assert wkd.xtal.map_coefficients("2fofc") == (F, PHI)
    phenix = ds.rename(FWT="2FOFCWT", PHWT="PH2FOFCWT").drop_vars("DELFWT")
    assert phenix.xtal.map_coefficients("2fofc") == ("2FOFCWT", "PH2FOFCWT")
    with pytest.raises(MissingColumnError, match=r"no map coefficients fofc: .*DELFWT and PHDELWT"):
        phenix.xtal.map_coefficients("fofc")
    assert ds.xtal.map_coefficients("2mFo-DFc") == ds.xtal.map_coefficients("2FOFC")
    assert ds.xtal.map_coefficients("mFo-DFc") == ("DELFWT", "PHDELWT")
    with pytest.raises(FormatError, match=r"'fofc' \(mFo-DFc\), not 'mfo'"):
        ds.xtal.map_coefficients("mfo")


def test_a_map_of_nothing_is_zero(wkd):
    for ds in (wkd.isel(hkl=slice(0)), wkd.assign({F: wkd[F] * np.nan})):
        rho = ds.xtal.to_map(F, PHI, min_size=(4, 4, 4))
        assert rho.size and not rho.any()
        assert not ds.xtal.to_grid(F, PHI).any()
    assert wkd.isel(hkl=slice(0)).xtal.to_map(F, PHI).xtal.to_structure_factors().sizes["hkl"] == 0


def test_a_section_is_not_taken_for_a_map(wkd):
    rho = wkd.xtal.to_map(F, PHI)
    assert rho.attrs["grid"] == [54, 6, 18]
    section = rho.isel(z=[0])
    with pytest.raises(FormatError, match=r"\(54, 6, 1\) points of the \(54, 6, 18\)"):
        section.xtal.to_grid()
    file = io.BytesIO()
    section.xtal.to_ccp4(file)
    assert xrefl.open_ccp4(file.getvalue()).attrs["grid"] == [54, 6, 18]


def test_limits_of_unblurring(wkd):
    rho = wkd.xtal.to_map(F, PHI)
    with pytest.raises(CrystalError, match=r"unblur=100000 multiplies amplitudes at .* by exp\("):
        rho.xtal.to_structure_factors(unblur=1e5)
    weak = rho.xtal.to_structure_factors(unblur=-1e5, dmin=2)
    assert (weak.F >= 0).all()


def test_bad_input(wkd):
    anomalous = xr.concat([wkd[[F, PHI]]] * 2, dim="friedel").assign_attrs(wkd.attrs)
    for method in ("to_map", "to_grid"):
        with pytest.raises(FormatError, match=r"choose one with ds.sel or ds.isel along \['frie"):
            getattr(anomalous.xtal, method)(F, PHI)
    unmerged = wkd.drop_indexes(["hkl", "h", "k", "l"]).drop_vars("hkl").rename(hkl="obs")
    for method in ("to_map", "to_patterson", "to_grid"):
        with pytest.raises(NotMergedError):
            getattr(unmerged.xtal, method)(F)
    with pytest.raises(FormatError, match="a map needs phases"):
        wkd.xtal.to_map(F)
    with pytest.raises(MissingColumnError):
        wkd.xtal.to_map(F, "nothing")
    with pytest.raises(MillerIndexError, match="no room for"):
        wkd.xtal.to_map(F, PHI, exact_size=(52, 6, 18))
    with pytest.raises(CrystalError, match=r"multiples of \(2, 2, 1\)"):
        wkd.xtal.to_map(F, PHI, exact_size=(55, 6, 18))
    rho = wkd.xtal.to_map(F, PHI)
    with pytest.raises(FormatError, match=r"not that of a whole unit cell.*complete_cell"):
        rho[3:].xtal.to_grid()
    with pytest.raises(FormatError, match="expected a map"):
        wkd.xtal.to_grid(F, PHI).xtal.normalize()
    with pytest.raises(FormatError, match="a map is of real numbers, not of complex64"):
        rho.astype(np.complex64).xtal.to_structure_factors()
    with pytest.raises(CrystalError, match="the space group is not known"):
        rho.drop_attrs().xtal.assign_crystal(cell=wkd.xtal.cell).xtal.symmetrize()
    with pytest.raises(FormatError, match="how must be 'sum', 'max' or 'mean', not 'min'"):
        rho.xtal.symmetrize(how="min")
    with pytest.raises(CrystalError, match="does not map the points"):
        rho[:, :1].assign_attrs(grid=[54, 1, 18]).xtal.symmetrize()
    for points in ([1, 2], "abc", 3.0):
        with pytest.raises(FormatError, match=r"points are numbers of shape \(..., 3\)"):
            rho.xtal.interpolate(points)
    with pytest.raises(FormatError, match="order of interpolation must be 1 or 3, not 2"):
        rho.xtal.interpolate([1, 2, 3], order=2)
    for dmin in (0, -1.0, np.nan):
        with pytest.raises(CrystalError):
            rho.xtal.to_structure_factors(dmin=dmin)
    with pytest.raises(CrystalError, match="unblur must be a finite"):
        rho.xtal.to_structure_factors(unblur=np.nan)
