"""CCP4 maps as gemmi writes them, field by field, in all settings and of any part of the cell."""

from __future__ import annotations

import io
import itertools

import gemmi
import mrcfile
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xrefl
from tests.ccp4_bytes import VALUES, map_bytes

FIELDS = {
    "size": (1, 3), "mode": (4, 1), "start": (5, 3), "grid": (8, 3), "cell": (11, 6),
    "axes": (17, 3), "ispg": (23, 1), "nsymbt": (24, 1), "reserved": (25, 25), "origin": (50, 3),
    "magic": (53, 1), "stamp": (54, 1), "nlabl": (56, 1),
}  # fmt: skip


def written(density):
    file = io.BytesIO()
    density.xtal.to_ccp4(file)
    return file.getvalue()


def words(content, number, count, kind="<i4"):
    return np.frombuffer(content, kind, count, 4 * number - 4).tolist()


def require_same(ours, theirs, entry):
    """Compare two files; settings that CCP4 does not number are 0 in those of gemmi."""
    for name, place in FIELDS.items():
        if name == "ispg" and not entry.ccp4:
            assert (words(ours, *place), words(theirs, *place)) == ([entry.number], [0])
        else:
            assert words(ours, *place) == words(theirs, *place), (name, entry.xhm())
    assert ours[1024:] == theirs[1024:], entry.xhm()  # symmetry records and values


def statistics(content):
    """Return minimum, maximum, mean and deviation."""
    return words(content, 20, 3, "<f4") + words(content, 55, 1, "<f4")


def a_map(entry, size, seed=0):
    """Return a map of random numbers, ours and gemmi's."""
    values = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    cell = (10.0, 11.5, 12.25, 90.0, 90.0, 120.0 if entry.ext == "H" else 90.0)
    coords = {axis: np.arange(n) / n for axis, n in zip("xyz", size, strict=True)}
    attrs = {"cell": list(cell), "spacegroup": entry.xhm()}
    theirs = gemmi.Ccp4Map()
    theirs.grid = gemmi.FloatGrid(values)
    theirs.grid.spacegroup = entry
    theirs.grid.set_unit_cell(gemmi.UnitCell(*cell))
    return xr.DataArray(values, coords, ("x", "y", "z"), attrs=attrs), theirs


def test_all_settings(tmp_path):
    path = tmp_path / "theirs.ccp4"
    for seed, entry in enumerate(gemmi.spacegroup_table()):
        ours, theirs = a_map(entry, (3 + seed % 3, 4 + seed % 2, 5), seed)
        theirs.update_ccp4_header()
        theirs.write_ccp4_map(str(path))
        require_same(written(ours), path.read_bytes(), entry)
        found, expected = statistics(written(ours)), statistics(path.read_bytes())
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["P 1", "P 1 21 1", "C 1 2 1", "R 3:H", "P 43 3 2"])
@pytest.mark.parametrize("start", [(0, 0, 0), (-2, 3, 1), (5, -7, 0)])
def test_parts_of_the_cell(tmp_path, name, start):
    entry = gemmi.SpaceGroup(name)
    ours, theirs = a_map(entry, (12, 12, 12))
    theirs.update_ccp4_header()
    size = np.array([4, 13, 7])
    box = gemmi.FractionalBox()
    box.minimum = gemmi.Fractional(*((np.array(start) - 0.25) / 12))
    box.maximum = gemmi.Fractional(*((np.array(start) + size - 0.75) / 12))
    theirs.set_extent(box)
    path = tmp_path / "theirs.ccp4"
    theirs.write_ccp4_map(str(path))
    indices = [first + np.arange(n) for first, n in zip(start, size, strict=True)]
    part = ours.isel({axis: one % 12 for axis, one in zip("xyz", indices, strict=True)})
    part = part.assign_coords({axis: one / 12 for axis, one in zip("xyz", indices, strict=True)})
    require_same(written(part), path.read_bytes(), entry)
    expected = [part.min(), part.max(), part.mean(), part.std()]  # gemmi keeps those of the cell
    np.testing.assert_allclose(statistics(written(part)), expected, rtol=1e-5)
    xr.testing.assert_equal(xrefl.open_ccp4(path.read_bytes()).rename(None), part)


@pytest.mark.parametrize("name", ["P 1", "C 1 2 1", "P 43 3 2"])
def test_mrcfile_has_no_complaints(tmp_path, name):
    ours, _ = a_map(gemmi.SpaceGroup(name), (4, 5, 6))
    path = tmp_path / "a.mrc"
    ours.xtal.to_ccp4(path)
    report = io.StringIO()
    mrcfile.validate(path, print_file=report)
    assert "appears to be valid" in report.getvalue(), report.getvalue()


@settings(max_examples=60, deadline=None)
@given(
    mode=st.sampled_from([0, 1, 2, 6, 12]),
    order=st.sampled_from("<>"),
    axes=st.sampled_from(list(itertools.permutations((1, 2, 3)))),
    start=st.tuples(*[st.integers(-9, 9)] * 3),
)
def test_values_are_those_that_mrcfile_reads(tmp_path_factory, mode, order, axes, start):
    # gemmi turns the bytes of 32-bit floats only
    content = map_bytes(VALUES, mode=mode, order=order, axes=axes, start=start, grid=(7, 8, 9))
    path = tmp_path_factory.getbasetemp() / "theirs.mrc"
    path.write_bytes(content)
    with mrcfile.open(path, permissive=True) as mrc:
        dims = [2 - axes.index(axis) for axis in (1, 2, 3)]
        assert np.array_equal(xrefl.open_ccp4(content), mrc.data.transpose(dims))
