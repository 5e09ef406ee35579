"""Reading CCP4 and MRC maps: layout, modes, headers, symmetry, laziness."""

from __future__ import annotations

import gzip
import io
import itertools
import os
import pickle
import tracemalloc

import gemmi
import mrcfile
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import xrefl
from tests.ccp4_bytes import CELL, VALUES, map_bytes, symmetry
from tests.lazy import nothing_computed
from xrefl.errors import FormatError, FormatWarning

AXES = list(itertools.permutations((1, 2, 3)))


def test_layout():
    density = xrefl.open_ccp4(map_bytes(labels=["one", "two"]))
    assert density.dims == ("x", "y", "z")
    assert density.dtype == np.float32
    assert density.name == "density"
    assert np.array_equal(density, VALUES)
    assert density.attrs == {
        "cell": list(CELL),
        "spacegroup": "P 1",
        "grid": [2, 3, 4],
        "labels": ["one", "two"],
    }
    assert density.x.values.tolist() == [0, 0.5]
    assert density.encoding["ccp4_mode"] == 2
    assert density.encoding["statistics"]["mean"] == 11.5
    assert density.xtal.cell.parameters == CELL
    assert density.xtal.spacegroup.number == 1


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("mode", [0, 1, 2, 6, 12])
def test_modes_axes_and_byte_orders(mode, order, axes):
    content = map_bytes(VALUES, mode=mode, order=order, axes=axes, start=(1, -2, 3), grid=(5, 6, 8))
    density = xrefl.open_ccp4(content)
    assert density.dtype == np.float32
    assert np.array_equal(density.values, VALUES)
    assert density.attrs["grid"] == [5, 6, 8]
    assert np.allclose(density.x, [0.2, 0.4])
    assert np.allclose(density.y, [-2 / 6, -1 / 6, 0])
    assert np.allclose(density.z, [3 / 8, 4 / 8, 5 / 8, 6 / 8])
    again = xrefl.open_ccp4(content)
    assert again.isel(x=1, y=slice(None, None, -2), z=2).values.tolist() == [22, 14]


NAMES = [
    "P 1",
    "P 1 21 1",
    "C 1 2 1",
    "P 21 21 21",
    "I 41/a m d:2",
    "R 3:H",
    "P 43 3 2",
    "F d -3 m:1",
]


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("name", NAMES)
def test_as_gemmi_reads_it(tmp_path, name, axes):
    group = gemmi.SpaceGroup(name)
    ops = symmetry(*(op.triplet() for op in group.operations()))
    values = np.random.default_rng(1).normal(size=(12, 12, 24)).astype("f4")
    values = values[:, :, :12] if group.crystal_system_str() == "cubic" else values
    cell = (10, 10, 10, 90, 90, 120 if name == "R 3:H" else 90)
    content = map_bytes(values, axes=axes, ispg=group.ccp4, extension=ops, cell=cell)
    path = tmp_path / "a.ccp4"
    path.write_bytes(content)
    theirs = gemmi.read_ccp4_map(str(path))
    theirs.setup(np.nan, gemmi.MapSetup.ReorderOnly)
    ours = xrefl.open_ccp4(path)
    assert np.array_equal(ours, theirs.grid.array)
    assert ours.attrs["spacegroup"] == name
    assert np.allclose(ours.attrs["cell"], theirs.grid.unit_cell.parameters)


@pytest.mark.parametrize("mode", [0, 1, 2, 6, 12])
def test_as_mrcfile_writes_it(tmp_path, mode):
    path = tmp_path / "em.mrc"
    values = np.arange(5 * 6 * 7).reshape(5, 6, 7) % 120
    dtype = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}[mode]
    with mrcfile.new(path) as mrc:
        mrc.set_data(values.astype(dtype))
        mrc.voxel_size = 1.5
        mrc.header.origin = (10, 20, 30)
        mrc.header.nzstart = -2
        mrc.set_volume()
    density = xrefl.open_ccp4(path)
    assert density.encoding["ccp4_mode"] == mode
    assert np.array_equal(density.values, values.transpose())
    assert density.attrs["cell"] == [10.5, 9, 7.5, 90, 90, 90]
    assert density.attrs["origin"] == [10, 20, 33]  # the first point, at z = -2, is at 30
    assert density.attrs["spacegroup"] == "P 1"
    assert np.allclose(density.z, (np.arange(5) - 2) / 5)
    assert density.attrs["labels"]


def test_image_of_space_group_0(tmp_path):
    path = tmp_path / "image.mrc"
    with mrcfile.new(path) as mrc:
        mrc.set_data(np.arange(6, dtype="f4").reshape(2, 3))
        mrc.voxel_size = 1
    density = xrefl.open_ccp4(path)
    assert density.shape == (3, 2, 1)
    assert density.attrs["spacegroup"] == "P 1"


@given(
    sizes=st.tuples(*[st.integers(1, 7)] * 3),
    axes=st.sampled_from(AXES),
    order=st.sampled_from("<>"),
    mode=st.sampled_from([0, 2]),
    data=st.data(),
)
def test_any_part_is_that_of_the_whole(sizes, axes, order, mode, data):
    """Parts have at least one point: xarray itself trips over empty ones of lazy arrays."""
    values = (np.arange(np.prod(sizes)) % 120).reshape(sizes).astype("f4")
    density = xrefl.open_ccp4(map_bytes(values, axes=axes, order=order, mode=mode))
    key = tuple(
        data.draw(
            st.one_of(
                st.integers(0, n - 1),
                st.slices(n).filter(lambda cut, n=n: range(n)[cut]),
                st.lists(st.integers(0, n - 1), min_size=1),
            )
        )
        for n in sizes
    )
    arrays = xr.DataArray(values, dims=("x", "y", "z"))
    assert np.array_equal(density[key].values, arrays[key].values)


def test_large_maps_are_read_by_threads(tmp_path, monkeypatch):
    monkeypatch.setenv("XREFL_NUM_THREADS", "3")
    values = np.random.default_rng(0).normal(size=(90, 100, 150)).astype("f4")
    for order in "<>":
        path = tmp_path / f"{order == '<'}.ccp4"
        path.write_bytes(map_bytes(values, order=order))
        assert np.array_equal(xrefl.open_ccp4(path), values)
        part = xrefl.open_ccp4(path)[3:80:2, ::-3, 10:140]
        assert np.array_equal(part, values[3:80:2, ::-3, 10:140])


def test_lazy(tmp_path):
    path = tmp_path / "a.map"
    path.write_bytes(map_bytes())
    density = xrefl.open_ccp4(path)
    assert not isinstance(density.variable._data, np.ndarray)
    assert np.array_equal(pickle.loads(pickle.dumps(density)), VALUES)
    with nothing_computed():
        chunked = xrefl.open_ccp4(path, chunks={"z": 2})
        whole = xrefl.open_ccp4(path, chunks={})
        by_xarray = xr.open_dataset(path, chunks={}).density
        assert chunked.chunks == ((2,), (3,), (2, 2))
        assert whole.chunks == by_xarray.chunks == ((2,), (3,), (4,))
    for lazy in (chunked, whole, by_xarray):
        assert np.array_equal(lazy, VALUES)


def test_nothing_but_the_header_is_read_of_a_large_map(tmp_path):
    path = tmp_path / "large.map"
    path.write_bytes(map_bytes(words={1: 1000, 2: 1000, 3: 1000, 8: 1000, 9: 1000, 10: 1000}))
    os.truncate(path, 1024 + 4 * 10**9)  # a file with a hole, of 4 GB
    tracemalloc.start()
    density = xrefl.open_ccp4(path)
    assert density.shape == (1000, 1000, 1000)
    assert density[5:8, 7, 999].values.tolist() == [0, 0, 0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_other_sources(tmp_path):
    content = map_bytes()
    packed = tmp_path / "a.map.gz"
    packed.write_bytes(gzip.compress(content))
    for source in (packed, gzip.compress(content), io.BytesIO(content)):
        assert np.array_equal(xr.open_dataset(source).density, VALUES)  # the engine is found
    with pytest.raises(TypeError, match="expected a path"):
        xr.open_dataset(5, engine="ccp4")
    assert not xr.open_dataset(packed, engine="ccp4", drop_variables="density").data_vars


def test_a_file_that_has_changed_is_refused(tmp_path):
    path = tmp_path / "a.map"
    path.write_bytes(map_bytes())
    density = xrefl.open_ccp4(path)
    path.write_bytes(map_bytes() + b"more")
    with pytest.raises(FormatError, match="has changed"):
        density.load()


@pytest.mark.parametrize("stamp", [b"\0\0\0\0", b"\x99BCD", b"\x11\x11\0\0"])
def test_wrong_machine_stamp(stamp):
    with pytest.warns(FormatWarning, match=f"machine stamp {stamp.hex()}.*as little-endian"):
        density = xrefl.open_ccp4(map_bytes(stamp=stamp))
    assert np.array_equal(density, VALUES)


def test_wrong_machine_stamp_big_endian():
    with pytest.warns(FormatWarning, match=r"says little-endian.*as big-endian .*byte 212"):
        density = xrefl.open_ccp4(map_bytes(order=">", stamp=b"DA\0\0"))
    assert np.array_equal(density, VALUES)


def test_unsigned_bytes():
    values = VALUES * 11
    imod = {39: 1146047817, 40: 0}
    density = xrefl.open_ccp4(map_bytes(values, mode=0, dtype="u1", words=imod))
    assert np.array_equal(density, values)
    with pytest.warns(FormatWarning, match="unsigned bytes, since the maximum is 253"):
        density = xrefl.open_ccp4(
            map_bytes(values, mode=0, dtype="u1", statistics=(0.0, 253.0, 1.0, 1.0))
        )
    assert np.array_equal(density, values)
    signed = {39: 1146047817, 40: 1}
    density = xrefl.open_ccp4(map_bytes(VALUES - 12, mode=0, words=signed))
    assert np.array_equal(density, VALUES - 12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"words": {17: 0, 18: 0, 19: 0}}, "no order of axes"),
        ({"words": {8: 0}}, "divided into"),
        ({"cell": (20, 30, 40, 0, 0, 0)}, "angles of the unit cell are 0"),
        ({"words": {25: 1}}, "skew transformation"),
        ({"words": {56: 11}}, "number of labels 11"),
        ({"words": {50: float("nan")}}, "origin .* is not finite"),
    ],
)
def test_what_is_put_up_with(changes, message):
    with pytest.warns(FormatWarning, match=f"<bytes>: .*{message}.*byte"):
        density = xrefl.open_ccp4(map_bytes(**changes))
    assert np.array_equal(density, VALUES)
    assert density.attrs["cell"] == list(CELL)
    assert density.attrs["grid"] == [2, 3, 4]
    assert "origin" not in density.attrs


def test_map_without_a_cell():
    with pytest.warns(FormatWarning, match="lengths of the unit cell are 0"):
        density = xrefl.open_ccp4(map_bytes(cell=(0,) * 6))
    assert "cell" not in density.attrs


def test_bytes_after_the_map():
    with pytest.warns(FormatWarning, match="7 bytes after the values"):
        assert np.array_equal(xrefl.open_ccp4(map_bytes() + b"trailer"), VALUES)


@pytest.mark.parametrize(
    ("ispg", "extension", "words", "name"),
    [
        (0, b"", {}, "P 1"),
        (19, b"", {}, "P 21 21 21"),
        (1003, b"", {}, "P 1 1 2"),
        (4, symmetry("X,Y,Z", "-X,-Y,1/2+Z"), {}, "P 1 1 21"),
        (4, symmetry("X,Y,Z * -X,1/2+Y,-Z"), {}, "P 1 21 1"),
        (0, symmetry("X,Y,Z", "-X,-Y,-Z"), {}, "P -1"),
        (1, b"\xff\x00\x07" * 300, {27: 0x31494546, 28: 20140}, "P 1"),  # FEI1
    ],
)
def test_space_group(ispg, extension, words, name):
    density = xrefl.open_ccp4(map_bytes(ispg=ispg, extension=extension, words=words))
    assert density.attrs["spacegroup"] == name
    assert np.array_equal(density, VALUES)


def test_rhombohedral_axes_are_seen_by_the_cell():
    density = xrefl.open_ccp4(map_bytes(ispg=146, cell=(10, 10, 10, 80, 80, 80)))
    assert density.attrs["spacegroup"] == "R 3:R"


@pytest.mark.parametrize(
    ("ispg", "extension", "message", "name"),
    [
        (19, symmetry("X,Y,Z", "-X,Y,-Z"), "is P 21 21 21.*as P 1 2 1", "P 1 2 1"),
        (999, symmetry("X,Y,Z", "-X,Y,-Z"), "999 is not known", "P 1 2 1"),
        (19, symmetry("X,Y,W"), "not the operations.*19 is taken", "P 21 21 21"),
        (19, symmetry("X,Y,Z", "hello"), "'hello' is no operation", "P 21 21 21"),
        (19, symmetry(*["X,Y,Z"] * 193), "more than 192", "P 21 21 21"),
    ],
)
def test_number_and_operations_at_odds(ispg, extension, message, name):
    with pytest.warns(FormatWarning, match=message):
        density = xrefl.open_ccp4(map_bytes(ispg=ispg, extension=extension))
    assert density.attrs["spacegroup"] == name


def test_every_ccp4_number():
    for group in gemmi.spacegroup_table():
        if group.ccp4:
            cell = {"R": (10, 10, 10, 80, 80, 80), "H": (10, 10, 10, 90, 90, 120)}
            density = xrefl.open_ccp4(map_bytes(ispg=group.ccp4, cell=cell.get(group.ext, CELL)))
            assert xrefl.SpaceGroup(group.xhm()) == density.xtal.spacegroup


def test_netcdf_and_zarr(tmp_path):
    content = map_bytes(
        labels=["one", "two"], ispg=19, words={50: 1.0, 51: 2.0, 52: 3.0}, start=(1, 2, 3)
    )
    density = xrefl.open_ccp4(content)
    density.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    density.to_zarr(tmp_path / "a.zarr", consolidated=False)
    for again in (
        xr.open_dataarray(tmp_path / "a.nc", engine="h5netcdf"),
        xr.open_dataarray(tmp_path / "a.zarr", engine="zarr", consolidated=False),
    ):
        xr.testing.assert_equal(again, density)
        assert again.xtal.cell.parameters == CELL
        assert again.xtal.spacegroup.name == "P 21 21 21"
        file = io.BytesIO()
        again.xtal.to_ccp4(file)
        file.name = "again"
        xr.testing.assert_identical(
            xrefl.open_ccp4(file.getvalue()).drop_attrs(), density.drop_attrs()
        )
        assert xrefl.open_ccp4(file.getvalue()).attrs["labels"] == [
            "one",
            "two",
            "written by xrefl",
        ]
