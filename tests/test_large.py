"""Data larger than memory, and data on a cluster."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import distributed
import numpy as np
import pytest

import xrefl
from tests import mtz_bytes

ROWS = 2_000_000


@pytest.fixture
def large(tmp_path) -> Path:
    """Return an unmerged file of 48 MB, all zeros, most of which the disk does not store."""
    path = tmp_path / "large.mtz"
    records = mtz_bytes.header_records(mtz_bytes.MULTI_COLUMNS, ROWS)
    place = 21 + ROWS * len(mtz_bytes.MULTI_COLUMNS)
    with path.open("wb") as stream:
        stream.write((b"MTZ " + struct.pack("<i4s", place, b"\x44\x41\0\0")).ljust(80, b"\0"))
        stream.seek(4 * (place - 1))
        stream.write(b"".join(map(mtz_bytes.record, (*records, "END", "MTZENDOFHEADERS"))))
    return path


@pytest.mark.parametrize("chunks", [None, {"obs": 100_000}])
def test_copied_in_little_memory(large, tmp_path, chunks):
    ds = xrefl.open_mtz(large, chunks=chunks)
    ds.isel(obs=slice(9)).xtal.to_mtz(tmp_path / "warm.mtz")
    tracemalloc.start()
    ds.xtal.to_mtz(tmp_path / "copy.mtz")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 24_000_000
    assert (tmp_path / "copy.mtz").stat().st_size >= 48_000_000


def test_opened_in_little_memory(large):
    tracemalloc.start()
    ds = xrefl.open_mtz(large)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert ds.sizes["obs"] == ROWS
    assert peak < 2_000_000


def test_on_a_cluster(tmp_path):
    path = tmp_path / "unmerged.mtz"
    rng = np.random.default_rng(1)
    rows = np.tile(mtz_bytes.MULTI_ROWS, (100, 1))
    rows[:, 5] = rng.normal(size=len(rows))
    path.write_bytes(mtz_bytes.mtz_bytes(rows, batches=(7, 8)))
    expected = xrefl.open_mtz(path).load()
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
    ):
        lazy = xrefl.open_mtz(path, chunks={"obs": 70})
        assert float(lazy.I.mean()) == pytest.approx(float(expected.I.mean()), rel=1e-6)
        original = lazy.xtal.to_original_hkl().assign(d=lazy.xtal.d(), e=lazy.xtal.epsilon())
        wanted = expected.xtal.to_original_hkl()
        wanted = wanted.assign(d=expected.xtal.d(), e=expected.xtal.epsilon())
        assert original.compute().identical(wanted)
        original.xtal.to_asu_hkl().xtal.to_mtz(tmp_path / "written.mtz")
    written = xrefl.open_mtz(tmp_path / "written.mtz")
    np.testing.assert_array_equal(written.I, expected.I)
