"""Writing CCP4 maps."""

from __future__ import annotations

import gzip
import io

import dask.array
import gemmi
import mrcfile
import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.lazy import nothing_computed
from xrefl.errors import CrystalError, FormatError


def a_map(shape=(6, 8, 10), name="P 1 21 1", cell=(20, 30, 40, 90, 100, 90), dtype="f4"):
    values = np.random.default_rng(3).normal(size=shape).astype(dtype)
    coords = {axis: np.arange(n) / n for axis, n in zip("xyz", shape, strict=True)}
    attrs = {"cell": list(cell), "spacegroup": name}
    return xr.DataArray(values, coords, ("x", "y", "z"), attrs=attrs)


def written(density):
    file = io.BytesIO()
    density.xtal.to_ccp4(file)
    return file.getvalue()


def test_settings_that_ccp4_does_not_number():
    density = a_map(name="B 1 21 1")
    content = written(density)
    assert np.frombuffer(content, "i4", 23)[-1] == 4
    assert xrefl.open_ccp4(content).attrs["spacegroup"] == "B 1 21 1"


def test_settings_come_back():
    for group in list(gemmi.spacegroup_table())[::12]:
        density = a_map((2, 2, 2), group.xhm())
        read = xrefl.open_ccp4(written(density))
        assert read.xtal.spacegroup == density.xtal.spacegroup


@pytest.mark.parametrize("start", [(0, 0, 0), (-3, 2, 50)])
@pytest.mark.parametrize("grid", [(6, 8, 10), (24, 12, 100)])
def test_round_trip_of_parts(start, grid):
    density = a_map()
    coords = {
        axis: (first + np.arange(density.sizes[axis])) / n
        for axis, first, n in zip("xyz", start, grid, strict=True)
    }
    part = density.assign_coords(coords)
    part.attrs |= {"labels": ["made by hand"]}
    read = xrefl.open_ccp4(written(part))
    part.attrs |= {"grid": list(grid), "labels": ["made by hand", "written by xrefl"]}
    xr.testing.assert_identical(read.rename(None), part)
    words = np.frombuffer(written(part), "i4", 10)
    assert words[4:7].tolist() == list(start)
    assert words[7:10].tolist() == list(grid)
    assert written(read) == written(part)


def test_mrcfile_finds_it_valid(tmp_path):
    density = a_map(name="P 1")
    path = tmp_path / "a.mrc"
    density.xtal.to_ccp4(path)
    with mrcfile.open(path) as mrc:
        assert np.array_equal(mrc.data, density.values.transpose())
        assert mrc.header.rms == pytest.approx(float(density.std()), rel=1e-5)
    assert not list(tmp_path.glob(".*"))


def test_order_of_dimensions_and_memory_do_not_count():
    density = a_map()
    expected = written(density)
    assert written(density.transpose("z", "x", "y")) == expected
    assert written(density.copy(data=np.asfortranarray(density.values))) == expected
    assert written(xrefl.open_ccp4(expected)) == expected  # lazily, from the file


@pytest.mark.parametrize("dtype", ["i1", "i2", "u2", "bool", "f8"])
def test_other_types(dtype):
    density = (a_map() * 10).astype(dtype)
    assert np.array_equal(xrefl.open_ccp4(written(density)), density.astype("f4"))


def test_lazy_maps_in_slabs(tmp_path):
    density = a_map((20, 30, 40))
    expected = written(density)
    slabs = []

    def seen(block):
        slabs.append(block.shape)
        return block

    lazy = density.chunk(x=10, z=8)
    lazy = lazy.copy(data=dask.array.map_blocks(seen, lazy.data, dtype="f4", meta=lazy.data._meta))
    assert written(lazy) == expected
    assert slabs == [(10, 30, 8)] * 10
    path = tmp_path / "a.ccp4.gz"
    lazy.xtal.to_ccp4(path)
    assert gzip.decompress(path.read_bytes()) == expected
    assert len(slabs) == 30  # twice over: a gzipped header cannot be filled in afterwards
    with nothing_computed(), pytest.raises(AssertionError, match="computed"):
        written(lazy)


def test_statistics_skip_what_is_missing():
    density = a_map((40, 50, 60))
    density[0] = np.nan
    density[5] = 1e4
    words = np.frombuffer(written(density), "f4", 256)
    values = density.values.astype("f8")
    found = words[[19, 20, 21, 54]]
    expected = np.nanmin(values), np.nanmax(values), np.nanmean(values), np.nanstd(values)
    assert np.allclose(found, expected, rtol=1e-6)
    density[:] = np.nan
    assert np.frombuffer(written(density), "f4", 256)[[19, 20, 21, 54]].tolist() == [0, 0, 0, 0]


def test_statistics_skip_what_is_not_finite():
    density = a_map()
    expected = np.frombuffer(written(density.where(density < 1).where(density > -1)), "f4", 55)
    density = density.where(density < 1, np.inf).where(density > -1, -np.inf)
    found = np.frombuffer(written(density), "f4", 55)
    assert found[[19, 20, 21, 54]].tolist() == expected[[19, 20, 21, 54]].tolist()
    assert np.array_equal(xrefl.open_ccp4(written(density)), density)


def test_whole_numbers_are_exact():
    density = xr.full_like(a_map(), 2**24, dtype="i4")
    assert (xrefl.open_ccp4(written(density)) == 2**24).all()
    for dtype in ("i4", "u4", "i8", "u8"):
        with pytest.raises(FormatError, match=rf"\({density.astype(dtype).dtype}\) beyond 2\^24"):
            written(density.astype(dtype) + 1)


def test_ten_labels_at_most():
    density = a_map()
    density.attrs["labels"] = [f"{'long ' * 20}{i}" for i in range(12)]
    labels = xrefl.open_ccp4(written(density)).attrs["labels"]
    assert len(labels) == 10
    assert labels[-1] == "written by xrefl"
    assert max(map(len, labels)) <= 80
    density.attrs["labels"] = "just one"
    assert xrefl.open_ccp4(written(density)).attrs["labels"][0] == "just one"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda m: m.isel(x=0), FormatError, "dimensions x, y and z, not"),
        (lambda m: m.rename(x="h"), FormatError, "dimensions x, y and z"),
        (lambda m: m.isel(x=[0, 1, 3]), FormatError, "coordinate x"),
        (lambda m: m.isel(y=slice(0, 0)), FormatError, "no points along y"),
        (lambda m: m.assign_coords(z=m.z * np.nan), FormatError, "coordinate z.*not finite"),
        (lambda m: m.isel(z=slice(None, None, -1)), FormatError, "coordinate z"),
        (lambda m: m.drop_attrs(), CrystalError, "unit cell is not known"),
        (lambda m: m * 1j, FormatError, "real numbers, not complex"),
        (lambda m: m.astype("f8") * 1e300, FormatError, "32-bit floats"),
        (lambda m: m.assign_coords(x=m.x + 2.0**31), FormatError, "below 2\\^31"),
        (lambda m: m.assign_attrs(grid=[1, 2]), FormatError, "three numbers"),
        (lambda m: m.assign_attrs(grid=5), FormatError, "three numbers"),
        (lambda m: m.assign_attrs(grid=[1, 0, 2]), FormatError, "three numbers"),
        (lambda m: m.assign_attrs(origin=[1, 2]), FormatError, "origin.*three lengths"),
        (lambda m: m.assign_attrs(origin=[1, 2, np.nan]), FormatError, "origin.*finite lengths"),
        (lambda m: m.assign_attrs(origin=[1, 2, 1e300]), FormatError, "origin.*finite lengths"),
        (lambda m: m.assign_attrs(labels=5), FormatError, "labels.*list of lines of text, not 5"),
        (lambda m: m.assign_coords(x=list("abcdef")), FormatError, "coordinate x .*not of numbers"),
        (lambda m: m.rename(x="h", y="k", z="l"), FormatError, r"grid\.xtal\.to_map\(\)"),
    ],
)
def test_what_cannot_be_written(tmp_path, change, error, message):
    path = tmp_path / "a.ccp4"
    path.write_bytes(b"before")
    with xr.set_options(keep_attrs=True):
        wrong = change(a_map())
    with pytest.raises(error, match=message):
        wrong.xtal.to_ccp4(path)
    assert path.read_bytes() == b"before"
    assert len(list(tmp_path.iterdir())) == 1


def test_bad_targets():
    with pytest.raises(TypeError, match="binary file object"):
        a_map().xtal.to_ccp4(5)


def test_a_map_of_coefficients_as_gemmi_reads_it(tmp_path):
    ds = xr.open_dataset(xrefl.tutorial.path("5wkd", kind="sf-mmcif"))
    density = ds.xtal.to_map("pdbx_FWT", "pdbx_PHWT", sample_rate=2.6)
    path = tmp_path / "5wkd.ccp4"
    density.xtal.to_ccp4(path)
    theirs = gemmi.read_ccp4_map(str(path), setup=True).grid
    assert theirs.shape == (72, 8, 24)
    assert theirs.spacegroup.xhm() == "C 1 2 1"
    assert round(theirs.get_value(1, 2, 3), 5) == -0.40554
    assert np.array_equal(theirs.array, density)


def test_a_lazy_map_may_replace_its_own_file(tmp_path):
    path = tmp_path / "a.ccp4"
    density = a_map()
    density.xtal.to_ccp4(path)
    before = path.read_bytes()
    xrefl.open_ccp4(path).xtal.to_ccp4(path)
    assert path.read_bytes() == before
