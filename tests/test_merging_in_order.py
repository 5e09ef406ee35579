"""Observations that are sorted by reflection, which are gone over only once."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.mtz_bytes import header_records, mtz_bytes
from tests.unmerged_samples import observed
from xrefl.errors import XreflError
from xrefl.merging import in_order, source
from xrefl.merging.blocks import Blocks
from xrefl.merging.in_order import pass_in_order
from xrefl.merging.observations import find_columns, observations

CELLS = {"P 3 1 2": (45.0, 45.0, 60.0, 90.0, 90.0, 120.0), "P 2 3": (50.0,) * 3 + (90.0,) * 3}


def in_file_order(group: str = "P 21 21 2", n: int = 3000, **options) -> xr.Dataset:
    """Return observations with M/ISYM, in the asymmetric unit and sorted by h, k and l."""
    ds = observed(n, group=group, cell=CELLS.get(group, (40.0, 50.0, 60.0, 90.0, 90.0, 90.0)),
                  **options)  # fmt: skip
    ds["M/ISYM"] = ("obs", np.zeros(n, np.int32), {"mtz_type": "Y"})
    ds["h"].attrs["indices"] = "original"
    ds = ds.xtal.to_asu_hkl()
    return ds.isel(obs=np.lexsort([ds[name].values for name in "lkh"]))


@pytest.fixture(params=[(7, 50), (64, 999)], ids=str, autouse=True)
def small_blocks(request, monkeypatch):
    block, rows = request.param
    monkeypatch.setattr(in_order, "_FIRST_BLOCK", block)
    monkeypatch.setattr(in_order, "_BLOCK", 2 * block)
    monkeypatch.setattr(source, "_ROWS", rows)
    monkeypatch.setattr(in_order, "_FEW", block)  # both more and fewer are found


def found_of(ds: xr.Dataset):
    return pass_in_order(observations(ds, find_columns(ds, None, None)), True, None)


def require_equal(ds: xr.Dataset, **options):
    """Check merging and its statistics against those of the same rows in chunks of dask."""
    chunked = ds.chunk(obs=700)
    assert found_of(chunked) is None
    for one, other in zip(
        ds.xtal.merge_with_statistics(shells=4, **options),
        chunked.xtal.merge_with_statistics(shells=4, **options),
        strict=True,
    ):
        xr.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
        assert one.attrs == other.attrs


@pytest.mark.parametrize("friedel", ["merge", "separate"])
@pytest.mark.parametrize("group", ["P 1", "P -1", "P 1 21 1", "P 21 21 2", "P 3 1 2", "P 2 3"])
def test_results_are_those_of_any_order(group, friedel):
    ds = in_file_order(group)
    assert found_of(ds) is not None
    require_equal(ds, friedel=friedel)
    xr.testing.assert_identical(ds.xtal.merge(friedel=friedel),
                                ds.xtal.merge_with_statistics(friedel=friedel)[0])  # fmt: skip


def test_rows_that_do_not_count():
    ds = in_file_order()
    ds["SIGI"][::17] = -1
    ds["I"][5::31] = np.nan
    ds["SIGI"][:40] = 0
    ds["SIGI"][-40:] = 0
    assert found_of(ds) is not None
    with pytest.warns(xrefl.errors.DroppedWarning):
        require_equal(ds)


def test_rejected_rows():
    ds = in_file_order()
    ds["I"][11::97] = 5000.0
    require_equal(ds, reject=5.0)
    require_equal(ds, reject=5.0, friedel="separate", weighting="unweighted", jackknife=True)


def test_single_observations_have_no_deviation():
    ds = in_file_order(n=60)
    found = found_of(ds)
    assert found is not None
    apart, table = found.apart.whole(), found.table.whole()
    deviations = np.concatenate(found.deviations)
    assert (table.n == 1).any()
    assert (apart.sums[apart.n == 1][:, [2, 4]] == 0).all()
    np.testing.assert_allclose(deviations[table.n == 1], 0, atol=1e-12)


def test_a_file_is_read_once(tmp_path, monkeypatch):
    in_file_order().astype(np.float32, keep_attrs=True).assign(
        BATCH=("obs", np.ones(3000, np.int32), {"mtz_type": "B"})
    ).xtal.to_mtz(tmp_path / "sorted.mtz")
    ds = xrefl.open_mtz(tmp_path / "sorted.mtz")
    read, rows = source.Rows.read, []

    def counting(self, *edges):
        columns = read(self, *edges)
        rows.append(len(columns["h"]))
        return columns

    monkeypatch.setattr(source.Rows, "read", counting)
    monkeypatch.setattr(source, "_ROWS", 1000)
    monkeypatch.setattr(source, "_FEW_NEXT", 10)
    monkeypatch.setattr(in_order, "_BLOCK", 500)
    merged, statistics = ds.xtal.merge_with_statistics(shells=4)
    assert 3000 <= sum(rows) < 1.2 * 3000
    again = ds.load().chunk(obs=800).xtal.merge_with_statistics(shells=4)
    for one, other in zip((merged, statistics), again, strict=True):
        xr.testing.assert_allclose(one, other, rtol=1e-6)


COLUMNS = (("H", "H"), ("K", "H"), ("L", "H"), ("M/ISYM", "Y"), ("BATCH", "B"), ("I", "J"),
           ("SIGI", "Q"))  # fmt: skip


def rows_of(ds: xr.Dataset) -> np.ndarray:
    """Return the rows of an MTZ file with these observations, all of batch 1."""
    batch = np.ones(ds.sizes["obs"])
    columns = *(ds[name].values for name in ("h", "k", "l", "M/ISYM")), batch, ds.I, ds.SIGI
    return np.stack(columns, axis=1).astype(np.float32)


def in_bytes(rows: np.ndarray, order: str = "<", valm: str = "NAN") -> bytes:
    operations = ("X,Y,Z", "-X,-Y,Z", "X+1/2,-Y+1/2,-Z", "-X+1/2,Y+1/2,-Z")
    records = header_records(
        COLUMNS, len(rows), batches=[1], valm=valm, spacegroup="'P 21 21 2'", operations=operations
    )
    return mtz_bytes(rows, records, order=order, batches=[1])


@pytest.mark.parametrize("valm", ["NAN", "-999.0"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_rows_of_a_file_are_taken_as_they_are(order, valm, monkeypatch):
    rows = rows_of(in_file_order())
    rows[7::50, 5] = rows[3::70, 6] = np.nan
    rows[9::60, 6] = 0.0
    missing = np.where(np.isnan(rows), np.float32(valm), rows)
    ds = xrefl.open_mtz(in_bytes(missing, order, valm))
    expected = xrefl.open_mtz(in_bytes(rows)).load().chunk(obs=900)
    monkeypatch.setattr(Blocks, "_prepared", None)  # is not called
    with pytest.warns(xrefl.errors.DroppedWarning) as told:
        found = ds.xtal.merge_with_statistics(shells=4)
        others = expected.xtal.merge_with_statistics(shells=4)
    assert str(told[0].message) == str(told[1].message)
    for one, other in zip(found, others, strict=True):
        xr.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("column, value", [(0, 2.5), (3, 0), (3, 9), (3, 1.5), (2, np.nan)])
def test_what_is_wrong_in_a_file_is_told_as_ever(column, value):
    rows = rows_of(in_file_order(n=500))
    rows[313, column] = value
    if column == 0:
        rows[313:, 0] = value
    lazy = xrefl.open_mtz(in_bytes(rows))
    with pytest.raises(XreflError) as told:
        lazy.xtal.merge()
    with pytest.raises(XreflError) as expected:
        lazy.chunk(obs=500).xtal.merge()
    assert type(told.value) is type(expected.value)


def test_indices_outside_the_unit_are_brought_there():
    ds = in_file_order(n=1000)
    rows = rows_of(ds)
    rows[:, 1] *= -1  # so that the file says something else than the truth, wherever k is not 0
    xr.testing.assert_allclose(
        xrefl.open_mtz(in_bytes(rows)).xtal.merge(),
        xrefl.open_mtz(in_bytes(rows)).load().chunk(obs=400).xtal.merge(),
    )


def test_stretches_end_between_reflections():
    ds = in_file_order()
    parts = observations(ds, find_columns(ds, None, None)).stretches
    assert parts[0].start == 0 and parts[-1].stop == 3000
    for before, after in itertools.pairwise(parts):
        assert before.stop == after.start
        edge = [ds[name].values[[after.start - 1, after.start]] for name in "hkl"]
        assert any(index[0] != index[1] for index in edge)
        assert after.first == tuple(int(index[1]) for index in edge)


@pytest.mark.parametrize("spoil", ["a row", "twice", "the end", "nothing"])
def test_what_is_not_quite_sorted(spoil):
    ds = in_file_order(n=1500)
    rows = np.arange(1500)
    if spoil == "a row":
        rows[[700, 1200]] = rows[[1200, 700]]
    elif spoil == "twice":
        rows = np.concatenate([rows[::2], rows[1::2]])
    elif spoil == "the end":
        rows[-1] = 0
    ds = ds.isel(obs=rows)
    assert (found_of(ds) is None) == (spoil != "nothing")
    require_equal(ds)


@pytest.mark.parametrize("times", [300, 1500])
def test_many_observations_of_one_reflection(times):
    ds = in_file_order(n=1000)
    ds = ds.isel(obs=np.sort(np.concatenate([np.arange(1000), np.full(times, 500)])))
    assert (found_of(ds) is None) == (times == 1500)  # which ends in the middle of a stretch
    require_equal(ds)


def test_errors_are_about_all_rows(monkeypatch):
    monkeypatch.setattr(source, "_ROWS", 1000)
    ds = in_file_order(n=500)
    ds["M/ISYM"][::5] += 256
    with pytest.raises(XreflError, match=r"^100 of 500 rows are flagged.*partials="):
        ds.xtal.merge()
