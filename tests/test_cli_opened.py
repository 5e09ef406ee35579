"""What commands make of files that are not what was expected."""

from __future__ import annotations

import gzip
import io
import sys

import pytest

import xrefl
from tests.commands import facts, failure, ok, run, usage

MTZ = str(xrefl.tutorial.path("5e5z"))
MODEL = str(xrefl.tutorial.path("5wkd", kind="model"))
CIF = str(xrefl.tutorial.path("5wkd", kind="sf-mmcif"))
SHELX = str(xrefl.tutorial.path("4003024"))
WARNED = "reflections are there more than once, so the rows are taken for observations"


@pytest.fixture(scope="module")
def observed(tmp_path_factory):
    """Return an MTZ file of observations that have neither M/ISYM nor BATCH."""
    path = tmp_path_factory.mktemp("opened") / "observed.mtz"
    assert ok("reindex", SHELX, path, "h,k,l")["observations"] == "759"
    return path


def test_observations_without_batches_are_known_by_being_several(observed, tmp_path):
    result = run("info", observed)
    assert facts(result.stdout)["observations"] == "759"
    assert f"{observed}: {WARNED}" in result.stderr
    packed = tmp_path / "observed.mtz.gz"
    packed.write_bytes(gzip.compress(observed.read_bytes()))
    assert ok("info", packed, warned=1)["observations"] == "759"
    assert ok("reindex", observed, tmp_path / "out.mtz", "k,l,h", warned=1)["observations"] == "759"
    said = run("freeflags", observed, tmp_path / "out.mtz").stderr
    assert "759 unmerged observations" in said.splitlines()[-1]


def test_such_observations_are_merged_as_those_of_their_source(observed, tmp_path):
    for source, name in ((SHELX, "a.mtz"), (observed, "b.mtz")):
        assert run("merge", source, tmp_path / name).returncode == 0
    a, b = (xrefl.open_mtz(tmp_path / name) for name in ("a.mtz", "b.mtz"))
    assert a.sizes["hkl"] == 59
    assert a.IMEAN.values == pytest.approx(b.IMEAN.values, rel=1e-5)


def test_merged_reflections_that_are_not_unique_are_refused_in_other_formats(tmp_path):
    lines = xrefl.tutorial.path("5wkd", kind="sf-mmcif").read_text().splitlines()
    row = next(i for i, line in enumerate(lines) if line.startswith("1 1 1 ")) + 1
    path = tmp_path / "twice.cif"
    path.write_text("\n".join([*lines[:row], lines[row - 1], *lines[row:]]) + "\n")
    line = failure("info", path)
    assert "merged data have each reflection once; take out all but one row" in line


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["mask", MTZ, "out.ccp4"], "this is an MTZ file, no model; give a model as PDB or CIF"),
        (["sfcalc", CIF, "out.mtz", "--dmin", 3], "; give a model, if this is a file of refl"),
        (["cif2mtz", SHELX, "out.mtz"], "xrefl reindex IN OUT.mtz h,k,l writes it as it is"),
        (["mtz2cif", MTZ, "out.cif", "--block", "a b"], "give another one with --block"),
        (["info", "."], " is no Zarr store, which is the one kind of folder that is read"),
        (["info", "empty.mtz"], "empty.mtz: the file is empty"),
        (["merge", "map.ccp4", "out.mtz"], "no file of reflections; xrefl map2sf makes refl"),
    ],
)
def test_remedies_are_those_of_the_command_line(tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.mtz").touch()
    ok("mask", MODEL, "map.ccp4")
    line = failure(*arguments)
    assert says in line
    assert "xrefl." not in line.replace(".xrefl", "")


def test_a_flag_that_no_reflection_has(tmp_path):
    result = run("mtz2cif", MTZ, tmp_path / "out.cif", "--free-value", 3)
    assert "no flag in FREE is 3, which --free-value says marks the free set" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["mtz2cif", MTZ, "out.mtz"], "OUT is written as CIF; give it a name that ends in .cif"),
        (["cif2mtz", CIF, "out.cif.gz"], "OUT is written as MTZ; give it a name that ends in .mtz"),
        (["merge", "-", "out.mtz"], "it takes none from the standard input; give the names"),
        (["freeflags", MTZ, "out.mtz", "--replace", "--fraction", 0], "fraction is 0.0; it is"),
    ],
)
def test_what_makes_no_sense(tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    assert says in usage(*arguments)
    assert not list(tmp_path.iterdir())


def test_angles_of_batches_that_are_not_known_are_not_told(tmp_path):
    truth = xrefl.open_model(MODEL)
    xrefl.simulate_unmerged(truth, dmin=3, n_batches=4).xtal.to_mtz(tmp_path / "a.mtz")
    assert ok("info", tmp_path / "a.mtz")["batches"] == "4, numbers 1 to 4, phi 0° to 180°"
    ok("mtz2cif", tmp_path / "a.mtz", tmp_path / "a.cif", warned=1)
    ok("cif2mtz", tmp_path / "a.cif", tmp_path / "b.mtz")
    assert ok("info", tmp_path / "b.mtz")["batches"] == "4, numbers 1 to 4"


def test_a_full_disk_is_told_in_words(monkeypatch):
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    from xrefl.cli import main

    monkeypatch.setattr(sys, "argv", ["xrefl", "info", MODEL])
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    assert sys.stderr.getvalue() == (
        "xrefl: error: the output could not be written: No space left on device; make room, or "
        "send it elsewhere\n"
    )
