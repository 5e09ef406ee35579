"""The command line, as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests import mtz_bytes

COMMAND = str(Path(sys.executable).with_name("xrefl"))


def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "80", **more}
    return subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, env=environment, check=False
    )


def test_info_of_an_example():
    result = run("info", "--example", "5e5z")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    for text in (
        "space group   P 1 21 1 (number 4)",
        "unit cell     9.643  9.609  19.029  90  101.224  90  (Å, degrees)",
        "resolution    18.665 to 1.664 Å",
        "reflections   441 (the asymmetric unit has 441)",
        "history       From cif2mtz 17/ 5/2019 12:15:14",
    ):
        assert text in result.stdout
    (line,) = [line for line in result.stdout.splitlines() if line.strip().startswith("I ")]
    assert line.split() == ["I", "J", "1", "-0.3009", "216.605", "11.5059", "38"]


def test_info_of_unmerged_data(tmp_path):
    path = tmp_path / "unmerged.mtz"
    path.write_bytes(mtz_bytes.mtz_bytes(mtz_bytes.MULTI_ROWS, batches=(7, 8)))
    result = run("info", str(path))
    assert result.returncode == 0, result.stderr
    assert "observations  3" in result.stdout
    assert "batches       2, numbers 7 to 8, phi 16° to 17.25°" in result.stdout
    (line,) = [line for line in result.stdout.splitlines() if line.strip().startswith("I ")]
    assert line.split()[-1] == "1"  # one value is missing


def test_names_with_brackets_are_shown_as_they_are(tmp_path):
    path = tmp_path / "a[b].mtz"
    records = [line.replace("a data set", "x[/y]z") for line in mtz_bytes.header_records()]
    path.write_bytes(mtz_bytes.mtz_bytes(records=records))
    result = run("info", str(path))
    assert result.returncode == 0, result.stderr
    assert "a[b].mtz" in result.stdout.replace("\n", "")
    assert "x[/y]z" in result.stdout


def test_terminals_without_angstroms():
    result = run("info", "--example", "5e5z", PYTHONIOENCODING="ascii")
    assert result.returncode == 0, result.stderr
    assert "18.665 to 1.664 ?" in result.stdout


def test_warnings_are_one_line(tmp_path):
    path = tmp_path / "odd.mtz"
    records = mtz_bytes.header_records(extra=("FOOBAR 1",))
    path.write_bytes(mtz_bytes.mtz_bytes(records=records))
    result = run("info", str(path))
    assert result.returncode == 0
    (line,) = result.stderr.splitlines()
    assert line.startswith("xrefl: warning: ")
    assert "FOOBAR" in line


def test_info_of_an_empty_file(tmp_path):
    path = tmp_path / "empty.mtz"
    path.write_bytes(mtz_bytes.mtz_bytes(mtz_bytes.ROWS[:0]))
    result = run("info", str(path))
    assert result.returncode == 0, result.stderr
    assert "reflections   0" in result.stdout


def test_errors_are_one_line(tmp_path):
    path = tmp_path / "cut.mtz"
    path.write_bytes(mtz_bytes.mtz_bytes()[:1000])
    for arguments, text in (
        ((str(path),), "cut.mtz: "),
        ((str(tmp_path / "none.mtz"),), "none.mtz"),
        (("--example", "nothing"), "neither a PDB code"),
    ):
        result = run("info", *arguments)
        assert result.returncode == 1
        assert result.stderr.startswith("xrefl: error: ")
        assert text in result.stderr
        assert "Traceback" not in result.stderr


def test_usage():
    assert run("info").returncode == 2
    assert "Example: xrefl info data.mtz" in run("info", "--help").stdout
    assert run("--version").stdout.startswith("xrefl 0.")


def test_help_loads_nothing_heavy():
    code = (
        "import sys; sys.argv = ['xrefl', '--help']\n"
        "from xrefl.cli import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert stop.code == 0, stop.code\n"
        "heavy = {'numpy', 'xarray', 'pandas', 'numba', 'dask', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
