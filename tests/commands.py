"""Run commands: as a process, on a terminal, or without the time that a process takes to start."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from xrefl.cli import main

COMMAND = str(Path(sys.executable).with_name("xrefl"))


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "NO_COLOR": "1", "COLUMNS": "80", **more}


def run_process(*arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    """Return what a process does, in an environment with more variables."""
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment(**more),
        check=False,
    )


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Return what a command does, without the time that a process of its own takes to start."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr("sys.argv", ["xrefl", *map(str, arguments)])
        warnings.simplefilter("default")
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main()
            except SystemExit as stop:
                return subprocess.CompletedProcess(
                    arguments, int(stop.code or 0), out.getvalue(), err.getvalue()
                )


def on_terminal(*arguments: object, **more: str) -> tuple[int, str]:
    """Return the exit code of a process on a terminal, and all that it shows."""
    main_end, end = pty.openpty()
    process = subprocess.Popen(
        [COMMAND, *map(str, arguments)],
        stdin=end,
        stdout=end,
        stderr=end,
        env=environment(TERM="xterm", **more),
    )
    os.close(end)
    shown = b""
    with contextlib.suppress(OSError):  # at the end, on Linux
        while piece := os.read(main_end, 2**16):
            shown += piece
    os.close(main_end)
    return process.wait(), shown.decode().replace("\r\n", "\n")


def facts(text: str) -> dict[str, str]:
    """Return what a command has printed of a file, without its name and without tables."""
    told, _, _ = text.partition("\n\n")
    return dict(line.split(None, 1) for line in told.splitlines()[1:])


def ok(*arguments: object, warned: int = 0) -> dict[str, str]:
    result = run(*arguments)
    assert result.returncode == 0, result.stderr
    assert len(result.stderr.splitlines()) == warned, result.stderr
    return facts(result.stdout)


def failure(*arguments: object) -> str:
    """Return the one line that a command ends with."""
    result = run(*arguments)
    assert result.returncode == 1, result.stdout + result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("xrefl: error: ")
    return line


def usage(*arguments: object) -> str:
    """Return what a command says of arguments that make no sense."""
    result = run(*arguments)
    assert result.returncode == 2, result.stdout + result.stderr
    head, hint, line = result.stderr.splitlines()
    assert head.startswith("Usage: xrefl ")
    assert hint.startswith("Try 'xrefl ")
    return line.removeprefix("xrefl: error: ")
