"""Statistics of merging as a table of text."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["columns_of_statistics", "show"]

_ANOMALOUS = {
    "anomalous_completeness": "an.comp.",
    "cc_anom": "CCanom",
    "sig_ano": "SigAno",
}
_HEADINGS = {
    "n_observations": "observed",
    "n_unique": "unique",
    "multiplicity": "mult.",
    "completeness": "compl.",
    "i_over_sigma": "I/σ",
    "r_merge": "Rmerge",
    "r_meas": "Rmeas",
    "r_pim": "Rpim",
    "cc_half": "CC1/2",
}
_COUNTS = ("n_observations", "n_unique")
_DIGITS = {"multiplicity": 1, "i_over_sigma": 1, "sig_ano": 2}
_PERCENT = ("completeness", "anomalous_completeness")


def columns_of_statistics(stats: xr.Dataset, *, anomalous: bool) -> list[list[str]]:
    """Return the columns of a table, from heading to overall value.

    Parameters
    ----------
    stats : Dataset
        What ``ds.xtal.merging_statistics`` returns, by shells or of all.
    anomalous : bool
        Whether to have what is told of anomalous differences.
    """
    from xrefl.merging.statistics_table import statistics_table

    table = statistics_table(stats)
    shells = [f"{one.dmax:.2f}-{one.dmin:.2f}" for one in table[:-1].itertuples()]
    columns = [["d/Å", *shells, "overall"]]
    for name, heading in (_HEADINGS | (_ANOMALOUS if anomalous else {})).items():
        if name in table:
            columns.append([heading, *(_text(name, value) for value in table[name])])
    return columns


def _text(name: str, value: float) -> str:
    if name in _COUNTS:
        return f"{int(value):,}"
    if value != value:
        return "-"
    if name in _PERCENT:
        return f"{100 * value:.1f}"
    return f"{value:.{_DIGITS.get(name, 3)}f}"


def show(title: str, columns: Sequence[Sequence[str]]) -> None:
    """Print a table whose last row is about all: with rules on a terminal, else plain text."""
    if sys.stdout.isatty():
        _show_ruled(title, columns)
        return
    rows = list(zip(*columns, strict=True))
    widths = [max(map(len, column)) for column in columns]
    lines = (
        "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    typer.echo("\n".join(["", title, *lines]))


def _show_ruled(title: str, columns: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, *_ in columns:
        table.add_column(Text(heading), justify="right", no_wrap=True)
    rows = list(zip(*(column[1:] for column in columns), strict=True))
    for number, row in enumerate(rows, start=1):
        table.add_row(*map(Text, row), end_section=number == len(rows) - 1)
    Console(highlight=False).print(table)
