"""The command freeflags."""

from __future__ import annotations

import numpy as np
import pytest

import xrefl
from tests.commands import facts, failure, ok, run, usage

MTZ = str(xrefl.tutorial.path("5wkd"))
GAPS = str(xrefl.tutorial.path("5e5z"))
CIF = str(xrefl.tutorial.path("5wkd", kind="sf-mmcif"))


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """Return a file without flags, and one of the same crystal to 2.5 Å that has some."""
    place = tmp_path_factory.mktemp("flags")
    ds = xrefl.open_mtz(MTZ)
    ds[["FP", "SIGFP"]].xtal.to_mtz(place / "bare.mtz")
    ds[["FREE", "FP"]].xtal.sel_resolution(dmin=2.5).xtal.to_mtz(place / "low.mtz")
    return place


@pytest.mark.parametrize(
    ("options", "meant"),
    [
        ((), {}),
        (("--fraction", 0.1, "--seed", 3), {"fraction": 0.1, "seed": 3}),
        (("--sets", 2), {"n_sets": 2}),
        (("--thin-shells",), {"method": "thin_shells"}),
    ],
)
def test_new_flags(bare, options, meant):
    told = ok("freeflags", bare / "bare.mtz", bare / "out.mtz", *options)
    ds = xrefl.open_mtz(bare / "out.mtz")
    assert list(ds.data_vars) == ["FP", "SIGFP", "FreeR_flag"]
    expected = xrefl.open_mtz(MTZ).xtal.make_free_flags(**meant)
    np.testing.assert_array_equal(ds.FreeR_flag, expected)
    free = int((expected == 0).sum())
    assert told["free"] == f"set      0: {free} of 367 reflections, {free / 3.67:.1f} %"
    assert ds.FreeR_flag.attrs["mtz_type"] == "I"


def test_the_convention_of_phenix(bare):
    told = ok("freeflags", bare / "bare.mtz", bare / "out.mtz", "--convention", "phenix")
    flag = xrefl.open_mtz(bare / "out.mtz")["R-free-flags"]
    np.testing.assert_array_equal(
        flag == 1, xrefl.open_mtz(MTZ).xtal.make_free_flags(n_sets=2) == 0
    )
    assert told["free"].startswith("set      1: 18 of 367")
    assert told["sets"] == "2: 0, 1, of 18 to 349 reflections"


def test_flags_of_another_file(bare):
    low = bare / "low.mtz"
    told = ok("freeflags", bare / "bare.mtz", bare / "out.mtz", "--from", f"{low}:FREE")
    flags = xrefl.open_mtz(bare / "out.mtz").FreeR_flag
    reference = xrefl.open_mtz(low).FREE
    assert bool((flags == reference).all())  # aligned: those in common
    np.testing.assert_array_equal(flags, xrefl.open_mtz(MTZ).xtal.extend_free_flags(reference))
    assert told["mates"] == "all mates by the symmetry of the lattice have one flag"


def test_flags_are_completed(tmp_path):
    told = ok("freeflags", GAPS, tmp_path / "out.mtz", "--complete")
    old, new = xrefl.open_mtz(GAPS).FREE, xrefl.open_mtz(tmp_path / "out.mtz").FREE
    assert int(old.isnull().sum()) == 38
    assert int(new.isnull().sum()) == 0
    assert bool(((old == new) | old.isnull()).all())
    assert new.attrs["dataset_id"] == old.attrs["dataset_id"]
    assert "without" not in told


def test_flags_are_replaced_on_demand_only(tmp_path):
    out = tmp_path / "out.mtz"
    line = failure("freeflags", MTZ, out)
    assert "there are flags in FREE; --complete keeps them" in line
    assert not out.exists()
    ok("freeflags", MTZ, out, "--replace", "--fraction", 0.1)
    assert len(np.unique(xrefl.open_mtz(out).FREE)) == 10
    assert list(xrefl.open_mtz(out).data_vars) == list(xrefl.open_mtz(MTZ).data_vars)
    ok("freeflags", MTZ, out, "--label", "test")
    assert {"FREE", "test"} <= set(xrefl.open_mtz(out).data_vars)


def test_status_of_mmcif_agrees(tmp_path):
    out = tmp_path / "out.cif"
    told = ok("freeflags", CIF, out, "--replace", "--fraction", 0.1)
    old, new = xrefl.open_refln_cif(CIF), xrefl.open_refln_cif(out)
    assert told["flags"] == "pdbx_r_free_flag"
    unused = ~old.status.isin(["o", "f"]).values
    np.testing.assert_array_equal(new.status.values[unused], old.status.values[unused])
    free = (new.pdbx_r_free_flag == 0).values
    np.testing.assert_array_equal((new.status == "f").values[~unused], free[~unused])
    assert 0 < free[~unused].sum() < 40


def test_what_there_is():
    result = run("freeflags", GAPS, "--check")
    told = facts(result.stdout)
    assert told["flags"] == "FREE"
    assert told["free"] == "set      0: 18 of 403 reflections, 4.5 %"
    assert told["without"] == "38 reflections have no flag"
    table = [line.split() for line in result.stdout.partition("\n\n")[2].splitlines()]
    assert table[0] == ["d/Å", "flagged", "free", "%"]
    assert sum(int(row[1]) for row in table[1:]) == 403
    assert sum(int(row[2]) for row in table[1:]) == 18
    assert table[1][0].startswith("18.67-")
    assert table[-1][0].endswith("-1.66")


def test_mates_with_different_flags_are_told(tmp_path):
    ds = xrefl.open_mtz(MTZ)[["FP"]].xtal.expand_to_p1()
    flag = (np.arange(ds.sizes["hkl"]) % 2).astype("int32")
    ds.assign(FREE=("hkl", flag, {"mtz_type": "I"})).xtal.to_mtz(tmp_path / "p1.mtz")
    told = facts(run("freeflags", tmp_path / "p1.mtz", "--check").stdout)
    assert "mates by the symmetry of the lattice have different flags" in told["mates"]


def test_what_makes_no_sense(bare, tmp_path):
    out = tmp_path / "out.mtz"
    name = bare / "bare.mtz"
    assert usage("freeflags", name) == "give OUT, the file to write, or else --check"
    assert "--check writes nothing" in usage("freeflags", name, "--check", "--complete")
    assert "leave --from and --replace out" in usage(
        "freeflags", name, out, "--complete", "--replace"
    )
    assert "are for new flags" in usage("freeflags", MTZ, out, "--complete", "--sets", 2)
    assert "--sets 2 makes flags of free and work" in usage(
        "freeflags", name, out, "--fraction", 0.4
    )
    assert "no column of free flags: none of type I" in failure("freeflags", name, "--check")
    assert "FP is no column of flags" in failure("freeflags", name, out, "--label", "FP")
    assert "no column of free flags" in failure("freeflags", name, out, "--from", name)
    line = failure("freeflags", name, out, "--from", f"{MTZ}:X")
    assert line.startswith(f"xrefl: error: {MTZ}: there is no column X; the columns are FREE, FP")
    line = failure("freeflags", name, out, "--from", GAPS)
    assert line.startswith(f"xrefl: error: {name} and {GAPS}: these reflections are of different")
    assert line.endswith("bring one to the axes of the other with xrefl reindex")
