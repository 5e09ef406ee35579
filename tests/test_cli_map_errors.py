"""What the commands of maps, and ``xrefl info`` of a map, say and do not do."""

from __future__ import annotations

import numpy as np
import pytest

import xrefl
from tests import mtz_bytes
from tests.test_cli_maps import CIF, MTZ, WITHOUT, failure, ok, run

PYTHON = (".xtal", "clip=", "exact_size", "chunks=", "assign_crystal", "attrs[")


def says(texts, *arguments: object) -> None:
    """Check the error of a command: texts that it has, and no remedies of Python."""
    line = failure(*arguments)
    assert all(text in line for text in texts), line
    assert not any(text in line for text in PYTHON), line


@pytest.fixture(scope="module")
def rho(tmp_path_factory):
    path = tmp_path_factory.mktemp("maps") / "2fofc.ccp4"
    ok("sf2map", MTZ, path)
    return path


def test_sizes(tmp_path):
    out = tmp_path / "out.ccp4"
    for option, value, texts in (
        ("--grid", "30,8,30", ("5wkd.mtz: a grid", "no room for 109", "--grid 54,8,30 would do")),
        ("--grid", "90,7,30", ("multiples of (2, 2, 1)", "--grid 90,8,30 would do")),
        ("--grid", "100000,100000,100000", ("8,000,000 GB", "take fewer in --grid")),
        ("--grid", "9000000,8,30", ("no axis may have more", "take fewer in --grid")),
        ("--sample", 10000, ("than there is memory", "take a smaller --sample")),
        ("--sample", 1e300, ("makes no sense", "take a smaller --sample")),
    ):
        says(texts, "sf2map", MTZ, out, option, value)
    assert not out.exists()


def test_columns_of_other_kinds(tmp_path):
    out = tmp_path / "out.ccp4"
    says(("5wkd.mtz: SIGFP is not a column of amplitudes but of standard", "'Q'", "--f and --phi"),
         "sf2map", MTZ, out, "-f", "SIGFP", "-p", "PHIC")  # fmt: skip
    says(("both to be the column 'FP'",), "sf2map", MTZ, out, "-f", "FP", "-p", "FP")
    ds = xrefl.open_mtz(MTZ).load()
    squares = (ds.FP**2).assign_attrs(mtz_type="J")
    ds.assign(I=squares).xtal.to_mtz(tmp_path / "i.mtz")
    says(("i.mtz: I is not a column of amplitudes but of intensities",),
         "sf2map", tmp_path / "i.mtz", out, "-f", "I", "-p", "PHIC")  # fmt: skip


def test_weights_go_with_columns(tmp_path):
    result = run("sf2map", MTZ, tmp_path / "out.ccp4", "--weight", "FOM")
    assert result.returncode == 2
    assert "are weighted already" in " ".join(result.stderr.replace("│", "").split())


def test_observations(rho, tmp_path):
    path = tmp_path / "unmerged.mtz"
    path.write_bytes(mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS, batches=(7, 8)))
    texts = ("unmerged.mtz has", "unmerged observations", "merge them first with xrefl merge")
    says(texts, "sf2map", path, tmp_path / "out.ccp4")
    says(texts, "map2sf", rho, tmp_path / "out.mtz", "--base", path)


def test_files_without_a_cell(tmp_path):
    path = tmp_path / "bare.cif"
    rows = "loop_ _refln.index_h _refln.index_k _refln.index_l _refln.pdbx_FWT _refln.pdbx_PHWT"
    path.write_text(f"data_x _symmetry.space_group_name_H-M 'P 1'\n{rows}\n1 2 3 4.0 50.0\n")
    says(("bare.cif does not state the unit cell",), "sf2map", path, tmp_path / "out.ccp4")


def test_other_crystals(rho, tmp_path):
    out = tmp_path / "out.mtz"
    says(("5e5z.mtz: these reflections are of different crystals", "Take a --base of the crystal"),
         "map2sf", rho, out, "--base", WITHOUT)  # fmt: skip
    says(("2fofc.ccp4: the cell of the map does not have the symmetry of --spacegroup", "-y,x,z"),
         "map2sf", rho, out, "--spacegroup", "P 4")  # fmt: skip
    assert not out.exists()


def test_no_reflections(rho, tmp_path):
    out = tmp_path / "out.mtz"
    says(("no reflection of the unit cell has d >= 100 Å; lower --dmin",),
         "map2sf", rho, out, "--dmin", 100)  # fmt: skip
    assert not out.exists()


def test_tags_that_the_dictionary_does_not_have(rho, tmp_path):
    out = tmp_path / "out.cif"
    result = run("map2sf", rho, out, "-f", "FMAP", "-p", "phase_calc", "--dmin", 2)
    (line,) = result.stderr.splitlines()
    assert line.startswith("xrefl: warning: _refln.FMAP: the PDBx/mmCIF dictionary has no such tag")
    assert "pdbx_DELFWT and pdbx_DELPHWT" in line
    ok("map2sf", rho, out, "-f", "F_calc", "-p", "phase_calc", "--dmin", 2)
    ok("map2sf", rho, out, "-f", "phase_calc", "-p", "F_calc", "--dmin", 2, warned=1)
    ok("map2sf", rho, tmp_path / "out.mtz", "-f", "FMAP", "-p", "PMAP", "--dmin", 2)


def test_the_title_of_the_base_stays(rho, tmp_path):
    names = ("-f", "pdbx_fom_weighted_fmap", "-p", "pdbx_phase_cycle")
    untitled = tmp_path / "untitled.cif"
    ok("map2sf", rho, untitled, "--base", CIF, *names)
    assert xrefl.open_refln_cif(untitled).attrs.get("title") == xrefl.open_refln_cif(CIF).attrs.get(
        "title"
    )
    titled = xrefl.open_refln_cif(CIF).load().assign_attrs(title="Amyloid")
    titled.xtal.to_refln_cif(tmp_path / "titled.cif")
    ok("map2sf", rho, tmp_path / "both.cif", "--base", tmp_path / "titled.cif", *names)
    assert xrefl.open_refln_cif(tmp_path / "both.cif").attrs["title"] == "Amyloid"
    ok("map2sf", rho, tmp_path / "alone.cif", "--dmin", 3)
    alone = xrefl.open_refln_cif(tmp_path / "alone.cif")
    assert alone.attrs["title"] == "Structure factors of the map 2fofc.ccp4"


def test_info_of_a_map(rho):
    assert run("info", rho).stdout.splitlines() == [
        str(rho),
        "  space group   C 1 2 1 (number 5)",
        "  unit cell     50.347  4.777  14.746  90  101.73  90  (Å, degrees)",
        "  points        90 x 8 x 30",
        "  steps         0.559 x 0.597 x 0.492 Å",
        "  values        min -1.4832, max 3.4542, mean 0, rms 0.67094",
        "  label         FWT and PHWT of 5wkd.mtz",
        "  label         written by xrefl",
    ]
    assert run("info", rho, "--block", "x").returncode == 2


def test_info_of_a_part_of_a_map(rho, tmp_path):
    whole = xrefl.open_ccp4(rho).load()
    part = whole.where(whole < 1).isel(x=slice(3, 10), z=slice(0, 5))
    part = part.assign_attrs(origin=[1.0, 2.5, -3.0])
    part.xtal.to_ccp4(tmp_path / "part.map.gz")
    lines = dict(
        line.split(None, 1)
        for line in run("info", tmp_path / "part.map.gz").stdout.splitlines()[2:]
    )
    assert lines["points"] == "7 x 8 x 5"
    assert lines["part"] == "of       a cell of 90 x 8 x 30 points, from (3, 0, 0) on"
    assert lines["origin"] == "1  2.5  -3  (Å)"
    assert lines["missing"] == f"{int(np.isnan(part).sum())} points"
