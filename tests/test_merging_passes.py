"""The passes over observations: sums, deviations and halves, against pandas."""

from __future__ import annotations

import itertools

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xrefl
from xrefl.io.lazy import table_rows
from xrefl.merging import codes as coding
from xrefl.merging import grouping, passes, source
from xrefl.merging.observations import find_columns, observations
from xrefl.merging.table import (
    MEAN,
    OVER_SIGMA,
    SQUARES,
    VARIANCE,
    WEIGHT,
    WMEAN,
    WSQUARES,
    join,
    merge_mates,
)

CELL = [31.0, 37.0, 41.0, 90.0, 90.0, 90.0]
GROUPS = ["P 1", "P 1 21 1", "P 21 21 21", "P 3 1 2", "I 4", "P 2 3", "P -1", "F m -3 m"]


def observed(group: str = "P 21 21 21", n: int = 3000, seed: int = 0, size: int = 4) -> xr.Dataset:
    """Return observations with the indices they were measured with."""
    rng = np.random.default_rng(seed)
    hkl = rng.integers(-size, size + 1, (n, 3))
    values = 100 + 10 * rng.standard_normal(n)
    return xr.Dataset(
        {
            "I": ("obs", values, {"mtz_type": "J"}),
            "SIGI": ("obs", 1 + rng.random(n), {"mtz_type": "Q"}),
        },
        {name: ("obs", hkl[:, i].astype(np.int32)) for i, name in enumerate("hkl")},
        {"cell": CELL, "spacegroup": group},
    )


def expected(ds: xr.Dataset, mates: bool = False) -> pd.DataFrame:
    """Return the sums of each unique reflection, by pandas."""
    group = xrefl.SpaceGroup(ds.attrs["spacegroup"])
    hkl, isym = group.to_asu(tuple(ds[name].values for name in "hkl"))
    minus = (isym % 2 == 0) & ~group.centric(hkl) & (not mates)
    frame = pd.DataFrame({"I": ds.I.values, "SIGI": ds.SIGI.values})
    frame = frame.assign(code=coding.encode(*hkl.T, minus))
    frame = frame[np.isfinite(frame.I) & (frame.SIGI > 0)]

    def sums(part: pd.DataFrame) -> pd.Series:
        w = part.SIGI**-2
        wmean, mean = (w * part.I).sum() / w.sum(), part.I.mean()
        return pd.Series(
            {
                "n": len(part),
                WEIGHT: w.sum(),
                WMEAN: wmean,
                WSQUARES: (w * (part.I - wmean) ** 2).sum(),
                MEAN: mean,
                SQUARES: ((part.I - mean) ** 2).sum(),
                VARIANCE: (part.SIGI**2).sum(),
                OVER_SIGMA: (part.I / part.SIGI).sum(),
                "from_wmean": abs(part.I - wmean).sum(),
                "from_mean": abs(part.I - mean).sum(),
            }
        )

    return frame.groupby("code").apply(sums, include_groups=False)


def two_passes(ds: xr.Dataset, mates: bool = False, seed: int = 1, spacegroup=None):
    found = observations(ds, find_columns(ds, None, None), spacegroup)
    first, second = found.passes(2)
    apart = passes.first_pass(first)
    sums = passes.merged_mates(apart) if mates else apart
    halves = passes.halves(second, apart, seed)
    return passes.compute(found, sums, passes.second_pass(found, second, sums), halves)


@pytest.fixture(params=["kept", "read again"])
def between_passes(request, monkeypatch):
    monkeypatch.setattr(passes, "_KEPT_ROWS", 2**24 if request.param == "kept" else 0)


@pytest.mark.parametrize("mates", [False, True])
@pytest.mark.parametrize("group", GROUPS)
def test_sums_are_those_of_pandas(group, mates, between_passes):
    ds = observed(group)
    sums, deviations, _ = two_passes(ds, mates)
    table = expected(ds, mates)
    np.testing.assert_array_equal(sums.table.codes, table.index)
    np.testing.assert_array_equal(sums.table.n, table["n"])
    np.testing.assert_allclose(sums.table.sums, table[list(range(7))], rtol=1e-12, atol=1e-20)
    means = table[["from_wmean", "from_mean"]]
    np.testing.assert_allclose(deviations, means, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("group", ["P 21 21 21", "P 2 3", "F m -3 m"])
def test_few_reflections_in_a_large_box_are_sorted(group, between_passes):
    ds = observed(group, n=400)
    wide = ds.assign_coords({name: ("obs", ds[name].values * 97) for name in "hkl"})
    sums, deviations, _ = two_passes(wide)
    table = expected(wide)
    np.testing.assert_array_equal(sums.table.codes, table.index)
    np.testing.assert_allclose(sums.table.sums, table[list(range(7))], rtol=1e-12, atol=1e-20)
    np.testing.assert_allclose(deviations[:, 0], table["from_wmean"], rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("with_rows", [False, True])
@pytest.mark.parametrize("group", GROUPS)
def test_sorted_observations_are_grouped_as_others(group, with_rows):
    ds = observed(group, n=2000)
    ds["SIGI"][::17] = -1
    found = observations(ds, find_columns(ds, None, None))
    prepared = grouping.prepare(found.stretches[0].columns.read(), found.recipe)
    order = np.lexsort((prepared.l, prepared.k, prepared.h))  # stable
    ordered = prepared._replace(
        **{name: getattr(prepared, name)[order] for name in prepared._fields[:7]}
    )
    mixed = ordered._replace(
        **{name: np.roll(getattr(ordered, name), 1) for name in prepared._fields[:7]}
    )
    one = grouping.group(ordered, found.recipe, with_rows)
    other = grouping.group(mixed, found.recipe, with_rows=True)
    np.testing.assert_array_equal(one.codes, other.codes)
    np.testing.assert_array_equal(one.starts, other.starts)
    assert len(one.rows) == (len(one.values) if with_rows else 0)
    if with_rows:
        np.testing.assert_array_equal(one.values[:, 0], ordered.intensity[one.rows])
        for first, last in itertools.pairwise(one.starts):
            assert (np.diff(one.rows[first:last]) > 0).all()
    for first, last in itertools.pairwise(one.starts):
        theirs = np.sort(other.values[first:last], axis=0)
        np.testing.assert_array_equal(np.sort(one.values[first:last], axis=0), theirs)


@settings(max_examples=40, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 999), max_size=6, unique=True),
    seed=st.integers(0, 100),
    size=st.integers(1, 4),
)
def test_results_do_not_depend_on_chunks(cuts, seed, size):
    ds = observed(n=1000, seed=seed, size=size)
    edges = [0, *sorted(cuts), 1000]
    whole = two_passes(ds, seed=seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passes, "_KEPT_ROWS", 1000 * (seed % 2))
        patch.setattr(source, "_FEW_ROWS", 1)
        chunked = two_passes(ds.chunk(obs=tuple(np.diff(edges).tolist())), seed=seed)
    np.testing.assert_array_equal(whole[0].table.codes, chunked[0].table.codes)
    np.testing.assert_array_equal(whole[0].table.n, chunked[0].table.n)
    # squares about the mean of values that agree are small against the values: 1e-12 of these
    np.testing.assert_allclose(
        whole[0].table.sums, chunked[0].table.sums, rtol=1e-12, atol=1e-12 * 100
    )
    np.testing.assert_allclose(whole[1], chunked[1], rtol=1e-12, atol=1e-12 * 100)
    for one, other in zip(whole[2], chunked[2], strict=True):
        np.testing.assert_array_equal(one.codes, other.codes)
        np.testing.assert_array_equal(one.n, other.n)
        np.testing.assert_allclose(one.sums[:, MEAN], other.sums[:, MEAN], rtol=1e-12)


def test_the_same_chunks_give_the_same_bits(monkeypatch, between_passes):
    monkeypatch.setattr(source, "_FEW_ROWS", 1)
    ds = observed(n=5000).chunk(obs=700)
    results = []
    for options in ({"scheduler": "synchronous"}, {"scheduler": "threads", "num_workers": 4}):
        with dask.config.set(options):
            results.append(two_passes(ds))
    (sums, deviations, halves), (sums2, deviations2, halves2) = results
    assert sums.table.sums.tobytes() == sums2.table.sums.tobytes()
    assert deviations.tobytes() == deviations2.tobytes()
    assert [half.sums.tobytes() for half in halves] == [half.sums.tobytes() for half in halves2]


@pytest.mark.parametrize("spread", [1, 97])
def test_single_precision_is_taken_for_what_it_is(spread, between_passes):
    single = observed(n=600).astype(np.float32, keep_attrs=True)
    wide = {name: ("obs", single[name].values * spread) for name in "hkl"}
    single = single.assign_coords(wide)
    order = np.lexsort([single[name].values for name in "lkh"])
    for ds in (single, single.isel(obs=order)):
        one, other = two_passes(ds), two_passes(ds.astype(np.float64, keep_attrs=True))
        assert one[0].table.sums.tobytes() == other[0].table.sums.tobytes()
        assert one[1].tobytes() == other[1].tobytes()


def test_halves_are_halves():
    ds = observed(n=4000)
    sums, _, (first, second) = two_passes(ds)
    assert first.n.sum() + second.n.sum() == sums.table.n.sum() == 4000
    both = join(first, second)
    np.testing.assert_array_equal(both.codes, sums.table.codes)
    np.testing.assert_array_equal(both.n, sums.table.n)
    np.testing.assert_allclose(both.sums, sums.table.sums, rtol=1e-11)
    n = pd.DataFrame({i: pd.Series(half.n, half.codes) for i, half in enumerate((first, second))})
    assert (n.fillna(0).diff(axis=1)[1].abs() <= 1).all()
    # a reflection and its mate with one observation each are one for each half
    pairs = [merge_mates(half) for half in (first, second)]
    n = pd.DataFrame({i: pd.Series(half.n, half.codes) for i, half in enumerate(pairs)})
    assert (n.fillna(0).diff(axis=1)[1].abs() <= 2).all()


def test_halves_depend_on_the_seed_and_on_nothing_else():
    ds = observed(n=4000)
    one, same, other = (two_passes(ds, seed=seed)[2][0] for seed in (3, 3, 4))
    assert one.sums.tobytes() == same.sums.tobytes()
    assert not np.array_equal(one.sums[:, MEAN], other.sums[:, MEAN])


def test_each_observation_is_as_often_in_either_half():
    ds = observed("P 1", n=30, size=1)
    n = len(ds.obs)
    counts = np.zeros(n)
    marked = ds.assign(I=("obs", 2.0 ** np.arange(n), ds.I.attrs))
    for seed in range(200):
        first = two_passes(marked, seed=seed)[2][0]
        chosen = (first.sums[:, MEAN] * first.n).sum()
        counts += [(int(chosen) >> i) & 1 for i in range(n)]
    # binomial with 200 trials: a standard deviation of 7
    assert abs(counts - 100).max() < 32


def test_what_does_not_count_is_counted():
    ds = observed(n=6)
    ds["I"][0] = np.nan
    ds["SIGI"][1:4] = [0.0, -1.0, np.nan]
    sums, *_ = two_passes(ds)
    assert dict(zip(grouping.EXCLUDED, sums.excluded.tolist(), strict=True))["missing"] == 2
    assert dict(zip(grouping.EXCLUDED, sums.excluded.tolist(), strict=True))["sigma"] == 2
    assert sums.table.n.sum() == 2


def test_large_intensities_that_vary_little_lose_nothing():
    ds = observed("P 1", n=2000, size=1)
    near = ds.assign(I=("obs", 1e9 + ds.I.values, ds.I.attrs))
    sums, *_ = two_passes(near)
    table = expected(ds)
    np.testing.assert_allclose(sums.table.sums[:, SQUARES], table[SQUARES], rtol=1e-6)


@pytest.mark.parametrize("group", ["P 1 21 1", "P 3 1 2", "I 4", "P 2 3"])
def test_original_and_asymmetric_indices_give_the_same(group):
    ds = observed(group)
    ds["h"].attrs["indices"] = "original"
    ds["M/ISYM"] = ("obs", np.zeros(ds.sizes["obs"], np.int32), {"mtz_type": "Y"})
    in_unit = ds.xtal.to_asu_hkl()
    plain = two_passes(ds.drop_vars("M/ISYM"))
    from_unit = two_passes(in_unit)
    from_original = two_passes(ds)
    for result in (from_unit, from_original):
        np.testing.assert_array_equal(result[0].table.codes, plain[0].table.codes)
        assert result[0].table.sums.tobytes() == plain[0].table.sums.tobytes()
    # another group: by way of the original indices
    other = two_passes(in_unit, spacegroup="P 1")
    lower = two_passes(ds.drop_vars("M/ISYM").assign_attrs(spacegroup="P 1"))
    np.testing.assert_array_equal(other[0].table.codes, lower[0].table.codes)
    assert other[0].table.sums.tobytes() == lower[0].table.sums.tobytes()


@pytest.fixture
def path(tmp_path):
    ds = observed(n=5000)
    ds = ds.astype(np.float32, keep_attrs=True)
    ds["h"].attrs["indices"] = "original"
    ds["M/ISYM"] = ("obs", np.zeros(ds.sizes["obs"], np.int32), {"mtz_type": "Y"})
    ds["BATCH"] = ("obs", np.ones(ds.sizes["obs"], np.int32), {"mtz_type": "B"})
    ds.xtal.to_asu_hkl().xtal.to_mtz(tmp_path / "data.mtz")
    return tmp_path / "data.mtz"


def test_files_are_read_in_stretches(path, monkeypatch):
    monkeypatch.setattr(source, "_ROWS", 1000)
    lazy, loaded = xrefl.open_mtz(path), xrefl.open_mtz(path).load()
    found = observations(lazy, find_columns(lazy, None, None))
    assert len(found.stretches) == 5
    assert not found.local
    one, other = two_passes(lazy), two_passes(loaded)
    assert one[0].table.sums.tobytes() == other[0].table.sums.tobytes()
    assert not any(lazy[name].variable._in_memory for name in ("I", "SIGI", "M/ISYM", "h"))


def test_columns_of_a_file_are_read_in_one_pass(path):
    ds = xrefl.open_mtz(path).reset_coords()[["h", "k", "l", "I"]]
    rows = table_rows(ds.isel(obs=slice(100, 4000)))
    assert rows is not None
    part = rows.read(10, 20)
    for name, values in part.items():
        np.testing.assert_array_equal(values, ds[name].values[110:120])


def test_columns_that_are_not_of_one_file_are_not_read_together(path):
    ds = xrefl.open_mtz(path).reset_coords()[["h", "k", "l", "I"]]
    assert table_rows(ds.isel(obs=slice(None, None, 2))) is None
    assert table_rows(ds.isel(obs=[1, 2])) is None
    assert table_rows(ds.assign(J=ds.I * 2)) is None
    assert table_rows(ds.load()) is None
