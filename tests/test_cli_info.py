"""The command info."""

from __future__ import annotations

import io
import json

import gemmi
import numpy as np
import pandas as pd
import pytest

import xrefl
from tests import mtz_bytes
from tests.ccp4_bytes import map_bytes
from tests.commands import facts, failure, run, usage
from tests.conftest import real_files

MTZ = str(xrefl.tutorial.path("5e5z"))
CIF = str(xrefl.tutorial.path("5wkd", kind="sf-mmcif"))
MODEL = xrefl.tutorial.path("5wkd", kind="model")


def shown(*arguments: object) -> str:
    result = run("info", *arguments)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


def row(text: str, label: str) -> list[str]:
    """Return the cells of the row of a table that begins with a label."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"{label} ")]
    return line.split()


@pytest.fixture(scope="module")
def unmerged(tmp_path_factory):
    """Return a file of observations in two runs of batches, with cells of their own."""
    place = tmp_path_factory.mktemp("info")
    ds = xrefl.simulate_unmerged(xrefl.open_model(MODEL), dmin=2.5, n_batches=4)
    numbers = np.array([1, 2, 101, 102], np.int32)
    batch = ds["BATCH"].copy(data=numbers[ds["BATCH"].values - 1])
    ds = ds.assign_coords(batch=("batch", numbers)).assign(BATCH=batch)
    ds["batch_floats"][:, 43] = 1.5  # scale
    ds["batch_floats"][:, 55] = 7.0  # without a name
    ds["dataset_cell"][1, 0] += 0.5
    ds.xtal.to_mtz(place / "unmerged.mtz")
    ds.xtal.to_zarr(place / "unmerged.zarr")
    return place / "unmerged.mtz"


def test_an_example():
    text = shown("--example", "5e5z")
    for line in (
        "space group   P 1 21 1 (number 4)",
        "unit cell     9.643  9.609  19.029  90  101.224  90  (Å, degrees)",
        "resolution    18.665 to 1.664 Å",
        "reflections   441 (the asymmetric unit has 441)",
        "history       From cif2mtz 17/ 5/2019 12:15:14",
    ):
        assert f"  {line}\n" in text
    assert row(text, "I") == ["I", "J", "1", "-0.3009", "216.605", "11.5059", "38"]


def test_plain_text_is_not_folded(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    assert row(shown(MTZ), "SIGFP")[-1] == "38"


def test_unmerged_data(unmerged):
    text = shown(unmerged)
    assert "  batches       4, numbers 1 to 2, 101 to 102, phi 0° to 180°\n" in text
    assert "unit cell (Å, degrees)" in text
    assert row(text, "1")[-6] == "50.847"
    path = mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS, batches=(7, 8))
    other = unmerged.with_name("other.mtz")
    other.write_bytes(path)
    text = shown(other)
    assert facts(text)["observations"] == "3"
    assert facts(text)["batches"] == "2, numbers 7 to 8, phi 16° to 17.25°"
    assert row(text, "I")[-1] == "1"  # one value is missing


def test_batches(unmerged):
    lines = shown(unmerged, "--batches").splitlines()
    assert [line.split()[0] for line in lines] == ["batch", "1", "2", "101", "102"]
    assert lines[3].split() == ["101", "1", "90", "135", "Batch", "3"]
    text = shown(unmerged, "--batch", 101)
    assert text.startswith(f"batch 101 of {unmerged}\n  title         Batch 3\n")
    words = [line.split() for line in text.splitlines()]
    assert ["floats", "43", "scale", "1.5"] in words
    assert ["floats", "55", "7"] in words
    assert ["floats", "36", "phi", "at", "the", "start", "(°)", "90"] in words
    assert "there is no batch 3; there are 4, numbers 1 to 2, 101 to 102" in failure(
        "info", unmerged, "--batch", 3
    )
    assert failure("info", MTZ, "--batches").endswith("in MTZ files of unmerged observations")


def test_headers_of_mtz(unmerged):
    lines = shown(MTZ, "--headers").splitlines()
    assert lines[0] == "VERS MTZ:V1.1"
    assert "SYMM -x,y+1/2,-z" in [" ".join(line.split()) for line in lines]
    assert lines[-3:] == ["MTZHIST   1", "From cif2mtz 17/ 5/2019 12:15:14", "MTZENDOFHEADERS"]
    raw = xrefl.tutorial.path("5e5z").read_bytes()
    start = raw.index(b"VERS")
    records = [raw[at : at + 80].decode().rstrip() for at in range(start, len(raw), 80)]
    assert lines[: lines.index("END")] == records[: records.index("END")]
    assert "MTZBATS (4 batch headers; see --batches)" in shown(unmerged, "--headers")


def test_headers_of_other_files(unmerged):
    lines = shown(CIF, "--headers").splitlines()
    assert lines[0] == "data_r5wkdsf"
    assert "_symmetry.space_group_name_H-M  'C 1 2 1'" in lines
    assert lines[lines.index("loop_  # of 406 rows") + 1] == "_refln.crystal_id"
    embedded = shown(real_files("1011031.cif")[0].with_name("4003024.cif"), "--headers")
    assert "_shelx_hkl_file  # a text of " in embedded
    told = facts(shown(unmerged.with_suffix(".zarr"), "--headers"))
    assert told["space"] == "group   C 1 2 1 (number 5)"
    assert told["history"].endswith("simulated, seed 0")


def test_a_map(tmp_path):
    path = tmp_path / "map.ccp4"
    path.write_bytes(map_bytes())
    grid = gemmi.read_ccp4_map(str(path)).grid
    told = json.loads(shown(path, "--json"))
    assert told["statistics"]["maximum"] == pytest.approx(grid.array.max())
    told = facts(shown(path, "--headers"))
    assert told["mode"] == "2 (float32)"
    assert "no reflections" in usage("info", path, "--dump")


@pytest.mark.parametrize("name", ["5e5z", "5wkd"])
def test_tsv_has_all_digits(name):
    path = xrefl.tutorial.path(name)
    table = pd.read_csv(io.StringIO(shown(path, "--tsv")), sep="\t")
    mtz = gemmi.read_mtz_file(str(path))
    assert list(table) == mtz.column_labels()
    np.testing.assert_array_equal(table.to_numpy(np.float32), mtz.array)


def test_a_model():
    told = facts(shown(MODEL))
    assert told["atoms"] == "50"
    assert told["elements"] == "C 24, O 15, N 11"
    model = xrefl.open_model(MODEL)
    assert told["B"].endswith(f"Å², mean {float(model.b_iso.mean()):.2f}")
    assert facts(shown(MODEL.with_name("1011031.cif")))["atoms"] == "2"
    assert "it begins with '# Example" in failure("info", MODEL.with_name("README.md"))
    assert "neither an MTZ file" in failure("info", MODEL, "--headers")


def test_tsv_of_chosen_rows_and_columns():
    text = shown(CIF, "--tsv", "-n", 2, "--columns", "status,F_meas_au")
    assert text == "H\tK\tL\tstatus\tF_meas_au\n-26\t0\t1\to\t12.66\n-26\t0\t2\to\t13.82\n"
    assert shown(CIF, "--tsv", "-n", 0, "--columns", "fom") == "H\tK\tL\tfom\n"
    assert "there is no column FP; the columns are crystal_id," in failure(
        "info", CIF, "--dump", "--columns", "FP"
    )


def test_dump_is_aligned():
    lines = shown(CIF, "--dump").splitlines()
    assert len(lines) == 407
    assert len(set(map(len, lines))) == 1
    assert lines[4].split()[3:10] == ["1", "1", "1", "x", "18", "?", "?"]
    assert shown(MTZ, "--dump", "-n", 1).split()[8:] == [
        *("-5", "0", "1", "1", "5.364", "2.3266", "0.4157", "0.256")
    ]


def test_json():
    told = json.loads(shown(MTZ, "--json"))
    assert told["spacegroup"] == "P 1 21 1"
    assert told["rows"] == 441
    assert told["resolution"] == pytest.approx([18.665, 1.664], abs=1e-3)
    assert told["datasets"][1]["name"] == "1"
    assert told["datasets"][0]["wavelength"] is None
    (column,) = [one for one in told["columns"] if one["label"] == "I"]
    assert column["missing"] == 38
    assert column["max"] == pytest.approx(216.605)


def test_names_with_brackets_are_shown_as_they_are(tmp_path):
    path = tmp_path / "a[b].mtz"
    records = [line.replace("a data set", "x[/y]z") for line in mtz_bytes.header_records()]
    path.write_bytes(mtz_bytes.mtz_bytes(records=records))
    text = shown(path)
    assert text.startswith(f"{path}\n")
    assert "x[/y]z" in text


def test_an_empty_file(tmp_path):
    path = tmp_path / "empty.mtz"
    path.write_bytes(mtz_bytes.mtz_bytes(mtz_bytes.ROWS[:0]))
    assert facts(shown(path))["reflections"] == "0"
    assert shown(path, "--dump").split()[:3] == ["H", "K", "L"]
    assert len(shown(path, "--tsv").splitlines()) == 1


def test_options_that_make_no_sense():
    assert usage("info") == "give either a FILE or --example NAME"
    assert "give one of --headers" in usage("info", MTZ, "--dump", "--tsv")
    assert "are for reflections: give --dump or --tsv" in usage("info", MTZ, "-n", 3)
