"""Writing MTZ files: what is read is written back, and what is written gemmi reads."""

from __future__ import annotations

import gzip
import io
import tempfile
from pathlib import Path

import dask
import gemmi
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings

import xrefl
from tests import mtz_bytes, strategies
from tests.conftest import real_files
from xrefl.errors import CrystalError, FormatError, FormatWarning

FUNCTION_SCOPED = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def written(ds: xr.Dataset) -> bytes:
    stream = io.BytesIO()
    ds.xtal.to_mtz(stream)
    return stream.getvalue()


def gemmi_reads(content: bytes) -> gemmi.Mtz:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.mtz")
        path.write_bytes(content)
        return gemmi.read_mtz_file(str(path))


def assert_same_file(mtz: gemmi.Mtz, expected: gemmi.Mtz) -> None:
    """Assert that two files have the same content for gemmi."""
    np.testing.assert_array_equal(mtz.array, expected.array)
    assert mtz.cell.parameters == expected.cell.parameters
    assert mtz.title == expected.title
    assert mtz.history == expected.history
    assert mtz.appended_text == expected.appended_text
    assert np.isnan(mtz.valm)
    assert mtz.nsymop == expected.nsymop
    for ours, theirs in zip(mtz.columns, expected.columns, strict=True):
        for name in ("label", "type", "dataset_id", "source"):
            assert getattr(ours, name) == getattr(theirs, name)
    for ours, theirs in zip(mtz.datasets, expected.datasets, strict=True):
        for name in ("id", "project_name", "crystal_name", "dataset_name", "wavelength"):
            assert getattr(ours, name) == getattr(theirs, name)
        assert ours.cell.parameters == theirs.cell.parameters
    for ours, theirs in zip(mtz.batches, expected.batches, strict=True):
        for name in ("number", "title", "axes", "dataset_id"):
            assert getattr(ours, name) == getattr(theirs, name)
        assert list(ours.ints) == list(theirs.ints)
        assert list(ours.floats) == list(theirs.floats)


@pytest.mark.parametrize("path", real_files("*.mtz*"), ids=lambda path: path.name)
def test_real_file_unchanged(path):
    content = path.read_bytes()
    original = gemmi_reads(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
    mtz = gemmi_reads(written(xrefl.open_mtz(path)))
    assert mtz.spacegroup.xhm() == original.spacegroup.xhm()
    assert mtz.spacegroup_number == original.spacegroup_number
    assert_same_file(mtz, original)
    original.update_reso()
    assert mtz.min_1_d2 == pytest.approx(original.min_1_d2, rel=1e-14)
    assert mtz.max_1_d2 == pytest.approx(original.max_1_d2, rel=1e-14)
    for ours, theirs in zip(mtz.columns, original.columns, strict=True):
        assert np.float32(ours.min_value) == np.float32(theirs.min_value)
        assert np.float32(ours.max_value) == np.float32(theirs.max_value)


@given(strategies.gemmi_files())
@settings(max_examples=60)
def test_merged_from_gemmi_and_back(mtz):
    content = mtz.write_to_bytes()
    back = gemmi_reads(written(xrefl.open_mtz(content)))
    assert_same_file(back, gemmi_reads(content))
    # gemmi writes the names of both origins of I 41/a m d alike, and reads them as the first.
    assert back.spacegroup.operations() == mtz.spacegroup.operations()


@given(strategies.gemmi_files(unmerged=True))
@settings(max_examples=60)
def test_unmerged_from_gemmi_and_back(mtz):
    content = mtz.write_to_bytes()
    original = gemmi_reads(content)
    assert_same_file(gemmi_reads(written(xrefl.open_mtz(content))), original)
    lazy = xrefl.open_mtz(content, chunks={"obs": 7})
    assert_same_file(gemmi_reads(written(lazy)), original)


@given(strategies.merged_datasets())
@settings(max_examples=60)
def test_datasets_come_back(ds):
    content = written(ds)
    back = xrefl.open_mtz(content)
    mtz = gemmi_reads(content)
    assert mtz.spacegroup.xhm() == ds.attrs["spacegroup"]
    for name, column in ds.data_vars.items():
        np.testing.assert_array_equal(back[name].values, column.values)
        assert back[name].attrs["mtz_type"] == column.attrs["mtz_type"]
        np.testing.assert_array_equal(mtz.column_with_label(name).array, column.values)
    assert back.xindexes["hkl"].equals(ds.xindexes["hkl"])
    assert back.attrs["cell"] == ds.attrs["cell"]
    assert written(ds.chunk({"hkl": 9})) == content


@pytest.mark.parametrize("name", [s.xhm() for s in gemmi.spacegroup_table()])
def test_every_setting_is_understood_by_gemmi(name):
    group = gemmi.SpaceGroup(name) if gemmi.find_spacegroup_by_name(name) else None
    cell = (50, 50, 50, 90, 90, 90)
    if xrefl.SpaceGroup(name).crystal_system in ("trigonal", "hexagonal"):
        cell = (50, 50, 50, 91, 91, 91) if name.endswith(":R") else (50, 50, 60, 90, 90, 120)
    index = xrefl.HKLIndex.from_miller([1], [2], [3], cell=cell, spacegroup=name)
    ds = xr.Dataset({"F": ("hkl", [1.0])}, coords=index.coordinates())
    content = written(ds)
    assert xrefl.open_mtz(content).attrs["spacegroup"] == ds.xtal.spacegroup.name
    if group is not None:
        mtz = gemmi_reads(content)
        assert mtz.spacegroup is not None
        assert mtz.spacegroup.operations() == group.operations()


def test_file_from_scratch():
    import pandas as pd

    df = pd.DataFrame(
        [[4, 13, 8, 1, 453.9, 19.12], [4, 13, 9, 0, 102.0, 27.31]],
        columns=["H", "K", "L", "FREE", "F", "SIGF"],
    ).astype({"FREE": int})
    ds = df.xtal.to_dataset(cell=(77.7, 149.5, 62.4, 90, 90, 90), spacegroup="P 21 21 2")
    ds.F.attrs["mtz_type"] = "F"
    ds.SIGF.attrs["mtz_type"] = "Q"
    mtz = gemmi_reads(written(ds))
    limits = (0.0266481872714499, 0.03101414716625602)
    assert (mtz.min_1_d2, mtz.max_1_d2) == pytest.approx(limits, rel=1e-14)
    assert [column.type for column in mtz.columns] == list("HHHIFQ")
    assert mtz.spacegroup.hm == "P 21 21 2"
    assert mtz.datasets[1].cell.parameters == (77.7, 149.5, 62.4, 90, 90, 90)
    assert mtz.sort_order == [1, 2, 3, 0, 0]


def test_header_follows_the_rows(example):
    ds = xr.open_dataset(example).xtal.assign_crystal(cell=(10, 11, 20, 90, 100, 90))
    few = ds.where(ds.xtal.d() >= 3, drop=True).isel(hkl=slice(None, None, -1))
    mtz = gemmi_reads(written(few))
    assert mtz.nreflections == few.sizes["hkl"]
    assert mtz.resolution_high() == pytest.approx(few.xtal.resolution[1], rel=1e-12)
    assert mtz.sort_order == [0, 0, 0, 0, 0]
    assert mtz.column_with_label("I").max_value == float(few.I.max())
    assert [dataset.cell.a for dataset in mtz.datasets] == [10, 10]


@pytest.mark.parametrize("chunks", [None, {"obs": 2}])
def test_sort_order_of_observations(chunks):
    rows = mtz_bytes.MULTI_ROWS
    by_five = [[1, 0, 2, 1, 7, 1], [1, 0, 2, 1, 8, 0], [1, 0, 2, 2, 7, 3]]
    by_three = [[1, 0, 2, 4, 7, 1], [1, 0, 2, 1, 8, 0], [1, 0, 3, 2, 7, 3]]
    by_none = [[1, 0, 3, 1, 7, 1], [1, 0, 2, 1, 8, 0], [1, 0, 4, 2, 7, 3]]
    expected = {(1, 2, 3, 4, 5): by_five, (1, 2, 3, 0, 0): by_three, (0,) * 5: by_none}
    for order, values in expected.items():
        rows = np.array(values, np.float32)
        ds = xrefl.open_mtz(mtz_bytes.mtz_bytes(rows, batches=(7,)), chunks=chunks)
        assert gemmi_reads(written(ds)).sort_order == list(order)


def test_groups_and_digits_survive():
    extra = ("COLGRP F                              FSIGF FP 1 1",)
    records = [
        line.replace("10.0000   20.0000", "10.00012345   20.0000").replace("0.97918", "0.979183")
        for line in mtz_bytes.header_records(extra=extra)
    ]
    ds = xrefl.open_mtz(mtz_bytes.mtz_bytes(records=records, appended=b"more \xff text"))
    assert ds.attrs["cell"][0] == 10.00012345
    assert xrefl.open_mtz(written(ds)).identical(ds)


def test_named_batch_words_follow_their_coordinates():
    ds = xrefl.open_mtz(mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS, batches=(7, 8)))
    changed = ds.assign_coords(batch_phi_start=("batch", np.float32([1.5, 2.5])))
    back = xrefl.open_mtz(written(changed))
    assert back.batch_floats.values[:, 36].tolist() == [1.5, 2.5]
    assert back.batch_phi_start.values.tolist() == [1.5, 2.5]
    assert ds.batch_floats.values[0, 36] == 16  # the argument is as it was


def test_friedel_pairs_are_adjacent(example):
    ds = xr.open_dataset(example)[["FP"]].load()
    labels = {"F(+)": "G", "X": "R", "SIGF(+)": "L", "SIGF(-)": "L", "Y": "R", "F(-)": "G"}
    for label, kind in labels.items():
        ds[label] = ds.FP.assign_attrs(mtz_type=kind)
    order = [column.label for column in gemmi_reads(written(ds)).columns[3:]]
    assert order == ["FP", "F(+)", "F(-)", "X", "SIGF(+)", "SIGF(-)", "Y"]
    usual = ds[["F(+)", "SIGF(+)", "F(-)", "SIGF(-)"]]
    assert [c.label for c in gemmi_reads(written(usual)).columns[3:]] == list(usual.data_vars)


def test_columns_without_a_type(example):
    ds = xr.open_dataset(example)[["FP"]].load()
    ds = ds.assign(n=("hkl", np.arange(441)), ratio=("hkl", np.arange(441) / 7), flag=ds.h > 0)
    del ds.flag.attrs["mtz_type"]
    mtz = gemmi_reads(written(ds))
    assert [column.type for column in mtz.columns[4:]] == ["I", "R", "I"]
    assert mtz.columns[4].dataset_id == 1
    np.testing.assert_array_equal(mtz.columns[6].array, ds.h.values > 0)


def test_written_in_blocks_of_dask_chunks_without_holding_them(example, monkeypatch):
    from xrefl.hkl import blocks

    ds = xr.open_dataset(example)
    content = written(ds)
    monkeypatch.setattr(blocks, "_BLOCK_ROWS", 100)
    assert written(xr.open_dataset(example)) == content
    seen = []

    def counting(*args, **kwargs):
        seen.append(1)
        return dask.get(*args, **kwargs)

    for rows in (100, 30):  # small chunks are computed together
        seen.clear()
        with dask.config.set(scheduler=counting):
            assert written(xrefl.open_mtz(example, chunks={"hkl": rows})) == content
        assert len(seen) == (5 if rows == 100 else 4)


def test_atomic(example, tmp_path):
    ds = xr.open_dataset(example).load()
    target = tmp_path / "a.mtz"
    target.write_bytes(b"precious")
    target.chmod(0o640)
    with pytest.raises(FormatError):
        ds.assign(big=("hkl", np.arange(441) + 2**24)).xtal.to_mtz(target)
    assert target.read_bytes() == b"precious"
    assert [path.name for path in tmp_path.iterdir()] == ["a.mtz"]
    ds.xtal.to_mtz(target)
    assert target.stat().st_mode & 0o777 == 0o640
    assert xrefl.open_mtz(target).identical(ds)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mtz"]


def test_gzipped_by_its_name(example, tmp_path):
    ds = xr.open_dataset(example).load()
    ds.xtal.to_mtz(str(tmp_path / "a.mtz.gz"))
    assert gzip.decompress((tmp_path / "a.mtz.gz").read_bytes()) == written(ds)


def test_a_file_can_be_rewritten_from_itself(example, tmp_path):
    path = tmp_path / "a.mtz"
    path.write_bytes(example.read_bytes())
    xrefl.open_mtz(path, chunks={"hkl": 100}).assign_attrs(title="new").xtal.to_mtz(path)
    assert xrefl.open_mtz(path).attrs["title"] == "new"


def test_long_title_is_cut_with_a_warning(example):
    ds = xr.open_dataset(example).assign_attrs(title="x" * 71)
    with pytest.warns(FormatWarning, match="cut"):
        assert gemmi_reads(written(ds)).title == "x" * 70


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ds: ds.assign(a=("hkl", np.arange(441) * 2**20)), "whole number"),
        (lambda ds: ds.assign(a=("hkl", np.full(441, 1e300))), "beyond the range"),
        (lambda ds: ds.assign(a=("hkl", np.ones(441, complex))), "dtype complex128"),
        (lambda ds: ds.assign(a=("hkl", ["x"] * 441)), "dtype <U1"),
        (lambda ds: ds.assign(a=(("hkl", "friedel"), np.ones((441, 2)))), "dimensions"),
        (lambda ds: ds.assign(a=1.0), "dimensions"),
        (lambda ds: ds.rename(FP="two words"), "label"),
        (lambda ds: ds.rename(FP="x" * 31), "label"),
        (lambda ds: ds.rename(FP="H"), "label 'H'"),
        (lambda ds: ds.assign(a=ds.FP.assign_attrs(mtz_type="Z")), "mtz_type"),
    ],
)
def test_what_cannot_be_written(example, change, message):
    with pytest.raises(FormatError, match=message):
        written(change(xr.open_dataset(example)))


def test_without_a_crystal(example):
    ds = xr.open_dataset(example).load()
    bare = xr.Dataset({"F": ("obs", ds.FP.values)}, {n: ("obs", ds[n].values) for n in "hkl"})
    with pytest.raises(CrystalError, match="assign_crystal"):
        written(bare)


def observations() -> xr.Dataset:
    return xrefl.open_mtz(mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS, batches=(7, 8))).load()


def second_file() -> xr.Dataset:
    return xrefl.open_mtz(mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS, batches=(9, 10))).load()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ds: ds.where(ds.I > 9.7), "M/ISYM of type Y has the value nan"),
        (lambda ds: ds.set_coords("BATCH"), "'BATCH' has become a coordinate"),
        (lambda ds: ds.isel(dataset_id=[1]), "belongs to the data set 0"),
        (lambda ds: ds.assign(a=ds.I.assign_attrs(dataset_id=5)), "belongs to the data set 5"),
        (lambda ds: ds.assign_attrs(wavelength=1.54), "'wavelength'"),
        (lambda ds: ds.assign_attrs(spacegroup="P 1 2 1"), "symmetry_operations"),
        (lambda ds: ds.assign(a=("obs", [2.0**25] * 3, {"mtz_type": "I"})), "33554432"),
        (
            lambda ds: xr.concat(
                [ds, second_file()], "obs", coords="minimal", compat="override", join="outer"
            ),
            "drop_dims",
        ),
    ],
)
def test_observations_that_cannot_be_written(change, message):
    with pytest.raises(FormatError, match=message):
        written(change(observations()))


def test_repeated_reflections_are_not_written_as_merged(example):
    ds = xr.open_dataset(example).isel(hkl=[0, 1, 0])
    with pytest.raises(FormatError, match="reflection -5 0 1 is in the rows 0 and 2"):
        written(ds)


def test_selected_batch_and_dropped_coordinates():
    ds = observations()
    one = xrefl.open_mtz(written(ds.sel(batch=8)))
    assert one.batch.values.tolist() == [8]
    np.testing.assert_array_equal(one.batch_floats, ds.batch_floats.sel(batch=[8]))
    few = ds.drop_vars(["batch_title", "batch_floats", "dataset_cell", "dataset_wavelength"])
    back = xrefl.open_mtz(written(few.drop_attrs(deep=False).assign_attrs(ds.attrs, wavelength=1)))
    assert back.attrs["wavelength"] == 1
    assert back.batch_phi_start.values.tolist() == ds.batch_phi_start.values.tolist()


def test_comparisons_are_written_as_integers(example):
    ds = xr.open_dataset(example).load()
    ds["strong"] = ds.I > 3 * ds.SIGI
    ds["strong"].attrs["mtz_type"] = "J"  # as arithmetic may leave it
    assert gemmi_reads(written(ds)).column_with_label("strong").type == "I"


def test_long_texts_are_wrapped_or_cut_with_a_word():
    ds = observations()
    line = "a line of the history that is much longer than the eighty characters of a record: " * 2
    back = xrefl.open_mtz(written(ds.assign_attrs(history=[line, "short\ttab"])))
    assert "".join(back.attrs["history"][:-1]) == line.rstrip()
    assert back.attrs["history"][-1] == "short tab"
    long = ds.assign_coords(project_name=("dataset_id", ["x" * 65, "y"]))
    with pytest.warns(FormatWarning, match="room for 64 characters of PROJECT"):
        assert xrefl.open_mtz(written(long)).project_name.values.tolist() == ["x" * 64, "y"]


def test_text_of_older_programs():
    content = mtz_bytes.mtz_bytes(history=["Grosse"]).replace(b"Grosse ", b"Gr\xf6\xdfe  ")
    ds = xrefl.open_mtz(content)
    assert ds.attrs["history"] == ["Größe"]
    assert xrefl.open_mtz(written(ds)).attrs["history"] == ["Größe"]


def test_cell_given_to_a_frame_is_that_of_all_data_sets(example):
    df = xr.open_dataset(example).xtal.to_dataframe()
    cell = (10, 11, 20, 90, 100, 90)
    mtz = gemmi_reads(written(df.xtal.to_dataset(cell=cell)))
    assert mtz.cell.parameters == cell
    assert all(dataset.cell.parameters == cell for dataset in mtz.datasets)
    assert df.xtal.assign_crystal(cell=cell).xtal.cell.parameters == cell


def test_targets(example, tmp_path, monkeypatch):
    import os
    import threading

    ds = xr.open_dataset(example).load()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        ds.xtal.to_mtz(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere to write a\.mtz"):
        ds.xtal.to_mtz(tmp_path / "nowhere" / "a.mtz")
    with pytest.raises(TypeError, match="path or a binary file object"):
        ds.xtal.to_mtz(3)
    monkeypatch.setenv("HOME", str(tmp_path))
    ds.xtal.to_mtz("~/a.mtz")
    assert xrefl.open_mtz("~/a.mtz").identical(ds)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    ds.xtal.to_mtz(pipe)
    reader.join()
    assert received[0] == written(ds)
    assert pipe.is_fifo()


@pytest.mark.parametrize("nrow", [100, 200_000_000])
def test_place_of_the_header(nrow):
    import struct

    from xrefl.io.mtz.compose import compose_start

    start = compose_start(13, nrow)
    place = 21 + 13 * nrow
    short, stamp, long = struct.unpack("=i4sq", start[4:20])
    assert len(start) == 80
    assert stamp in (b"\x44\x41\0\0", b"\x11\x11\0\0")
    assert (short, long) == ((place, 0) if place < 2**31 else (-1, place))


@pytest.mark.parametrize("label", ["Å", "F\u00a0P", "FPé", "a\tb", "a\x7f"])
def test_labels_are_of_ascii(example, label):
    with pytest.raises(FormatError, match=r"printable ASCII.*; rename the variable first"):
        written(xr.open_dataset(example).rename(FP=label))


def test_records_have_80_bytes(example):
    ds = xr.open_dataset(example).load()
    ds["FP"].attrs |= {"source": "Ångström", "mtz_group": "é" * 18}
    back = xrefl.open_mtz(written(ds))
    assert back.FP.attrs["source"] == "Ångström" and back.FP.attrs["mtz_group"] == "é" * 18
    assert back.SIGFP.attrs["mtz_type"] == "Q" and gemmi_reads(written(ds)).nreflections == 441
    ids = ds.coords["dataset_id"].values
    wide = ds.assign_coords(dataset_id=np.where(ids == ids[-1], 12345, ids).astype(np.int32))
    for column in wide.variables.values():
        if column.attrs.get("dataset_id") == ids[-1]:
            column.attrs["dataset_id"] = 12345
    with pytest.raises(FormatError, match="has 80 bytes, but this one would have 81: 'COLUMN"):
        written(wide)


def test_text_is_for_cif_to_mtz(example):
    with pytest.raises(FormatError, match=r"or let xrefl\.cif_to_mtz do so"):
        written(xr.open_dataset(example).assign(status=("hkl", ["o"] * 441)))


@pytest.mark.parametrize("history", [np.array(["one", "two"]), ["one", "two"], "one\ntwo"])
def test_history_of_any_kind(example, history):
    ds = xr.open_dataset(example).assign_attrs(history=history)
    assert gemmi_reads(written(ds)).history == ["one", "two"]
