"""Simulated observations: their number, order, indices and errors."""

from __future__ import annotations

import pickle

import gemmi
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import xrefl
from tests import strategies
from tests.lazy import nothing_computed
from xrefl.simulation import _kernels

WORD = 2**32 - 1


def merged(group: str = "P 21 21 21", dmin: float = 12.0, anomalous: bool = False) -> xr.Dataset:
    """Return merged intensities to a resolution."""
    cell = strategies.CELLS[group]
    index = xrefl.HKLIndex.from_miller(
        *xrefl.miller_indices(cell, group, dmin).T, cell=cell, spacegroup=group
    )
    ds = xr.Dataset(coords=index.coordinates())
    rng = np.random.default_rng(3)
    for name in ("I(+)", "I(-)") if anomalous else ("I",):
        values = rng.exponential(500.0, ds.sizes["hkl"])
        ds[name] = ("hkl", values, {"mtz_type": "K" if anomalous else "J"})
    return ds


def frame(ds: xr.Dataset) -> pd.DataFrame:
    columns = [name for name, column in ds.variables.items() if column.dims == ("obs",)]
    return pd.DataFrame({name: ds[name].values for name in columns})


def sorted_frame(ds: xr.Dataset) -> pd.DataFrame:
    return frame(ds).sort_values(["h", "k", "l", "M/ISYM", "BATCH", "I"]).reset_index(drop=True)


def philox(counter: list[int], key: list[int]) -> list[int]:
    """Return the words of Philox-4x32-10, as the paper puts it."""
    c, k = list(counter), list(key)
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c[0], 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c[2], 2**32)
        c = [high1 ^ c[1] ^ k[0], low1, high0 ^ c[3] ^ k[1], low0]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return c


def test_reference_has_the_published_answers() -> None:
    # kat_vectors of the Random123 distribution (Salmon et al. 2011)
    assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox([WORD] * 4, [WORD] * 2) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


@given(counter=st.integers(0, 2**62), key=st.integers(-(2**63), 2**63 - 1))
def test_random_words_are_those_of_philox(counter: int, key: int) -> None:
    expected = philox([counter & WORD, counter >> 32, 0, 0], [key & WORD, (key >> 32) & WORD])
    assert list(_kernels.philox(counter, key)) == expected


@given(count=st.integers(1, 3000), seed=st.integers(0, 2**32))
def test_order_of_measurement_is_a_permutation(count: int, seed: int) -> None:
    keys = np.random.default_rng(seed).integers(0, 2**32, 4)
    bits = (count - 1).bit_length()
    slots = [_kernels.slot_of(place, count, bits, keys) for place in range(count)]
    assert sorted(slots) == list(range(count))
    assert [_kernels.place_of(slot, count, bits, keys) for slot in slots] == list(range(count))


@given(values=st.lists(st.integers(-(2**60), 2**60), max_size=300))
def test_sort(values: list[int]) -> None:
    array = np.array([*values, 7], np.int64)
    _kernels.sort(array, len(values))
    assert array.tolist() == [*sorted(values), 7]


@pytest.mark.parametrize("order", ["batch", "hkl"])
@pytest.mark.parametrize("chunks", [1, 997, {"obs": 5000}, {}, "auto", -1])
def test_numbers_do_not_depend_on_chunks(order: str, chunks: object) -> None:
    truth = merged(dmin=30.0 if chunks == 1 else 12.0)
    options = {"multiplicity": 5, "noise": xrefl.Noise(outliers=0.1), "order": order}
    ds = xrefl.simulate_unmerged(truth, **options)
    with nothing_computed():
        lazy = xrefl.simulate_unmerged(truth, **options, chunks=chunks)
        assert all(lazy[name].chunks is not None for name in (*"hkl", *ds.data_vars))
    xr.testing.assert_identical(lazy.compute(), ds)


def test_numbers_do_not_depend_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = merged(dmin=6.0)
    for order in ("batch", "hkl"):
        monkeypatch.setenv("XREFL_NUM_THREADS", "1")
        one = xrefl.simulate_unmerged(truth, order=order, multiplicity=30)
        assert one.sizes["obs"] > 50_000
        monkeypatch.setenv("XREFL_NUM_THREADS", "3")
        several = xrefl.simulate_unmerged(truth, order=order, multiplicity=30)
        xr.testing.assert_identical(one, several)


def test_any_stretch_of_very_many_observations() -> None:
    options = {"multiplicity": 500_000, "chunks": 2**16}
    truth = merged(dmin=12.0)
    with nothing_computed():
        ds = xrefl.simulate_unmerged(truth, **options)
    count = ds.sizes["obs"]
    assert count == pytest.approx(truth.sizes["hkl"] * 500_000, rel=1e-3)
    assert count > 10**8
    part = ds.isel(obs=slice(10**8 - 5, 10**8 + 5)).compute()
    np.testing.assert_array_equal(part.BATCH, (np.arange(10**8 - 5, 10**8 + 5) * 180 // count) + 1)
    assert len(np.unique(part.h * 10000 + part.k * 100 + part.l)) == 10


def test_lazy_data_can_be_pickled() -> None:
    lazy = xrefl.simulate_unmerged(merged(), chunks=1000)
    copy = pickle.loads(pickle.dumps(lazy))
    xr.testing.assert_identical(copy.compute(), lazy.compute())


def test_graphs_are_named_after_what_they_calculate() -> None:
    first, same, other = (
        xrefl.simulate_unmerged(merged(), seed=seed, chunks=1000) for seed in (1, 1, 2)
    )
    assert first.I.data.name == same.I.data.name != other.I.data.name


def test_seeds() -> None:
    truth = merged()
    first, same, other = (xrefl.simulate_unmerged(truth, seed=seed) for seed in (1, 1, 2))
    xr.testing.assert_identical(first, same)
    assert first.sizes["obs"] != other.sizes["obs"]
    size = min(first.sizes["obs"], other.sizes["obs"])
    assert np.mean(first.I.values[:size] == other.I.values[:size]) < 0.01


@pytest.mark.parametrize("group", strategies.SPACE_GROUPS)
def test_both_orders_have_the_same_observations(group: str) -> None:
    truth = merged(group, dmin=9.0)
    by_batch = xrefl.simulate_unmerged(truth, n_batches=7)
    by_hkl = xrefl.simulate_unmerged(truth, n_batches=7, order="hkl")
    assert np.all(np.diff(by_batch.BATCH) >= 0)
    np.testing.assert_array_equal(np.unique(by_batch.BATCH), np.arange(1, 8))
    counts = np.bincount(by_batch.BATCH)[1:]
    assert counts.max() - counts.min() <= 1
    keys = frame(by_hkl)[["h", "k", "l", "M/ISYM", "BATCH"]]
    pd.testing.assert_frame_equal(keys, keys.sort_values(list(keys), ignore_index=True))
    pd.testing.assert_frame_equal(sorted_frame(by_hkl), sorted_frame(by_batch))


@pytest.mark.parametrize("multiplicity", [0.4, 5.0, 1000.0])
def test_multiplicity_has_a_poisson_distribution(multiplicity: float) -> None:
    truth = merged(dmin=8.0)
    ds = xrefl.simulate_unmerged(truth, multiplicity=multiplicity, order="hkl", chunks={})
    count = truth.sizes["hkl"]
    found = frame(ds[["BATCH"]].compute()).groupby(["h", "k", "l"]).size().to_numpy()
    found = np.append(found, np.zeros(count - len(found)))
    error = np.sqrt(multiplicity / count)
    assert found.mean() == pytest.approx(multiplicity, abs=4 * error)
    spread = np.sqrt((multiplicity + 2 * multiplicity**2) / count)  # of the sample variance
    assert found.var() == pytest.approx(multiplicity, abs=4 * spread)
    none = np.exp(-multiplicity)
    assert np.mean(found == 0) == pytest.approx(none, abs=4 * np.sqrt(none / count) + 1e-9)


@pytest.mark.parametrize("group", strategies.SPACE_GROUPS)
def test_operations_lead_from_original_indices(group: str) -> None:
    truth = merged(group, dmin=3.0 if group == "C 1 2 1" else 9.0, anomalous=True)
    ds = xrefl.simulate_unmerged(truth, multiplicity=20, noise=None)
    original = ds.xtal.to_original_hkl()
    back = original.xtal.to_asu_hkl()
    for name in ("h", "k", "l", "M/ISYM"):  # the operation is the lowest that leads there
        np.testing.assert_array_equal(back[name], ds[name])
    # the intensity is that of the mate that was observed, as gemmi finds it
    their_group = gemmi.SpaceGroup(group)
    operations, asu = their_group.operations(), gemmi.ReciprocalAsu(their_group)
    index = truth.indexes["hkl"]
    known = {
        tuple(map(int, hkl)): pair
        for *hkl, pair in zip(
            *(truth[name].values for name in "hkl"),
            np.stack([truth["I(+)"], truth["I(-)"]], 1),
            strict=True,
        )
    }
    assert len(index) == len(known)
    signs = set()
    for h, k, l, value in zip(original.h, original.k, original.l, ds.I.values, strict=True):
        hkl = int(h), int(k), int(l)
        unique, isym = asu.to_asu(hkl, operations)
        minus = isym % 2 == 0 and not operations.is_reflection_centric(hkl)
        assert value == np.float32(known[tuple(unique)][int(minus)])
        signs.add(minus)
    assert signs == ({False} if group in ("P -1", "I 41/a m d:2", "F d -3 m:1") else {False, True})


def test_all_operations_and_mates_are_as_frequent() -> None:
    ds = xrefl.simulate_unmerged(merged(), multiplicity=50)
    general = ds.isel(obs=(ds.h != 0) & (ds.k != 0) & (ds.l != 0))
    counts = np.bincount(general["M/ISYM"])[1:]
    expected = counts.sum() / 8
    assert len(counts) == 8
    # chi-square with 7 degrees of freedom: 24.3 with a probability of 0.001
    assert np.sum((counts - expected) ** 2 / expected) < 24.3


@pytest.mark.parametrize("order", ["batch", "hkl"])
def test_errors_are_normal_with_the_stated_sigma(order: str) -> None:
    from scipy.stats import kstest

    ds = xrefl.simulate_unmerged(merged(dmin=8.0), multiplicity=20, order=order)
    chi = ((ds.I.astype(float) - ds.I_TRUE) / ds.SIGI).values
    assert len(chi) > 15_000
    assert chi.mean() == pytest.approx(0, abs=4 / np.sqrt(chi.size))
    assert (chi**2).mean() == pytest.approx(1, abs=4 * np.sqrt(2 / chi.size))
    assert kstest(chi, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(chi[1:], chi[:-1])[0, 1]) < 4 / np.sqrt(chi.size)


def test_sigma_is_that_of_photons() -> None:
    truth = merged()
    noise = xrefl.Noise(counts=50, background=30, instability=0.05)
    ds = xrefl.simulate_unmerged(truth, noise=noise)
    mean = truth.I.mean().item()
    counts = ds.I_TRUE.astype(float) / mean * 50
    variance = (counts + 30) * (mean / 50) ** 2 + (0.05 * ds.I_TRUE.astype(float)) ** 2
    np.testing.assert_allclose(ds.SIGI, np.sqrt(variance), rtol=1e-5)
    row = ds.isel(obs=11)
    assert noise.sigma(row.I_TRUE.item(), mean=mean) == pytest.approx(row.SIGI.item(), rel=1e-6)


def test_negative_intensities_have_the_error_of_the_background() -> None:
    truth = merged()
    truth["I"] = truth.I.where(np.arange(truth.sizes["hkl"]) % 2 == 0, -5.0)
    ds = xrefl.simulate_unmerged(truth, noise=xrefl.Noise(counts=10, background=4))
    negative = ds.isel(obs=ds.I_TRUE < 0)
    np.testing.assert_allclose(negative.SIGI, 2 * truth.I.mean().item() / 10, rtol=1e-6)


def test_exact_data() -> None:
    ds = xrefl.simulate_unmerged(merged(), noise=None)
    np.testing.assert_array_equal(ds.I, ds.I_TRUE)
    np.testing.assert_array_equal(ds.SIGI, 1)
    assert ds.I.dtype == ds.SIGI.dtype == np.float32


def test_outliers_are_marked() -> None:
    ds = xrefl.simulate_unmerged(merged(dmin=8.0), noise=xrefl.Noise(outliers=0.05))
    chi = ((ds.I - ds.I_TRUE) / ds.SIGI).values
    marked = ds.OUTLIER.values
    assert marked.mean() == pytest.approx(0.05, abs=4 * np.sqrt(0.05 / marked.size))
    assert np.abs(chi[~marked]).max() < 6
    assert 4 < np.abs(chi[marked]).min() < 11
    assert 29 < np.abs(chi[marked]).max() < 36
    assert np.mean(chi[marked] > 0) == pytest.approx(0.5, abs=2 / np.sqrt(marked.sum()))
    assert "OUTLIER" not in xrefl.simulate_unmerged(merged())


def test_scales_and_b_factors_of_batches() -> None:
    scales, b_factors = np.linspace(1, 0.5, 12), np.linspace(0, 30, 12)
    options = {"n_batches": 12, "scales": scales, "b_factors": b_factors}
    ds = xrefl.simulate_unmerged(merged(), noise=None, **options)
    np.testing.assert_array_equal(ds.batch_scale, scales)
    np.testing.assert_array_equal(ds.batch_b_factor, b_factors)
    of = ds.BATCH.values - 1
    expected = scales[of] * np.exp(-b_factors[of] / 2 * ds.xtal.inv_d2().values) * ds.I_TRUE
    np.testing.assert_allclose(ds.I, expected, rtol=1e-6)
    noisy = xrefl.simulate_unmerged(merged(), **options)
    chi = (noisy.I - expected) / noisy.SIGI
    assert float((chi**2).mean()) == pytest.approx(1, abs=4 * np.sqrt(2 / chi.size))


def test_merging_leads_back_to_the_truth() -> None:
    truth = merged(dmin=8.0)
    exact = frame(xrefl.simulate_unmerged(truth, noise=None)).groupby(["h", "k", "l"]).I.mean()
    known = truth.I.to_series()
    known.index = pd.MultiIndex.from_arrays([truth[name].values for name in "hkl"])
    np.testing.assert_allclose(exact, known.loc[exact.index], rtol=1e-6)

    table = frame(xrefl.simulate_unmerged(truth, multiplicity=10)).astype(float)
    table["w"] = table.SIGI**-2
    table["wi"] = table.w * table.I
    sums = table.groupby(["h", "k", "l"])[["w", "wi"]].sum()
    chi = (sums.wi / sums.w - known.loc[sums.index]) * np.sqrt(sums.w)
    assert (chi**2).mean() == pytest.approx(1, abs=4 * np.sqrt(2 / len(chi)))


def test_numbers_stay_the_same_for_ever() -> None:
    ds = xrefl.simulate_unmerged(merged(dmin=20.0), multiplicity=3, seed=5)
    first = frame(ds.isel(obs=slice(0, 3)))
    assert ds.sizes["obs"] == 200
    assert first[["h", "k", "l", "M/ISYM", "BATCH"]].to_numpy().tolist() == [
        [0, 3, 1, 2, 1],
        [2, 0, 1, 1, 1],
        [3, 2, 1, 2, 2],
    ]
    np.testing.assert_allclose(first.I, [460.21512, 734.59595, 916.4771], rtol=1e-6)
