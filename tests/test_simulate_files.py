"""Simulated observations in MTZ files, as gemmi reads them."""

from __future__ import annotations

from pathlib import Path

import gemmi
import numpy as np
import pytest
import xarray as xr

import xrefl
from tests import strategies
from tests.test_simulate import frame, merged


@pytest.mark.parametrize("group", ["P 21 21 21", "C 1 2 1", "R 3:H", "F d -3 m:1"])
@pytest.mark.parametrize("order", ["batch", "hkl"])
def test_gemmi_reads_what_is_streamed(tmp_path: Path, group: str, order: str) -> None:
    truth = merged(group, dmin=6.0)
    truth.attrs["wavelength"] = 1.25
    options = {"multiplicity": 6, "n_batches": 40, "order": order}
    ds = xrefl.simulate_unmerged(truth, **options, chunks=999)
    path = tmp_path / "simulated.mtz"
    ds.xtal.to_mtz(path)

    mtz = gemmi.read_mtz_file(str(path))
    table = frame(ds.compute())
    labels = {"h": "H", "k": "K", "l": "L"}
    assert mtz.nreflections == len(table)
    for name in table:
        column = mtz.column_with_label(labels.get(str(name), str(name)))
        np.testing.assert_array_equal(np.array(column), table[name].astype(np.float32))
    assert mtz.column_labels() == ["H", "K", "L", "M/ISYM", "BATCH", "I", "SIGI", "I_TRUE"]
    assert mtz.spacegroup.xhm() == gemmi.SpaceGroup(group).xhm()
    assert mtz.cell.parameters == pytest.approx(strategies.CELLS[group])
    assert [batch.number for batch in mtz.batches] == list(range(1, 41))
    for number, batch in enumerate(mtz.batches):
        assert batch.dataset_id == 1
        assert batch.cell.parameters == pytest.approx(strategies.CELLS[group], rel=1e-6)
        assert batch.wavelength == pytest.approx(1.25)
        assert list(batch.floats)[36:38] == pytest.approx([4.5 * number, 4.5 * (number + 1)])
    assert list(mtz.sort_order) == ([1, 2, 3, 4, 5] if order == "hkl" else [0] * 5)

    original = ds.xtal.to_original_hkl().compute()
    assert mtz.switch_to_original_hkl()
    np.testing.assert_array_equal(
        mtz.make_miller_array(), np.stack([original[name] for name in "hkl"], axis=1)
    )


def test_files_come_back_as_they_were_simulated(tmp_path: Path) -> None:
    truth = merged()
    ds = xrefl.simulate_unmerged(truth)
    ds.xtal.to_mtz(tmp_path / "simulated.mtz")
    xr.testing.assert_identical(xrefl.open_mtz(tmp_path / "simulated.mtz").load(), ds)


def test_marks_of_outliers_are_written(tmp_path: Path) -> None:
    ds = xrefl.simulate_unmerged(merged(), noise=xrefl.Noise(outliers=0.1))
    ds.xtal.to_mtz(tmp_path / "simulated.mtz")
    back = xrefl.open_mtz(tmp_path / "simulated.mtz")
    np.testing.assert_array_equal(back.OUTLIER, ds.OUTLIER)


def test_gemmi_merges_to_the_truth(tmp_path: Path) -> None:
    truth = merged(dmin=8.0)
    xrefl.simulate_unmerged(truth, multiplicity=12).xtal.to_mtz(tmp_path / "simulated.mtz")
    intensities = gemmi.Intensities()
    intensities.import_mtz(gemmi.read_mtz_file(str(tmp_path / "simulated.mtz")))
    intensities.merge_in_place(gemmi.DataType.Mean)
    known = truth.I.sel(hkl=[tuple(hkl) for hkl in intensities.miller_array.tolist()]).values
    chi = (intensities.value_array - known) / intensities.sigma_array
    assert len(chi) > 0.99 * truth.sizes["hkl"]
    assert (chi**2).mean() == pytest.approx(1, abs=4 * np.sqrt(2 / len(chi)))
