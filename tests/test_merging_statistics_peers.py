"""Statistics of merging against those of gemmi and of cctbx, digit for digit.

cctbx answers in a process of its own, as in test_against_cctbx.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import gemmi
import numpy as np
import pytest
import xarray as xr

from tests.unmerged_samples import CELL, observed

BINS = 5
WEIGHTING_OF_GEMMI = {"aimless": "Y", "xds": "X", "unweighted": "U"}
GROUPS = ["P 21 21 2", "P 1", "P 4"]
CELL_OF = {"P 4": (40.0, 40.0, 60.0, 90.0, 90.0, 90.0)}


def sample(group: str, level: float) -> xr.Dataset:
    return observed(4000, dmin=6.0, group=group, level=level, cell=CELL_OF.get(group, CELL))


def indices(ds: xr.Dataset) -> np.ndarray:
    return np.stack([ds[name].values for name in "hkl"], axis=1)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("friedel", ["merge", "separate"])
@pytest.mark.parametrize("weighting", WEIGHTING_OF_GEMMI)
def test_as_gemmi(weighting, friedel, group):
    ds = sample(group, level=-10.0)  # many intensities are negative
    cell = gemmi.UnitCell(*ds.attrs["cell"])
    theirs = gemmi.Intensities()
    theirs.set_data(cell, gemmi.SpaceGroup(group), indices(ds), ds.I.values, ds.SIGI.values)
    kind = gemmi.DataType.Mean if friedel == "merge" else gemmi.DataType.Anomalous
    theirs.prepare_for_merging(kind)
    binner = gemmi.Binner()
    inv_d2 = np.array([cell.calculate_1_d2(hkl) for hkl in theirs.miller_array.tolist()])
    binner.setup_from_1_d2(BINS, gemmi.Binner.Method.Dstar3, inv_d2, cell)
    by_shell = theirs.calculate_merging_stats(binner, WEIGHTING_OF_GEMMI[weighting])
    (overall,) = theirs.calculate_merging_stats(None, WEIGHTING_OF_GEMMI[weighting])
    ours = ds.xtal.merging_statistics(shells=BINS, weighting=weighting, friedel=friedel)
    for name in ("r_merge", "r_meas", "r_pim", "cc_half", "cc_star"):
        expected = [getattr(shell, name)() for shell in by_shell]
        np.testing.assert_allclose(ours[name], expected, rtol=1e-11)
        assert float(ours[f"{name}_overall"]) == pytest.approx(getattr(overall, name)(), rel=1e-11)
    np.testing.assert_array_equal(ours.n_observations, [shell.all_refl for shell in by_shell])
    np.testing.assert_array_equal(ours.n_repeated, [shell.stats_refl for shell in by_shell])


ASK = """
import json, sys
from cctbx import crystal, miller
from cctbx.array_family import flex
from iotbx import merging_statistics
asked = json.loads(sys.stdin.read())
symmetry = crystal.symmetry(unit_cell=asked["cell"], space_group_symbol=asked["group"])
answers = []
for anomalous in (False, True):
    indices = miller.set(symmetry, flex.miller_index(asked["hkl"]), anomalous_flag=anomalous)
    observed = miller.array(indices, flex.double(asked["I"]), flex.double(asked["SIGI"]))
    found = merging_statistics.dataset_statistics(
        observed.set_observation_type_xray_intensity(), n_bins=asked["bins"],
        binning_method="volume", anomalous=anomalous, use_internal_variance=False,
    )
    names = asked["names"]
    rows = [*found.bins, found.overall]
    answers.append({name: [getattr(row, name) for row in rows] for name in names})
print("ANSWERS" + json.dumps(answers))
"""
NAMES_OF_CCTBX = {
    "n_observations": "n_obs",
    "mean_intensity": "i_mean",
    "i_over_sigma": "i_over_sigma_mean",
    "i_over_sigma_observed": "unmerged_i_over_sigma_mean",
    "r_merge": "r_merge",
    "r_meas": "r_meas",
    "r_pim": "r_pim",
    "completeness": "completeness",
}


@pytest.mark.skipif(importlib.util.find_spec("cctbx") is None, reason="extra 'dev'")
@pytest.mark.parametrize("group", GROUPS)
def test_as_cctbx(group):
    ds = sample(group, level=100.0)  # cctbx leaves out intensities below -3 sigma
    # and takes variances of observations below 1 for 1 in CC1/2
    ds = ds.assign({name: (ds[name] * 1000).assign_attrs(ds[name].attrs) for name in ds})
    names = [*NAMES_OF_CCTBX.values(), "cc_one_half_sigma_tau"]
    asked = {
        "cell": ds.attrs["cell"], "group": group, "bins": BINS, "hkl": indices(ds).tolist(),
        "I": ds.I.values.tolist(), "SIGI": ds.SIGI.values.tolist(), "names": names,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        input=json.dumps(asked), text=True, check=True, timeout=300, stdout=subprocess.PIPE,
    )  # fmt: skip
    answers = json.loads(done.stdout.split("ANSWERS")[1])
    for friedel, expected in zip(("merge", "separate"), answers, strict=True):
        stats = {
            weighting: ds.xtal.merging_statistics(shells=BINS, weighting=weighting, friedel=friedel)
            for weighting in ("xds", "unweighted")
        }
        for name, theirs in NAMES_OF_CCTBX.items():
            if (name, friedel) == ("completeness", "separate"):
                continue  # cctbx counts mates apart
            ours = stats["xds"]
            found = [*ours[name].values, ours[f"{name}_overall"]]
            np.testing.assert_allclose(found, expected[theirs], rtol=1e-10, err_msg=name)
        ours = stats["unweighted"]
        found = [*ours.cc_half.values, ours.cc_half_overall]
        np.testing.assert_allclose(found, expected["cc_one_half_sigma_tau"], rtol=1e-10)
