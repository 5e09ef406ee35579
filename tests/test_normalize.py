"""Normalized amplitudes, their anisotropy, and their moments."""

from __future__ import annotations

import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path

import gemmi
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xrefl
from tests import strategies
from tests.lazy import nothing_computed
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalMismatchError, MillerIndexError, MissingColumnError
from xrefl.statistics.anisotropy import allowed_tensors

CELLS = {
    "P 1": (29.0, 31.0, 34.0, 80.0, 95.0, 101.0),
    "C 1 2 1": (65.0, 34.0, 40.0, 90.0, 103.0, 90.0),
    "P 1 1 21": (35.0, 44.0, 40.0, 90.0, 90.0, 103.0),
    "P 21 21 21": (44.0, 48.0, 51.0, 90.0, 90.0, 90.0),
    "P 43 21 2": (60.0, 60.0, 70.0, 90.0, 90.0, 90.0),
    "R 3 2:H": (70.0, 70.0, 75.0, 90.0, 90.0, 120.0),
    "I 2 3": (85.0, 85.0, 85.0, 90.0, 90.0, 90.0),
}
U = np.array([[0.09, 0.03, -0.02], [0.03, -0.05, 0.015], [-0.02, 0.015, -0.04]])
COMPONENTS = (0, 1, 2, 0, 0, 1), (0, 1, 2, 1, 2, 2)


def wilson_data(
    name: str, *, seed: int = 0, dmin: float = 2.0, u: np.ndarray | None = None, twin: bool = False
) -> xr.Dataset:
    """Return reflections with Wilson's distribution of intensities, B = 25."""
    rng = np.random.default_rng(seed)
    group, cell = SpaceGroup(name), xrefl.UnitCell(*CELLS[name])
    hkl = xrefl.miller_indices(cell, group, dmin)
    mean = 300 * np.exp(-25 * cell.inv_d2(hkl) / 2) * group.epsilon(hkl)
    if u is not None:
        s = hkl @ cell.fractionalization
        mean *= np.exp(-4 * np.pi**2 * np.einsum("ni,ij,nj->n", s, u, s))
    size = len(hkl)

    def drawn() -> np.ndarray:
        return np.where(group.centric(hkl), rng.chisquare(1, size), rng.exponential(size=size))

    intensity = mean * ((drawn() + drawn()) / 2 if twin else drawn())
    index = xrefl.HKLIndex.from_miller(*hkl.T, cell=cell.parameters, spacegroup=group.name)
    columns = {
        "F": ("hkl", np.sqrt(intensity), {"mtz_type": "F"}),
        "I": ("hkl", intensity, {"mtz_type": "J"}),
    }
    attrs = {"cell": list(cell.parameters), "spacegroup": group.name}
    return xr.Dataset(columns, index.coordinates(), attrs)


def observations(ds: xr.Dataset) -> xr.Dataset:
    """Return the same reflections as observations."""
    coords = {name: ("obs", ds[name].values) for name in "hkl"}
    columns = {name: ("obs", c.values, c.attrs) for name, c in ds.data_vars.items()}
    return xr.Dataset(columns, coords, ds.attrs)


@pytest.mark.parametrize("name", CELLS)
def test_mean_of_e2_is_one_at_every_resolution(name):
    ds = wilson_data(name)
    e = ds.xtal.normalize("F")
    found = ds.xtal.moments(e, by=ds.xtal.shells(8))
    for kind, variance in (("acentric", 1.0), ("centric", 2.0)):
        part = found.sel(centric=kind).where(found.n.sel(centric=kind) > 20, drop=True)
        assert (abs(part.second - 1) < 4 * np.sqrt(variance / part.n)).all()
    both = (e**2).groupby(hkl=ds.xtal.shells(8)).mean()
    np.testing.assert_allclose(both, 1, atol=0.04)
    assert e.name == "E"
    assert e.attrs["mtz_type"] == "E"


@pytest.mark.parametrize("twin", [False, True])
def test_moments_are_those_of_the_theory(twin):
    ds = wilson_data("P 43 21 2", dmin=1.4, twin=twin)
    found = ds.xtal.moments(ds.xtal.normalize("I"))
    acentric, centric = (found.sel(centric=kind) for kind in ("acentric", "centric"))
    expected = (0.940, 1, 1.5, 0.541) if twin else (0.886, 1, 2, 0.736)
    names = ("mean_e", "second", "fourth", "mean_abs_e2_minus_1")
    for name, value in zip(names, expected, strict=True):
        assert float(acentric[name]) == pytest.approx(value, abs=0.04 if name == "fourth" else 0.01)
    if not twin:
        for name, value in zip(names, (0.798, 1, 3, 0.968), strict=True):
            assert float(centric[name]) == pytest.approx(
                value, abs=0.3 if name == "fourth" else 0.04
            )
    assert int(acentric.n) == int((~ds.xtal.centric()).sum())
    assert int(centric.n) == int(ds.xtal.centric().sum())


def test_amplitudes_intensities_and_squares_agree():
    ds = wilson_data("C 1 2 1")
    e = ds.xtal.normalize("F")
    np.testing.assert_allclose(ds.xtal.normalize("I"), e, rtol=1e-12)
    e2 = ds.xtal.normalize("I", squared=True)
    np.testing.assert_allclose(e2, e**2, rtol=1e-12)
    assert (e2.name, e2.attrs["mtz_type"]) == ("E2", "R")
    first, second = ds.xtal.moments(e), ds.xtal.moments(e2, squared=True)
    xr.testing.assert_allclose(first, second)


def test_curve_is_the_one_defined():
    """ln of the mean of I/ε is linear in 1/d² between the centres of shells, and beyond them."""
    ds = wilson_data("C 1 2 1", dmin=3)
    shells = ds.xtal.shells(5)
    x, codes = ds.xtal.inv_d2().values, shells.assign(ds).values
    scaled = ds.I.values / ds.xtal.epsilon().values
    centres = np.array([x[codes == i].mean() for i in range(5)])
    levels = np.log([scaled[codes == i].mean() for i in range(5)])
    middle = (x >= centres[0]) & (x <= centres[-1])
    expected = np.exp(np.interp(x, centres, levels))
    e2 = ds.xtal.normalize("I", shells=shells, squared=True).values
    np.testing.assert_allclose(e2[middle], (scaled / expected)[middle], rtol=1e-12)
    first = levels[0] + (levels[1] - levels[0]) * (x - centres[0]) / (centres[1] - centres[0])
    low = x < centres[1]
    np.testing.assert_allclose(e2[low], (scaled / np.exp(first))[low], rtol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_anisotropy_is_found(name):
    cell, group = xrefl.UnitCell(*CELLS[name]), SpaceGroup(name)
    tensors = allowed_tensors(cell, group)
    u = np.einsum("nij,ij,nkl->kl", tensors, U, tensors)  # what symmetry leaves of it
    ds = wilson_data(name, u=u)
    e = ds.xtal.normalize("F", anisotropic=True)
    found = np.array(e.attrs["u_aniso"])
    np.testing.assert_allclose(found, u[COMPONENTS], atol=0.008)
    assert abs(found[:3].sum()) < 1e-12
    plain = ds.xtal.normalize("F")
    if len(tensors) == 0:
        assert (found == 0).all()
        np.testing.assert_allclose(e, plain, rtol=1e-12)
        return
    # along the directions of the largest and the smallest falloff <E²> is 1, too
    s = np.column_stack([ds[i].values for i in "hkl"]) @ cell.fractionalization
    falloff = np.einsum("ni,ij,nj->n", s, u, s)
    far = (falloff > np.quantile(falloff, 0.9)), (falloff < np.quantile(falloff, 0.1))
    for rows in far:
        assert float((e**2)[rows].mean()) == pytest.approx(1, abs=4 * np.sqrt(1.3 / rows.sum()))
    assert float((plain**2)[far[1]].mean() / (plain**2)[far[0]].mean()) > 1.3


@pytest.mark.parametrize(
    ("name", "count"),
    [("P 1", 5), ("C 1 2 1", 3), ("P 1 1 21", 3), ("P 21 21 21", 2), ("P 43 21 2", 1),
     ("R 3 2:H", 1), ("I 2 3", 0)],
)  # fmt: skip
def test_tensors_that_symmetry_allows(name, count):
    cell, group = xrefl.UnitCell(*CELLS[name]), SpaceGroup(name)
    tensors = allowed_tensors(cell, group)
    assert len(tensors) == count
    np.testing.assert_allclose(np.trace(tensors, axis1=1, axis2=2), 0, atol=1e-12)
    scalars = np.einsum("nij,mij->nm", tensors, tensors)
    np.testing.assert_allclose(scalars, np.eye(count), atol=1e-12)
    for R in group.primitive_rotations:
        turned = cell.orthogonalization @ R @ cell.fractionalization
        np.testing.assert_allclose(turned @ tensors @ turned.T, tensors, atol=1e-12)


def test_no_anisotropy_in_isotropic_data():
    u = np.array(wilson_data("P 1").xtal.normalize("F", anisotropic=True).attrs["u_aniso"])
    assert abs(u).max() < 0.006


@pytest.mark.parametrize("strength", [3, 6])
def test_strong_anisotropy(strength):
    ds = wilson_data("P 1", u=strength * U)
    found = ds.xtal.normalize("F", anisotropic=True).attrs["u_aniso"]
    np.testing.assert_allclose(found, strength * U[COMPONENTS], atol=0.015)


@settings(max_examples=30)
@given(strategies.merged_datasets(), st.integers(1, 5))
def test_any_data(ds, n):
    """The result is finite or NaN whatever the values; scale and order do not matter."""
    rng = np.random.default_rng(n)
    values = np.where(rng.random(ds.sizes["hkl"]) < 0.2, np.nan, rng.normal(1, 1, ds.sizes["hkl"]))
    column = ds.assign(I=("hkl", values, {"mtz_type": "J"})).I
    if not ((~ds.xtal.absent()) & (ds.xtal.inv_d2() > 0)).any():
        with pytest.raises(MillerIndexError):
            ds.xtal.normalize(column)
        return
    for anisotropic in (False, True):
        e2 = ds.xtal.normalize(column, squared=True, anisotropic=anisotropic)
        assert not np.isinf(e2).any()
        assert e2.sizes == {"hkl": ds.sizes["hkl"]}
    scaled = ds.xtal.normalize(1000 * column, squared=True)
    plain = ds.xtal.normalize(column, squared=True)
    np.testing.assert_allclose(scaled, plain, rtol=1e-9)
    back = ds.isel(hkl=slice(None, None, -1)).xtal.normalize(column, squared=True)
    np.testing.assert_allclose(back[::-1], plain, rtol=1e-9)


def test_lazy_stays_lazy_and_unmerged_is_the_same():
    ds = wilson_data("C 1 2 1")
    shells = ds.xtal.shells(30)
    expected = ds.xtal.normalize("F", shells=shells)
    by_default = ds.xtal.normalize("F")
    moments = ds.xtal.moments(expected, by=shells)
    for lazy in (ds.chunk({"hkl": 3000}), observations(ds).chunk({"obs": 3000})):
        with nothing_computed():
            e = lazy.xtal.normalize("F", shells=shells)
            found = lazy.xtal.moments(e, by=shells)
            assert e.chunks is not None
            assert found.fourth.chunks is not None
        np.testing.assert_allclose(e, expected, rtol=1e-12)
        np.testing.assert_allclose(found.fourth, moments.fourth, rtol=1e-12)
        np.testing.assert_array_equal(found.n, moments.n)
        np.testing.assert_allclose(lazy.xtal.normalize("F"), by_default, rtol=1e-12)
        aniso = lazy.xtal.normalize("F", anisotropic=True)
        np.testing.assert_allclose(aniso, ds.xtal.normalize("F", anisotropic=True), rtol=1e-9)
    with nothing_computed():  # the indices of merged data are known
        ds.chunk({"hkl": 3000}).xtal.normalize("F")


def test_absent_missing_and_negative():
    ds = wilson_data("P 21 21 21", dmin=3)
    absent = xr.Dataset(
        {"I": ("obs", [5e6, 7e6, np.nan, -30.0]), "F": ("obs", [2e3, 2e3, np.nan, np.nan])},
        {"h": ("obs", [0, 3, 2, 2]), "k": ("obs", [0, 0, 2, 2]), "l": ("obs", [0, 0, 2, 3])},
    )
    plain = observations(ds)
    more = xr.concat([plain, absent], "obs", combine_attrs="override")
    shells = ds.xtal.shells(4)
    e = more.xtal.normalize("F", shells=shells)
    np.testing.assert_allclose(e[:-4], plain.xtal.normalize("F", shells=shells), rtol=1e-12)
    assert np.isnan(e[-4:]).all()
    e2 = more.xtal.normalize("I", shells=shells, squared=True)
    assert np.isnan(e2[-4:-1]).all()
    assert e2[-1] < 0
    assert np.isnan(more.xtal.normalize("I", shells=shells)[-1])
    found = more.xtal.moments(e2, squared=True)
    assert int(found.n.sum()) == ds.sizes["hkl"] + 1
    # moments leave absent reflections out whatever their E
    ones = xr.ones_like(more.I)
    assert int(more.xtal.moments(ones).n.sum()) == ds.sizes["hkl"] + 2


def test_shells_without_values():
    ds = wilson_data("P 21 21 21", dmin=3)
    high = ds.xtal.d() < 6
    part = ds.xtal.normalize(ds.F.where(high), shells=ds.xtal.shells(10))
    assert np.isnan(part[~high.values]).all()
    assert float((part**2).mean()) == pytest.approx(1, abs=0.05)
    for empty in (ds.F * np.nan, ds.F * 0):
        for anisotropic in (False, True):
            assert np.isnan(ds.xtal.normalize(empty, anisotropic=anisotropic)).all()
    found = ds.xtal.moments(ds.F * np.nan, by=ds.xtal.shells(3))
    assert (found.n == 0).all()
    assert np.isnan(found.second).all()


def test_bad_input():
    ds = xrefl.tutorial.open("5wkd")
    with pytest.raises(MissingColumnError, match="no column 'I'"):
        ds.xtal.normalize("I")
    with pytest.raises(ValueError, match="amplitudes or intensities is not known"):
        ds.xtal.normalize("FOM")
    with pytest.raises(TypeError, match="real numbers"):
        ds.xtal.normalize(ds.FP.astype(str))
    with pytest.raises(TypeError, match="real numbers"):
        ds.xtal.moments(ds.FP.astype(str))
    with pytest.raises(ValueError, match="select one of several"):
        ds.xtal.normalize(xr.concat([ds.FP, ds.FC], "dataset"))
    with pytest.raises(MillerIndexError, match="no reflections"):
        ds.isel(hkl=slice(0)).xtal.normalize("FP")


def test_arguments_are_not_changed():
    ds = xrefl.tutorial.open("5wkd").load()
    before = ds.copy(deep=True)
    ds.xtal.normalize("FP", anisotropic=True)
    ds.xtal.moments(ds.FP, by="FREE")
    assert ds.identical(before)


def test_moments_by_other_groups():
    ds = xrefl.tutorial.open("5wkd")
    found = ds.xtal.moments(ds.xtal.normalize("FP"), by=[ds.xtal.shells(2), "FREE"])
    assert found.second.dims == ("shell", "free", "centric")
    assert int(found.n.sum()) == int(ds.FP.notnull().sum())


def test_columns_are_aligned_and_frames_do():
    ds = wilson_data("P 21 21 21", dmin=3)
    shells = ds.xtal.shells(4)
    expected = ds.xtal.normalize(ds.F.where(ds.h > 2), shells=shells)
    part = ds.F.isel(hkl=(ds.h > 2).values)
    np.testing.assert_allclose(ds.xtal.normalize(part, shells=shells), expected, rtol=1e-12)
    df = ds.xtal.to_dataframe()
    np.testing.assert_allclose(df.xtal.normalize("F"), ds.xtal.normalize("F"), rtol=1e-12)
    assert df.xtal.moments(df.F).identical(ds.xtal.moments(ds.F))


def test_moments_of_columns_with_more_dimensions():
    ds = wilson_data("P 21 21 21", dmin=3)
    e = ds.xtal.normalize("F")
    both = xr.concat([e, 2 * e], "dataset")
    found = ds.xtal.moments(both)
    assert set(found.second.dims) == {"dataset", "centric"}
    np.testing.assert_allclose(found.second[{"dataset": 1}], 4 * found.second[{"dataset": 0}])
    xr.testing.assert_allclose(found.isel(dataset=0), ds.xtal.moments(e))


def test_shells_of_another_crystal():
    ds = wilson_data("P 21 21 21", dmin=5)
    with pytest.raises(CrystalMismatchError, match="unit cell"):
        ds.xtal.normalize("F", shells=wilson_data("I 2 3", dmin=8).xtal.shells(2))


def test_near_gemmi_where_the_curve_is_smooth():
    """gemmi smooths the means of shells and ends in constants: compared are the middle shells."""
    ds = wilson_data("I 2 3", dmin=1.7)
    mean = np.exp(-25 * ds.xtal.inv_d2() / 2) * ds.xtal.epsilon()
    ds = ds.assign(F=np.sqrt(mean).assign_attrs(mtz_type="F"))
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup = gemmi.SpaceGroup("I 2 3")
    mtz.set_cell_for_all(gemmi.UnitCell(*ds.attrs["cell"]))
    mtz.add_dataset("data")
    mtz.add_column("F", "F")
    columns = [ds[name].values for name in (*"hkl", "F")]
    mtz.set_data(np.column_stack(columns).astype(np.float32))
    binner = gemmi.Binner()
    binner.setup(40, gemmi.Binner.Method.EqualCount, mtz)
    theirs = gemmi.calculate_amplitude_normalizers(mtz, "F", binner) * ds.F.values
    shells = ds.xtal.shells(40)
    ours = ds.xtal.normalize("F", shells=shells).values
    codes = shells.assign(ds).values
    middle = (codes > 3) & (codes < 38)
    np.testing.assert_allclose(ours[middle], 1, rtol=0.002)
    np.testing.assert_allclose(ours[middle], theirs[middle], rtol=0.01)


def write_cctbx_answers(path: str) -> None:
    """Ask cctbx; to be called in a process that has imported cctbx before anything else."""
    from cctbx import crystal, miller
    from cctbx.array_family import flex

    cell, name, hkl, f, n = pickle.loads(Path(path).read_bytes())
    symmetry = crystal.symmetry(unit_cell=cell, space_group_symbol=name)
    array = miller.array(
        miller.set(symmetry, flex.miller_index(hkl.tolist()), False), flex.double(f)
    ).set_observation_type_xray_amplitude()
    array.setup_binner_counting_sorted(n_bins=n)
    normalizers = array.amplitude_quasi_normalisations(d_star_power=2)
    epsilon = np.array(array.epsilons().data())
    Path(path).write_bytes(pickle.dumps(f / np.array(normalizers.data()) / np.sqrt(epsilon)))


@pytest.mark.skipif(importlib.util.find_spec("cctbx") is None, reason="cctbx is not installed")
def test_near_cctbx_where_the_curve_is_smooth(tmp_path):
    """cctbx interpolates means, not their logarithms, and leaves ε to the caller."""
    ds = wilson_data("C 1 2 1", dmin=1.7)
    hkl = np.column_stack([ds[i].values for i in "hkl"])
    path = tmp_path / "data.pickle"
    path.write_bytes(pickle.dumps((CELLS["C 1 2 1"], "C 1 2 1", hkl, ds.F.values, 30)))
    code = (
        "import cctbx.miller; "
        f"from {__name__} import write_cctbx_answers; write_cctbx_answers({str(path)!r})"
    )
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=300)
    theirs = pickle.loads(path.read_bytes())
    shells = ds.xtal.shells(30)
    ours, codes = ds.xtal.normalize("F", shells=shells).values, shells.assign(ds).values
    middle = (codes > 1) & (codes < 28)
    np.testing.assert_allclose(ours[middle], theirs[middle], rtol=0.01)
