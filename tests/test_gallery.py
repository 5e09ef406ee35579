"""The scripts of the gallery run, and do what they say."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import gemmi
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

import xrefl

GALLERY = Path(__file__).parent.parent / "gallery"
SCRIPTS = sorted(GALLERY.glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script(script, tmp_path):
    folders = [tmp_path / name for name in ("here", "temporary")]
    for folder in folders:
        folder.mkdir()
    env = {**os.environ, "MPLBACKEND": "agg", "TMPDIR": str(folders[1])}
    env.pop("DISPLAY", None)
    done = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=folders[0],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    assert not [file for folder in folders for file in folder.iterdir()]
    lines = script.read_text().splitlines()
    assert lines[0] == '"""' and set(lines[2]) == {"="} and len(lines[2]) == len(lines[1])
    assert "# %%" in lines
    assert f"`{script.name}`" in (GALLERY / "README.md").read_text()


def test_map_to_mtz_is_the_transform_of_the_map(tmp_path):
    matplotlib.use("agg")
    try:
        map_to_mtz = runpy.run_path(str(GALLERY / "map_to_mtz.py"))["map_to_mtz"]
    finally:
        plt.close("all")
    source, target = tmp_path / "5e5z.ccp4", tmp_path / "5e5z.mtz"
    ds = xrefl.tutorial.open("5wkd")
    rho = ds.xtal.to_map("FWT", "PHWT", sample_rate=3)
    (rho + 0.1).to_dataset(name="density").density.xtal.to_ccp4(source)
    map_to_mtz(source, target)

    ccp4 = gemmi.read_ccp4_map(str(source), setup=True)
    grid = gemmi.transform_map_to_f_phi(ccp4.grid, half_l=True)
    data = grid.prepare_asu_data(dmin=1.5)
    mtz = gemmi.read_mtz_file(str(target))
    assert [column.label for column in mtz.columns] == ["H", "K", "L", "FWT", "PHWT"]
    assert [column.type for column in mtz.columns] == ["H", "H", "H", "F", "P"]
    assert mtz.spacegroup.hm == "C 1 2 1"
    assert mtz.cell.approx(gemmi.UnitCell(*ds.attrs["cell"]), 1e-4)
    assert mtz.resolution_high() >= 1.5
    listed = zip(map(tuple, data.miller_array.tolist()), data.value_array, strict=True)
    theirs = dict(listed)
    rows = np.array(mtz, copy=False)
    ours = rows[:, 3] * np.exp(1j * np.radians(rows[:, 4]))
    hkl = rows[:, :3].astype(int).tolist()
    assert {tuple(one) for one in hkl} == set(theirs)
    np.testing.assert_allclose(ours, [theirs[tuple(one)] for one in hkl], atol=2e-4)
