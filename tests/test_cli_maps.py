"""The commands sf2map and map2sf."""

from __future__ import annotations

import gzip
import io
import os
import subprocess

import gemmi
import numpy as np
import pytest

import xrefl
from tests import mtz_bytes
from tests.ccp4_bytes import map_bytes
from tests.commands import COMMAND, facts, failure, ok, run, run_process

MTZ = str(xrefl.tutorial.path("5wkd"))
CIF = str(xrefl.tutorial.path("5wkd", kind="sf-mmcif"))
WITHOUT = str(xrefl.tutorial.path("5e5z"))


@pytest.fixture(scope="module")
def rho(tmp_path_factory):
    """A map of the default coefficients."""
    path = tmp_path_factory.mktemp("maps") / "2fofc.ccp4"
    ok("sf2map", MTZ, path)
    return path


def test_default_map_is_that_of_gemmi(rho):
    written = gemmi.read_ccp4_map(str(rho))
    mtz = gemmi.read_mtz_file(MTZ)
    expected = mtz.transform_f_phi_to_map("FWT", "PHWT", exact_size=[90, 8, 30])
    assert mtz.get_size_for_hkl(sample_rate=3.0) == [90, 8, 30]
    span = np.ptp(expected.array)
    assert np.abs(written.grid.array - expected.array).max() < 1e-6 * span
    assert written.grid.spacegroup.hm == "C 1 2 1"
    assert xrefl.open_ccp4(rho).attrs["labels"] == ["FWT and PHWT of 5wkd.mtz", "written by xrefl"]


def test_what_is_printed(tmp_path):
    path = tmp_path / "2fofc.map"
    result = run_process("sf2map", MTZ, str(path))
    assert result.stdout.splitlines() == [
        str(path),
        "  columns       FWT and PHWT",
        "  reflections   367",
        "  resolution    24.648 to 1.802 Å",
        "  points        90 x 8 x 30",
        "  steps         0.559 x 0.597 x 0.492 Å",
        "  values        min -1.4832, max 3.4542, mean 0, rms 0.67094",
    ]


def test_difference_map_of_a_cif_file(tmp_path):
    path = tmp_path / "fofc.ccp4.gz"
    told = ok("sf2map", CIF, path, "--block", "r5wkdsf", "-d", "-s", 4)
    assert told["columns"] == "pdbx_DELFWT and pdbx_DELPHWT"
    expected = xrefl.open_reflections(CIF).xtal.to_map("pdbx_DELFWT", "pdbx_DELPHWT", sample_rate=4)
    with gzip.open(path) as stream:
        written = xrefl.open_ccp4(stream.read())
    assert written.shape == (120, 12, 36)
    np.testing.assert_array_equal(written.values, expected.values)


def test_named_columns_with_weights_and_limits(tmp_path):
    path = tmp_path / "fo.mrc"
    limits = ("--dmin", 2, "--dmax", 10, "--grid", "80,8,24")
    told = ok("sf2map", MTZ, path, "-f", "FP", "--phi", "PHIC", "--weight", "FOM", *limits)
    assert told["columns"] == "FP and PHIC, weighted by FOM"
    assert (told["reflections"], told["resolution"]) == ("277", "8.554 to 2.002 Å")
    mtz = gemmi.read_mtz_file(MTZ)
    d = mtz.make_d_array()
    data = np.array(mtz, copy=True)[(d >= 2) & (d < 10)]
    labels = mtz.column_labels()
    data[:, labels.index("FP")] *= data[:, labels.index("FOM")]
    mtz.set_data(data)
    expected = mtz.transform_f_phi_to_map("FP", "PHIC", exact_size=[80, 8, 24]).array
    written = xrefl.open_ccp4(path).values
    assert np.abs(written - expected).max() < 1e-6 * np.ptp(expected)


def test_normalized_map(tmp_path):
    told = ok("sf2map", MTZ, tmp_path / "sigma.ccp4", "--normalize")
    assert told["values"].endswith("mean 0, rms 1")
    values = xrefl.open_ccp4(tmp_path / "sigma.ccp4").values
    np.testing.assert_allclose(values.std(dtype=float), 1, atol=1e-6)


def test_there_and_back(rho, tmp_path):
    path = tmp_path / "back.mtz"
    told = ok("map2sf", rho, path, "--dmin", 1.8)
    assert told == {
        "columns": "FWT and PHWT",
        "reflections": "407",
        "resolution": "24.648 to 1.800 Å",
    }
    before, after = xrefl.open_mtz(MTZ), xrefl.open_mtz(path)
    f = before.xtal.structure_factor("FWT", "PHWT")
    difference = after.xtal.structure_factor("FWT", "PHWT") - f
    assert difference.sizes["hkl"] == 367
    assert float(abs(difference).max()) < 1e-6 * float(abs(f).max())
    columns = [(column.label, column.type) for column in gemmi.read_mtz_file(str(path)).columns]
    assert columns[3:] == [("FWT", "F"), ("PHWT", "P")]
    assert after.attrs["title"] == "Structure factors of the map 2fofc.ccp4"
    assert after.attrs["history"] == ["From xrefl map2sf: FWT and PHWT of the map 2fofc.ccp4"]
    again = tmp_path / "again.ccp4"  # the default labels are those that sf2map looks for
    ok("sf2map", path, again, "-g", "90,8,30")
    np.testing.assert_allclose(
        xrefl.open_ccp4(again).values, xrefl.open_ccp4(rho).values, rtol=0, atol=1e-5
    )


def test_structure_factors_are_those_of_gemmi(rho, tmp_path):
    path = tmp_path / "back.mtz"
    ok("map2sf", rho, path, "-f", "F", "-p", "PHI", "--unblur", 10, "--with-000")
    grid = gemmi.transform_map_to_f_phi(gemmi.read_ccp4_map(str(rho), setup=True).grid)
    data = grid.prepare_asu_data(dmin=1.195, unblur=10, with_000=True)
    ds = xrefl.open_mtz(path)
    # twice the largest step, b/8
    assert 2 * 4.777 / 8 < float(ds.xtal.d().min()) < 1.196
    values = {
        tuple(hkl): value for hkl, value in zip(data.miller_array, data.value_array, strict=True)
    }
    chosen = ds.isel(hkl=ds.xtal.d().values >= 1.195)
    f = chosen.xtal.structure_factor("F", "PHI")
    hkls = list(zip(*(chosen[name].values.tolist() for name in "hkl"), strict=True))
    assert (0, 0, 0) in hkls
    assert set(hkls) == set(values)
    expected = np.array([values[hkl] for hkl in hkls])
    assert np.abs(f.values - expected).max() < 1e-5 * np.abs(expected).max()


def test_cif_has_the_tags_of_map_coefficients(rho, tmp_path):
    path = tmp_path / "back.cif.gz"
    told = ok("map2sf", rho, path, "--dmin", 2)
    assert told["columns"] == "pdbx_FWT and pdbx_PHWT"
    ds = xrefl.open_reflections(path)
    assert list(ds.data_vars) == ["pdbx_FWT", "pdbx_PHWT"]
    assert ds.pdbx_FWT.attrs["cif_tag"] == "_refln.pdbx_FWT"
    ok("map2sf", rho, path, "-f", "F_new", "-p", "phase_new", "--dmin", 2, warned=1)
    named = xrefl.open_reflections(path)
    np.testing.assert_array_equal(named["F_new"].values, ds["pdbx_FWT"].values)


@pytest.mark.parametrize("base", [MTZ, CIF])
def test_columns_beside_those_of_a_file(rho, tmp_path, base):
    before = xrefl.open_reflections(base)
    path = tmp_path / ("both.mtz" if base == MTZ else "both.cif")
    warned = 1 if base == CIF else 0  # the dictionary has no such tags
    told = ok("map2sf", rho, path, "--base", base, "-f", "FNEW", "-p", "PNEW", warned=warned)
    assert told["reflections"] == str(before.sizes["hkl"])
    after = xrefl.open_reflections(path)
    assert list(after.data_vars) == [*before.data_vars, "FNEW", "PNEW"]
    for name in before.data_vars:
        np.testing.assert_array_equal(after[name].values, before[name].values)
    old = xrefl.open_mtz(MTZ).FWT
    assert float(abs(after.FNEW - old).max()) < 1e-3
    assert any("map 2fofc.ccp4" in line for line in after.attrs["history"])


def test_reflections_beyond_the_grid_are_told(tmp_path):
    coarse, path = tmp_path / "coarse.ccp4", tmp_path / "both.mtz"
    ok("sf2map", MTZ, coarse, "--dmin", 3)
    result = run("map2sf", coarse, path, "--base", MTZ, "-f", "F", "-p", "PHI")
    assert result.returncode == 0
    (line,) = result.stderr.splitlines()
    missing = int(xrefl.open_mtz(path).F.isnull().sum())
    assert 0 < missing < 367
    assert line.startswith(f"xrefl: warning: {missing} of 367 reflections of {MTZ} have no value")
    ok("map2sf", coarse, path, "--base", MTZ, "-f", "F", "-p", "PHI", "--dmin", 3)  # as asked for
    ok("map2sf", coarse, path, "--dmin", 1.8, warned=1)


def test_part_of_a_map_is_completed(rho, tmp_path):
    whole = xrefl.open_ccp4(rho)
    part, cut = tmp_path / "part.ccp4", tmp_path / "cut.ccp4"
    whole.isel(x=slice(0, 46), z=slice(0, 16)).xtal.to_ccp4(part)
    told = ok("map2sf", part, tmp_path / "part.mtz")
    assert told["map"] == "46 x 8 x 16 points, completed to 90 x 8 x 30"
    ok("map2sf", rho, tmp_path / "whole.mtz")
    np.testing.assert_allclose(
        xrefl.open_mtz(tmp_path / "part.mtz").FWT.values,
        xrefl.open_mtz(tmp_path / "whole.mtz").FWT.values,
        rtol=0,
        atol=1e-3,
    )
    whole.isel(z=slice(0, 5)).xtal.to_ccp4(cut)
    assert "covered neither by the map" in failure("map2sf", cut, tmp_path / "cut.mtz")


def test_space_group_in_place_of_that_in_the_map(rho, tmp_path):
    path = tmp_path / "other.mtz"
    ok("map2sf", rho, path, "--spacegroup", "P 1 2 1")
    assert xrefl.open_mtz(path).attrs["spacegroup"] == "P 1 2 1"
    result = run("map2sf", rho, path, "--spacegroup", "P 1 21 1")
    assert result.returncode == 0
    assert "depart from the symmetry of P 1 21 1" in result.stderr
    absent = ok("map2sf", rho, path, "--with-absent")
    assert int(absent["reflections"].replace(",", "")) > 2000


def test_cell_of_a_map_without_one(tmp_path):
    path = tmp_path / "image.mrc"
    path.write_bytes(map_bytes(np.ones((4, 4, 4), "f4"), cell=(0, 0, 0, 90, 90, 90)))
    lines = run("map2sf", path, tmp_path / "x.mtz").stderr.splitlines()
    assert "give one with --cell" in lines[-1]
    result = run("map2sf", path, tmp_path / "x.mtz", "--cell", "8,8,8,90,90,90")
    assert result.returncode == 0, result.stderr
    assert xrefl.open_mtz(tmp_path / "x.mtz").attrs["cell"] == [8, 8, 8, 90, 90, 90]


def test_standard_output(rho, tmp_path):
    def piped(*arguments: str) -> tuple[bytes, str]:
        result = subprocess.run(
            [COMMAND, *arguments], capture_output=True, env=os.environ, check=True
        )
        return result.stdout, result.stderr.decode()

    data, told = piped("sf2map", MTZ, "-")
    assert data == rho.read_bytes()
    assert facts(told)["points"] == "90 x 8 x 30"
    data, told = piped("map2sf", str(rho), "-", "--dmin", "1.8")
    assert xrefl.open_mtz(io.BytesIO(data)).sizes["hkl"] == 407


def test_errors_name_what_is_there(tmp_path):
    out = tmp_path / "out.ccp4"
    for arguments, texts in (
        ((WITHOUT, out), ("5e5z.mtz: no map coefficients", "FREE, FP, SIGFP, I, SIGI", "--phi")),
        ((MTZ, out, "-f", "FP", "-p", "PHX"), ("no column PHX", "PHIC", "5wkd.mtz")),
        ((MTZ, out, "-f", "FP", "-p", "FC"), ("FC is not a column of phases",)),
        ((MTZ, out, "-f", "FP", "-p", "PHIC", "--weight", "WT"), ("no column WT",)),
        ((MTZ, out, "--grid", "90,7,30"), ("multiples of (2, 2, 1)",)),
        ((MTZ, out, "--grid", "40,8,30"), ("no room for 46 of 367", "--grid 54,8,30")),
        ((MTZ, out, "--dmin", 30), ("24.65 to 1.80 Å",)),
        ((tmp_path / "none.mtz", out), ("none.mtz",)),
        ((MTZ, tmp_path / "folder" / "out.ccp4"), ("there is no folder",)),
        ((CIF, out, "--block", "other"), ("'r5wkdsf'",)),
    ):
        line = failure("sf2map", *arguments)
        assert all(text in line for text in texts), line
    assert list(tmp_path.iterdir()) == []


def test_columns_without_values_are_refused(tmp_path):
    ds = xrefl.open_mtz(MTZ).load()
    ds.FOM[:] = np.nan
    ds.xtal.to_mtz(tmp_path / "empty.mtz")
    columns = ("-f", "FP", "-p", "PHIC", "--weight", "FOM")
    line = failure("sf2map", tmp_path / "empty.mtz", tmp_path / "out.ccp4", *columns)
    assert "no reflection has values of FP and PHIC and FOM" in line


def test_observations_are_refused(rho, tmp_path):
    path = tmp_path / "unmerged.mtz"
    path.write_bytes(mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS, batches=(7, 8)))
    assert "merge them first" in failure("sf2map", path, tmp_path / "out.ccp4")
    assert "merge them first" in failure("map2sf", rho, tmp_path / "out.mtz", "--base", path)
    assert list(tmp_path.iterdir()) == [path]


def test_errors_of_map2sf(rho, tmp_path):
    out = tmp_path / "out.mtz"
    holes = tmp_path / "holes.ccp4"
    density = xrefl.open_ccp4(rho).load()
    density.where(density < 3).xtal.to_ccp4(holes)
    for arguments, texts in (
        ((MTZ, out), ("not a CCP4 or MRC map",)),
        ((holes, out), ("holes.ccp4", "have no finite value")),
        ((rho, out, "--base", MTZ), ("5wkd.mtz has FWT and PHWT already", "--phi")),
        ((rho, out, "--base", CIF), ("is no MTZ file", ".cif")),
        ((rho, tmp_path / "out.cif", "--base", MTZ), ("is an MTZ file", ".mtz")),
        ((rho, out, "--base", WITHOUT), ("different crystals",)),
        ((rho, out, "--spacegroup", "P 31"), ("does not have the symmetry of --spacegroup",)),
        ((rho, out, "--cell", "1,2,3,90,90,90"), ("leave --cell out", "50.347,4.777,14.746")),
        ((rho, out, "--dmin", -1), ("positive number",)),
    ):
        line = failure("map2sf", *arguments)
        assert all(text in line for text in texts), line
    assert not out.exists()


def test_usage_errors(tmp_path):
    for arguments, text in (
        (("sf2map", MTZ), "Missing argument"),
        (("sf2map", MTZ, "out.mtz"), ".ccp4, .map or .mrc"),
        (("sf2map", MTZ, "out.ccp4", "-f", "FP"), "go together"),
        (("sf2map", MTZ, "out.ccp4", "-f", "FP", "-p", "PHIC", "-d"), "--difference"),
        (("sf2map", MTZ, "out.ccp4", "-g", "90,8"), "3 numbers"),
        (("sf2map", MTZ, "out.ccp4", "-g", "90,8,0"), "numbers of points"),
        (("sf2map", MTZ, "out.ccp4", "-g", "90,8,nan"), "numbers of points"),
        (("sf2map", MTZ, "out.ccp4", "-g", "90,8,30", "-s", "3"), "either --grid or"),
        (("sf2map", MTZ, "out.ccp4", "-s", "-3"), "positive number"),
        (("map2sf", "in.ccp4", "out.hkl"), ".mtz or .cif"),
        (("map2sf", "in.ccp4", "out.mtz", "-f", "F", "-p", "F"), "both be called"),
        (("map2sf", "in.ccp4", "out.mtz", "--cell", "1,2,3"), "6 numbers"),
    ):
        result = run(*arguments)
        assert result.returncode == 2, result.stderr
        assert text in " ".join(result.stderr.replace("│", "").split()), result.stderr


@pytest.mark.parametrize("command", ["sf2map", "map2sf"])
def test_help_fits_a_terminal(command):
    text = run_process(command, "--help").stdout
    assert f"Example: xrefl {command} " in text
    assert max(map(len, text.splitlines())) <= 80
