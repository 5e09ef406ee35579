"""Observations that were recorded in parts."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xrefl
from tests.test_merge import CELL
from xrefl.errors import DroppedWarning, MissingColumnError, XreflError
from xrefl.merging import source

FULL, PART = 1, 257


def table(rows: list[tuple]) -> xr.Dataset:
    """Return observations of columns h, M/ISYM, BATCH, FRACTIONCALC, I, SIGI."""
    h, misym, batch, fraction, value, sigma = np.array(rows, float).reshape(-1, 6).T
    columns = {
        "M/ISYM": ("obs", misym.astype(np.int32), {"mtz_type": "Y"}),
        "BATCH": ("obs", batch.astype(np.int32), {"mtz_type": "B"}),
        "I": ("obs", value, {"mtz_type": "J"}),
        "SIGI": ("obs", sigma, {"mtz_type": "Q"}),
        "FRACTIONCALC": ("obs", fraction, {"mtz_type": "R"}),
    }
    coords = {
        name: ("obs", (index * (h if name == "h" else 1 + 0 * h)).astype(np.int32))
        for name, index in zip("hkl", (1, 2, 3), strict=True)
    }
    return xr.Dataset(columns, coords, {"cell": CELL, "spacegroup": "P 2 2 2"})


ROWS = [
    (1, FULL, 5, 1.0, 100, 3),
    (1, PART, 8, 0.3, 30, 3),  # of rows 1, 4 and 2
    (1, PART, 10, 0.3, 33, 2),
    (1, PART + 2, 9, 0.5, 45, 2),  # by another operation, and not the whole
    (1, PART, 9, 0.4, 40, 1),
    (2, PART, 3, 0.6, 60, 4),  # interrupted
    (2, PART, 5, 0.4, 40, 3),
    (2, FULL, 9, 1.0, 90, 2),
]


@pytest.mark.parametrize("chunks", [None, 1, 3])
def test_parts_add_up(chunks, monkeypatch):
    monkeypatch.setattr(source, "_FEW_ROWS", 1)
    ds = table(ROWS)
    ds = ds if chunks is None else ds.chunk(obs=chunks)
    with pytest.warns(DroppedWarning, match=r"3 of 8 .* 3 flagged as partial that do not add up"):
        merged = ds.xtal.merge(partials="sum")
    variance = np.array([9.0, 9 + 4 + 1])
    expected = np.sum([100, 103] / variance) / np.sum(1 / variance)
    np.testing.assert_allclose(merged.IMEAN, [expected, 90])
    np.testing.assert_allclose(merged.SIGIMEAN, [np.sum(1 / variance) ** -0.5, 2])
    assert merged.N.values.tolist() == [2, 1]
    assert merged.attrs["n_partial"] == 3
    assert merged.attrs["n_observations"] == 3


@pytest.mark.parametrize(("last", "n", "partial"), [(10, [2, 1], 3), (9, [1, 1], 5)])
def test_parts_of_another_data_set_do_not_count(last, n, partial):
    ds = table([*ROWS, (3, PART, 30, 0.5, 50, 2), (3, PART, 31, 0.5, 50, 2)])
    numbers = np.array([3, 5, 8, 9, 10, 30, 31])
    ds = ds.assign_coords(
        dataset_id=[1, 2],
        batch=numbers,
        batch_dataset_id=("batch", np.where(numbers <= last, 1, 2)),
    )
    with pytest.warns(DroppedWarning, match=f"{partial} flagged as partial"):
        merged = ds.xtal.merge(partials="sum", dataset=1)
    assert merged.N.values.tolist() == n
    assert merged.attrs["n_partial"] == partial


def test_they_are_left_out_or_kept():
    merged = table(ROWS).xtal.merge(partials="exclude")
    assert merged.N.values.tolist() == [1, 1]
    assert merged.attrs["n_partial"] == 6
    merged = table(ROWS).xtal.merge(partials="keep")
    assert merged.N.values.tolist() == [5, 3]
    assert merged.attrs["n_partial"] == 0


def test_something_must_be_said_of_them():
    for ds in (table(ROWS), table(ROWS).chunk(obs=2)):
        with pytest.raises(XreflError, match=r'6 of .* partials="sum"'):
            ds.compute().xtal.merge()
        with pytest.raises(XreflError, match=r'flagged as partial .* partials="sum"'):
            ds.xtal.merging_statistics()
    with pytest.raises(ValueError, match="partials must be 'sum' or 'exclude' or 'keep'"):
        table(ROWS).xtal.merge(partials="scale")


def test_observations_that_are_whole_need_no_fractions():
    ds = table([ROWS[0], ROWS[-1]])
    for partials in (None, "sum", "exclude", "keep"):
        assert ds.xtal.merge(partials=partials).N.values.tolist() == [1, 1]
    bare = ds.drop_vars(["FRACTIONCALC", "BATCH"])
    assert bare.xtal.merge(partials="sum").equals(ds.xtal.merge())
    del ds["M/ISYM"]
    assert ds.xtal.merge(partials="sum").sizes["hkl"] == 2


def test_what_is_needed_to_add_parts_up():
    with pytest.raises(MissingColumnError, match=r'no column FRACTIONCALC.*partials="exclude"'):
        table(ROWS).drop_vars("FRACTIONCALC").xtal.merge(partials="sum")
    with pytest.raises(MissingColumnError, match="no column of batch numbers"):
        table(ROWS).drop_vars("BATCH").xtal.merge(partials="sum")


def test_a_part_without_a_sigma_spoils_its_sum():
    ds = table(ROWS[:5])
    ds.SIGI[1] = -1
    with pytest.warns(DroppedWarning, match="1 without a number in I or SIGI"):
        merged = ds.xtal.merge(partials="sum")
    assert merged.IMEAN.item() == 100


def test_original_indices_tell_parts_as_well():
    ds = table(ROWS)
    other = ds.xtal.to_original_hkl()
    with pytest.warns(DroppedWarning):
        merged, again = (one.xtal.merge(partials="sum") for one in (ds, other))
    assert again.drop_attrs().equals(merged.drop_attrs())


def test_outliers_made_of_parts_are_listed_by_the_first():
    rows = [*ROWS[:5], (1, FULL, 20, 1.0, 99, 3), (1, PART, 31, 0.5, 500, 3)]
    ds = table([*rows, (1, PART, 30, 0.5, 500, 4)])
    found = ds.xtal.outliers(partials="sum")
    assert found.row.values.tolist() == [7]
    assert found.BATCH.values.tolist() == [30]
    with pytest.warns(DroppedWarning, match="1 of 8"):
        merged = ds.xtal.merge(partials="sum", reject=6)
    assert merged.attrs["n_rejected"] == 1
    assert merged.N.item() == 3


@given(seed=st.integers(0, 2**32 - 1), chunk=st.integers(1, 40))
@settings(max_examples=25)
def test_whole_observations_cut_to_parts_merge_as_before(seed, chunk):
    rng = np.random.default_rng(seed)
    rows, whole = [], []
    for spot in range(rng.integers(1, 30)):
        h, count = rng.integers(1, 4), rng.integers(1, 5)
        fractions = rng.dirichlet(np.ones(count))
        misym = 2 * rng.integers(0, 4) + 1
        values, sigmas = 100 * fractions + rng.normal(0, 1, count), rng.uniform(1, 3, count)
        flag = 256 * (count > 1)
        rows += [
            (h, misym + flag, 100 * spot + i, fractions[i], values[i], sigmas[i])
            for i in range(count)
        ]
        whole.append((h, misym, 100 * spot, 1, values.sum(), np.sqrt(np.sum(sigmas**2))))
    rng.shuffle(rows)
    expected = table(whole).xtal.merge(friedel="separate")
    merged = table(rows).chunk(obs=chunk).xtal.merge(partials="sum", friedel="separate")
    for name in expected.data_vars:
        np.testing.assert_allclose(merged[name], expected[name], rtol=1e-9, atol=1e-9)


def test_a_file_with_partials(tmp_path):
    columns = table(ROWS).astype(np.float32, keep_attrs=True)
    columns = columns.assign({name: columns[name].astype(np.int32) for name in ("M/ISYM", "BATCH")})
    columns.xtal.to_mtz(tmp_path / "partial.mtz")
    with pytest.warns(DroppedWarning):
        merged = xrefl.open_mtz(tmp_path / "partial.mtz").xtal.merge(partials="sum")
    assert merged.N.values.tolist() == [2, 1]
