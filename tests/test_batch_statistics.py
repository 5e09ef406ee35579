"""Statistics by batch, against pandas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xrefl
from xrefl.merging import source
from xrefl.merging.in_batches import _batches

# Some of the observations do not count, and results say how many.
pytestmark = pytest.mark.filterwarnings("ignore::xrefl.errors.DroppedWarning")

CELL = [31.0, 37.0, 41.0, 90.0, 90.0, 90.0]
BY_BATCH = ["mean_intensity", "i_over_sigma", "r_merge", "r_meas", "scale", "chi_square"]


def observed(
    group: str = "P 21 21 21", n: int = 2000, batches: int = 7, seed: int = 0, size: int = 4
) -> xr.Dataset:
    """Return observations in the order of batches, some of which do not count."""
    rng = np.random.default_rng(seed)
    hkl = rng.integers(-size, size + 1, (n, 3))
    truth = 100 * np.exp(-(hkl**2).sum(axis=1) / 20)
    sigma = 5 + 5 * rng.random(n)
    values = truth + sigma * rng.standard_normal(n)
    values[rng.random(n) < 0.02] = np.nan
    sigma[rng.random(n) < 0.02] *= -1
    numbers = np.sort(rng.integers(11, 11 + batches, n)).astype(np.int32)
    return xr.Dataset(
        {
            "I": ("obs", values, {"mtz_type": "J"}),
            "SIGI": ("obs", sigma, {"mtz_type": "Q"}),
            "BATCH": ("obs", numbers, {"mtz_type": "B"}),
        },
        {name: ("obs", hkl[:, i].astype(np.int32)) for i, name in enumerate("hkl")},
        {"cell": CELL, "spacegroup": group},
    )


def as_frame(ds: xr.Dataset, friedel: str = "merge") -> pd.DataFrame:
    """Return the observations that count, with a key of their unique reflection."""
    group = xrefl.SpaceGroup(ds.attrs["spacegroup"])
    indices = tuple(ds[name].values for name in "hkl")
    hkl, isym = group.to_asu(indices)
    mate = (isym % 2 == 0) & ~group.centric(hkl) & (friedel == "separate")
    frame = pd.DataFrame({"I": ds.I.values, "s": ds.SIGI.values, "batch": ds.BATCH.values})
    frame["unique"] = [(*index, odd) for index, odd in zip(hkl.tolist(), mate, strict=True)]
    frame["plain"] = list(map(tuple, hkl.tolist()))
    frame["stol"] = xrefl.UnitCell.from_parameters(ds.attrs["cell"]).inv_d2(indices)
    keep = np.isfinite(frame.I) & np.isfinite(frame.s) & (frame.s > 0)
    return frame[keep & ~group.absent(hkl) & (hkl != 0).any(axis=1)].copy()


def with_means(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.assign(w=frame.s**-2.0)
    groups = frame.assign(wI=frame.w * frame.I).groupby("unique")
    total = groups.w.transform("sum")
    return frame.assign(
        n=groups.I.transform("size"),
        mean=groups.I.transform("mean"),
        wmean=groups.wI.transform("sum") / total,
        free=1 - frame.w / total,
    )


def cc_half(frame: pd.DataFrame, weighted: bool = False) -> float:
    """Return CC1/2 by the σ-τ method, as in the paper."""
    means, errors = [], []
    for _, part in frame.groupby("unique"):
        n = len(part)
        if n < 2:
            continue
        w = part.s**-2.0 if weighted else pd.Series(1.0, part.index)
        mean = (w * part.I).sum() / w.sum()
        variance = n / (n - 1) * (w * (part.I - mean) ** 2).sum() / w.sum()
        means.append(mean)
        errors.append(variance / (n / 2))
    if len(means) < 2:
        return np.nan
    y, e = np.var(means, ddof=1), np.mean(errors)
    return float((y - e / 2) / (y + e / 2))


def by_hand(frame: pd.DataFrame, weighting: str) -> dict[int, dict[str, float]]:
    mean, divisor = {
        "aimless": ("wmean", "wmean"), "xds": ("wmean", "mean"), "unweighted": ("mean", "mean"),
    }[weighting]  # fmt: skip
    frame = with_means(frame)
    result = {}
    for number, part in frame.groupby("batch"):
        more = part[part.n > 1]
        off = (more.I - more[mean]).abs()
        result[number] = {
            "n_observations": len(part),
            "mean_intensity": part.I.mean(),
            "i_over_sigma": (part.I / part.s).mean(),
            "r_merge": off.sum() / more[divisor].sum(),
            "r_meas": (off * np.sqrt(more.n / (more.n - 1))).sum() / more[divisor].sum(),
            "scale": (more.w * more.I * more.wmean).sum() / (more.w * more.wmean**2).sum(),
            "chi_square": (more.w * (more.I - more.wmean) ** 2).sum() / more.free.sum(),
            "cc_half_without": cc_half(frame[frame.batch != number], mean == "wmean"),
            "n_unique": frame[frame.batch <= number].plain.nunique(),
        }
    return result


def require_equal(found: xr.Dataset, wanted: dict[int, dict[str, float]]) -> None:
    assert found.batch.values.tolist() == sorted(wanted)
    for number, values in wanted.items():
        for name, value in values.items():
            one = float(found[name].sel(batch=number))
            tolerance = 1e-9 if name == "cc_half_without" else 1e-11
            assert one == pytest.approx(value, rel=tolerance, abs=1e-12, nan_ok=True), name


@pytest.mark.parametrize("weighting", ["aimless", "xds", "unweighted"])
@pytest.mark.parametrize("friedel", ["merge", "separate"])
@pytest.mark.parametrize("group", ["P 21 21 21", "P 1 2 1", "P -1"])
def test_statistics_are_those_of_pandas(group: str, friedel: Any, weighting: Any) -> None:
    ds = observed(group)
    found = ds.xtal.batch_statistics(friedel=friedel, weighting=weighting)
    frame = as_frame(ds, friedel)
    require_equal(found, by_hand(frame, weighting))
    rows = pd.Series(ds.BATCH.values).value_counts().sort_index()
    assert (found.n_excluded.values == rows.values - found.n_observations.values).all()
    assert float(found.cc_half) == pytest.approx(
        cc_half(frame, weighting != "unweighted"), rel=1e-11
    )
    difference = found.cc_half - found.cc_half_without
    assert np.allclose(found.delta_cc_half, difference, rtol=0, atol=1e-15)


def test_whole_agrees_with_merging_statistics() -> None:
    ds = observed()
    found, whole = ds.xtal.batch_statistics(shells=4), ds.xtal.merging_statistics(shells=4)
    assert np.allclose(found.cc_half, whole.cc_half, rtol=1e-12)
    assert float(found.cc_half_overall) == pytest.approx(float(whole.cc_half_overall), rel=1e-12)
    assert (found.n_observations.sum("batch") == whole.n_observations).all()
    assert (found.n_unique.isel(batch=-1) == whole.n_unique).all()
    assert np.allclose(found.completeness.isel(batch=-1), whole.completeness)
    assert float(found.completeness_overall[-1]) == float(whole.completeness_overall)
    assert list(found.shell.values) == list(whole.shell.values)


def test_shells_are_data_of_their_own() -> None:
    ds = observed()
    shells = ds.xtal.shells(3)
    found = ds.xtal.batch_statistics(shells=shells)
    frame = as_frame(ds)
    frame["shell"] = shells.assign_inv_d2(frame.stol)
    for number, label in enumerate(shells.labels):
        part = found.sel(shell=label)
        require_equal(part, by_hand(frame[frame.shell == number], "aimless"))
    overall = found[[name for name in found if name.endswith("_overall")]]
    renamed = overall.rename({name: name.removesuffix("_overall") for name in overall})
    require_equal(renamed, by_hand(frame, "aimless"))


@pytest.mark.parametrize(
    ("options", "lower"),
    [({"width": 3}, [11, 14, 17]), ({"edges": [10, 13, 14, 20]}, [11, 13, 14])],
)
def test_ranges_are_as_one_batch(options: dict[str, Any], lower: list[int]) -> None:
    ds = observed()
    found = ds.xtal.batch_statistics(**options)
    frame = as_frame(ds)
    last = np.append(np.array(lower[1:]) - 1, 17)
    assert found.batch.values.tolist() == lower
    assert found.batch_last.values.tolist() == last.tolist()
    places = np.searchsorted(lower, frame.batch, side="right") - 1
    require_equal(found, by_hand(frame.assign(batch=np.array(lower)[places]), "aimless"))


def in_stretches(ds: xr.Dataset, rows: int, chunked: bool, **options: Any) -> xr.Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "_ROWS", rows)
        patch.setattr(source, "_FEW_ROWS", 1)
        data = ds.chunk(obs=rows) if chunked else ds
        return data.xtal.batch_statistics(**options)


@pytest.mark.parametrize("order", ["batch", "hkl", "none"])
@pytest.mark.parametrize("weighting", ["aimless", "unweighted"])
@settings(max_examples=15)
@given(rows=st.integers(1, 130), chunked=st.booleans(), seed=st.integers(0, 1000))
def test_stretches_do_not_matter(
    order: str, weighting: Any, rows: int, chunked: bool, seed: int
) -> None:
    ds = observed(n=120, batches=5, seed=seed, size=2)
    rng = np.random.default_rng(seed)
    if order == "hkl":
        ds = ds.sortby(["h", "k", "l", "BATCH"])
    elif order == "none":
        ds = ds.isel(obs=rng.permutation(ds.sizes["obs"]))
    options = {"weighting": weighting, "shells": 2}
    one, other = ds.xtal.batch_statistics(**options), in_stretches(ds, rows, chunked, **options)
    xr.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    for name in one:
        assert one[name].dtype == other[name].dtype


def test_left_out_exactly_in_any_order() -> None:
    ds = observed(n=600, batches=4)
    ds = ds.isel(obs=np.random.default_rng(1).permutation(600))
    found = in_stretches(ds, 37, True, weighting="unweighted")
    require_equal(found, by_hand(as_frame(ds), "unweighted"))


def test_spoiled_batch_has_the_lowest_delta() -> None:
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    ds = xrefl.simulate_unmerged(model, dmin=2.0, multiplicity=20, n_batches=12, seed=3)
    bad = ds.BATCH == 8
    noise = np.random.default_rng(0).normal(size=ds.sizes["obs"]) * float(ds.I.mean())
    ds = ds.assign(I=(ds.I + bad * noise.astype(np.float32)).assign_attrs(ds.I.attrs))
    found = ds.xtal.batch_statistics(weighting="unweighted")
    assert int(found.delta_cc_half.idxmin()) == 8
    assert float(found.delta_cc_half.sel(batch=8)) < 0
    assert int(found.r_meas.idxmax()) == int(found.chi_square.idxmax()) == 8
    assert found.batch_phi_start.values[[0, -1]].tolist() == [0, 165]
    assert found.batch_phi_end.values[[0, -1]].tolist() == [15, 180]


def test_scales_are_found_and_chi_square_is_1() -> None:
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    options: dict[str, Any] = {"dmin": 2.0, "multiplicity": 60, "n_batches": 6, "seed": 5}
    found = xrefl.simulate_unmerged(model, **options).xtal.batch_statistics()
    assert np.allclose(found.chi_square, 1, atol=0.06)  # 3000 observations: 0.026 at 1 σ
    assert np.allclose(found.scale, 1, atol=0.01)
    scales = np.linspace(1, 1.5, 6)
    ds = xrefl.simulate_unmerged(model, scales=scales, noise=None, **options)
    scale = ds.xtal.batch_statistics().scale.values
    assert np.allclose(scale / scale[0], scales, rtol=0.02)


def test_files_and_their_headers(tmp_path: Path) -> None:
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    ds = xrefl.simulate_unmerged(model, dmin=3.0, n_batches=9)
    ds.xtal.to_mtz(tmp_path / "a.mtz")
    found = xrefl.open_mtz(tmp_path / "a.mtz", chunks={"obs": 50}).xtal.batch_statistics(width=4)
    one = ds.xtal.batch_statistics(width=4)
    xr.testing.assert_allclose(found, one, rtol=1e-9)
    assert found.batch_phi_end.values.tolist() == [80, 160, 180]
    few = ds.isel(obs=ds.BATCH.values != 3).xtal.batch_statistics()
    assert int(few.n_observations.sel(batch=3)) == 0
    assert np.isnan(few.mean_intensity.sel(batch=3)) and np.isnan(few.r_meas.sel(batch=3))
    assert float(few.delta_cc_half.sel(batch=3)) == pytest.approx(0, abs=1e-15)


def test_numbers_may_be_of_any_kind_and_far_apart() -> None:
    ds = observed(n=300)
    wanted = ds.xtal.batch_statistics().drop_vars(["batch", "batch_last"])
    numbers = (ds.BATCH - 11) * 10_000_000 - 30_000_000
    for kind in (np.int64, np.float64, np.int32):
        other = ds.drop_vars("BATCH").assign(image=numbers.astype(kind).drop_attrs())
        found = other.xtal.batch_statistics(batch="image")
        assert found.batch.values.tolist() == sorted(set(numbers.values.tolist()))
        xr.testing.assert_identical(found.drop_vars(["batch", "batch_last"]), wanted)
    small = ds.assign(image=ds.BATCH.astype(np.uint8))
    assert small.xtal.batch_statistics(batch="image").batch.values.tolist() == list(range(11, 18))


@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=30))
def test_places_of_batches(numbers: list[int]) -> None:
    batches, place = _batches(np.array(numbers, np.int32))
    assert batches.numbers[place].tolist() == numbers
    assert batches.rows.tolist() == [numbers.count(n) for n in sorted(set(numbers))]


def test_large_errors_leave_digits() -> None:
    ds = observed(n=600)
    far = np.where((ds.BATCH == 13) & (np.arange(600) % 3 == 0), 1000.0, 1.0)
    ds = ds.assign(I=(ds.I * far).assign_attrs(ds.I.attrs))
    found = ds.xtal.batch_statistics(weighting="unweighted")
    require_equal(found, by_hand(as_frame(ds), "unweighted"))


def test_data_frames_and_files_of_zarr(tmp_path: Path) -> None:
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    ds = xrefl.simulate_unmerged(model, dmin=3.0, n_batches=4)
    wanted, dose = ds.xtal.batch_statistics(), ds.xtal.dose_statistics()
    plain = [name for name in wanted.coords if "phi" in name]
    frame = ds.xtal.to_dataframe()
    xr.testing.assert_identical(frame.xtal.batch_statistics(), wanted.drop_vars(plain))
    xr.testing.assert_identical(frame.xtal.dose_statistics(), dose.drop_vars(plain))
    ds.xtal.to_zarr(tmp_path / "a.zarr")
    with xrefl.open_zarr(tmp_path / "a.zarr") as stored:
        xr.testing.assert_allclose(stored.xtal.batch_statistics(), wanted, rtol=1e-9)
