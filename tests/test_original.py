"""Original indices and those of the asymmetric unit, against gemmi."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings

import xrefl
from tests import mtz_bytes, strategies
from tests.lazy import nothing_computed
from tests.test_mtz_write import gemmi_reads
from xrefl.errors import FormatError, MillerIndexError, MissingColumnError, NotMergedError


def hkl_of(ds: xr.Dataset) -> np.ndarray:
    return np.column_stack([ds[name].values for name in "hkl"])


@given(strategies.gemmi_files(unmerged=True))
@settings(max_examples=60)
def test_same_as_gemmi_both_ways(mtz):
    content = mtz.write_to_bytes()
    mtz = gemmi_reads(content)
    ds = xrefl.open_mtz(content)
    original = ds.xtal.to_original_hkl()
    mtz.switch_to_original_hkl()
    np.testing.assert_array_equal(hkl_of(original), mtz.make_miller_array().reshape(-1, 3))
    back = original.xtal.to_asu_hkl()
    mtz.switch_to_asu_hkl()
    np.testing.assert_array_equal(hkl_of(back), mtz.make_miller_array().reshape(-1, 3))
    np.testing.assert_array_equal(back["M/ISYM"].values, mtz.column_with_label("M/ISYM").array)
    assert back["M/ISYM"].attrs == ds["M/ISYM"].attrs


def test_lazy_stays_lazy():
    content = mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS, batches=(7, 8))
    with nothing_computed():
        lazy = xrefl.open_mtz(content, chunks={"obs": 2}).xtal.to_original_hkl()
        back = lazy.xtal.to_asu_hkl()
        assert lazy.h.chunks == back.h.chunks == back["M/ISYM"].chunks == ((2, 1),)
    eager = xrefl.open_mtz(content).xtal.to_original_hkl()
    assert lazy.compute().identical(eager.compute())
    assert back.compute().identical(eager.xtal.to_asu_hkl().compute())


def test_kernel_is_its_python_function():
    from xrefl.hkl import _kernels

    rng = np.random.default_rng(1)
    hkl = tuple(rng.integers(-9, 10, 50).astype(np.int32) for _ in range(3))
    misym = rng.integers(0, 6, 50).astype(np.int32)
    inverses = np.array([np.eye(3), np.diag([-1, 1, -1])], np.int32)
    results = []
    for function in (_kernels.original_indices, _kernels.original_indices.py_func):
        out, bad = np.zeros((3, 50), np.int32), np.array([50])
        function(0, 50, hkl, misym, inverses, out, bad)
        results.append((out.tolist(), bad.tolist()))
    assert results[0] == results[1]


def test_switching_twice_changes_nothing():
    ds = xrefl.open_mtz(mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS, batches=(7, 8)))
    original = ds.xtal.to_original_hkl()
    assert original.h.attrs["indices"] == "original"
    assert original.xtal.to_original_hkl().identical(original)
    assert ds.xtal.to_asu_hkl().identical(ds)


def test_original_indices_are_not_written(tmp_path):
    ds = xrefl.open_mtz(mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS, batches=(7, 8)))
    with pytest.raises(FormatError, match="to_asu_hkl"):
        ds.xtal.to_original_hkl().xtal.to_mtz(tmp_path / "x.mtz")


def test_impossible_isym():
    rows = mtz_bytes.MULTI_ROWS.copy()
    rows[1, 3] = 256 + 9
    ds = xrefl.open_mtz(mtz_bytes.mtz_bytes(rows, batches=(7,)))
    with pytest.raises(MillerIndexError, match="M/ISYM is 265 for the observation 1 0 2"):
        ds.xtal.to_original_hkl()


def test_needs_observations_with_misym(example):
    with pytest.raises(NotMergedError):
        xrefl.open_mtz(example).xtal.to_original_hkl()
    ds = xrefl.open_mtz(example, merged=False)
    with pytest.raises(MissingColumnError, match="M/ISYM"):
        ds.xtal.to_original_hkl()
