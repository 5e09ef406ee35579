"""What gemmi makes of the same files: equivalent indices, P 1, order, other axes.

Where the two differ on purpose: gemmi leaves phases outside ±180°, so they are compared modulo
360°; it lists the copies of `expand_to_p1` in another order, and misses the halves (-) of
reflections that were centric; it brings centric reflections to their mates by conjugation, which
is the same for the phases here, since they obey their restrictions.
"""

from __future__ import annotations

import warnings

import gemmi
import numpy as np
import pytest
import xarray as xr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import xrefl
from tests import strategies
from tests.conftest import real_files
from tests.structures import Structure, with_all_types
from tests.test_algebra import GROUPS, miller, one_of_each
from tests.test_mtz_write import gemmi_reads
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import DroppedWarning, MillerIndexError

FILES = real_files("*.mtz*")
CELL = (20.0, 21.0, 22.0, 90.0, 90.0, 90.0)
HEXAGONAL = (20.0, 20.0, 22.0, 90.0, 90.0, 120.0)  # by this gemmi tells R 3:H from R 3:R
# What becomes of indices, where gemmi has a name for the new space group.
OPERATORS = {
    "P 1": ["k,l,h", "h/2,k,l", "h+k,k,l", "h/2+k/2,-h/2+k/2,l", "h/3,k/3,l/3"],
    "P -1": ["l,-k,h", "h,k/2,l/2", "-h-l,k,h"],
    "C 1 2 1": ["k,l,h", "l,-k,h", "h,k,h+l", "-h-l,k,h", "h/3,k/3,l/3"],
    "P 21 21 21": ["k,l,h", "-h,-k,l", "h,k/2,l/2", "h/3,k/3,l/3"],
    "R 3:H": ["k,h,-l", "2/3*h+k/3+l/3,-h/3+k/3+l/3,-h/3-2/3*k+l/3"],
    "R 3:R": ["k,l,h", "h-k,k-l,h+k+l"],
    "F d -3 m:1": ["k,l,h", "-h,-k,l"],
}


def as_gemmi(ds: xr.Dataset, path) -> gemmi.Mtz:
    ds.xtal.to_mtz(path)
    return gemmi.read_mtz_file(str(path))


def assert_same_rows(ds: xr.Dataset, mtz: gemmi.Mtz, atol: float = 2e-4) -> None:
    """Compare indices and columns."""
    np.testing.assert_array_equal(miller(ds), mtz.make_miller_array().reshape(-1, 3))
    for column in mtz.columns[3:]:
        ours, theirs = ds[column.label].values.astype(float), column.array.astype(float)
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs), err_msg=column.label)
        difference = np.nan_to_num(ours - theirs)
        if column.type == "P":
            difference = (difference + 180) % 360 - 180
        np.testing.assert_allclose(difference, 0, atol=atol, err_msg=column.label)


def assert_same(ds: xr.Dataset, mtz: gemmi.Mtz, atol: float = 2e-4) -> None:
    """Compare the crystal as well."""
    assert ds.xtal.spacegroup.name == mtz.spacegroup.xhm()
    np.testing.assert_allclose(ds.xtal.cell.parameters, mtz.cell.parameters, rtol=1e-6)
    assert_same_rows(ds, mtz, atol)


def in_order(ds: xr.Dataset) -> xr.Dataset:
    return ds.xtal.to_asu().xtal.sort_hkl()


def generated(name: str) -> xr.Dataset:
    group = SpaceGroup(name)
    cell = HEXAGONAL if name == "R 3:H" else CELL
    ds = with_all_types(Structure.random(group, 8), one_of_each(group, 4), cell)
    columns = [label for label, column in ds.data_vars.items() if column.dtype.kind != "c"]
    return ds[columns].astype(np.float32)


@pytest.mark.parametrize("name", GROUPS)
def test_to_asu(name, tmp_path):
    ds = generated(name)
    # gemmi has a sound unit of TNT in reference settings only
    for convention in ["ccp4", "tnt"] if ds.xtal.spacegroup.is_reference else ["ccp4"]:
        mtz = as_gemmi(ds, tmp_path / "a.mtz")
        mtz.ensure_asu(tnt_asu=convention == "tnt")
        assert_same(ds.xtal.to_asu(convention=convention), mtz)


@pytest.mark.parametrize("name", GROUPS)
def test_expand_to_p1(name, tmp_path):
    ds = generated(name).xtal.to_asu()
    mtz = as_gemmi(ds, tmp_path / "a.mtz")
    mtz.expand_to_p1()
    mtz.ensure_asu()
    mtz.sort()
    found = in_order(ds.xtal.expand_to_p1())
    halves = [mtz.column_with_label(f"F({sign})").array for sign in "+-"]
    missing = np.isnan(halves)
    assert (missing.sum(axis=0) == ds.xtal.spacegroup.centric(miller(found))).all()
    for i, sign in enumerate("+-"):
        for label in (f"F({sign})", f"SIGF({sign})"):
            assert found[label].notnull().all()
            found[label] = found[label].where(~missing[i])
    assert_same(found, mtz)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_real_files(path, tmp_path):
    ds = xrefl.open_mtz(path)
    for convention in ("ccp4", "tnt"):
        mtz = gemmi.read_mtz_file(str(path))
        mtz.ensure_asu(tnt_asu=convention == "tnt")
        assert_same(ds.xtal.to_asu(convention=convention), mtz, atol=1e-3)
    inside = ds.xtal.to_asu()
    whole = gemmi.read_mtz_file(str(path))
    whole.ensure_asu()
    whole.expand_to_p1()
    whole.ensure_asu()
    whole.sort()
    assert_same(in_order(inside.xtal.expand_to_p1()), whole, atol=1e-3)
    for op in ("l,-k,h", "-h-l,k,h", "k,l,h"):
        mtz = gemmi.read_mtz_file(str(path))
        mtz.reindex(gemmi.Op(op))
        assert_same(ds.xtal.reindex(op), mtz)
    for by in (1, 2, 3, 5):
        mtz = gemmi.read_mtz_file(str(path))
        mtz.sort(use_first=by)
        assert_same(ds.xtal.sort_hkl(by=by), mtz)


@given(st.booleans().flatmap(lambda unmerged: strategies.gemmi_files(unmerged=unmerged)))
@settings(max_examples=40)
def test_order(mtz):
    # of observations by M/ISYM and BATCH as well; these have no missing values
    content = mtz.write_to_bytes()
    ds = xrefl.open_mtz(content)
    for by in range(1, 4 if ds.xtal.is_merged else 6):
        mtz = gemmi_reads(content)
        mtz.sort(use_first=by)
        assert_same_rows(ds.xtal.sort_hkl(by=by), mtz)


@given(st.data(), st.booleans())
@settings(max_examples=80)
def test_reindex(data, unmerged):
    mtz = data.draw(strategies.gemmi_files(unmerged=unmerged))
    assume(mtz.spacegroup.xhm() in OPERATORS)
    op = data.draw(st.sampled_from(OPERATORS[mtz.spacegroup.xhm()]))
    for batch in mtz.batches:
        batch.cell = mtz.cell
    for column in mtz.columns:  # gemmi does not change phases of observations
        if unmerged and column.type in "PADGLKM":
            column.type = "R"
    content = mtz.write_to_bytes()
    mtz = gemmi_reads(content)
    mtz.reindex(gemmi.Op(op))
    ds = xrefl.open_mtz(content)
    if mtz.nreflections == 0:
        with pytest.raises(MillerIndexError, match="no reflection has whole indices"):
            ds.xtal.reindex(op)
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = ds.xtal.reindex(op)
    dropped = ds.h.size - mtz.nreflections
    assert [one.category for one in caught] == [DroppedWarning] * (dropped > 0)
    if unmerged:
        # gemmi leaves observations in the asymmetric unit of the old setting
        mtz.switch_to_original_hkl()
        original = mtz.make_miller_array().reshape(-1, 3)
        np.testing.assert_array_equal(miller(found.xtal.to_original_hkl()), original)
        mtz.switch_to_asu_hkl()
    assert_same(found, mtz)
    for dataset in mtz.datasets:
        ours = found.dataset_cell.sel(dataset_id=dataset.id)
        np.testing.assert_allclose(ours, dataset.cell.parameters, rtol=1e-5)
    for batch in mtz.batches:
        ours = found.batch_floats.sel(batch=batch.number)
        np.testing.assert_allclose(ours, list(batch.floats), rtol=1e-5, atol=1e-5)
