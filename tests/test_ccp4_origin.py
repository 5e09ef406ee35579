"""ORIGIN of MRC files: where the first point is in Å, whatever NSTART says."""

from __future__ import annotations

import io

import mrcfile
import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.ccp4_bytes import VALUES, map_bytes

CELL = (10.0, 11.0, 12.0, 80.0, 85.0, 95.0)
GRID = (6, 8, 10)


def a_map(start=(0, 0, 0), **attrs):
    values = np.random.default_rng(0).normal(size=GRID).astype("f4")
    coords = {a: (s + np.arange(n)) / n for a, s, n in zip("xyz", start, GRID, strict=True)}
    attrs = {"cell": list(CELL), "spacegroup": "P 1", "grid": list(GRID), **attrs}
    return xr.DataArray(values, coords, ("x", "y", "z"), attrs=attrs)


def written(density):
    file = io.BytesIO()
    density.xtal.to_ccp4(file)
    return file.getvalue()


def origin_words(content):
    return np.frombuffer(content, "<f4", 3, 196).tolist()


@pytest.mark.parametrize("start", [(0, 0, 0), (-3, -4, -5), (2, 0, 7)])
def test_the_origin_is_that_of_the_first_point(tmp_path, start):
    path = tmp_path / "a.mrc"
    path.write_bytes(written(a_map(start)))
    with mrcfile.open(path, mode="r+") as mrc:
        mrc.header.origin = (10, -20, 30)
    density = xrefl.open_ccp4(path).load()
    whole = density.xtal.complete_cell()
    found = whole.xtal.interpolate([10.0, -20.0, 30.0])
    assert float(found) == pytest.approx(float(density[0, 0, 0]), abs=1e-4)
    assert ("origin" in whole.attrs) and whole.attrs["origin"] == density.attrs["origin"]
    again = written(density)
    assert origin_words(again) == [10, -20, 30]
    assert again[1024:] == path.read_bytes()[1024:]


def test_a_part_stays_where_it_is():
    whole = a_map(origin=[5.5, -3.25, 100.0])
    part = whole.isel(x=slice(2, 5), z=slice(3, None))
    first = whole.xtal.cell.orthogonalize([2 / 6, 0, 3 / 10]) + whole.attrs["origin"]
    content = written(part)
    assert origin_words(content) == pytest.approx(first.tolist(), rel=1e-6)
    read = xrefl.open_ccp4(content)
    assert read.attrs["origin"] == pytest.approx(whole.attrs["origin"], abs=1e-5)
    xr.testing.assert_allclose(read, part)


def test_a_start_and_an_origin_that_say_the_same():
    place = xrefl.UnitCell(*CELL).orthogonalize(np.array([-3, 2, 1]) / (2, 3, 4))
    words = {50 + i: float(one) for i, one in enumerate(place)}
    density = xrefl.open_ccp4(map_bytes(cell=CELL, start=(-3, 2, 1), words=words))
    assert "origin" not in density.attrs
    assert density.x[0] == -3 / 2 and np.array_equal(density, VALUES)


def test_a_part_that_begins_at_zero():
    corner = xrefl.UnitCell(*CELL).orthogonalize([0.5, 0, 0])
    part = a_map(origin=(-corner).tolist()).isel(x=slice(3, None))
    assert max(map(abs, origin_words(written(part)))) < 1e-5
    read = xrefl.open_ccp4(written(part))
    assert read.attrs["origin"] == pytest.approx((-corner).tolist(), abs=1e-5)


def test_without_a_cell_there_are_no_positions():
    with pytest.warns(xrefl.errors.FormatWarning, match="without a cell"):
        density = xrefl.open_ccp4(map_bytes(cell=(0,) * 6, words={50: 5.0}))
    assert "origin" not in density.attrs and "cell" not in density.attrs
