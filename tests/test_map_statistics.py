"""Minimum, maximum, mean and deviation of maps."""

from __future__ import annotations

import io

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import xrefl
from tests.lazy import nothing_computed
from xrefl.errors import FormatError


def a_map(values, **attrs):
    coords = {axis: np.arange(n) / n for axis, n in zip("xyz", values.shape, strict=True)}
    return xr.DataArray(values, coords, ("x", "y", "z"), attrs=attrs)


def in_double_precision(values):
    exact = np.asarray(values, np.float64)
    exact = exact[np.isfinite(exact)]
    return {
        "points": exact.size,
        "minimum": exact.min(),
        "maximum": exact.max(),
        "average": exact.mean(),
        "sigma": exact.std(),
    }


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["f4", "f8", "i2", "bool"]),
    st.sampled_from([0.0, 0.1, 1000.0, -3e6]),
)
def test_values_are_those_of_numpy(seed, dtype, offset):
    rng = np.random.default_rng(seed)
    size = rng.integers(1, 60, 3)
    values = rng.normal(loc=offset if dtype[0] == "f" else 3, size=size).astype(dtype)
    if dtype[0] == "f":
        values[rng.random(size) < 0.2] = np.nan
        values.flat[0] = offset
        values.flat[1:2] = np.inf
    rho = a_map(values).transpose(*rng.permutation(["x", "y", "z"]))
    found = rho.xtal.statistics()
    with nothing_computed():
        lazy = rho.chunk(x=7, z=20).xtal.statistics()
    assert all(one.chunks is not None for one in lazy.values())
    for name, expected in in_double_precision(values).items():
        scale = abs(offset) + 3
        assert float(found[name]) == pytest.approx(expected, rel=1e-12, abs=1e-13 * scale)
        assert float(lazy[name]) == pytest.approx(expected, rel=1e-12, abs=1e-13 * scale)


def test_large_maps_on_threads(monkeypatch):
    rho = a_map(np.random.default_rng(0).normal(size=(100, 110, 120)).astype("f4"))
    results = []
    for threads in ("1", "3"):
        monkeypatch.setenv("XREFL_NUM_THREADS", threads)
        results.append(rho.xtal.statistics())
    xr.testing.assert_identical(*results)
    for name, expected in in_double_precision(rho).items():
        assert float(results[0][name]) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_no_values():
    empty = a_map(np.full((2, 3, 4), np.nan, "f4"))
    for rho in (empty, empty.chunk(z=1)):
        found = rho.xtal.statistics().compute()
        assert int(found.points) == 0
        assert np.isnan(found.drop_vars("points").to_dataarray()).all()


def test_what_a_file_says():
    rho = xrefl.tutorial.open("5wkd").xtal.to_map("FWT", "PHWT", sample_rate=3)
    file = io.BytesIO()
    rho.xtal.to_ccp4(file)
    header = xrefl.open_ccp4(file.getvalue()).encoding["statistics"]
    found = rho.xtal.statistics()
    names = {"min": "minimum", "max": "maximum", "mean": "average", "rms": "sigma"}
    for theirs, ours in names.items():
        assert header[theirs] == pytest.approx(float(found[ours]), rel=1e-6, abs=1e-9)
    sigmas = rho.xtal.normalize()
    assert sigmas.xtal.statistics().sigma.attrs == {"units": "σ"}
    assert float(sigmas.xtal.statistics().sigma) == pytest.approx(1, rel=1e-6)


def test_not_a_map():
    with pytest.raises(FormatError, match="dimensions x, y and z"):
        xrefl.tutorial.open("5wkd").FWT.xtal.statistics()
