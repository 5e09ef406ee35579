"""What the command merge refuses, and how it says so."""

from __future__ import annotations

import os
import re

import pytest
import xarray as xr

import xrefl
from tests import merge_files
from tests.commands import failure, ok, run, usage
from xrefl.cli._remedies import on_command_line
from xrefl.errors import MissingColumnError

MERGED = str(xrefl.tutorial.path("5e5z"))
PYTHON = re.compile(r"xtal|\bds\.|=\.\.\.|attrs\[|drop_\w+\(|xrefl\.\w+\(|\w+=['\"(]|renumber")


@pytest.fixture(scope="module")
def observed():
    return merge_files.observed()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = merge_files.write(tmp_path_factory.mktemp("merge"))
    observed = merge_files.observed()
    (place / "link.mtz").symlink_to("in.mtz")
    cell = [observed.attrs["cell"][0] * 1.05, *observed.attrs["cell"][1:]]
    observed.xtal.assign_crystal(cell=cell).xtal.to_mtz(place / "cell.mtz")
    original = observed.xtal.to_original_hkl()
    original.xtal.to_zarr(place / "original.zarr")
    lower = original.xtal.assign_crystal(spacegroup="P 1 2 1").xtal.to_asu_hkl()
    lower.xtal.to_mtz(place / "lower.mtz")
    observed.drop_dims("batch").xtal.to_zarr(place / "headless.zarr")
    for run_name in ("a", "b"):
        observed.xtal.to_zarr(
            place / "runs.zarr", dataset=run_name, append=run_name == "b", renumber=run_name == "b"
        )
    merge_files.partial()[0].xtal.to_mtz(place / "partial.mtz")
    lines = [(1, 2, 3, 10, 1), (-1, -2, 3, 12, 1), (2, 0, 0, 50, 2), (0, 0, 0, 0, 0)]
    text = "".join(f"{h:4}{k:4}{l:4}{i:8.2f}{s:8.2f}\n" for h, k, l, i, s in lines)
    for name in ("raw.hkl", "more.hkl"):
        (place / name).write_text(text)
    (place / "two.cif").write_text(_two_wavelengths((place / "in.cif").read_text()))
    return place


def _two_wavelengths(text: str) -> str:
    text = text.replace(
        "_diffrn_radiation.wavelength_id\n1 ?\n",
        "_diffrn_radiation.wavelength_id\n1 1\n#\nloop_\n_diffrn_radiation_wavelength.id\n"
        "_diffrn_radiation_wavelength.wavelength\n1 0.97\n2 1.2\n",
    )
    head, last, rows = text.partition("_diffrn_refln.pdbx_image_id\n")
    lines = [
        f"{line} {1 + i % 2}" if line != "#" else line for i, line in enumerate(rows.splitlines())
    ]
    return "\n".join([f"{head}{last}_diffrn_refln.wavelength_id", *lines, ""])


@pytest.fixture
def files(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "out.mtz").unlink(missing_ok=True)
    return folder


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("in.mtz", "give OUT, the file to write, or --stats, --batches or --compare"),
        ("in.mtz -", "give OUT a name"),
        ("in.mtz out.pdb", "ends in .mtz or .cif"),
        ("in.mtz in.mtz", "in.mtz would be written over, and in.mtz is read"),
        ("in.zarr in.mtz", "in.mtz has unmerged observations"),
        ("in.mtz in.zarr --stats", "in.zarr is a folder or a store; of several names the last is"),
        (
            "in.mtz in.zarr in.zarr/out.mtz",
            "would be written into the store in.zarr, which is read",
        ),
        ("in.mtz in.zarr in.mtz out.mtz", "in.mtz is given twice, and its observations would be"),
        ("in.mtz ./link.mtz out.mtz", "in.mtz and link.mtz are the same file"),
        ("in.mtz out.cif --nobs", "--nobs is for MTZ files"),
        ("in.mtz --stats --nobs", "--nobs changes nothing without OUT"),
        ("in.mtz out.mtz --shells 5", "--shells changes nothing without --stats; add that"),
        ("in.mtz out.mtz --seed 5", "--seed changes nothing without --stats"),
        ("in.mtz --batches 2 --jackknife", "--jackknife changes nothing without --stats"),
        ("in.mtz out.mtz --r-weights xds", "changes nothing without --stats or --batches"),
        ("in.mtz --stats --weights unweighted", "--weights changes nothing without OUT, the file"),
        ("in.mtz --stats --errors scatter", "--errors changes nothing without OUT, the file to"),
        ("in.mtz --stats --drop-absent", "--drop-absent changes nothing without OUT"),
        ("in.mtz out.mtz --reject 0", "standard deviations above 0"),
        ("in.mtz out.mtz --memory much", "--memory takes a size such as 2GB"),
        ("in.mtz out.mtz --memory 100MB", "too little"),
        ("in.mtz out.mtz --memory 1GB --scheduler x", "limits of their own"),
        ("in.mtz out.mtz --compare f.mtz:A,B", "--compare takes FILE or FILE:I"),
        ("in.mtz --stats --shells 100000", "--shells 100000"),
        ("in.mtz --stats --cell 1,2", "--cell takes 6 numbers"),
        ("in.mtz --stats --seed 99999999999999999999", "--seed takes whole numbers below 2⁶⁴"),
        ("in.mtz --stats --error-model 1,2", "takes fit, or SDFAC,SDB,SDADD as 1.2,0.5,0.03"),
        ("in.mtz --stats --error-model 0,1,1", "--error-model 0,1,1: sdfac must be above 0"),
        ("in.mtz --stats --run a", "--run is about Zarr stores, and there is none among"),
        ("in.cif --stats --select 1", "--select takes COLUMN=VALUE, not '1'"),
    ],
)
def test_arguments_that_make_no_sense(files, arguments, says):
    before = sorted(files.rglob("*"))
    text = usage("merge", *arguments.split())
    assert says in text
    assert sorted(files.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("none.mtz out.mtz", "no such file: none.mtz"),
        ("in.mtz out.mtz --compare none.mtz:I", "no such file: none.mtz"),
        (f"{MERGED} out.mtz", "441 reflections that are merged already"),
        ("in.mtz out.mtz --sigma XX", "in.mtz: no column 'XX'"),
        ("in.mtz out.mtz --dataset 7", "no data set is called 7"),
        ("in.mtz out.mtz --spacegroup Q", "space group 'Q' is not known"),
        ("in.mtz out.mtz --cell 1,2,3,90,90,90", "leave --cell out"),
        ("in.mtz out.mtz --dmin 100", "no reflections with d >= 100"),
        ("in.mtz nowhere/out.mtz", "there is no folder"),
        # several files
        ("in.mtz cell.mtz out.mtz", "cell.mtz has the cell (52.8"),
        ("in.mtz lower.mtz out.mtz", "lower.mtz has the space group P 1 2 1, but in.mtz has C 1 2"),
        ("in.mtz original.zarr out.mtz", "in.mtz has asu indices, and original.zarr has original"),
        (
            "in.mtz in.cif out.mtz",
            "other symmetry operations in in.mtz than in in.cif, or is in one",
        ),
        (
            "in.mtz partial.mtz out.mtz --partials sum -q",
            "no column FRACTIONCALC, which tells the parts of an observation that belong together; "
            "the columns are M/ISYM, BATCH, I, SIGI; leave partial observations out with "
            "--partials exclude. Columns that not all files have are left aside: FRACTIONCALC "
            "(not in in.mtz)",
        ),
        (
            "in.mtz headless.zarr out.mtz --dataset 1",
            "BATCH (without headers of batches in headless",
        ),
        # what files do not state
        ("raw.hkl out.mtz", "raw.hkl: no space group is stated; give one with --spacegroup"),
        (
            "raw.hkl out.mtz --spacegroup P1",
            "raw.hkl: no unit cell is stated; give one with --cell",
        ),
        ("raw.hkl more.hkl out.mtz --spacegroup P1", "raw.hkl: no unit cell is stated; give one"),
        ("raw.hkl --stats --dmin 3 --spacegroup P1", "raw.hkl: no unit cell is stated; give one"),
        ("raw.hkl --stats --shells 3 --spacegroup P1", "--cell, or leave --shells out"),
        ("raw.hkl --batches 3 --spacegroup P1", "without one there are no statistics by batch"),
        # data sets and runs
        ("runs.zarr out.mtz --run c", "is called 'c'; there are 'a', 'b'"),
        ("in.zarr out.mtz --run c", "in.zarr does not tell runs apart; leave --run out"),
        ("runs.zarr out.mtz --dataset c", "Runs of a Zarr store are chosen with --run"),
        ("two.cif out.mtz", "1: 0.97000 Å, 2: 1.20000 Å"),
        ("two.cif out.mtz", "choose one with --select wavelength_id=ID"),
        ("headless.zarr out.mtz --dataset 1", "are not there; without --dataset all observations"),
        # partial observations
        (
            "partial.mtz out.mtz",
            "say what to do with such: --partials sum adds the parts of an observation up, "
            "--partials exclude leaves them out, --partials keep takes each for an observation of",
        ),
    ],
)
def test_errors(files, arguments, says):
    text = failure("merge", *arguments.split())
    assert says in text
    assert not PYTHON.search(text)
    assert not (files / "out.mtz").exists()


def test_what_the_remedies_were_taken_from(files):
    text = failure("merge", "two.cif", "out.mtz")
    assert text.endswith("--select wavelength_id=ID")
    told = ok("merge", "two.cif", "out.mtz", "--select", "wavelength_id=2")
    rows = xrefl.open_refln_cif("two.cif", select={"wavelength_id": 2}).sizes["obs"]
    assert told["from"] == f"two.cif: {rows:,} rows"


def test_errors_of_the_package_without_python():
    """Some come up for files that no program writes."""
    coords = {name: ("obs", [1]) for name in "hkl"}
    for ds, method in (
        (xr.Dataset({"I": ("obs", [1.0], {"mtz_type": "J"})}, coords), "batch_statistics"),
        (xr.Dataset({"A": ("obs", [1.0])}, coords), "merge"),
    ):
        ds.attrs = {"cell": (10, 11, 12, 90, 90, 90), "spacegroup": "P 1"}
        with pytest.raises(MissingColumnError) as caught:
            getattr(ds.assign(S=("obs", [1.0], {"mtz_type": "Q"})).xtal, method)()
        assert not PYTHON.search(on_command_line(str(caught.value)))


def test_crystals_that_files_do_not_state(files):
    crystal = ("--spacegroup", "P 2 2 2", "--cell", "10,11,12,90,90,90")
    told = ok("merge", "raw.hkl", "more.hkl", "out.mtz", *crystal, "--dmax", 4.5)
    assert told["from"] == "raw.hkl, more.hkl: 4 rows with d < 4.5 Å"
    assert xrefl.open_mtz("out.mtz")["IMEAN"].values.tolist() == [11.0]
    result = run("merge", "raw.hkl", "--stats", *crystal[:2])
    assert "overall     3       2    1.5" in result.stdout


def test_a_run_is_chosen(observed, files):
    told = ok("merge", "runs.zarr", "out.mtz", "--run", "b")
    assert told["from"] == f"runs.zarr: {observed.sizes['obs']:,} rows"
    assert "runs of runs.zarr have numbers" not in told
    ok("merge", "headless.zarr", "runs.zarr", "out.mtz")  # without batch numbers


def test_mixed_cells_are_told_without_python(observed, tmp_path):
    floats = observed.batch_floats.copy(deep=True)
    floats[0, 0] *= 1.05
    observed.assign_coords(batch_floats=floats).xtal.to_mtz(tmp_path / "mixed.mtz")
    line = failure("merge", tmp_path / "mixed.mtz", tmp_path / "out.mtz")
    assert "different crystals" in line
    assert line.endswith("Merge them one by one, with --dataset, or from files of their own")
    assert not (tmp_path / "out.mtz").exists()


def test_a_folder_that_may_not_be_written_to(files, monkeypatch):
    access = os.access
    monkeypatch.setattr("os.access", lambda path, mode: mode != os.W_OK and access(path, mode))
    line = failure("merge", "in.mtz", "out.mtz")
    assert line.startswith("xrefl: error: out.mtz could not be written: ")
    assert line.endswith("may not be written to; give OUT another folder")


def test_warnings_are_told_once(files):
    told = run("merge", "in.mtz", "--stats", "--shells", 3, "--batches", 2, "--spacegroup", "P 2")
    (line,) = told.stderr.splitlines()
    assert "lacks the centring of C 1 2 1" in line
    told = run("merge", "in.mtz", "--stats", "--shells", 3, "--batches", 2, "--quiet")
    (line,) = told.stderr.splitlines()
    assert line.startswith("xrefl: warning: 2 of 3,2") and "left out of merging" in line
