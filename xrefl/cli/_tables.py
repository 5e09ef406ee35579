"""Tables: with rules on a terminal, aligned plain text anywhere else."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Column", "plain_lines", "show_facts", "show_table"]

_LEAST_TEXT = 12
"""Characters of a column that may be folded."""


class Column(NamedTuple):
    """A heading, and what is below."""

    heading: str
    cells: Sequence[str]
    right: bool = False
    """Whether they are aligned on the right, as numbers are."""


def show_facts(title: str, facts: Sequence[tuple[str, str]]) -> None:
    """Print a title, and names with what there is to say of each."""
    print(f"\033[1m{title}\033[0m" if _is_styled() else title)
    for name, value in facts:
        print(f"  {name:<13} {value}")


def show_table(
    columns: Sequence[Column], title: str = "", *, total: bool = False, first: bool = False
) -> None:
    """Print a table; a terminal has rules, and folds what is too wide.

    Parameters
    ----------
    columns : sequence of Column
        Side by side.
    title : str
        What stands above them.
    total : bool
        Whether the last row is about all of the others, and there is a rule above it.
    first : bool
        Whether it is the first thing to be printed. Else an empty line is before it.
    """
    if not first:
        print()
    if sys.stdout.isatty() and _fits(columns):
        _show_ruled(columns, title, total)
        return
    if title:
        print(title)
    print("\n".join(plain_lines(columns)))


def plain_lines(columns: Sequence[Column]) -> list[str]:
    """Return the heading and the rows as aligned text.

    Examples
    --------
    >>> plain_lines([Column("label", ["I", "SIGI"]), Column("max", ["9", "10.5"], right=True)])
    ['label   max', 'I         9', 'SIGI   10.5']
    """
    padded = []
    for column in columns:
        cells = [column.heading, *column.cells]
        width = max(map(len, cells))
        padded.append([f"{one:>{width}}" if column.right else f"{one:<{width}}" for one in cells])
    return ["  ".join(row).rstrip() for row in zip(*padded, strict=True)]


def _fits(columns: Sequence[Column]) -> bool:
    """Tell whether a terminal has room for all numbers, and for some of the text."""
    least = 0
    for column in columns:
        width = max(map(len, [column.heading, *column.cells]))
        least += 3 + (width if column.right else min(width, _LEAST_TEXT))
    return least - 3 <= shutil.get_terminal_size().columns


def _is_styled() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _show_ruled(columns: Sequence[Column], title: str, total: bool) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=title or None,
        title_justify="left",
        box=box.SIMPLE if total else box.SIMPLE_HEAD,
        show_footer=total,
        pad_edge=False,
        show_edge=False,
    )
    for column in columns:
        table.add_column(
            Text(column.heading),  # as it is: a name may have brackets in it
            Text(column.cells[-1]) if total else "",
            justify="right" if column.right else "left",
            no_wrap=column.right,
            overflow="fold",
        )
    rows = list(zip(*(column.cells for column in columns), strict=True))
    for row in rows[:-1] if total else rows:
        table.add_row(*map(Text, row))
    Console(highlight=False).print(table)
