"""Completeness, of reflections and of Friedel pairs, and multiplicity."""

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
from hypothesis import given
from hypothesis import strategies as st

import xrefl
from tests.lazy import nothing_computed
from tests.strategies import CELLS
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError, CrystalMismatchError, MissingColumnError, NotMergedError

NAMES = ("P 1", "P -1", "C 1 2 1", "P 21 21 21", "R 3:H", "I 41/a m d:2")


def merged(name: str, dmin: float, fraction: float = 1.0, seed: int = 0) -> xr.Dataset:
    """Return some of the reflections in the asymmetric unit, with columns of Friedel mates."""
    rng = np.random.default_rng(seed)
    hkl = xrefl.miller_indices(CELLS[name], name, dmin)
    hkl = hkl[rng.random(len(hkl)) < fraction]
    index = xrefl.HKLIndex.from_miller(*hkl.T, cell=CELLS[name], spacegroup=name)
    size = len(hkl)
    columns = {
        label: ("hkl", np.where(rng.random(size) < 0.8, 1.0, np.nan), {"mtz_type": kind})
        for label, kind in (("F", "F"), ("F(+)", "G"), ("F(-)", "G"))
    }
    return xr.Dataset(columns, index.coordinates(), {"cell": list(CELLS[name]), "spacegroup": name})


def observations(ds: xr.Dataset, times: int = 3, seed: int = 0) -> xr.Dataset:
    """Return every reflection under several random equivalents, mates included, in random order."""
    rng = np.random.default_rng(seed)
    hkl = np.repeat(np.column_stack([ds[name].values for name in "hkl"]), times, axis=0)
    rotations = SpaceGroup(ds.attrs["spacegroup"]).rotations
    chosen = rotations[rng.integers(len(rotations), size=len(hkl))]
    hkl = np.einsum("ni,nij->nj", hkl, chosen) * rng.choice([-1, 1], len(hkl))[:, np.newaxis]
    rng.shuffle(hkl)
    values = np.where(rng.random(len(hkl)) < 0.7, 1.0, np.nan)
    coords = {name: ("obs", hkl[:, i].astype(np.int32)) for i, name in enumerate("hkl")}
    return xr.Dataset({"I": ("obs", values)}, coords, ds.attrs)


def unique(ds: xr.Dataset, rows: np.ndarray) -> set[tuple[int, int, int]]:
    hkl = np.column_stack([ds[name].values for name in "hkl"])[rows]
    return set(map(tuple, SpaceGroup(ds.attrs["spacegroup"]).to_asu(hkl)[0].tolist()))


@pytest.mark.parametrize("name", NAMES)
def test_possible_reflections_are_those_of_gemmi(name):
    ds = merged(name, 3.0, 0.6)
    cell = gemmi.UnitCell(*CELLS[name])
    group = gemmi.SpaceGroup(name)
    found = ds.xtal.completeness(dmin=3.001, dmax=17.03)
    expected = gemmi.count_reflections(cell, group, 3.001, 17.03, unique=True)
    assert int(found.n_possible) == expected
    d = ds.xtal.d()
    assert int(found.n_observed) == int(((d >= 3.001) & (d < 17.03)).sum())
    assert float(found.completeness) == pytest.approx(int(found.n_observed) / expected)


@pytest.mark.parametrize("name", NAMES)
def test_complete_data_are_complete(name):
    ds = merged(name, 4.0)
    for one in (ds, observations(ds)):
        found = one.xtal.completeness()
        assert int(found.n_possible) == int(found.n_observed) == ds.sizes["hkl"]
        in_shells = one.xtal.completeness(by=ds.xtal.shells(6))
        assert (in_shells.completeness == 1).all()
        assert int(in_shells.n_possible.sum()) == ds.sizes["hkl"]


@pytest.mark.parametrize("name", NAMES)
def test_unmerged_data_and_equivalents(name):
    ds = merged(name, 4.0, 0.7)
    obs = observations(ds)
    rows = obs.I.notnull().values
    shells = ds.xtal.shells(5)
    found = obs.xtal.completeness(column="I", by=shells)
    seen = unique(obs, rows)
    numbers = shells.assign(np.array(sorted(seen)))
    np.testing.assert_array_equal(found.n_observed, np.bincount(numbers, minlength=5))
    multiplicity = obs.xtal.multiplicity(column="I", by=shells)
    np.testing.assert_array_equal(multiplicity.n_unique, found.n_observed)
    hkl = np.column_stack([obs[i].values for i in "hkl"])
    in_unit = SpaceGroup(name).to_asu(hkl[rows])[0]  # on a limit equivalents may differ by rounding
    by_row = np.bincount(shells.assign(in_unit), minlength=5)
    np.testing.assert_array_equal(multiplicity.n_observations, by_row)
    np.testing.assert_allclose(
        multiplicity.multiplicity, multiplicity.n_observations / multiplicity.n_unique
    )
    overall = obs.xtal.multiplicity()
    assert int(overall.n_observations) == obs.sizes["obs"]
    assert int(overall.n_unique) == ds.sizes["hkl"]
    assert float(overall.multiplicity) == 3


@pytest.mark.parametrize("name", NAMES)
def test_friedel_pairs_in_all_forms_are_the_same(name):
    ds = merged(name, 4.0)
    centric = ds.xtal.centric().values
    both = (ds["F(+)"].notnull() & ds["F(-)"].notnull()).values & ~centric
    hkl = np.column_stack([ds[i].values for i in "hkl"])
    expected = int((~centric).sum()), int(both.sum())
    pairs = xr.concat([ds["F(+)"], ds["F(-)"]], xr.Variable("friedel", ["+", "-"]))
    forms = [(ds, "F(+)"), (ds, "F(-)"), (ds, pairs), (ds.assign(P=pairs), "P")]
    plus, minus = (ds[label].notnull().values for label in ("F(+)", "F(-)"))
    as_measured = np.concatenate([hkl[plus], -hkl[minus]])
    coords = {i: ("obs", as_measured[:, n]) for n, i in enumerate("hkl")}
    forms.append((xr.Dataset(coords=coords, attrs=ds.attrs), None))
    isym = xr.zeros_like(forms[-1][0].h, np.int32).drop_vars(list("hkl"))
    misym = forms[-1][0].assign({"M/ISYM": isym.assign_attrs(mtz_type="Y")})
    misym["h"].attrs["indices"] = "original"
    forms += [(misym, None), (misym.xtal.to_asu_hkl(), None)]
    for one, column in forms:
        found = one.xtal.completeness(column=column, friedel=True, dmin=4.0, dmax=200)
        assert (int(found.n_possible), int(found.n_observed)) == expected
    # without friedel, either mate will do
    found = ds.xtal.completeness(column=pairs, dmin=4.0, dmax=200)
    assert int(found.n_observed) == int((plus | minus).sum())


def test_friedel_pairs_as_rows_of_merged_data():
    ds = merged("P 21 21 21", 5.0, 0.8)
    hkl = np.column_stack([ds[name].values for name in "hkl"])
    single = hkl[::3]
    index = xrefl.HKLIndex.from_miller(
        *np.concatenate([hkl, -single]).T, cell=ds.attrs["cell"], spacegroup="P 21 21 21"
    )
    both = xr.Dataset(coords=index.coordinates(), attrs=ds.attrs)
    acentric = ~SpaceGroup("P 21 21 21").centric(single)
    found = both.xtal.completeness(friedel=True)
    assert int(found.n_observed) == acentric.sum()
    with pytest.raises(ValueError, match="no reflection has its Friedel mate in another row"):
        ds.xtal.completeness(friedel=True)


@given(st.sampled_from(NAMES), st.floats(0.05, 1), st.integers(0, 99), st.integers(1, 6))
def test_counts_add_up(name, fraction, seed, n):
    ds = merged(name, 6.0, fraction, seed)
    if ds.sizes["hkl"] < 12:
        return
    shells = ds.xtal.shells(n + 1)
    for friedel in (False, True):
        parts = ds.xtal.completeness(by=shells, column="F(+)", friedel=friedel)
        limits = dict(zip(("dmax", "dmin"), ds.xtal.resolution, strict=True))
        whole = ds.xtal.completeness(column="F(+)", friedel=friedel, **limits)
        for count in ("n_possible", "n_observed"):
            assert int(parts[count].sum()) == int(whole[count])
        assert (parts.n_observed <= parts.n_possible).all()


def test_lazy_stays_lazy():
    ds = merged("C 1 2 1", 3.0, 0.7)
    obs = observations(ds)
    shells = ds.xtal.shells(5)
    for one, column in ((ds, "F(+)"), (obs, "I")):
        dim = next(iter(one.dims))
        lazy = one.chunk({dim: 100})
        options = [{"by": shells}, {}, {"friedel": True, "dmin": 3.2}]
        for kwargs in options:
            with nothing_computed():
                found = lazy.xtal.completeness(column=column, **kwargs)
                assert found.n_observed.chunks is not None
            expected = one.xtal.completeness(column=column, **kwargs)
            assert pickle.loads(pickle.dumps(found)).compute().identical(expected)
    with nothing_computed():
        found = obs.chunk({"obs": 100}).xtal.multiplicity(by=shells)
        whole = obs.chunk({"obs": 100}).xtal.completeness()
    assert found.compute().identical(obs.xtal.multiplicity(by=shells))
    assert whole.compute().identical(obs.xtal.completeness())


def test_absent_reflections_do_not_count():
    ds = merged("P 21 21 21", 5.0)
    obs = observations(ds, 2)
    absent = xr.Dataset(
        {"I": ("obs", [1.0, 2.0, 3.0])},
        {"h": ("obs", [0, 0, 0]), "k": ("obs", [0, 0, 5]), "l": ("obs", [0, 3, 0])},
    )
    more = xr.concat([obs, absent], "obs", combine_attrs="override")
    assert more.xtal.completeness().identical(obs.xtal.completeness())
    assert more.xtal.multiplicity().identical(obs.xtal.multiplicity())


def test_nothing_observed():
    ds = merged("P 21 21 21", 5.0)
    for one in (ds.assign(F=ds.F * np.nan), ds.isel(hkl=slice(0))):
        found = one.xtal.completeness(column="F")
        assert int(found.n_possible) == int(found.n_observed) == 0
        assert np.isnan(found.completeness)
        in_shells = one.xtal.completeness(column="F", by=ds.xtal.shells(3))
        assert int(in_shells.n_possible.sum()) == ds.sizes["hkl"]
        assert (in_shells.completeness == 0).all()
        assert float(one.xtal.completeness(column="F", dmin=5).completeness) == 0
    empty = observations(ds).isel(obs=slice(0)).xtal.multiplicity()
    assert int(empty.n_unique) == 0
    assert np.isnan(empty.multiplicity)


def test_limits():
    ds = merged("P 21 21 21", 4.0)
    low, high = ds.xtal.resolution
    whole = ds.xtal.completeness()
    assert ds.xtal.completeness(dmin=high, dmax=low).identical(whole)
    wider = ds.xtal.completeness(dmin=3.5)
    cell, group = CELLS["P 21 21 21"], "P 21 21 21"
    assert int(wider.n_possible) == xrefl.count_reflections(cell, group, 3.5, low * 1.0001)
    assert int(wider.n_observed) == ds.sizes["hkl"]
    shells = ds.xtal.shells(4)
    narrower = ds.xtal.completeness(by=shells, dmin=float(shells.dmin[1]))
    assert narrower.n_possible.values.tolist()[2:] == [0, 0]
    assert np.isnan(narrower.completeness[2:]).all()
    assert (narrower.completeness[:2] == 1).all()
    one = ds.isel(hkl=[5]).xtal.completeness()
    assert int(one.n_observed) == 1


def test_bad_input():
    ds = merged("P 21 21 21", 6.0)
    for limits in ({"dmin": 0}, {"dmin": -1.0}, {"dmax": np.nan}):
        with pytest.raises(CrystalError, match="must be a positive number"):
            ds.xtal.completeness(**limits)
    with pytest.raises(CrystalError, match="greater than dmin"):
        ds.xtal.completeness(dmin=4, dmax=3)
    with pytest.raises(MissingColumnError, match="no column 'G'"):
        ds.xtal.completeness(column="G")
    with pytest.raises(TypeError, match=r"xtal\.shells"):
        ds.xtal.completeness(by="F")
    with pytest.raises(ValueError, match="select one of several"):
        ds.xtal.completeness(column=xr.concat([ds.F, ds.F], "dataset"))
    with pytest.raises(NotMergedError, match="open the unmerged file"):
        ds.xtal.multiplicity()
    other = merged("C 1 2 1", 4.0).xtal.shells(3)
    with pytest.raises(CrystalMismatchError, match="unit cell"):
        ds.xtal.completeness(by=other)


def test_real_data(example):
    ds = xr.open_dataset(example)
    assert float(ds.xtal.completeness().completeness) == 1
    assert int(ds.xtal.completeness(column="FP").n_observed) == int(ds.FP.notnull().sum())
    ds = xrefl.tutorial.open("5wkd")
    group, cell = gemmi.SpaceGroup("C 1 2 1"), gemmi.UnitCell(*ds.attrs["cell"])
    low, high = ds.xtal.resolution
    found = ds.xtal.completeness()
    hkl = gemmi.make_miller_array(cell, group, high * 0.99999, low * 1.00001)
    assert int(found.n_possible) == len(hkl)
    assert int(found.n_observed) == ds.sizes["hkl"]


def test_columns_are_aligned_and_frames_do(example):
    ds = xr.open_dataset(example)
    part = ds.FP.isel(hkl=slice(50, 150))
    found = ds.xtal.completeness(column=part, dmin=1.5)
    assert int(found.n_observed) == int(part.notnull().sum())
    df = ds.xtal.to_dataframe()
    shells = ds.xtal.shells(3)
    expected = ds.xtal.completeness(by=shells, column="FP")
    assert df.xtal.completeness(by=shells, column="FP").identical(expected)


def test_arguments_are_not_changed(example):
    ds = xr.open_dataset(example).load()
    before = ds.copy(deep=True)
    ds.xtal.completeness(by=ds.xtal.shells(3), column="FP")
    assert ds.identical(before)


def write_cctbx_answers(path: str) -> None:
    """Ask cctbx; to be called in a process that has imported cctbx before anything else."""
    from cctbx import crystal, miller
    from cctbx.array_family import flex

    answers = {}
    for name, (cell, hkl, dmin, dmax) in pickle.loads(Path(path).read_bytes()).items():
        symmetry = crystal.symmetry(unit_cell=cell, space_group_symbol=name)
        found = miller.set(symmetry, flex.miller_index(hkl.tolist()), anomalous_flag=False)
        found = found.resolution_filter(d_min=dmin, d_max=dmax).map_to_asu()
        whole = found.complete_set(d_min=dmin, d_max=dmax)
        answers[name] = whole.size(), found.size(), found.completeness(d_max=dmax)
    Path(path).write_bytes(pickle.dumps(answers))


@pytest.mark.skipif(importlib.util.find_spec("cctbx") is None, reason="cctbx is not installed")
def test_same_as_cctbx(tmp_path):
    data = {name: merged(name, 4.0, 0.6) for name in ("P 1", "C 1 2 1", "P 21 21 21")}
    asked = {
        name: (
            CELLS[name],
            np.column_stack([ds[i].values for i in "hkl"]),
            float(ds.xtal.resolution[1]) * (1 - 1e-6),
            float(ds.xtal.resolution[0]) * (1 + 1e-6),
        )
        for name, ds in data.items()
    }
    path = tmp_path / "data.pickle"
    path.write_bytes(pickle.dumps(asked))
    code = (
        "import cctbx.miller; "
        f"from {__name__} import write_cctbx_answers; write_cctbx_answers({str(path)!r})"
    )
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=300)
    for name, (possible, observed, fraction) in pickle.loads(path.read_bytes()).items():
        found = data[name].xtal.completeness()
        assert (int(found.n_possible), int(found.n_observed)) == (possible, observed), name
        assert float(found.completeness) == pytest.approx(fraction), name
