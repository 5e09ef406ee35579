"""The scripts of the gallery run, and do what they say."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

import gemmi
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

import xrefl

GALLERY = Path(__file__).parent.parent / "gallery"
SCRIPTS = sorted(GALLERY.glob("*.py"))
# What a script needs beyond the dependencies of the tests.
NEEDS = {"dask_cluster": "distributed", "report": "bokeh", "zarr_store": "zarr"}
# Of these two a colour-blind person sees one.
RED_AND_GREEN = {"#d62728", "#2ca02c"}
# Worked examples with known answers, as they are printed or stand in a legend.
TOLD = {
    "read_reflections": [
        "mean intensity: 11.5059",
        "441 possible, 441 in the file, 403 measured",
        r"\(12, 12, 24\) to \(10, 10, 20\)",
    ],
    "new_mtz": [r"1/d² from 0.026648 to 0.031014", r'SpaceGroup\("P 21 2 21"\)'],
    "convert_files": ["6 columns, 406 reflections", r"F²: \[173.17 246.01  11.61\]"],
    "compare_files": ["367 and 406 reflections, 367 measured in both", r"R = \de-0[678]"],
    "r_by_shell": [
        r"24.65-2.86 Å  108  0.9684      0.9428  17.4511  0.1574  0.1620",
        r"1.98-1.80 Å    80  0.8953      0.9712   9.4713  0.2511  0.2548",
        r"work +0.194650\nfree +0.164275",
        r"24.65-2.86 Å +0.1545 +0.2898\n2.86-2.27 Å +0.2099 +0.1244",
    ],
    "fft_by_hand": [
        r"\(54, 6, 18\) \(72, 8, 24\)",
        r"31.748-57.063j",
        "by method: -0.40554, σ 0.66338",
        r"18.4403\+26.1893j",
    ],
    "form_factors": ["25.9904, of 26", "9.3036 electrons; 0.9972 Å", "0.5279 e/Å³", "H: -3.739"],
    "anomalous_scattering": ["f' = -1.41862, f'' = 0.72390", "f' = -0.09202, f'' = 2.23337"],
    "direct_against_fft": ["SiC, 0 2 4: 17.8497"],
    "scaling": ["RMSE: 6.4176, R factor: 17.73%"],
    "unmerged_file": ["no outliers  R_meas 0.0", "χ² 1.00"],
    "many_data_sets": ["1: 2, 2: 1, 3: 2, 4: 2, 5: 1, 6: 2, 7: 2, 8: 1, 9: 2, 10: 2, 11: 1, 12: 2"],
    "indexing_ambiguity": ["as it was: True"],
    "dask_cluster": ["2 workers", r"R_meas: [0-9]e-1[3-6]"],
    "i_over_sigma": [r"3.75-3.58 Å .*True", r"2.29-2.21 Å .*False"],
    "time_series": [r"water, τ = (1[6-9]|2[0-4]) ns", r"after, τ = (1[7-9]|2[0-3])\d ns"],
    "twinning": [r"single crystal: <\|L\|> = 0.5", r"twin\n.*\n.*\nk,h,-l +0.3\d* +0.3"],
    "robust_scaling": [r"(\d+) wrong, of which\n\1 are beyond"],
    "zarr_store": ["run 2: 37,158 observations, 1231 reflections"],
    "lazy_merging": ["9,558 reflections", r"CC\S+ = 0.3\S* at 1.9\d Å"],
    "report": [r"r_free +0.2\d* +0.2\d*", "5e5z, R-work 17.9"],
}


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Return the current folder and that of temporary files, both empty."""
    made = [tmp_path / name for name in ("here", "temporary")]
    for folder in made:
        folder.mkdir()
    monkeypatch.chdir(made[0])
    monkeypatch.setattr(tempfile, "tempdir", str(made[1]))
    matplotlib.use("agg")
    with matplotlib.rc_context():
        yield made
    plt.close("all")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script(script, folders, capsys):
    if script.stem in NEEDS:
        pytest.importorskip(NEEDS[script.stem])
    runpy.run_path(str(script), run_name="__main__")
    printed, complaints = capsys.readouterr()
    assert not complaints
    assert not [file for folder in folders for file in folder.iterdir()]
    figures = [plt.figure(number) for number in plt.get_fignums()]
    legends = [ax.get_legend() for figure in figures for ax in figure.axes if ax.get_legend()]
    told = "\n".join([printed, *(text.get_text() for one in legends for text in one.get_texts())])
    for expected in TOLD.get(script.stem, []):
        assert re.search(expected, told), f"{expected!r} is not in what is told:\n{told}"
    for figure in figures:
        _check_picture(figure)


def _check_picture(figure):
    """Check that all axes are labelled, and that lines have colours that can be told apart."""
    figure.draw_without_rendering()
    for ax in figure.axes:
        used = {matplotlib.colors.to_hex(line.get_color()) for line in ax.lines}
        assert not used >= RED_AND_GREEN
        if ax.name == "polar" or hasattr(ax, "_colorbar"):
            continue
        for axis in (ax.xaxis, ax.yaxis):
            numbers = any(tick.label1.get_visible() for tick in axis.get_major_ticks())
            assert axis.get_label_text() or not numbers, f"axes {ax.get_title()!r} without a label"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_format(script):
    lines = script.read_text().splitlines()
    assert lines[0] == '"""' and set(lines[2]) == {"="} and len(lines[2]) == len(lines[1])
    assert "# %%" in lines
    readme = (GALLERY / "README.md").read_text()
    assert readme.count(f"| `{script.name}` |") == 1
    # Pictures are taken cell by cell: what a cell draws in must have been made there.
    for cell in script.read_text().split("# %%\n")[1:]:
        if re.search(r"^\s*ax\.|\bax=ax\b", cell, re.MULTILINE):
            assert re.search(r"\bax = |for .*\bax\b.* in |, ax = ", cell), cell


def test_scripts_run_as_they_are(tmp_path):
    script = GALLERY / "reciprocal_zone.py"
    env = {**os.environ, "MPLBACKEND": "agg"}
    env.pop("DISPLAY", None)
    done = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr


def test_map_to_mtz_is_the_transform_of_the_map(folders, tmp_path):
    map_to_mtz = runpy.run_path(str(GALLERY / "map_to_mtz.py"))["map_to_mtz"]
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
