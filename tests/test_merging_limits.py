"""Merging at its limits: extreme numbers, tiny chunks, wrong indices, sources that change."""

from __future__ import annotations

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr

from tests.test_merge import observed as measured
from tests.unmerged_samples import observed
from xrefl.cli._remedies import on_command_line
from xrefl.errors import (
    CrystalError,
    CrystalMismatchError,
    CrystalWarning,
    DroppedWarning,
    XreflError,
)
from xrefl.merging import _kernels, _statistics_kernels, source, table
from xrefl.merging.error_model import ErrorModel
from xrefl.merging.observations import plain_columns
from xrefl.merging.statistics_table import statistics_table


def observations(hkl, intensity, sigma, *, group: str = "P 1", misym=None) -> xr.Dataset:
    columns = {
        "I": ("obs", np.asarray(intensity), {"mtz_type": "J"}),
        "SIGI": ("obs", np.asarray(sigma), {"mtz_type": "Q"}),
    }
    if misym is not None:
        columns["M/ISYM"] = ("obs", np.array(misym, np.int32), {"mtz_type": "Y"})
    indices = np.broadcast_to(np.array(hkl, np.int32), (len(intensity), 3)).T
    coords = {name: ("obs", index) for name, index in zip("hkl", indices, strict=True)}
    return xr.Dataset(columns, coords, {"cell": [10, 11, 12, 90, 90, 90], "spacegroup": group})


@pytest.mark.parametrize(("first", "count"), [(1e-80, "n_sigma_not_positive"), (1e80, "n_missing")])
def test_a_sigma_whose_square_is_no_number(first, count):
    with pytest.warns(DroppedWarning, match="1 of 3 observations"):
        merged = observations([1, 2, 3], [10.0, 11, 12], [first, 1, 1]).xtal.merge()
    assert merged.IMEAN.values == 11.5
    assert merged.attrs[count] == 1


def test_an_intensity_whose_square_is_no_number():
    with pytest.warns(DroppedWarning, match="1 without a number"):
        merged = observations([1, 2, 3], [-1e80, 11, 12], [1.0, 1, 1]).xtal.merge()
    assert merged.IMEAN.values == 11.5


@pytest.mark.parametrize("scale", [1e-70, 1e-30, 1e30, 1e70])
def test_numbers_of_any_scale(scale):
    ds = observed(500)
    expected = ds.xtal.merge()
    ds = ds.assign({name: (ds[name] * scale).assign_attrs(ds[name].attrs) for name in ds})
    merged = ds.xtal.merge()
    np.testing.assert_allclose(merged.IMEAN, expected.IMEAN * scale, rtol=1e-12)
    np.testing.assert_allclose(merged.SIGIMEAN, expected.SIGIMEAN * scale, rtol=1e-12)
    np.testing.assert_allclose(merged.CHI2, expected.CHI2, rtol=1e-9)


@pytest.mark.parametrize("sigma", [1e-3, 1e-6, 1e-9, 1e-12])
def test_an_outlier_that_has_nearly_all_the_weight(sigma):
    ds = observations([1, 2, 3], [100.0, 0, 0.1, -0.1, 0.05], [sigma, 1, 1, 1, 1])
    found = ds.xtal.outliers()
    assert found.row.values.tolist() == [0]
    assert float(found.IOTHERS[0]) == pytest.approx(0.0125, rel=1e-12)
    assert float(found.DEVIATE[0]) == pytest.approx(99.9875 / np.hypot(sigma, 0.5), rel=1e-12)


@pytest.mark.parametrize("friedel", ["merge", "separate"])
def test_0_0_0_has_no_mate(friedel):
    ds = observations([[0, 0, 0], [0, 0, 0], [1, 2, 3], [1, 2, 3]], [5.0, 7, 1, 3], [1.0] * 4,
               misym=[1, 2, 1, 2])  # fmt: skip
    with pytest.warns(DroppedWarning, match="2 of the reflection 0 0 0"):
        merged, stats = ds.xtal.merge_with_statistics(friedel=friedel, shells=None)
    assert merged.h.values.tolist() == [1]
    for attrs in (merged.attrs, stats.attrs):
        assert (attrs["n_observations"], attrs["n_000"]) == (2, 2)


@pytest.mark.parametrize("group", ["P 1", "P 2 2 2"])
def test_operations_that_count_are_those_of_the_column(group):
    ds = observed(2000, group="P 1 2 1").assign_coords()
    ds["M/ISYM"] = ("obs", np.zeros(2000, np.int32), {"mtz_type": "Y"})
    ds["h"].attrs["indices"] = "original"
    counted = ds.xtal.to_asu_hkl().assign_attrs(symmetry_operations=["x,y,z", "-x,y,-z"])
    expected = ds.xtal.merge(spacegroup=group, friedel="separate")
    merged = counted.assign_attrs(spacegroup=group).xtal.merge(friedel="separate")
    for name in expected.data_vars:
        np.testing.assert_allclose(merged[name], expected[name], rtol=1e-12)


def test_tiny_chunks_are_joined_before_dask_sees_them():
    ds = observed(500)
    columns = plain_columns(ds, {"h": "h", "I": "intensity", "SIGI": "sigma"})
    (only,) = source.stretches(columns.chunk(obs=1))
    assert (only.start, only.stop) == (0, 500)
    for name, delayed in only.columns.items():
        assert np.array_equal(delayed.compute(), columns[name])
    uneven = ds.chunk(obs=(1, 400, 1, 98))
    uneven["I"] = uneven.I.chunk(obs=7)
    assert uneven.xtal.merge().equals(ds.xtal.merge())


def test_an_index_that_is_far_off_is_told():
    ds = observed(100)
    ds.h[0] = 90_000
    assert ds.xtal.merge().attrs["n_observations"] == 100
    with pytest.raises(CrystalError, match=r"0\.0004\d+ Å .* Miller index\? .*sel_resolution"):
        ds.xtal.merging_statistics(shells=5)
    assert ds.xtal.sel_resolution(dmin=1.0).xtal.merging_statistics().attrs["n_observations"] == 99


@pytest.mark.parametrize("step", [1, 30])
@pytest.mark.parametrize("seed", [None, 7])
def test_a_source_that_changes_between_passes(step, seed):
    ds = observed(2000)
    reads = iter(range(0, 10**6, step))
    h = dask.delayed(lambda: ds.h.values + next(reads), pure=False)()
    changing = ds.chunk(obs=-1).assign_coords(h=("obs", da.from_delayed(h, (2000,), np.int32)))
    with (
        dask.config.set({"xrefl.merging.kept-rows": 0}),
        pytest.raises(XreflError, match="changed between two passes"),
    ):
        changing.xtal.merging_statistics(shells=3, seed=seed)


def test_a_group_that_the_cell_contradicts_is_told_by_all():
    ds = measured(n=500)
    for method in ("merge", "outliers"):
        with pytest.warns(CrystalWarning, match="contradict"):
            getattr(ds.xtal, method)(spacegroup="P 4 3 2")
    # resolution would be that of indices moved by rotations that the cell does not have
    for method in ("merging_statistics", "merge_with_statistics", "batch_statistics"):
        with pytest.raises(CrystalMismatchError, match=r"contradict.*assign the cell") as found:
            getattr(ds.xtal, method)(spacegroup="P 4 3 2")
        assert on_command_line(str(found.value)).endswith("resolutions. Check --spacegroup")


@pytest.mark.parametrize("method", ["merge", "merging_statistics"])
def test_a_group_without_the_centring_of_the_data_is_told(method):
    ds = observed(500, group="C 1 2 1")
    ds = ds.isel(obs=((ds.h + ds.k) % 2 == 0).values)
    with pytest.warns(CrystalWarning, match="P 1 lacks the centring of C 1 2 1.* as 'C 1', takes"):
        getattr(ds.xtal, method)(spacegroup="P 1")
    getattr(ds.xtal, method)(spacegroup="C 1")


@pytest.mark.parametrize("chunks", [None, 300])
@pytest.mark.parametrize("method", ["merge", "merging_statistics", "merge_with_statistics"])
def test_mates_that_nothing_tells_apart(method, chunks):
    ds = measured(n=1000).xtal.to_asu_hkl()
    ds = ds if chunks is None else ds.chunk(obs=chunks)
    bare = ds.drop_vars("M/ISYM")
    with pytest.warns(CrystalWarning, match=r"all 1,000 .* no column M/ISYM .* counts as I\(\+\)"):
        getattr(bare.xtal, method)(friedel="separate")
    # nothing is said where mates can be told, or do not matter
    getattr(bare.xtal, method)()
    getattr(ds.xtal, method)(friedel="separate")
    getattr(ds.xtal.to_original_hkl().drop_vars("M/ISYM").xtal, method)(friedel="separate")


def test_mates_of_centric_reflections_and_of_other_indices():
    centric = observations([1, 2, 0], [10.0, 11, 12], [1.0, 1, 1], group="P 2 2 2")
    assert np.isnan(centric.xtal.merge(friedel="separate")["I(-)"]).all()
    one_sided = observations([1, -2, -3], [10.0, 11, 12], [1.0, 1, 1], group="P 2 2 2")
    assert np.isnan(one_sided.xtal.merge(friedel="separate")["I(-)"]).all()


def test_the_history_says_what_was_chosen():
    ds = observed(500)
    (line,) = ds.xtal.merge().attrs["history"][-1:]
    assert line.endswith(", weights 1/σ²")
    merged = ds.xtal.merge(
        weights="unweighted", errors="larger", reject=6, partials="keep",
        error_model=ErrorModel(1.5, 0.0, 0.02),
    )  # fmt: skip
    assert merged.attrs["history"][-1].endswith(
        ", unweighted, errors='larger', σ with sdfac 1.5, sdb 0, sdadd 0.02, "
        f"{merged.attrs['n_rejected']:,} outliers beyond 6 σ rejected, partials='keep'"
    )


def test_too_many_shells_for_unique_reflections():
    ds = observed(2000)
    count = int(ds.xtal.merging_statistics(shells=None).n_unique)
    with pytest.raises(ValueError, match=f"than there are reflections, {count};"):
        ds.xtal.merging_statistics(shells=5000)


@pytest.mark.parametrize(
    ("other", "error", "message"),
    [
        (lambda ds: ds, ValueError, "dimension 'obs'; use ds.xtal.merging_statistics"),
        (lambda ds: ds.xtal.merge(), ValueError, "dimension 'hkl'"),
        (lambda ds: xr.Dataset(), ValueError, "no 'n_unique' among nothing"),
        (lambda ds: ds.I, TypeError, "not of DataArray"),
        (
            lambda ds: ds.xtal.merging_statistics(shells=3).drop_vars("cc_half_overall"),
            ValueError,
            "no 'cc_half_overall' among",
        ),
    ],
)
def test_a_table_of_something_else(other, error, message):
    with pytest.raises(error, match=message):
        statistics_table(other(observed(500)))


@pytest.mark.parametrize("seed", [1.5, "1", -1, 2**64])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises((TypeError, ValueError), match=f"a seed is a whole number .* not {seed!r}"):
        observed(100).xtal.merging_statistics(shells=2, seed=seed)


def test_kernels_mean_the_same_columns():
    names = [name for name in table.__all__ if name.isupper()]
    assert "WIDTH" in names
    for kernels in (_kernels, _statistics_kernels):
        for name in set(names) & set(vars(kernels)):
            assert getattr(kernels, name) == getattr(table, name)
    assert set(names) <= set(vars(_kernels))
