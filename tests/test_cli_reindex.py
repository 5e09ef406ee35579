"""The command reindex."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest

import xrefl
from tests.commands import facts, failure, ok, run, usage

MTZ = str(xrefl.tutorial.path("5wkd"))
CIF = str(xrefl.tutorial.path("5wkd", kind="sf-mmcif"))
MODEL = xrefl.tutorial.path("5wkd", kind="model")


@pytest.fixture(scope="module")
def unmerged(tmp_path_factory):
    """Return a file of observations."""
    path = tmp_path_factory.mktemp("reindex") / "unmerged.mtz"
    truth = xrefl.open_model(MODEL)
    xrefl.simulate_unmerged(truth, dmin=2.5, n_batches=4).xtal.to_mtz(path)
    return path


def test_merged_reflections_as_gemmi_does(tmp_path):
    told = ok("reindex", MTZ, tmp_path / "out.mtz", "-l,-k,-h")
    assert told["from"] == f"{MTZ}, by -l,-k,-h"
    assert told["space"] == "group   C 1 2 1 (number 5) becomes A 1 2 1 (number 5)"
    assert told["unit"] == "cell     14.746  4.777  50.347  90  101.73  90  (Å, degrees)"
    assert told["reflections"] == "367"
    mtz = gemmi.read_mtz_file(MTZ)
    mtz.reindex(gemmi.Op("-l,-k,-h"))
    mtz.ensure_asu()
    mtz.sort()
    ours = gemmi.read_mtz_file(str(tmp_path / "out.mtz"))
    assert ours.spacegroup.xhm() == mtz.spacegroup.xhm() == "A 1 2 1"
    np.testing.assert_array_equal(ours.make_miller_array(), mtz.make_miller_array())
    for label in ("FP", "FREE", "FC"):
        np.testing.assert_array_equal(
            ours.column_with_label(label).array, mtz.column_with_label(label).array
        )
    turned = ours.column_with_label("PHIC").array - mtz.column_with_label("PHIC").array
    assert np.abs((turned + 180) % 360 - 180).max() < 1e-3


def test_indices_can_be_kept(tmp_path):
    ok("reindex", MTZ, tmp_path / "out.mtz", "-h,k,-l", "--keep")
    old, new = xrefl.open_mtz(MTZ), xrefl.open_mtz(tmp_path / "out.mtz")
    np.testing.assert_array_equal(new.h.values, -old.h.values)
    np.testing.assert_array_equal(new.k.values, old.k.values)


@pytest.mark.parametrize("name", ["out.mtz", "out.zarr", "out.parquet"])
def test_observations_stay_what_they_were(unmerged, tmp_path, name):
    told = ok("reindex", unmerged, tmp_path / name, "-h-l,k,h")
    old, new = xrefl.open_mtz(unmerged), xrefl.open_reflections(tmp_path / name)
    assert told["observations"] == f"{old.sizes['obs']:,}"
    was, now = old.xtal.to_original_hkl(), new.xtal.to_original_hkl()
    np.testing.assert_array_equal(now.h, -was.h - was.l)
    np.testing.assert_array_equal(now.l, was.h)
    np.testing.assert_array_equal(new.I, old.I)


def test_observations_are_sorted_on_demand(unmerged, tmp_path):
    ok("reindex", unmerged, tmp_path / "out.mtz", "-h,k,-l", "--sort")
    assert gemmi.read_mtz_file(str(tmp_path / "out.mtz")).sort_order == [1, 2, 3, 4, 5]


def test_fractional_indices_are_counted(tmp_path):
    told = ok("reindex", MTZ, tmp_path / "out.mtz", "h/2,k,l", warned=1)
    odd = int((xrefl.open_mtz(MTZ).h % 2 != 0).sum())
    assert told["left"] == f"out      {odd:,}, whose indices became fractional"
    assert xrefl.open_mtz(tmp_path / "out.mtz").sizes["hkl"] == 367 - odd


def test_another_group_of_the_same_laue_group(unmerged, tmp_path):
    ok("reindex", MTZ, tmp_path / "a.mtz", "h,k,l", "--spacegroup", "C 1 m 1")
    assert xrefl.open_mtz(tmp_path / "a.mtz").attrs["spacegroup"] == "C 1 m 1"
    line = failure("reindex", MTZ, tmp_path / "b.mtz", "h,k,l", "--spacegroup", "P1")
    assert line.endswith("Merge the observations anew, xrefl merge --spacegroup")
    ok("reindex", unmerged, tmp_path / "c.mtz", "h,k,l", "--spacegroup", "P 1")
    old, new = xrefl.open_mtz(unmerged), xrefl.open_mtz(tmp_path / "c.mtz")
    assert set(new["M/ISYM"].values.tolist()) == {1, 2}
    was, now = old.xtal.to_original_hkl(), new.xtal.to_original_hkl()
    for index in "hkl":
        np.testing.assert_array_equal(was[index], now[index])


def test_what_makes_no_sense(unmerged, tmp_path):
    out = tmp_path / "out.mtz"
    assert usage("reindex", MTZ, out, "k,l").endswith("OPERATION is such as k,l,h or -h,-k,l")
    assert "is singular" in usage("reindex", MTZ, out, "h,h,l")
    line = failure("reindex", MTZ, out, "l,h+k,k")
    assert line.endswith("--keep leaves reflections under the indices they get")
    assert "--sort is for observations" in usage("reindex", MTZ, out, "h,k,l", "--sort")
    assert "--keep is for merged" in usage("reindex", unmerged, out, "h,k,l", "--keep")
    assert "ends in .mtz, .cif, .zarr or .parquet" in usage("reindex", MTZ, "out.hkl", "h,k,l")
    assert "leave .gz out" in usage("reindex", MTZ, "out.zarr.gz", "h,k,l")
    assert "there are too many names" in usage("reindex", MTZ, out, "h,k,l", "--kep")
    assert "make an MTZ file of IN first" in failure("reindex", CIF, out, "h,k,l")
    assert not out.exists()


def test_mmcif(tmp_path):
    result = run("reindex", CIF, tmp_path / "out.cif", "-h,k,-l")
    assert result.returncode == 0
    assert facts(result.stdout)["reflections"] == "406"
    old, new = xrefl.open_refln_cif(CIF), xrefl.open_refln_cif(tmp_path / "out.cif")
    assert list(new.data_vars) == list(old.data_vars)
    np.testing.assert_array_equal(new.F_calc_au, old.F_calc_au)
