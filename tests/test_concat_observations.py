"""Observations of several runs in one Dataset."""

from __future__ import annotations

import tempfile
from pathlib import Path

import gemmi
import numpy as np
import pytest
import xarray as xr

import xrefl
from tests import mtz_bytes
from tests.lazy import nothing_computed
from xrefl.errors import FormatError, MissingColumnError, NotMergedError, XreflError


def run(batches=(7, 8), chunks=None) -> xr.Dataset:
    content = mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS, batches=batches)
    return xrefl.open_mtz(content, chunks=chunks)


def written(ds: xr.Dataset) -> gemmi.Mtz:
    """Return what gemmi reads of the file that is written."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.mtz")
        ds.xtal.to_mtz(path)
        return gemmi.read_mtz_file(str(path))


@pytest.mark.parametrize("chunks", [None, {}, 2])
def test_two_runs(chunks):
    first, second = run(chunks=chunks), run((9, 10), chunks=chunks)
    with nothing_computed():
        joined = xrefl.concat_observations([first, second])
    for name in ("h", "k", "l", *first.data_vars):
        expected = np.concatenate([first[name].values, second[name].values])
        np.testing.assert_array_equal(joined[name], expected)
        assert joined[name].attrs == first[name].attrs
        assert joined[name].dtype == first[name].dtype
        assert joined[name].chunks is not None  # both were lazy
    assert joined.batch.values.tolist() == [7, 8, 9, 10]
    for name in ("batch_integers", "batch_floats", "batch_title", "batch_axes"):
        expected = np.concatenate([first[name].values, second[name].values])
        np.testing.assert_array_equal(joined[name], expected)
    assert joined.attrs["history"][0] == "2 data sets joined"
    assert set(joined.attrs) == {*first.attrs, "history"}
    mtz = written(joined)
    assert [batch.number for batch in mtz.batches] == [7, 8, 9, 10]
    assert mtz.nreflections == 6


def test_in_memory_stays_in_memory():
    joined = xrefl.concat_observations([run().load(), run().load()], renumber=True, dataset=[3, 5])
    assert all(isinstance(variable._data, np.ndarray) for variable in joined.data_vars.values()
               for variable in [variable.variable])  # fmt: skip
    assert joined.dataset.values.tolist() == [3, 3, 3, 5, 5, 5]
    assert joined.dataset.dtype == np.int32


def test_numbers_are_raised_only_where_they_clash():
    runs = [run((7, 8)), run((9, 10)), run((8, 1500)), run((1501, 2))]
    joined = xrefl.concat_observations(runs, renumber=True)
    assert joined.batch.values.tolist() == [7, 8, 9, 10, 1008, 2500, 1501, 2]
    assert joined.BATCH.values.tolist() == [7, 8, 7] * 2 + [1007, 1008, 1007] + [7, 8, 7]
    words = joined.batch_integers.values
    np.testing.assert_array_equal(words[4:6], runs[2].batch_integers)
    assert [batch.number for batch in written(joined).batches] == joined.batch.values.tolist()


@pytest.mark.parametrize("chunks", [None, 2])
def test_raised_numbers_that_need_a_wider_type(chunks):
    small = run(chunks=chunks)
    small = small.assign(BATCH=small.BATCH.astype(np.int8))
    small = small.assign_coords(batch=small.batch.astype(np.int16))
    joined = xrefl.concat_observations([small, small, run((39_000, 39_001)), small], renumber=True)
    numbers = [7, 8, 1007, 1008, 39_000, 39_001, 39_007, 39_008]
    assert joined.batch.values.tolist() == numbers
    raised = [7, 8, 7, 1007, 1008, 1007, 7, 8, 7, 39_007, 39_008, 39_007]
    assert joined.BATCH.values.tolist() == raised
    assert joined.BATCH.dtype == joined.batch.dtype == np.int32
    assert xrefl.concat_observations([small, small], renumber=True).batch.dtype == np.int16


def test_lazy_numbers_are_raised_lazily():
    with nothing_computed():
        joined = xrefl.concat_observations([run(chunks=2), run(chunks=2)], renumber=True)
    assert joined.BATCH.dtype == np.int32
    assert joined.BATCH.values.tolist() == [7, 8, 7, 1007, 1008, 1007]


def test_data_sets_with_names_of_their_own_get_ids():
    first = run()
    other = first.assign_coords(
        dataset_name=("dataset_id", np.array([*first.dataset_name.values[:-1], "peak"], object)),
        batch=first.batch.values + 10,
    )
    joined = xrefl.concat_observations([first, other, first.assign_coords(batch=[21, 22])])
    count = first.sizes["dataset_id"]
    assert joined.dataset_id.values.tolist() == [*first.dataset_id.values, count]
    assert joined.dataset_name.values[-1] == "peak"
    assert joined.batch_dataset_id.values.tolist() == [1, 1, count, count, 1, 1]
    mtz = written(joined)
    assert [batch.dataset_id for batch in mtz.batches] == [1, 1, count, count, 1, 1]


def test_other_wavelength_is_another_data_set():
    first = run().assign_coords(dataset_wavelength=("dataset_id", [np.nan, 0.98]))
    first.attrs["wavelength"] = 0.98
    other = first.assign_coords(
        dataset_wavelength=("dataset_id", [np.nan, 1.0]), batch=[1, 2]
    ).assign_attrs(wavelength=1.0)
    joined = xrefl.concat_observations([first, other])
    assert "wavelength" not in joined.attrs
    np.testing.assert_array_equal(joined.dataset_wavelength, [np.nan, 0.98, 1.0])
    assert xrefl.concat_observations([first, first.assign_coords(batch=[1, 2])]).attrs[
        "wavelength"] == 0.98  # fmt: skip


def test_headers_of_other_lengths_and_missing_ones():
    first, other = run(), run((1, 2))
    longer = np.pad(other.batch_floats.values, [(0, 0), (0, 4)], constant_values=1)
    other = other.drop_vars("batch_floats")
    other = other.assign_coords(batch_floats=(("batch", "batch_float"), longer))
    joined = xrefl.concat_observations([first, other.drop_vars("batch_title")])
    assert joined.batch_floats.shape == (4, 160)
    np.testing.assert_array_equal(joined.batch_floats[2:], longer)
    np.testing.assert_array_equal(joined.batch_floats[:2, 156:], 0)
    assert joined.batch_title.values.tolist() == ["Batch 7", "Batch 8", "", ""]
    without = xrefl.concat_observations([first.drop_dims("batch"), other])
    assert without.batch.values.tolist() == [1, 2]


def test_histories_are_joined():
    first = run().assign_attrs(history=["a", "b"])
    other = run((1, 2)).assign_attrs(history=["b", "c"])
    assert xrefl.concat_observations([first, other]).attrs["history"] == [
        "2 data sets joined", "a", "b", "c"]  # fmt: skip


def test_operations_may_be_written_otherwise():
    first, other = run(), run((1, 2)).assign_attrs(symmetry_operations=["x,y,z", "-x,y-1/2,-z"])
    joined = xrefl.concat_observations([first, other])
    assert joined.attrs["symmetry_operations"] == first.attrs["symmetry_operations"]


def test_a_coordinate_in_each_row():
    runs = [run().assign_coords(delay=delay) for delay in (0.5, 2.0)]
    alike = [ds.assign_coords(site="A") for ds in runs]
    alike = [ds.assign_coords(delay=ds.delay + 0 * ds.h) for ds in alike]
    joined = xrefl.concat_observations(alike, renumber=True)
    assert joined.delay.values.tolist() == [0.5] * 3 + [2.0] * 3
    assert joined.site.item() == "A"


def test_one_is_itself():
    ds = run().load()
    xr.testing.assert_identical(xrefl.concat_observations([ds]), ds)


def test_arguments_stay_as_they_are():
    runs = [run().load(), run().load()]
    before = [ds.copy(deep=True) for ds in runs]
    xrefl.concat_observations(runs, renumber=True, dataset=["a", "b"])
    for ds, old in zip(runs, before, strict=True):
        xr.testing.assert_identical(ds, old)


def test_runs_can_be_taken_apart_again():
    joined = xrefl.concat_observations(
        [run().load(), run().load()], dataset=["a", "b"], renumber=True
    )
    means = joined.I.groupby(joined.dataset).mean()
    assert means.dataset.values.tolist() == ["a", "b"]
    np.testing.assert_allclose(means, run().I.mean())


def test_refused(example):
    merged = xrefl.open_mtz(example)
    ds = run()
    with pytest.raises(XreflError, match="at least one"):
        xrefl.concat_observations([])
    with pytest.raises(NotMergedError, match=r"Dataset 1 has merged reflections.*xrefl\.concat"):
        xrefl.concat_observations([ds, merged])
    with pytest.raises(FormatError, match=r"too: 7, 8 \(2 in all\); renumber=True raises them"):
        xrefl.concat_observations([ds, ds])
    with pytest.raises(ValueError, match="for each of 2 Datasets"):
        xrefl.concat_observations([ds, ds], dataset="ab")
    with pytest.raises(MissingColumnError, match="only in Dataset 0: none; only in Dataset 1: X"):
        xrefl.concat_observations([ds, ds.assign(X=ds.I)])
    with pytest.raises(FormatError, match=r"symmetry_operations .*to_original_hkl"):
        other = ["-x,y+1/2,-z", "x,y,z"]
        xrefl.concat_observations([ds, ds.assign_attrs(symmetry_operations=other)])
    with pytest.raises(FormatError, match=r"has asu indices, and Dataset 1 has original ones"):
        xrefl.concat_observations([ds, ds.assign_coords(h=ds.h.assign_attrs(indices="original"))])
    with pytest.raises(FormatError, match="'I' is of MTZ type J in Dataset 0, but F in Dataset 1"):
        xrefl.concat_observations([ds, ds.assign(I=ds.I.assign_attrs(mtz_type="F"))])
    with pytest.raises(FormatError, match="'I' is of float32 in Dataset 0, but of <U32 in Dataset"):
        xrefl.concat_observations([ds, ds.assign(I=ds.I.astype("U"))])
    with pytest.raises(FormatError, match=r"variable 'r' of Dataset 0 .*'batch'.* drop it first"):
        xrefl.concat_observations([ds.assign(r=("batch", [1, 2])), ds])
    for delays in ((1.0, 2.0), (None, 2.0)):
        runs = [ds if delay is None else ds.assign_coords(delay=delay) for delay in delays]
        with pytest.raises(FormatError, match="coordinate 'delay' is not the same"):
            xrefl.concat_observations(runs, renumber=True)
    with pytest.raises(FormatError, match="no batch headers along 'batch'"):
        xrefl.concat_observations([ds, ds.drop_dims("batch")], renumber=True)
