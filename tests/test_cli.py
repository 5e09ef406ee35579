"""The command line: every command as a process on real files, and what all of them share."""

from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import xrefl
from tests import mtz_bytes
from tests.commands import (
    COMMAND,
    environment,
    facts,
    failure,
    on_terminal,
    run,
    usage,
)
from xrefl.cli import app, main

__all__ = ["COMMAND", "run"]

COMMANDS = sorted(str(one.name) for one in app.registered_commands)
MTZ = str(xrefl.tutorial.path("5wkd"))
CIF = str(xrefl.tutorial.path("5wkd", kind="sf-mmcif"))
MODEL = str(xrefl.tutorial.path("5wkd", kind="model"))


def started(folder, line: str) -> subprocess.Popen[bytes]:
    """Start a line of the shell."""
    return subprocess.Popen(
        ["bash", "-c", "set -o pipefail; " + line.replace("xrefl ", f"{COMMAND} ")],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder in which each command has made its file, as a process, from real ones."""
    place = tmp_path_factory.mktemp("commands")
    for path in (MTZ, CIF, MODEL):
        shutil.copy(path, place)
    lines = (
        "xrefl simulate 5wkd.pdb unmerged.mtz --dmin 2.5 --multiplicity 700 --batches 4 -q "
        "&& xrefl -q merge unmerged.mtz merged.mtz "
        "&& xrefl freeflags merged.mtz - --fraction 0.1 -q | xrefl reindex - other.mtz -h,k,-l -q",
        "cat 5wkd-sf.cif | xrefl cif2mtz - - | xrefl mtz2cif - - > again.cif",
        "xrefl -q sf2map - - < 5wkd.mtz | xrefl -q map2sf - from_map.mtz",
        "xrefl -q mask - - < 5wkd.pdb > mask.ccp4",
        "xrefl -q sfcalc - calc.mtz --dmin 3 < 5wkd.pdb",
        "xrefl info - --json < 5wkd.mtz > told.json",
    )
    for process in [started(place, line) for line in lines]:
        assert process.communicate() == (b"", b""), process.args
        assert process.returncode == 0, process.args
    return place


def test_commands_pass_files_on(folder):
    flagged = xrefl.open_mtz(folder / "other.mtz")
    merged = xrefl.open_mtz(folder / "merged.mtz")
    assert list(flagged.data_vars) == ["IMEAN", "SIGIMEAN", "FreeR_flag"]
    assert float(flagged.IMEAN.sum()) == pytest.approx(float(merged.IMEAN.sum()))
    again = xrefl.open_refln_cif(folder / "again.cif")
    cif = xrefl.open_refln_cif(CIF)
    assert float(abs(again.F_meas_au - cif.F_meas_au).max()) < 1e-4
    phase = xrefl.open_mtz(folder / "from_map.mtz").PHWT - xrefl.open_mtz(MTZ).PHWT
    assert float(abs((phase + 180) % 360 - 180).median()) < 0.1
    assert float(xrefl.open_ccp4(folder / "mask.ccp4").mean()) == pytest.approx(0.11741, abs=1e-5)
    assert list(xrefl.open_mtz(folder / "calc.mtz").data_vars) == ["FC", "PHIC"]
    assert json.loads((folder / "told.json").read_text())["rows"] == 367


def test_the_standard_input_is_told_about(monkeypatch):
    content = Path(MTZ).read_bytes()
    for length, code in ((len(content), 0), (1000, 1)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content[:length])))
        result = run("info", "-")
        assert result.returncode == code
        if code:
            assert result.stderr.startswith("xrefl: error: standard input: ")
        else:
            assert result.stdout.startswith("standard input\n  title         Output mtz file")


def test_nothing_is_sent_on_after_an_error(folder):
    process = started(folder, "head -c 20000 5wkd-sf.cif | xrefl cif2mtz - - | wc -c")
    out, err = process.communicate()
    assert (process.returncode, out.strip()) == (1, b"0")
    (line,) = err.decode().splitlines()
    assert line.startswith("xrefl: error: standard input")


def test_a_reader_that_stops_is_no_error(folder):
    process = started(folder, "xrefl info unmerged.mtz --tsv | head -n 1")
    assert process.communicate() == (b"H\tK\tL\tM/ISYM\tBATCH\tI\tSIGI\tI_TRUE\n", b"")


def test_interrupted(folder):
    command = [COMMAND, "simulate", MODEL, "big.mtz", "--dmin", "1", "--multiplicity", "100000"]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    while not (parts := list(folder.glob(".big.mtz.*.part"))) and process.poll() is None:
        time.sleep(0.05)
    assert parts
    process.send_signal(signal.SIGINT)
    assert process.communicate() == (b"", b"")
    assert process.returncode == 130
    assert not [*folder.glob("*big.mtz*"), *folder.glob(".big.mtz*")]


def test_tables_and_bars_are_for_terminals(folder):
    path = folder / "unmerged.mtz"
    code, shown = on_terminal("info", path)
    assert code == 0
    assert "reading" in shown
    assert "100%" in shown
    assert f"{path}\n  title         simulated observations\n" in shown
    assert "─" * 40 in shown
    assert "─" not in run("info", path).stdout
    _, narrow = on_terminal("info", path, "-q", COLUMNS="40")
    assert "column  type  set" in narrow


@pytest.mark.parametrize("command", ["cif2mtz", "sf2map", "reindex"])
def test_a_terminal_gets_no_binary_data(command, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(io, "StringIO", Terminal)
    last = ("h,k,l",) if command == "reindex" else ()
    assert "terminal cannot show" in usage(command, CIF, "-", *last)


def test_the_terminal_is_no_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    assert usage("info", "-").endswith("send a file there, as with < FILE")


def test_quiet_before_the_command_and_after_it(tmp_path):
    for arguments in (("-q", "sf2map"), ("sf2map", "-q")):
        result = run(*arguments, MTZ, tmp_path / "map.ccp4")
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    result = run("-q", "sf2map", tmp_path / "none.mtz", tmp_path / "map.ccp4")
    assert result.returncode == 1
    assert "no such file" in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command):
    result = run(command, "--help")
    assert result.returncode == 0
    assert "Example: xrefl " in result.stdout
    assert "--quiet" in result.stdout
    assert "<bool>" not in result.stdout


def test_help_of_all():
    result = run("--help")
    assert result.returncode == 0
    assert all(f" {name} " in result.stdout for name in COMMANDS)
    nothing = run()
    assert nothing.returncode == 2
    assert "Usage: xrefl" in nothing.stdout
    assert run("--version").stdout.startswith(f"xrefl {xrefl.__version__}")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("sf2map", MTZ, "m.ccp4", "--f", "FP"), "--f and --phi go together: give both or neither"),
        (("sf2map", MTZ, "m.ccp4", "--dmin", "two"), "--dmin: this takes a number"),
        (("simulate", MODEL, "s.mtz", "--batches", "x"), "--batches: this takes a whole number"),
        (("simulate", MODEL, "s.mtz", "--seed", -1), "--seed: this takes numbers from 0 on"),
        (("merge", MTZ, "--errors", "x"), "--errors: 'x' is not one of 'sigmas', 'scatter', "),
        (("mask", MODEL, "m.ccp4", "more"), "there are too many names: more"),
    ],
)
def test_usage_in_plain_words(arguments, text):
    assert usage(*arguments).startswith(text)


def test_errors_are_one_line(tmp_path):
    path = tmp_path / "cut.mtz"
    path.write_bytes(mtz_bytes.mtz_bytes()[:1000])
    assert "cut.mtz: " in failure("info", path)
    assert failure("info", tmp_path / "none.mtz").endswith("none.mtz")
    assert "neither a PDB code" in failure("info", "--example", "nothing")


def test_warnings_are_one_line(tmp_path):
    path = tmp_path / "odd.mtz"
    records = mtz_bytes.header_records(extra=("FOOBAR 1",))
    path.write_bytes(mtz_bytes.mtz_bytes(records=records))
    result = run("info", path)
    assert result.returncode == 0
    (line,) = result.stderr.splitlines()
    assert line.startswith("xrefl: warning: ")
    assert "FOOBAR" in line


def test_terminals_without_angstroms(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, "ascii"))
    monkeypatch.setattr("sys.argv", ["xrefl", "info", "--example", "5e5z"])
    with pytest.raises(SystemExit) as stop:
        main()
    sys.stdout.flush()
    assert stop.value.code == 0
    assert facts(raw.getvalue().decode("ascii"))["resolution"] == "18.665 to 1.664 ?"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("xrefl s", {"sf2map", "sfcalc", "simulate"}),
        ("xrefl freeflags --c", {"--check", "--complete", "--convention"}),
        ("xrefl merge --errors s", {"sigmas", "scatter"}),
    ],
)
def test_the_shell_completes(words, found, capfd):
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
        patch.setenv("_XREFL_COMPLETE", "complete_bash")
        patch.setenv("COMP_WORDS", words)
        patch.setenv("COMP_CWORD", str(words.count(" ")))
        patch.setattr("sys.argv", ["xrefl"])
        app(prog_name="xrefl")
    assert set(capfd.readouterr().out.split()) == found


@pytest.mark.parametrize("completing", [False, True])
def test_what_must_be_quick_loads_nothing_heavy(completing):
    code = (
        "import os, sys\n"
        f"completing = {completing}\n"
        "words = {'_XREFL_COMPLETE': 'complete_bash', 'COMP_WORDS': 'xrefl info --', "
        "'COMP_CWORD': '2'}\n"
        "os.environ.update(words if completing else {})\n"
        "sys.argv = ['xrefl'] if completing else ['xrefl', '--help']\n"
        "from xrefl.cli import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code, stop.code\n"
        "heavy = {'numpy', 'xarray', 'pandas', 'numba', 'dask', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert ("--tsv" if completing else "simulate") in result.stdout
