"""The command mask."""

from __future__ import annotations

import subprocess
from pathlib import Path

import gemmi
import numpy as np
import pytest

import xrefl
from tests.commands import run_process as run

MODEL = str(xrefl.tutorial.path("5wkd", kind="model"))


def ok(*arguments: object) -> str:
    result: subprocess.CompletedProcess[str] = run("mask", *map(str, arguments))
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> tuple[Path, str]:
    path = tmp_path_factory.mktemp("mask") / "mask.ccp4"
    return path, ok(MODEL, path, "--radii", "refmac", "--shrink", 1, "--island", 20)


def test_masks_are_written_as_maps(written):
    path, told = written
    expected = xrefl.open_model(MODEL).xtal.solvent_mask(
        radii="refmac", shrink=1.0, island_min_volume=20.0
    )
    np.testing.assert_array_equal(xrefl.open_ccp4(path), expected)
    there = gemmi.read_ccp4_map(str(path))
    np.testing.assert_array_equal(there.grid.array, expected)
    assert there.grid.spacegroup.xhm() == "C 1 2 1"
    assert "points        90 x 8 x 30" in told
    assert f"solvent       {100 * float(expected.mean()):.2f} % of the unit cell" in told
    assert "steps         0.559 x 0.597 x 0.492 Å" in told


def test_size_and_radius_may_be_given(tmp_path):
    path = tmp_path / "mask.map.gz"
    ok(MODEL, path, "--grid", "60,8,20", "-r", "1.8", "--probe", "0.5")
    expected = xrefl.open_model(MODEL).xtal.solvent_mask(size=(60, 8, 20), radii=1.8, probe=0.5)
    np.testing.assert_array_equal(xrefl.open_ccp4(path), expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--radii", "bondi"), "takes vdw, cctbx, refmac or a number"),
        (("--grid", "60,8"), "--grid takes 3 numbers"),
        (("--grid", "60,8,1.5"), "--grid takes numbers of points"),
        (("--grid", "60,8,20", "--spacing", "0.5"), "either --grid or --spacing"),
        (("--probe", "-1"), "probe must be from 0 to 20 Å, not -1.0"),
        (("--spacing", "0"), "the spacing must be a positive length"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, arguments, message):
    result = run("mask", MODEL, str(tmp_path / "mask.ccp4"), *arguments, COLUMNS="200")
    assert result.returncode in (1, 2)
    assert message in result.stderr
    assert not any(tmp_path.iterdir())
