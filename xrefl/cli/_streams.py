"""The standard input and output in place of files, which the name - stands for."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import typer

__all__ = ["STANDARD_INPUT", "incoming", "outgoing", "refuse_terminal"]

STANDARD_INPUT = Path("standard input")
"""What messages call it."""


def incoming(source: Path) -> tuple[Path | IO[bytes], Path]:
    """Return what a command reads, and what messages call it; ``-`` is the standard input.

    Raises
    ------
    BadParameter
        The standard input is a terminal.
    """
    if str(source) != "-":
        return source, source
    if sys.stdin.isatty():
        raise typer.BadParameter(
            "- is the standard input, and that is the terminal; send a file there, as with < FILE"
        )
    from xrefl.io.source import MemorySource, as_stream

    whole = MemorySource(sys.stdin.buffer.read(), str(STANDARD_INPUT))
    return as_stream(whole), STANDARD_INPUT


@contextmanager
def outgoing(target: Path) -> Iterator[Path | IO[bytes]]:
    """Yield where to write; what is for the standard output goes there when it is complete."""
    if str(target) != "-":
        yield target
        return
    with tempfile.TemporaryFile() as whole:
        yield whole
        whole.seek(0)
        shutil.copyfileobj(whole, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def refuse_terminal(what: str) -> None:
    """Refuse to show binary data.

    Raises
    ------
    BadParameter
        The standard output is a terminal.
    """
    if sys.stdout.isatty():
        raise typer.BadParameter(
            f"- is the standard output, and a terminal cannot show {what}; send it on, as with "
            "> FILE or | COMMAND, or give it a name"
        )
