"""What merging refuses, and what it says of it."""

from __future__ import annotations

import os

import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.conftest import real_files
from tests.lazy import nothing_computed
from tests.test_merge import observed
from xrefl.errors import (
    CrystalError,
    CrystalMismatchError,
    FormatError,
    MillerIndexError,
    MissingColumnError,
    NotMergedError,
)


@pytest.fixture
def simulated() -> xr.Dataset:
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    return xrefl.simulate_unmerged(model, dmin=2.0, multiplicity=6, n_batches=6)


def with_cells(ds: xr.Dataset, batch: int, word: int, factor: float) -> xr.Dataset:
    floats = ds.batch_floats.copy(deep=True)
    floats.loc[{"batch": batch}][word] *= factor
    return ds.assign_coords(batch_floats=floats)


def test_cells_of_batches_may_differ_a_little_only(simulated):
    expected = simulated.xtal.merge()
    assert with_cells(simulated, 3, 0, 1.009).xtal.merge().equals(expected)
    with pytest.raises(CrystalMismatchError, match=r"batches 1 and 3 differ by 2\.0% in a \(.* Å"):
        with_cells(simulated, 3, 0, 1.02).xtal.merge()
    with pytest.raises(CrystalMismatchError, match=r"batches 5 and 1 differ by 2\.03° in β"):
        with_cells(simulated, 5, 4, 0.98).xtal.outliers()
    with pytest.raises(CrystalMismatchError, match="batches 1 and 3"):
        with_cells(simulated, 3, 0, 1.02).xtal.merging_statistics()
    wrong = with_cells(simulated, 3, 0, 1.02)
    assert wrong.drop_dims("batch").xtal.merge().equals(expected)
    assert with_cells(simulated, 3, 0, 0.0).xtal.merge().equals(expected)  # it is not known


@pytest.mark.parametrize(
    ("batches", "told"),
    [([5], "1 of 6 .* others: 5"), ([2, 3, 6], "3 of 6 .* others: 2-3, 6"), ([1, 2], "1-2")],
)
def test_all_batches_with_another_cell_are_told(simulated, batches, told):
    ds = simulated
    for batch in batches:
        ds = with_cells(ds, batch, 0, 1.02)
    with pytest.raises(CrystalMismatchError, match=rf"{told}\). Merge them one by one"):
        ds.xtal.merge()


def test_batches_that_all_are_near_the_usual_cell(simulated):
    ds = with_cells(with_cells(simulated, 2, 0, 1.008), 4, 0, 0.992)
    with pytest.raises(
        CrystalMismatchError, match=r"batches 4 and 2 .* different crystals\. Merge"
    ):
        ds.xtal.merge()


def several(simulated: xr.Dataset, wavelengths: list[float], cells: float = 1.0) -> xr.Dataset:
    """Return observations of two data sets, the first with the first three batches."""
    other = simulated.assign_coords(
        dataset_wavelength=simulated.dataset_wavelength.copy(data=[np.nan, wavelengths[1]]),
        dataset_name=simulated.dataset_name.copy(data=np.array(["HKL_base", "second"], object)),
    )
    first = simulated.assign_coords(
        dataset_wavelength=simulated.dataset_wavelength.copy(data=[np.nan, wavelengths[0]]),
    )
    ds = xrefl.concat_observations([first, other], renumber=True)
    scaled = ds.dataset_cell.values.copy()
    scaled[2:, 1] *= cells
    return ds.assign_coords(dataset_cell=ds.dataset_cell.copy(data=scaled))


def test_wavelengths_are_not_mixed(simulated):
    ds = several(simulated, [0.9792, 0.9795])
    with pytest.raises(
        CrystalMismatchError,
        match=r"1 \(simulated\): 0\.97920 Å, 2 \(second\): 0\.97950 Å.*dataset=",
    ):
        ds.xtal.merge()
    first, second = ds.xtal.merge(dataset=1), ds.xtal.merge(dataset="second")
    expected = simulated.xtal.merge()
    assert first.attrs["wavelength"] == 0.9792
    assert second.attrs["wavelength"] == 0.9795
    for one in (first, second, ds.chunk(obs=500).xtal.merge(dataset=2)):
        for name in expected.data_vars:
            np.testing.assert_allclose(one[name], expected[name], rtol=1e-6)
    assert first.attrs["n_observations"] == simulated.sizes["obs"]
    both = ds.drop_vars("dataset_wavelength").xtal.merge()
    assert np.array_equal(both.N, 2 * expected.N)
    assert np.array_equal(several(simulated, [0.9792, 0.9792]).xtal.merge().N, both.N)


def test_cells_of_data_sets_are_compared(simulated):
    ds = several(simulated, [0.9, 0.9], cells=1.05)
    with pytest.raises(
        CrystalMismatchError, match=r"data sets 1 \(simulated\) and 2 \(second\) .*4\.8% in b"
    ):
        ds.xtal.merge()
    with pytest.raises(
        CrystalMismatchError, match=r"leave them out, ds.drop_vars\('dataset_cell'\)"
    ):
        ds.xtal.merge()
    assert ds.drop_vars("dataset_cell").xtal.merge().sizes["hkl"] > 0
    first, second = (ds.xtal.merge(dataset=number) for number in (1, 2))
    assert second.xtal.cell.b == pytest.approx(1.05 * first.xtal.cell.b)
    stats = [ds.xtal.merging_statistics(dataset=number, shells=3) for number in (1, 2)]
    assert float(stats[1].dmax[0]) == pytest.approx(float(second.xtal.resolution[0]))
    assert float(stats[0].dmax[0]) == pytest.approx(float(first.xtal.resolution[0]))


@pytest.mark.parametrize("number", [1, 2])
def test_a_data_set_goes_to_a_file_on_its_own(simulated, tmp_path, number):
    ds = several(simulated, [0.9792, 0.9795])
    ds["I"].attrs["dataset_id"] = 0  # as in files of Pointless
    ds.xtal.merge(dataset=number).xtal.to_mtz(tmp_path / "one.mtz")
    again = xrefl.open_mtz(tmp_path / "one.mtz")
    assert again.dataset_id.values.tolist() == [0, number]
    assert again.attrs["wavelength"] == pytest.approx([0.9792, 0.9795][number - 1], abs=1e-6)
    assert {column.attrs["dataset_id"] for column in again.data_vars.values()} == {number}
    simulated["I"].attrs["dataset_id"] = 0
    assert simulated.xtal.merge().IMEAN.attrs["dataset_id"] == 1


def test_a_data_set_that_is_not_there(simulated):
    with pytest.raises(
        MissingColumnError, match=r"no data set is called 'peak'.*1 \('simulated'\)"
    ):
        simulated.xtal.merge(dataset="peak")
    with pytest.raises(MissingColumnError, match="no batch header is of data set 0"):
        simulated.xtal.merge(dataset=0)
    with pytest.raises(MissingColumnError, match="batch headers, which tell the data sets"):
        simulated.drop_dims("batch").xtal.merge(dataset=1)
    with pytest.raises(MissingColumnError, match="no column of batch numbers"):
        simulated.drop_vars("BATCH").xtal.merge(dataset=1)
    # without a choice neither headers nor numbers are needed
    bare = simulated.drop_dims("batch").drop_vars("BATCH")
    assert bare.xtal.merge().equals(simulated.xtal.merge())


def test_runs_are_chosen_before_merging(simulated):
    ds = xrefl.concat_observations([simulated] * 2, dataset=["run 1", "run 2"], renumber=True)
    with pytest.raises(
        MissingColumnError,
        match=r"ds\.sel\(obs=\(ds\.dataset == 'run 1'\)\.values\) or xrefl\.open_zarr\(dataset=",
    ):
        ds.xtal.merge(dataset="run 1")
    one = ds.sel(obs=(ds.dataset == "run 1").values)
    assert one.xtal.merge().equals(simulated.xtal.merge())


def test_wavelengths_of_cif_files_are_not_mixed():
    ds = observed().assign_attrs(wavelengths=[0.97, 0.98], wavelength_ids=["1", "2"])
    with pytest.raises(CrystalMismatchError, match=r"1: 0\.97000 Å, 2: 0\.98000 Å.*select="):
        ds.xtal.merge()
    assert ds.assign_attrs(wavelengths=[0.97, 0.97]).xtal.merge().sizes["hkl"]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda ds: ds.assign(I=ds.I * (1 + 1j)), FormatError, "'I' is of complex128"),
        (lambda ds: ds.assign(I=ds.I.astype(str)), FormatError, "'I' is of <U32, not of numbers"),
        (lambda ds: ds.assign(SIGI=ds.SIGI > 1), FormatError, "'SIGI' is of bool"),
        (lambda ds: ds.drop_vars("SIGI"), MissingColumnError, "no standard deviations"),
        (lambda ds: ds.drop_vars("I"), MissingColumnError, "no column of intensities"),
        (lambda ds: ds.isel(obs=slice(0)), MillerIndexError, "no observations"),
        (lambda ds: ds.drop_attrs(deep=False), CrystalError, "space group is not known"),
        (lambda ds: ds.xtal.merge(), NotMergedError, "merged already"),
        (
            lambda ds: ds.assign_coords(h=ds.h.where(ds.BATCH > 1)),
            MillerIndexError,
            r"Miller index h is nan for .*drop=True",
        ),
        (lambda ds: ds.assign_coords(h=ds.h + 0.5), MillerIndexError, r"h is 3\.5"),
    ],
)
@pytest.mark.parametrize("chunks", [None, 500])
def test_input_that_cannot_be_merged(change, error, message, chunks):
    with xr.set_options(keep_attrs=True):
        ds = change(observed())
    if chunks is not None:
        ds = ds.chunk({dim: chunks for dim in ds.dims})
    with pytest.raises(error, match=message):
        ds.xtal.merge()


def test_rows_that_were_masked_are_to_be_dropped():
    ds = observed().xtal.to_asu_hkl()
    for data in (ds, ds.chunk(obs=500)):
        masked = data.where(data.BATCH.compute() > 1)
        with pytest.raises(MillerIndexError, match=r"M/ISYM is nan for .*drop=True"):
            masked.xtal.merge()
        dropped = data.where(data.BATCH.compute() > 1, drop=True)
        assert dropped.xtal.merge().attrs["n_observations"] == (ds.BATCH > 1).sum()


def test_an_operation_that_is_not_there():
    ds = observed().xtal.to_asu_hkl()
    ds["M/ISYM"][7] = 99
    for spacegroup in (None, "P 2 2 2", "P 1"):
        with pytest.raises(MillerIndexError, match=r"M/ISYM is 99 .* numbered 1 to 8"):
            ds.xtal.merge(spacegroup=spacegroup)
    ds["M/ISYM"][7] = 256
    with pytest.raises(MillerIndexError, match="M/ISYM is 256"):
        ds.xtal.merge(partials="keep")


def test_columns_along_other_dimensions(simulated):
    several_columns = simulated.assign(I=simulated.I.expand_dims(scale=2))
    with pytest.raises(FormatError, match=r"'I' has the dimensions \('scale', 'obs'\).*\.isel"):
        several_columns.xtal.merge()


def test_columns_in_the_wrong_order():
    with pytest.raises(FormatError, match="right order"):
        observed().xtal.merge(intensity="SIGI", sigma="I")


def test_several_columns_of_intensities():
    ds = observed().rename(I="IPR", SIGI="SIGIPR")
    two = ds.assign(I2=ds.IPR, SIGI2=ds.SIGIPR)
    with pytest.raises(MissingColumnError, match=r"several .* IPR, I2 .*intensity="):
        two.xtal.merge()
    assert two.xtal.merge(intensity="I2").equals(ds.xtal.merge())


@pytest.mark.parametrize("option", ["friedel", "weights", "errors", "partials"])
def test_options_that_are_not_known(option):
    with pytest.raises(ValueError, match=f"{option} must be .* found 'other'"):
        observed(n=10).xtal.merge(**{option: "other"})


@pytest.mark.parametrize("chunks", [None, {}])
def test_a_file_that_has_changed_is_not_merged(tmp_path, chunks):
    path = tmp_path / "file.mtz"
    observed(dtype=np.float32).xtal.to_asu_hkl().xtal.to_mtz(path)
    ds = xrefl.open_mtz(path, chunks=chunks)
    with path.open("r+b") as stream:
        stream.seek(200)
        stream.write(b"\0" * 400)
    os.utime(path, ns=(1, 1))
    with pytest.raises(FormatError, match=r"file\.mtz.*changed"):
        ds.xtal.merge()


def test_opening_computes_nothing_and_merging_leaves_columns_lazy(tmp_path):
    path = tmp_path / "file.mtz"
    observed(dtype=np.float32).xtal.to_asu_hkl().xtal.to_mtz(path)
    ds = xrefl.open_mtz(path, chunks=500)
    merged = ds.xtal.merge()
    assert ds.I.chunks is not None
    with nothing_computed():
        again = merged.chunk(hkl=100)
    assert again.compute().identical(merged)


def test_small_molecule_data():
    (path,) = real_files("4003024.cif")[:1]
    ds = xrefl.open_reflections(path)
    merged = ds.xtal.merge(friedel="separate")
    assert merged.attrs["n_observations"] == ds.sizes["obs"] == 759
    assert merged.sizes["hkl"] == 59
    assert merged.IMEAN.dtype == np.float64
    assert (merged["N(-)"] == 0).all()  # P m -3 m
