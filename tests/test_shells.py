"""Shells of resolution, beside gemmi's Binner."""

from __future__ import annotations

import copy
import pickle
from itertools import pairwise

import gemmi
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import xrefl
from tests.conftest import real_files
from tests.lazy import nothing_computed
from tests.strategies import CELLS
from xrefl.errors import CrystalError, CrystalMismatchError, MillerIndexError, NotMergedError
from xrefl.statistics.limits import METHODS
from xrefl.statistics.shells import Shells

GEMMI = {
    "equal_count": gemmi.Binner.Method.EqualCount,
    "dstar": gemmi.Binner.Method.Dstar,
    "dstar2": gemmi.Binner.Method.Dstar2,
    "dstar3": gemmi.Binner.Method.Dstar3,
}
CELL = (50.347, 4.777, 14.746, 90, 101.73, 90)


@pytest.fixture
def ds() -> xr.Dataset:
    return xrefl.tutorial.open("5wkd").load()


def observations(ds: xr.Dataset, chunk: int | None = None) -> xr.Dataset:
    """Return merged reflections as if they were observations."""
    plain = ds.drop_vars("hkl").drop_indexes(list("hkl")).rename(hkl="obs")
    if chunk is None:
        return plain
    lazy = plain.chunk(obs=chunk)
    return lazy.assign_coords({name: plain[name].chunk(obs=chunk) for name in "hkl"})


def same_limits(ours: Shells, theirs: gemmi.Binner) -> None:
    np.testing.assert_allclose(ours.limits, theirs.limits, rtol=2e-15)
    assert (ours.min_inv_d2, ours.max_inv_d2) == pytest.approx(
        (theirs.min_1_d2, theirs.max_1_d2), rel=1e-15
    )


def test_reference_values(ds):
    shells = ds.xtal.shells(4, method="dstar3")
    # The digits are of 1/d² rounded to float32, as in an MTZ file.
    rounded = Shells.from_inv_d2(ds.xtal.inv_d2().astype(np.float32), 4, method="dstar3")
    expected = [0.122247130469427, 0.193954142690122, 0.254107666379415, np.inf]
    np.testing.assert_allclose(rounded.limits, expected, rtol=4e-15)
    np.testing.assert_allclose(shells.limits, expected, rtol=5e-9)
    assert len(shells) == 4
    assert f"{shells.min_inv_d2:g} {shells.max_inv_d2:g}" == "0.00164605 0.307803"
    assert f"{shells.dmin[2]:g} - {shells.dmax[2]:g}" == "1.98377 - 2.27065"
    assert [f"{d:.3f}" for d in shells.dmin] == ["2.860", "2.271", "1.984", "0.000"]
    assert [f"{d:.3f}" for d in shells.dmax] == ["24.648", "2.860", "2.271", "1.984"]
    assert shells.labels.tolist() == [
        "24.65-2.86 Å", "2.86-2.27 Å", "2.27-1.98 Å", "1.98-1.80 Å"
    ]  # fmt: skip
    numbers = shells.assign(ds)
    assert numbers.name == "shell"
    assert numbers.dtype == np.int32
    assert numbers.dims == ("hkl",)
    assert np.bincount(numbers).tolist() == [108, 86, 93, 80]
    assert shells.assign((2, 1, 2)).tolist() == [0]
    assert shells.assign([(2, 1, 2), (1, 2, 2)]).tolist() == [0, 2]
    assert shells.cell == ds.xtal.cell


def test_reference_limit_of_5e5z(example):
    shells = xr.open_dataset(example).xtal.shells(17, method="dstar3")
    assert shells.limits[10] == pytest.approx(0.27026277234462415, rel=1e-15)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", real_files("*.mtz*"), ids=lambda path: path.name)
def test_same_as_gemmi_on_real_files(path, method):
    ds, mtz = xrefl.open_mtz(path), gemmi.read_mtz_file(str(path))
    hkl = mtz.make_miller_array()
    for n in (1, 4, 17, 20):
        binner = gemmi.Binner()
        binner.setup(n, GEMMI[method], mtz)
        ours = ds.xtal.shells(n, method=method, cell=binner.cell.parameters)
        same_limits(ours, binner)
        # of the last, gemmi's documentation has 0, and its newest version the limit of the data
        np.testing.assert_allclose(ours.dmin[:-1], [binner.dmin_of_bin(i) for i in range(n - 1)])
        np.testing.assert_allclose(ours.dmax, [binner.dmax_of_bin(i) for i in range(n)])
        expected = [binner.get_bin(row) for row in hkl.tolist()]
        # right on a limit, gemmi's answer for a whole array depends on the row before
        others = binner.get_bins(hkl) != expected
        assert np.isin(ours.cell.inv_d2(hkl[others]), ours.limits).all()
        np.testing.assert_array_equal(ours.assign(hkl), expected)
        np.testing.assert_array_equal(ours.assign(ds), expected)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("group", CELLS)
def test_same_as_gemmi_on_generated_reflections(group, method):
    hkl = xrefl.miller_indices(CELLS[group], group, 3.0)
    cell = gemmi.UnitCell(*CELLS[group])
    binner = gemmi.Binner()
    binner.setup(20, GEMMI[method], hkl, cell)
    ours = Shells.from_hkl(hkl, CELLS[group], 20, method=method)
    same_limits(ours, binner)
    inv_d2 = cell.calculate_1_d2_array(hkl)
    np.testing.assert_array_equal(
        Shells(tuple(binner.limits), binner.min_1_d2, binner.max_1_d2, None).assign_inv_d2(inv_d2),
        [binner.get_bin(row) for row in hkl.tolist()],
    )


@given(
    st.lists(st.floats(1e-4, 4), min_size=1, max_size=60, unique=True),
    st.integers(1, 20),
    st.sampled_from(METHODS),
)
def test_every_reflection_is_between_the_limits(values, n, method):
    binner = gemmi.Binner()
    binner.setup_from_1_d2(n, GEMMI[method], np.array(values), gemmi.UnitCell(*CELL))
    edges = [*binner.limits[:-1], max(values)]
    if n > len(values) or any(a >= b for a, b in pairwise(edges)):
        with pytest.raises(ValueError, match="shells"):
            Shells.from_inv_d2(values, n, method=method)
        return
    shells = Shells.from_inv_d2(values, n, method=method, cell=CELL)
    same_limits(shells, binner)
    numbers = shells.assign_inv_d2(values)
    upper, lower = shells.limits, np.r_[0, shells.limits[:-1]]
    assert np.all((lower[numbers] < values) & (values <= upper[numbers]))
    assert len(set(shells.labels)) == n
    if method == "equal_count":
        assert np.ptp(np.bincount(numbers, minlength=n)) <= 2
    assert Shells.from_inv_d2(values[::-1], n, method=method, cell=CELL) == shells


def test_equal_count_of_many_reflections_is_exact():
    rng = np.random.default_rng(0)
    for values in (rng.random(100_000) ** 2, np.round(rng.random(50_000), 3) + 1):
        binner = gemmi.Binner()
        binner.setup_from_1_d2(37, GEMMI["equal_count"], values.copy(), gemmi.UnitCell(*CELL))
        shells = Shells.from_inv_d2(values, 37)
        np.testing.assert_array_equal(shells.limits, binner.limits)
        np.testing.assert_array_equal(
            shells.assign_inv_d2(values), np.searchsorted(binner.limits, values)
        )


def test_outside_of_the_range_and_on_limits():
    shells = Shells.from_inv_d2([0.125, 0.25, 0.5, 0.625], 2, method="dstar2")
    assert shells.upper == (0.375, np.inf)
    assert shells.assign_inv_d2([0.375, np.nextafter(0.375, 1)]).tolist() == [0, 1]
    assert shells.assign_inv_d2([0, 0.01, 9, np.inf, np.nan]).tolist() == [0, 0, 1, 1, -1]
    assert shells.assign_inv_d2(np.array([[0.1], [0.4]])).tolist() == [[0], [1]]
    assert shells.assign_inv_d2([]).shape == (0,)
    one = Shells.from_inv_d2([0.25], 1)
    assert one.labels.tolist() == ["2.00-2.00 Å"]
    assert one.assign_inv_d2([0.1, 9]).tolist() == [0, 0]


def test_origin_and_missing_values_do_not_count():
    hkl = [(0, 0, 0), (1, 0, 0), (2, 0, 0), (4, 0, 0)]
    shells = Shells.from_hkl(hkl, (10, 10, 10, 90, 90, 90), 2, method="dstar")
    assert shells.dmax.tolist() == pytest.approx([10, 4])
    assert shells.assign(hkl).tolist() == [0, 0, 0, 1]
    with_gaps = Shells.from_inv_d2([np.nan, 0.1, 0, np.inf, 0.2], 2, method="dstar2")
    assert with_gaps == Shells.from_inv_d2([0.1, 0.2], 2, method="dstar2")


def test_arguments_of_assign_are_not_changed():
    values = np.array([0.1, 0.2])
    Shells.from_inv_d2(values, 1).assign_inv_d2(values)
    assert values.flags.writeable


def test_labels_tell_thin_shells_apart():
    shells = Shells.from_inv_d2([0.25, 0.2501, 0.2502], 2, method="dstar2")
    assert shells.labels.tolist() == ["2.0000-1.9996 Å", "1.9996-1.9992 Å"]


def test_all_kinds_of_reflections(ds):
    shells = ds.xtal.shells(5)
    expected = shells.assign(ds).values
    h, k, l = (ds[name].values for name in "hkl")
    observed = observations(ds)
    for reflections in (ds.FP, (h, k, l), np.column_stack([h, k, l]), observed, observed.FP):
        np.testing.assert_array_equal(shells.assign(reflections), expected)
    assert observed.xtal.shells(5) == shells == ds.FP.to_dataset().xtal.shells(5)
    assert ds.xtal.to_dataframe().xtal.shells(5) == shells


def test_lazy_indices_stay_lazy(ds):
    lazy, shells = observations(ds, 100), ds.xtal.shells(4)
    with nothing_computed():
        numbers = shells.assign(lazy)
        assert numbers.chunks == ((100, 100, 100, 67),)
    np.testing.assert_array_equal(numbers, shells.assign(ds))
    assert lazy.xtal.shells(4) == shells


def test_another_cell(ds):
    cell = xrefl.UnitCell(50.4, 4.78, 14.75, 90, 101.7, 90)
    shells = ds.xtal.shells(4, cell=cell)
    assert shells.cell == cell
    assert ds.xtal.shells(4, cell=list(cell.parameters)) == shells
    np.testing.assert_array_equal(
        shells.assign(ds), shells.assign_inv_d2(cell.inv_d2(tuple(ds[n].values for n in "hkl")))
    )
    with pytest.raises(CrystalMismatchError, match="assign_crystal"):
        ds.xtal.shells(4, cell=(40, 5, 15, 90, 100, 90)).assign(ds)
    with pytest.raises(CrystalMismatchError, match="unit cell"):
        ds.groupby(hkl=ds.xtal.shells(4, cell=(40, 5, 15, 90, 100, 90)))


def test_without_a_cell(ds):
    shells = Shells.from_inv_d2(ds.xtal.inv_d2(), 4)
    assert shells.cell is None
    np.testing.assert_array_equal(shells.assign(ds), ds.xtal.shells(4).assign(ds))
    with pytest.raises(CrystalError, match="no unit cell"):
        shells.assign([(1, 2, 3)])
    plain = xr.Dataset(coords={name: ("obs", [1, 2]) for name in "hkl"})
    with pytest.raises(CrystalError, match="unit cell is not known"):
        shells.assign(plain)
    with pytest.raises(CrystalError, match="unit cell is not known"):
        plain.xtal.shells(1)
    assert len(plain.xtal.shells(1, cell=CELL)) == 1


@pytest.mark.parametrize("backed", ["numpy", "dask"])
def test_groupby_of_merged_reflections(ds, backed):
    shells = ds.xtal.shells(4, method="dstar3")
    data = ds[["FP", "FC"]] if backed == "numpy" else ds[["FP", "FC"]].chunk(hkl=100)
    with nothing_computed():
        means = data.groupby(hkl=shells).mean()
    assert dict(means.sizes) == {"shell": 4}
    assert means.shell.values.tolist() == shells.labels.tolist()
    frame = ds.FP.to_series().groupby(shells.assign(ds).values).mean()
    np.testing.assert_allclose(means.FP, frame, rtol=1e-6)
    if backed == "numpy":
        assert [len(part.FP) for _, part in data.groupby(hkl=shells)] == [108, 86, 93, 80]


@pytest.mark.parametrize("name", ["d", "inv_d2"])
@pytest.mark.parametrize("chunk", [None, 100])
def test_groupby_of_observations(ds, name, chunk):
    shells = ds.xtal.shells(4, method="dstar3")
    obs = observations(ds, chunk)[["FP"]].assign_attrs(ds.attrs)
    with nothing_computed():
        obs = obs.assign_coords({name: getattr(obs.xtal, name)()})
        means = obs.groupby({name: shells}).mean()
    np.testing.assert_allclose(means.FP, ds[["FP"]].groupby(hkl=shells).mean().FP, rtol=1e-6)
    assert means.shell.values.tolist() == shells.labels.tolist()


def test_groupby_has_empty_shells(ds):
    shells = ds.xtal.shells(4, method="dstar3")
    some = ds[["FP"]].isel(hkl=shells.assign(ds).values != 2)
    means = some.groupby(hkl=shells).mean().FP
    assert np.isnan(means.values).tolist() == [False, False, True, False]
    with pytest.raises(ValueError, match=r"groupby\(hkl=shells\)"):
        ds.groupby(FREE=shells)


def test_bad_arguments(ds):
    with pytest.raises(ValueError, match="'dstar4' is not known: use one of 'equal_count'"):
        ds.xtal.shells(4, method="dstar4")
    for n in (0, -1):
        with pytest.raises(ValueError, match="at least 1"):
            ds.xtal.shells(n)
    with pytest.raises(TypeError):
        ds.xtal.shells(2.5)
    with pytest.raises(ValueError, match="368 shells are more than there are reflections, 367"):
        ds.xtal.shells(368)
    with pytest.raises(MillerIndexError, match="no reflections"):
        ds.isel(hkl=slice(0)).xtal.shells(1)
    with pytest.raises(MillerIndexError, match="no reflections"):
        Shells.from_hkl([(0, 0, 0)], CELL, 1)
    with pytest.raises(MillerIndexError, match="whole number"):
        ds.xtal.shells(2).assign([(1, 2, 0.5)])
    with pytest.raises(NotMergedError):
        xr.Dataset({"x": ("atom", [1])}).xtal.shells(2)
    for method in METHODS:
        with pytest.raises(ValueError, match="1 different resolutions; ask for fewer"):
            Shells.from_inv_d2([0.1] * 5, 2, method=method)
    with pytest.raises(CrystalError, match="6 parameters"):
        Shells.from_hkl([(1, 2, 3)], (1, 2, 3), 1)


def test_shells_are_values(ds):
    shells = ds.xtal.shells(4)
    assert repr(shells).startswith("<Shells: 4, 24.65-")
    for other in (copy.deepcopy(shells), pickle.loads(pickle.dumps(shells)), shells.reset()):
        assert other == shells
        assert hash(other) == hash(shells)
    assert shells != ds.xtal.shells(5)
    assert xrefl.Shells is Shells
