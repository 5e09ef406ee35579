"""How far a command is: a bar on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

__all__ = ["progress"]


@contextmanager
def progress(doing: str, *, quiet: bool) -> Iterator[None]:
    """Show how many rows of a file have been worked on, if the standard error is a terminal.

    What is done with the first block of rows needs no bar. Where a file is gone over more than
    once the bar begins again.

    Parameters
    ----------
    doing : str
        What is done, such as "writing".
    quiet : bool
        Whether to show nothing, anyway.
    """
    if quiet or not sys.stderr.isatty():
        yield
        return
    from xrefl.hkl.blocks import watched_blocks

    with ExitStack() as stack:
        bars: list[Any] = []

        def watch(done: int, rows: int) -> None:
            if not bars and done < rows:
                bars.append(stack.enter_context(_bar(doing)))
            for bar in bars:
                bar.update(bar.task_ids[0], completed=done, total=rows)

        with watched_blocks(watch):
            yield


def _bar(doing: str) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeElapsedColumn

    columns = (doing, BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    bar.add_task("", total=None)
    return bar
