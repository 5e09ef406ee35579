"""Pairs of observations against dose, against brute force."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xrefl
from tests.test_batch_statistics import as_frame, observed
from xrefl.errors import XreflError
from xrefl.merging import dose, source
from xrefl.merging.complete_groups import CompleteGroups
from xrefl.merging.observations import find_columns, observations

# Some of the observations do not count, and results say how many.
pytestmark = pytest.mark.filterwarnings("ignore::xrefl.errors.DroppedWarning")


def by_hand(frame: pd.DataFrame) -> tuple[dict[int, tuple[float, int]], ...]:
    """Return Rcp by batch and Rd by difference, each with the number of pairs."""
    pairs = [
        (max(i.batch, j.batch), abs(i.batch - j.batch), i.I, j.I)
        for _, part in frame.groupby("unique")
        for i, j in combinations(part.itertuples(), 2)
    ]
    later, apart, one, other = map(np.array, zip(*pairs, strict=True))
    off = abs(one - other)
    rcp = {}
    for number in frame.batch.unique():
        rows = later <= number
        divisor = abs(one + other)[rows].sum() / 2
        rcp[number] = (off[rows].sum() / divisor if rows.any() else np.nan, rows.sum())
    rd = {d: (off[apart == d], (one + other)[apart == d] / 2) for d in np.unique(apart)}
    return rcp, {
        d: (a.sum() / b.sum() if b.sum() > 0 else np.nan, len(a)) for d, (a, b) in rd.items()
    }


def require_equal(found: xr.Dataset, frame: pd.DataFrame) -> None:
    rcp, rd = by_hand(frame)
    assert found.batch.values.tolist() == sorted(rcp)
    assert found.difference.values.tolist() == sorted(rd)
    for name, dim, wanted in (("rcp", "batch", rcp), ("rd", "difference", rd)):
        values = found[name].to_series()
        for place, (value, count) in wanted.items():
            assert values[place] == pytest.approx(value, rel=1e-11, nan_ok=True)
            assert int(found[f"{name}_pairs"].sel({dim: place})) == count


@pytest.mark.parametrize("friedel", ["merge", "separate"])
@pytest.mark.parametrize("group", ["P 21 21 21", "P 1 2 1"])
def test_pairs_are_those_of_brute_force(group: str, friedel: Any) -> None:
    ds = observed(group, n=800)
    require_equal(ds.xtal.dose_statistics(friedel=friedel), as_frame(ds, friedel))


def test_shells_and_ranges() -> None:
    ds = observed(n=800)
    shells = ds.xtal.shells(2)
    found = ds.xtal.dose_statistics(shells=shells, width=3)
    frame = as_frame(ds)
    frame["batch"] = 11 + (frame.batch - 11) // 3 * 3
    numbers = shells.assign_inv_d2(frame.stol)
    for number, label in enumerate(shells.labels):
        require_equal(found.sel(shell=label), frame[numbers == number])
    names = {f"{name}_overall": name for name in ("rcp", "rcp_pairs", "rd", "rd_pairs")}
    require_equal(found[list(names)].rename(names), frame)
    edges = ds.xtal.dose_statistics(edges=[11, 14, 17, 18])
    assert np.array_equal(edges.rcp, ds.xtal.dose_statistics(width=3).rcp)
    assert edges.difference.values.tolist() == [0, 1, 2]
    assert edges.difference.attrs["long_name"] == "difference of ranges"


@settings(max_examples=15)
@given(
    rows=st.integers(8, 130),
    most=st.integers(30, 140),
    chunked=st.booleans(),
    order=st.sampled_from(["batch", "hkl", "none"]),
    seed=st.integers(0, 1000),
)
def test_stretches_and_ranges_do_not_matter(
    rows: int, most: int, chunked: bool, order: str, seed: int
) -> None:
    ds = observed(n=120, batches=5, seed=seed, size=2)
    if order == "hkl":
        ds = ds.sortby(["h", "k", "l", "BATCH"])
    elif order == "none":
        ds = ds.isel(obs=np.random.default_rng(seed).permutation(120))
    wanted = ds.xtal.dose_statistics()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "_ROWS", rows)
        patch.setattr(source, "_FEW_ROWS", 1)
        patch.setattr(dose, "CompleteGroups", lambda *args: CompleteGroups(*args, most_rows=most))
        found = (ds.chunk(obs=rows) if chunked else ds).xtal.dose_statistics()
    xr.testing.assert_allclose(found, wanted, rtol=1e-11)
    assert found.attrs == wanted.attrs


@pytest.mark.parametrize("friedel", ["merge", "separate"])
@pytest.mark.parametrize("model", [None, xrefl.ErrorModel(sdfac=1.5, sdadd=0.1)])
@pytest.mark.parametrize("most", [1, 20, 99, 10_000])
def test_complete_groups_are_all_observations(most: int, friedel: str, model: Any) -> None:
    ds = observed("P 1 2 1", n=100, size=2)
    ds = ds.isel(obs=np.random.default_rng(0).permutation(100))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "_FEW_ROWS", 1)
        found = observations(
            ds.chunk(obs=31),
            find_columns(ds, None, None),
            batch="BATCH",
            error_model=model,
        )
    groups = CompleteGroups(found, friedel, most)
    parts = list(groups)
    assert np.array_equal(np.concatenate([part.codes for part in parts]), groups.codes)
    assert (np.diff(groups.codes) > 0).all()
    counts = np.concatenate([np.diff(part.starts) for part in parts])
    assert np.array_equal(counts, groups.n)
    assert all(len(part.values) <= max(most, np.diff(part.starts).max()) for part in parts)
    if most in (1, 10_000):
        assert len(parts) == (len(groups.codes) if most == 1 else 1)
    rows = np.concatenate(
        [np.column_stack([part.values, groups.batches.numbers[part.batch]]) for part in parts]
    )
    usable = np.isfinite(ds.I.values) & (ds.SIGI.values > 0)
    wanted = np.column_stack([ds.I.values, ds.SIGI.values, ds.BATCH.values])[usable]
    columns = [0, 2] if model else [0, 1, 2]  # σ are corrected
    for both in (rows, wanted):
        both[:] = both[np.lexsort(both.T)]
    rows, wanted = (both[np.lexsort(both[:, columns].T)][:, columns] for both in (rows, wanted))
    assert np.array_equal(rows, wanted)
    assert np.array_equal(groups.batches.rows, np.bincount(ds.BATCH.values)[11:])


def test_damage_makes_both_rise_and_errors_do_not() -> None:
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    options: dict[str, Any] = {"dmin": 2.0, "multiplicity": 100, "n_batches": 10, "seed": 2}
    damaged = xrefl.simulate_unmerged(model, b_factors=np.linspace(0, 20, 10), **options)
    found = damaged.xtal.dose_statistics()
    assert (np.diff(found.rcp) > 0).all() and (np.diff(found.rd) > 0).all()
    level = xrefl.simulate_unmerged(model, **options).xtal.dose_statistics()
    assert np.allclose(level.rcp, level.rcp[-1], rtol=0.12)
    assert np.allclose(level.rd, level.rd[0], rtol=0.12)
    assert float(level.rcp[-1]) < float(found.rcp[-1]) / 2
    assert level.batch_phi_end.values[-1] == 180


def test_exact_data_have_no_differences() -> None:
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    ds = xrefl.simulate_unmerged(model, dmin=3.0, n_batches=5, noise=None)
    found = ds.xtal.dose_statistics()
    assert (found.rcp == 0).all() and (found.rd == 0).all()


def test_no_pairs_and_refusals() -> None:
    ds = observed(n=200)
    alone = ds.isel(obs=[int(np.argmax((np.isfinite(ds.I) & (ds.SIGI > 0)).values))])
    found = alone.xtal.dose_statistics()
    assert np.isnan(found.rcp).all() and found.sizes["difference"] == 0
    with pytest.raises(XreflError, match="none of 200 observations can be merged"):
        ds.assign(SIGI=-abs(ds.SIGI).assign_attrs(ds.SIGI.attrs)).xtal.dose_statistics()
    far = ds.assign(BATCH=(ds.BATCH * 10_000_000).assign_attrs(mtz_type="B"))
    with pytest.raises(ValueError, match=r"60,000,001 differences; take more .*width="):
        far.xtal.dose_statistics()
    found = far.xtal.dose_statistics(width=10_000_000)
    assert np.array_equal(found.rd, ds.xtal.dose_statistics().rd)
