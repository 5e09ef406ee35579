"""What the commands refuse, and how they say it."""

from __future__ import annotations

import os
import shutil

import pytest
import xarray as xr

import xrefl
from tests.commands import failure, run, usage
from xrefl.cli._remedies import on_command_line
from xrefl.errors import CrystalError
from xrefl.hkl.crystal import crystal

MODEL = str(xrefl.tutorial.path("5wkd", kind="model"))
SMALL = str(xrefl.tutorial.path("4003024", kind="model"))
MTZ = str(xrefl.tutorial.path("5wkd"))
CIF = str(xrefl.tutorial.path("5wkd", kind="sf-mmcif"))


def lines(*arguments: object) -> list[str]:
    result = run("sfcalc", *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(MODEL, "model.pdb")
    shutil.copy(SMALL, "model.cif")
    shutil.copy(MTZ, "data.mtz")
    shutil.copy(CIF, "data.cif")
    for name in ("map.ccp4", "spec.mtz", "model.msk"):
        shutil.copy("model.pdb", name)
    os.link("data.mtz", "link.mtz")
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        "sfcalc model.cif model.cif --dmin 3",
        "sfcalc model.pdb data.mtz --for data.mtz",
        "sfcalc model.pdb link.mtz --for data.mtz",
        "sfcalc model.pdb ./data.mtz --compare data.mtz:FP",
        "sfcalc model.pdb data.mtz --scale-to data.mtz:FP,SIGFP",
        "sfcalc model.pdb --to-mtz data.mtz --for data.mtz",
        "mask model.msk model.msk",
        "sf2map map.ccp4 map.ccp4",
        "map2sf map.ccp4 data.mtz --base data.mtz",
        "map2sf data.cif data.cif",
        "cif2mtz data.cif data.cif",
        "cif2mtz data.cif spec.mtz --spec spec.mtz",
        "mtz2cif data.mtz link.mtz",
    ],
)
def test_what_is_read_is_not_written_over(files, text):
    before = {path: path.read_bytes() for path in files.iterdir()}
    assert "would be written over" in usage(*text.split())
    assert {path: path.read_bytes() for path in files.iterdir()} == before


@pytest.mark.parametrize("options", [(), ("--check",), ("--method", "direct")])
def test_no_reflections(tmp_path, options):
    out = tmp_path / "out.mtz"
    line = failure("sfcalc", MODEL, out, "--dmin", 40, *options)
    assert "5wkd.pdb: there are no reflections with d >= 40 Å" in line
    assert line.endswith("lower --dmin")
    assert "5wkd.mtz: no reflections" in failure(
        "sfcalc", MODEL, out, "--dmin", 40, "--for", MTZ, *options
    )
    assert not out.exists()


def test_remedies_are_options(tmp_path):
    out = tmp_path / "out.mtz"
    for arguments, text in (
        (("--source", "tabulated"), "5wkd.pdb: the wavelength is not known: the file does not"),
        (("--source", "tabulated"), "add --wavelength, in Å"),
        (("--source", "file"), "Use --source cromer_liberman"),
        (("--kind", "electron", "--use-charge"), "leave --use-charge out"),
        (("--blur", "1e6"), "or --blur auto"),
    ):
        line = failure("sfcalc", MODEL, out, "--dmin", 3, *arguments)
        assert text in line
        assert "='" not in line
    other = xrefl.tutorial.path("5e5z")
    line = failure("sfcalc", MODEL, out, "--for", other)
    assert line.endswith("differ by more than 1 %. Give files of the same crystal")


def test_remedies_of_errors_of_the_package():
    model = xrefl.open_model(MODEL)
    with pytest.raises(CrystalError) as caught:
        model.assign(b_iso=model.b_iso * 0 - 30).xtal.density(2.0, blur=0)
    assert ".xtal" in str(caught.value)
    text = on_command_line(str(caught.value))
    assert text.endswith("such as --blur auto, or sum over atoms with --method direct")
    with pytest.raises(CrystalError) as caught:
        crystal(xr.Dataset(coords={name: ("obs", [1]) for name in "hkl"}))
    assert on_command_line(str(caught.value)).endswith("is not known: add it to the file")


@pytest.mark.parametrize(
    "command",
    [
        ("sfcalc", MODEL, "out.mtz", "--dmin", 3),
        ("cif2mtz", CIF, "out.mtz"),
        ("mtz2cif", MTZ, "out.cif"),
    ],
)
def test_wavelengths(command):
    text = usage(*command, "--wavelength", 12398)
    assert "12398 Å; was an energy in eV meant? That would be 1 Å" in text
    assert "shorter than 0.01 Å" in usage(*command, "--wavelength", 1e-5)
    assert "positive number of Å" in usage(*command, "--wavelength", 0)


def test_files_that_are_not_there(tmp_path):
    for command in (("info",), ("sfcalc", "--dmin", 3, "--check")):
        name = tmp_path / "none.pdb"
        assert failure(*command, name) == f"xrefl: error: no such file: {name}"


def test_indices_with_spaces_and_absent_reflections():
    rows = lines(MODEL, "--hkl", "1 1 1", "--hkl", "1, 2, 0")[-2:]
    assert rows[0].split() == ["1", "1", "1", "4.490", "234.4931", "-149.66"]
    assert rows[1].split() == ["1", "2", "0", "2.386", "absent"]
    assert "given twice" in usage("sfcalc", MODEL, "--hkl", "1 1 1", "--hkl", "1,1,1")


@pytest.mark.parametrize(("name", "label"), [("calc.mtz", "FC"), ("calc.cif", "F_calc")])
def test_calculated_columns_are_compared_by_default(tmp_path, name, label):
    lines(MODEL, tmp_path / name, "--dmin", 3)
    text = "\n".join(lines(MODEL, "--compare", tmp_path / name))
    own = "FC (model)" if label == "FC" else "FC"
    assert f"{name}: {label}\n" in text
    assert f"k = 1: {label} = k {own} by" in text
    heading = next(line for line in text.splitlines() if "difference" in line.split())
    assert heading.endswith(f"  {label}{'k ' + own:>{14 if label == 'FC' else 12}}  difference")


def test_coefficients_of_maps_are_compared_by_default(tmp_path):
    lines(MODEL, tmp_path / "calc.ccp4", "--dmin", 3)
    assert run("map2sf", tmp_path / "calc.ccp4", tmp_path / "calc.mtz").returncode == 0
    assert any("calc.mtz: FWT" in one for one in lines(MODEL, "--compare", tmp_path / "calc.mtz"))


def test_calculated_columns_are_of_the_model(tmp_path):
    for options in (("--dmin", 3), ("--for", MTZ)):
        lines(MODEL, tmp_path / "calc.mtz", *options, "--wavelength", 1.2)
        ds = xrefl.open_mtz(tmp_path / "calc.mtz")
        assert ds.dataset_name.values.tolist() == ["HKL_base", "model"]
        assert {ds[name].attrs["dataset_id"] for name in ("FC", "PHIC")} == {1}
        assert ds.attrs["wavelength"] == pytest.approx(1.2)


def test_ions_are_told(tmp_path):
    path = tmp_path / "ions.pdb"
    text = "".join(
        f"HETATM{i:5d} {name:>2s}   {name:>3s} A{i:4d}    {x:8.3f}{1:8.3f}{1:8.3f}  1.00 10.00"
        f"          {name:>2s}{charge}\n"
        for i, (name, x, charge) in enumerate(
            [("NA", 1.0, "1+"), ("CL", 5.0, "1-"), ("C", 9.0, "2+"), ("O", 12.0, "")], 1
        )
    )
    cell = "CRYST1   20.000   20.000   20.000  90.00  90.00  90.00 P 1           1\n"
    path.write_text(f"{cell}{text}END\n")
    told = lines(path, "--hkl", "1,1,1", "--use-charge")
    assert "  ions          Cl1-, Na1+" in told
    assert "  neutral       C2+, for which there are no form factors" in told
    assert "  ions          none" in lines(MODEL, "--hkl", "1,1,1", "--use-charge")


def test_the_blur_of_a_map_can_be_undone(tmp_path):
    told = lines(MODEL, tmp_path / "a.ccp4", "--dmin", 3, "--blur", "auto")
    (line,) = [one for one in told if one.startswith("  blur")]
    value, undo = line.split("; ")
    assert undo == f"undo it with xrefl map2sf --unblur {value.split()[1]}"
    assert "  blur          0 Å²" in lines(MODEL, tmp_path / "a.ccp4", "--dmin", 3)
