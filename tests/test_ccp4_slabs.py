"""Maps written by several threads, slab by slab."""

from __future__ import annotations

import gzip
import io

import numpy as np
import pytest
import xarray as xr

from xrefl.io.ccp4 import write
from xrefl.io.ccp4.turns import Turns

SHAPE = (21, 35, 90)
HEADERS = 1024 + 80  # one operation


@pytest.fixture(autouse=True)
def small_slabs(monkeypatch):
    """Three sections at a time on four threads, and kernels for all."""
    monkeypatch.setattr(write, "_SLAB_BYTES", 4 * 21 * 35 * 3)
    monkeypatch.setattr(write, "_FEW", 0)
    monkeypatch.setenv("XREFL_NUM_THREADS", "4")


def density(values):
    attrs = {"cell": [10, 20, 30, 90, 90, 90], "spacegroup": "P 1"}
    return xr.DataArray(values, dims=("x", "y", "z"), attrs=attrs)


def written(values, **chunks):
    stream = io.BytesIO()
    rho = density(values)
    write.to_ccp4(rho.chunk(chunks) if chunks else rho, stream)
    return stream.getvalue()


def arrays():
    values = np.random.default_rng(5).normal(3, 40, SHAPE).astype(np.float32)
    values[7, :, 11] = np.nan
    wide = np.random.default_rng(6).normal(size=(21, 70, 90)).astype(np.float32)
    return {
        "z fastest": values,
        "x fastest": np.asfortranarray(values),
        "every second row": wide[:, ::2],
        "z backwards": values[..., ::-1],
        "y fastest": np.ascontiguousarray(values.transpose(0, 2, 1)).transpose(0, 2, 1),
        "double": values.astype(np.float64),
        "the other byte order": values.astype(values.dtype.newbyteorder()),
        "whole numbers": np.arange(np.prod(SHAPE), dtype=np.int32).reshape(SHAPE),
    }


@pytest.mark.parametrize("name", arrays())
def test_values_are_in_the_order_of_the_file(name):
    values = arrays()[name]
    expected = values.astype(np.float32).transpose().tobytes()
    assert written(values)[HEADERS:] == expected
    assert written(values, z=8, x=10)[HEADERS:] == expected


def test_statistics_do_not_depend_on_threads(monkeypatch):
    values = arrays()["z fastest"]
    several = written(values)
    monkeypatch.setenv("XREFL_NUM_THREADS", "1")
    assert written(values) == several
    low, high, mean = np.frombuffer(several, "<f4", 3, 76)
    assert (low, high) == (np.nanmin(values), np.nanmax(values))
    assert mean == pytest.approx(np.nanmean(values, dtype=np.float64), rel=1e-6)
    rms = np.frombuffer(several, "<f4", 1, 216)[0]
    assert rms == pytest.approx(np.nanstd(values, dtype=np.float64), rel=1e-6)


def test_gzipped_files_have_the_same(tmp_path):
    values = arrays()["z fastest"]
    write.to_ccp4(density(values), tmp_path / "map.ccp4.gz")
    assert gzip.decompress((tmp_path / "map.ccp4.gz").read_bytes()) == written(values)


class Full(io.BytesIO):
    """A disk that is full after some writes."""

    def __init__(self, writes):
        super().__init__()
        self.left = writes

    def write(self, data):
        self.left -= 1
        if self.left < 0:
            raise OSError("no space left on device")
        return super().write(data)


@pytest.mark.parametrize("writes", [0, 1, 2, 5, 29])
def test_a_full_disk_ends_all_threads(writes):
    with pytest.raises(OSError, match="no space left"):
        write.to_ccp4(density(arrays()["z fastest"]), Full(writes))


@pytest.mark.parametrize("section", [0, 44, 89])
def test_values_that_cannot_be_written_end_all_threads(tmp_path, section):
    values = np.zeros(SHAPE)
    values[3, 4, section] = 1e40
    with pytest.raises(write.FormatError, match="beyond the range"):
        write.to_ccp4(density(values), tmp_path / "map.ccp4")
    assert list(tmp_path.iterdir()) == []


def test_no_turn_comes_after_an_error():
    turns = Turns()
    assert turns.wait(0)
    turns.done()
    with pytest.raises(ValueError, match="of this thread"), turns.all():
        raise ValueError("of this thread")
    assert not turns.wait(2)
