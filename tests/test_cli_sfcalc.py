"""The command sfcalc."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import gemmi
import numpy as np
import pytest

import xrefl
from tests.commands import COMMAND, failure, run, run_process
from tests.conftest import real_files

MODEL = str(xrefl.tutorial.path("5wkd", kind="model"))
SMALL = str(xrefl.tutorial.path("4003024", kind="model"))
MTZ = str(xrefl.tutorial.path("5wkd"))
CIF = str(xrefl.tutorial.path("5wkd", kind="sf-mmcif"))
LVHSSN = str(xrefl.tutorial.path("5e5z", kind="model"))
LVHSSN_DATA = str(xrefl.tutorial.path("5e5z"))


def printed(*arguments: object, warning: str = "") -> tuple[dict[str, str], list[list[str]]]:
    """Return the report of a command, and the rows of its table."""
    result = run("sfcalc", *arguments)
    assert result.returncode == 0, result.stderr
    assert result.stderr == warning
    report, _, table = result.stdout.partition("\n\n")
    facts = {line[2:15].strip(): line[16:] for line in report.splitlines()[1:]}
    return facts, [line.split() for line in table.splitlines()]


def ok(*arguments: object) -> dict[str, str]:
    return printed(*arguments)[0]


def structure_factor(*arguments: object, warning: str = "") -> complex:
    _, rows = printed(*arguments, warning=warning)
    (row,) = rows[1:]
    return float(row[4]) * np.exp(1j * np.radians(float(row[5])))


def by_gemmi(hkl: np.ndarray, path: str = MODEL) -> np.ndarray:
    structure = gemmi.read_structure(path)
    calculator = gemmi.StructureFactorCalculatorX(structure.cell)
    return np.array([calculator.calculate_sf_from_model(structure[0], one) for one in hkl.tolist()])


# Of the reference; its coefficients are float32.
REFERENCE = {
    "4oz7.pdb": [
        ("3,4,5", ("--kind", "electron"), 54.50873 + 53.39498j),
        ("3,4,5", ("--kind", "mott_bethe"), 54.065 + 52.968j),
        ("3,4,5", ("--kind", "mott_bethe", "--method", "fft"), 54.065 + 52.968j),
    ],
    "1011031.cif": [("0,2,4", ("--use-charge",), 17.849694728851315)],
}
NO_ION = "xrefl: warning: there are no form factors of the ions C4-, which count as neutral atoms\n"


@pytest.mark.parametrize("path", [path for name in REFERENCE for path in real_files(name)], ids=str)
def test_numbers_of_the_reference(path):
    for hkl, options, expected in REFERENCE[path.name]:
        warning = NO_ION if "--use-charge" in options else ""
        found = structure_factor(path, "--hkl", hkl, *options, warning=warning)
        assert found == pytest.approx(expected, rel=2e-4)


def test_what_is_printed():
    result = run_process("sfcalc", MODEL, "--hkl", "1,1,1", "--hkl", "0,0,-2")
    assert result.stdout.splitlines() == [
        MODEL,
        "  atoms         50",
        "  space group   C 1 2 1 (number 5)",
        "  unit cell     50.347  4.777  14.746  90  101.73  90  (Å, degrees)",
        "  radiation     X-rays",
        "  method        sum over atoms",
        "  reflections   2",
        "  resolution    7.219 to 4.490 Å",
        "",
        "    h    k    l      d/Å          FC/e    PHIC/°",
        "    1    1    1    4.490      234.4931   -149.66",
        "    0    0   -2    7.219      228.0884    180.00",
    ]


def test_all_reflections_to_a_limit(tmp_path):
    path = tmp_path / "calc.mtz"
    told = ok(MODEL, path, "--dmin", 1.8)
    assert told["model"] == MODEL
    assert told["method"] == "transform of 90 x 8 x 30 points, blur 35.352 Å²"
    assert (told["reflections"], told["resolution"]) == ("407", "24.648 to 1.800 Å")
    mtz = gemmi.read_mtz_file(str(path))
    assert [(one.label, one.type) for one in mtz.columns][3:] == [("FC", "F"), ("PHIC", "P")]
    ds = xrefl.open_mtz(path)
    assert ds.attrs["title"] == "Structure factors of the model 5wkd.pdb"
    assert ds.attrs["history"] == ["From xrefl sfcalc: FC and PHIC of the model 5wkd.pdb, X-rays"]
    expected = by_gemmi(np.stack([ds[one].values for one in "hkl"], axis=-1))
    f = ds.xtal.structure_factor("FC", "PHIC").values
    assert np.abs(f - expected).max() < 1e-4 * np.abs(expected).max()


def test_the_sum_is_more_exact_than_the_transform(tmp_path):
    path = tmp_path / "calc.mtz"
    told = ok(MODEL, path, "--dmin", 2, "--method", "direct", "--check")
    assert told["method"] == "sum over atoms"
    ds = xrefl.open_mtz(path)
    expected = by_gemmi(np.stack([ds[one].values for one in "hkl"], axis=-1))
    f = ds.xtal.structure_factor("FC", "PHIC").values
    assert np.abs(f - expected).max() < 1e-6 * np.abs(expected).max()
    assert 0 < float(told["fft - direct"].split()[1]) < 3e-5
    assert told["time"].startswith("direct ")
    coarse = ok(MODEL, path, "--dmin", 2, "--check", "--blur", 0)
    assert float(coarse["fft - direct"].split()[1]) > 3e-5
    assert coarse["method"].endswith("blur 0 Å²")


@pytest.mark.parametrize("data", [MTZ, CIF])
def test_reflections_of_a_file(tmp_path, data):
    path = tmp_path / "calc.cif.gz"
    ok(MODEL, path, "--for", data, "--kind", "electron")
    ds, given = xrefl.open_reflections(path), xrefl.open_reflections(data)
    np.testing.assert_array_equal(np.sort(ds.hkl.values), np.sort(given.hkl.values))
    assert list(ds.data_vars) == ["F_calc_au", "phase_calc"]
    ok(MODEL, path, "--for", data, "--dmin", 3)
    ds = xrefl.open_reflections(path)
    assert list(ds.data_vars) == ["F_calc", "phase_calc"]
    assert float(ds.xtal.d().min()) >= 3


def test_comparison_with_amplitudes_and_phases():
    told, rows = printed(MODEL, "--compare", f"{MTZ}:FP,PHIC")
    ds = xrefl.open_mtz(MTZ).load()
    fo = ds.FP.values.astype(float)
    calc = by_gemmi(np.stack([ds[one].values for one in "hkl"], axis=-1))
    fc = np.abs(calc)
    k = np.linalg.lstsq(fc[:, None], fo, rcond=None)[0][0]
    assert told["compared with"] == f"{MTZ}: FP and PHIC"
    assert told["common"] == "367 reflections"
    assert told["scale"] == f"k = {k:.5g}: FP = k FC by least squares"
    assert told["R factor"] == f"{np.abs(fo - k * fc).sum() / fo.sum():.4f}"
    assert told["correlation"] == f"{np.corrcoef(fo, fc)[0, 1]:.4f}"
    assert told["rms"] == f"{np.sqrt(((fo - k * fc) ** 2).mean()):.5g} of FP - k FC"
    off = np.abs(np.angle(calc * np.exp(-1j * np.radians(ds.PHIC.values.astype(float))), deg=True))
    assert told["phases"] == (
        f"PHIC and PHIC (model) differ by {off.mean():.2f}° in the mean, "
        f"{(off * fo).sum() / fo.sum():.2f}° weighted by FP"
    )
    assert rows[0] == ["Largest", "differences:"]
    assert len(rows) == 12
    worst = np.argsort(-np.abs(fo - k * fc))
    for row, i in zip(rows[2:], worst, strict=False):
        assert row[:3] == [str(ds[one].values[i]) for one in "hkl"]
        assert float(row[-1]) == pytest.approx(fo[i] - k * fc[i], rel=1e-3)


def test_comparison_with_intensities(tmp_path):
    path = tmp_path / "calc.mtz"
    told = ok(LVHSSN, path, "--compare", f"{LVHSSN_DATA}:I", "--dmin", 3)
    assert told["common"] == "73 reflections (11 without a value)"
    assert told["scale"].endswith("√I = k FC by least squares")
    assert told["reflections"] == "84"
    assert xrefl.open_mtz(path).sizes["hkl"] == 84


def test_what_was_calculated_agrees_with_itself(tmp_path):
    path = tmp_path / "calc.mtz"
    ok(MODEL, path, "--dmin", 2, "--method", "direct", "--wavelength", 1.5)
    assert xrefl.open_mtz(path).dataset_wavelength.values.tolist()[-1] == pytest.approx(1.5)
    told, _ = printed(MODEL, "--compare", f"{path}:FC,PHIC", "--wavelength", 1.5)
    assert told["scale"].startswith("k = 1: ")
    assert told["R factor"] == "0.0000"
    expected = "PHIC and PHIC (model) differ by 0.00° in the mean, 0.00° weighted"
    assert told["phases"].startswith(expected)
    told, _ = printed(MODEL, "--compare", path)  # FC, for want of anything measured
    assert told["R factor"] != "0.0000"


def test_observations_of_a_small_molecule(tmp_path):
    path = tmp_path / "small.hkl"
    calc = [abs(structure_factor(SMALL, "--hkl", one)) ** 2 for one in ("1,1,1", "2,0,0")]
    rows = [(1, 1, 1, calc[0]), (-1, 1, 1, calc[0]), (2, 0, 0, calc[1]), (1, 0, 0, -3.0)]
    lines = [f"{h:4d}{k:4d}{m:4d}{value:8.2f}{1:8.2f}" for h, k, m, value in rows]
    path.write_text("\n".join([*lines, f"{0:4d}{0:4d}{0:4d}{0:8.2f}{0:8.2f}", ""]))
    told, table = printed(SMALL, "--compare", path)
    assert told["common"] == "3 reflections (1 not positive)"
    assert told["scale"] == "k = 1: √F_squared_meas = k FC by least squares"
    assert len(table) == 5
    for option in ("--for", "--compare"):
        out = tmp_path / f"{option}.mtz"
        told = ok(SMALL, out, option, path)
        assert told["written"] == "3 unique of 4 observations"
        ds = xrefl.open_mtz(out)
        assert ds.sizes == {"hkl": 3, "dataset_id": 2, "cell_parameter": 6}
        written = ds.FC.sel(hkl=[(1, 1, 1), (0, 2, 0)]).values
        assert written == pytest.approx(np.sqrt(calc), rel=1e-4)


def test_anomalous_scattering():
    told, rows = printed(SMALL, "--hkl", "1,1,1", "--source", "file")
    assert told["f' + i f''"].startswith("Cl +0.148 +0.159i, In -0.728 +1.310i")
    model = xrefl.open_model(SMALL)
    anomalous = model.xtal.addends(source="file")
    calc = model.xtal.structure_factors((1, 1, 1), addends=anomalous)
    assert [float(one) for one in rows[1][4:]] == [
        pytest.approx(calc.F.item(), abs=1e-4),
        pytest.approx(calc.PHI.item(), abs=1e-2),
    ]
    other = structure_factor(SMALL, "--hkl", "1,1,1", "--wavelength", 1.2)
    assert other != pytest.approx(calc.F.item(), rel=1e-3)


@pytest.mark.parametrize("kind", ["xray", "neutron"])
def test_map(tmp_path, kind):
    path = tmp_path / "density.map.gz"
    options = ("--kind", kind, "--blur", 20, "--rate", 2)
    told = ok(MODEL, path, "--dmin", 2, *options)
    assert told["blur"] == "20 Å²; undo it with xrefl map2sf --unblur 20"
    written = xrefl.open_ccp4(path)
    expected = xrefl.open_model(MODEL).xtal.density(2, kind=kind, blur=20, rate=2)
    np.testing.assert_array_equal(written.values, expected.values)
    assert written.attrs["labels"][0].startswith("density of 5wkd.pdb for ")
    assert told["points"] == " x ".join(map(str, expected.shape))


def test_map_has_the_real_part_of_anomalous_scattering(tmp_path):
    path = tmp_path / "density.ccp4"
    told = ok(MODEL, path, "--dmin", 2, "--wavelength", 1.5)
    assert told["f'"].startswith("C +0.0")
    model = xrefl.open_model(MODEL)
    real = {one: f.real for one, f in model.xtal.addends(wavelength=1.5).items()}
    np.testing.assert_array_equal(
        xrefl.open_ccp4(path).values, model.xtal.density(2, addends=real).values
    )


def test_crystal_of_the_options(tmp_path):
    path = tmp_path / "none.pdb"
    lines = Path(MODEL).read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("CRYST1")))
    arguments = ("sfcalc", path, "--hkl", "1,1,1")
    cell = ("--cell", "50.347,4.777,14.746,90,101.73,90")
    for options, text in (((), "no unit cell; give one with --cell"), (cell, "no space group")):
        result = run(*arguments, *options)
        assert result.returncode == 1
        assert text in result.stderr.splitlines()[-1]
    result = run(*arguments, *cell, "--spacegroup", "C 1 2 1")
    assert result.returncode == 0
    assert "234.4931   -149.66" in result.stdout
    line = failure("sfcalc", MODEL, "--hkl", "1,1,1", *cell)
    assert "the model has a unit cell" in line
    assert "leave --cell out" in line


def test_space_group_of_a_small_molecule(tmp_path):
    path = tmp_path / "iron.cif"
    edges = [f"_cell_length_{one} 5" for one in "abc"]
    angles = [f"_cell_angle_{one} 90" for one in ("alpha", "beta", "gamma")]
    tags = [f"_atom_site_{one}" for one in ("label", "fract_x", "fract_y", "fract_z")]
    path.write_text("\n".join(["data_a", *edges, *angles, "loop_", *tags, "Fe1 0 0 0", ""]))
    result = run("sfcalc", path, "--hkl", "0,0,0", "--spacegroup", "P m -3 m")
    assert result.returncode == 0
    assert float(result.stdout.split()[-2]) == pytest.approx(26, abs=0.01)  # one atom in the cell


def test_one_of_several_models(tmp_path):
    path = tmp_path / "two.pdb"
    lines = Path(MODEL).read_text().splitlines(keepends=True)
    head = [line for line in lines if line.startswith("CRYST1")]
    atoms = [line for line in lines if line.startswith(("ATOM", "HETATM"))]
    models = [
        [f"MODEL     {one:4d}\n", *part, "ENDMDL\n"] for one, part in ((1, atoms[:9]), (2, atoms))
    ]
    path.write_text("".join([*head, *models[0], *models[1], "END\n"]))
    assert "2 models (1, 2)" in failure("sfcalc", path, "--hkl", "1,1,1")
    assert "no model 3; there is 1, 2" in failure("sfcalc", path, "--hkl", "1,1,1", "--model", 3)
    _, rows = printed(path, "--hkl", "1,1,1", "--model", 2)
    assert rows[1][4:] == ["234.4931", "-149.66"]


def test_an_atom_that_grows_is_told_once(tmp_path):
    path = tmp_path / "negative.pdb"
    path.write_text(Path(MODEL).read_text().replace(" 1.00 13.41 ", " 1.00 -5.00 ", 1))
    result = run("sfcalc", path, "--hkl", "1,1,1", "--check")
    (line,) = result.stderr.splitlines()
    assert "A 300 GLY N is negative" in line
    assert "sum over atoms" in failure("sfcalc", path, tmp_path / "x.map", "--dmin", 2)


def test_the_reflection_000():
    told, rows = printed(MODEL, "--hkl", "0,0,0", "--check")
    assert "resolution" not in told
    expected = by_gemmi(np.zeros((1, 3), int)).item().real
    assert (rows[1][3], rows[1][5]) == ("inf", "0.00")
    assert float(rows[1][4]) == pytest.approx(expected, rel=1e-6)
    told, rows = printed(MODEL, "--hkl", "0,0,0", "--check", "--kind", "mott_bethe")
    assert told["fft - direct"].startswith("nothing to compare")
    assert rows[1][3:] == ["inf", "nan", "nan"]


def test_standard_output(tmp_path):
    result = subprocess.run(
        [COMMAND, "sfcalc", MODEL, "-", "--hkl", "1,1,1"],
        capture_output=True,
        env=os.environ,
        check=True,
    )
    assert xrefl.open_mtz(result.stdout).FC.values == pytest.approx([234.4931])
    assert "234.4931" in result.stderr.decode()


def test_errors_name_what_is_there(tmp_path):
    out = tmp_path / "out.mtz"
    empty = tmp_path / "empty.pdb"
    empty.write_text("HEADER    NOTHING\nEND\n")
    for arguments, texts in (
        ((MODEL, out, "--for", LVHSSN_DATA), ("5wkd.pdb and ", "5e5z.mtz", "more than 1 %")),
        ((MODEL, "--compare", f"{MTZ}:FX"), ("5wkd.mtz", "no column FX", "FP, SIGFP")),
        ((MODEL, "--compare", f"{MTZ}:FP,FOM"), ("FOM is not a column of phases", "is W")),
        ((MODEL, "--compare", f"{MTZ}:SIGFP"), ("SIGFP is not a column of amplitudes",)),
        ((MODEL, "--compare", f"{MTZ}:FP", "--dmin", 30), ("24.65 to 1.80 Å",)),
        ((MODEL, out, "--for", tmp_path / "none.mtz"), ("none.mtz",)),
        ((MODEL, tmp_path / "folder" / "out.mtz", "--dmin", 3), ("there is no folder",)),
        ((MTZ, out, "--dmin", 3), ("an MTZ file",)),
        ((empty, out, "--dmin", 3), ("empty.pdb",)),
        ((MODEL, out, "--dmin", 3, "--source", "tabulated"), ("wavelength is not known",)),
        ((MODEL, out, "--dmin", 3, "--rate", 0.5), ("rate must be",)),
    ):
        line = failure("sfcalc", *arguments)
        assert all(text in line for text in texts), line
    assert list(tmp_path.iterdir()) == [empty]


def test_data_without_amplitudes_are_refused(tmp_path):
    path = tmp_path / "flags.mtz"
    xrefl.open_mtz(MTZ)[["FREE"]].xtal.to_mtz(path)
    line = failure("sfcalc", MODEL, "--compare", path)
    assert "none of FP, FOBS" in line
    assert "the columns are FREE" in line
    ds = xrefl.open_mtz(MTZ)[["FP"]].load()
    ds.FP[:] = np.nan
    ds.xtal.to_mtz(path)
    assert "no reflection has values of FP" in failure("sfcalc", MODEL, "--compare", path)


def test_usage_errors():
    for arguments, text in (
        ((), "Missing argument"),
        ((MODEL,), "say which reflections"),
        ((MODEL, "--dmin", 2), "give OUT"),
        ((MODEL, "out.txt", "--dmin", 2), ".ccp4, .map or .mrc"),
        ((MODEL, "out.mtz", "--dmin", 0), "positive number of Å, not 0"),
        ((MODEL, "out.mtz", "--dmin", 3, "--wavelength", -1), "positive number of Å"),
        ((MODEL, "--hkl", "1,1"), "3 numbers"),
        ((MODEL, "--hkl", "1,1,0.5"), "three integers"),
        ((MODEL, "--hkl", "1,1,1", "--hkl", "1,1,1"), "given twice"),
        ((MODEL, "--hkl", "1,1,1", "--dmin", 2), "--hkl and --dmin do not go together"),
        ((MODEL, "--for", MTZ, "--compare", MTZ), "--for and --compare do not go together"),
        ((MODEL, "--compare", f"{MTZ}:"), "DATA:F,PHI"),
        ((MODEL, "--compare", f"{MTZ}:A,B,C"), "DATA:F,PHI"),
        ((MODEL, "--hkl", "1,1,1", "--rate", 2), "--method fft"),
        ((MODEL, "--hkl", "1,1,1", "--kind", "neutron", "--wavelength", 1), "are for X-rays"),
        ((MODEL, "--hkl", "1,1,1", "--kind", "muon"), "muon"),
        ((MODEL, "out.mtz", "--dmin", 2, "--blur", "much"), "auto, refmac, servalcat"),
        ((MODEL, "out.ccp4"), "a map needs --dmin"),
        ((MODEL, "out.ccp4", "--dmin", 2, "--check"), "leave --check out"),
        ((MODEL, "out.ccp4", "--for", MTZ), "leave --for out"),
        ((MODEL, "out.ccp4", "--dmin", 2, "--method", "fft"), "leave it out for a map"),
    ):
        result = run("sfcalc", *arguments)
        assert result.returncode == 2, (arguments, result.stderr)
        assert text in " ".join(result.stderr.replace("│", "").split()), result.stderr


def test_help_fits_a_terminal():
    text = run_process("sfcalc", "--help").stdout
    assert "Example: xrefl sfcalc " in text
    assert max(map(len, text.splitlines())) <= 80
