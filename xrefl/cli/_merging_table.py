"""Statistics of merging as tables of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from xrefl.cli._tables import Column, show_table

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["columns_of_batches", "columns_of_statistics", "estimate", "show", "tell"]

_HEADINGS = {
    "n_observations": "obs.",
    "n_unique": "unique",
    "multiplicity": "mult.",
    "completeness": "compl.",
    "i_over_sigma": "I/σ",
    "r_merge": "Rmerge",
    "r_meas": "Rmeas",
    "r_pim": "Rpim",
    "cc_half": "CC1/2",
    "cc_half_random": "halves",
}
_ANOMALOUS = {
    "anomalous_completeness": "an.compl.",
    "cc_anom": "CCanom",
    "cc_anom_random": "an.halves",
    "sig_ano": "SigAno",
}
_OF_BATCHES = {
    "n_observations": "obs.",
    "i_over_sigma": "I/σ",
    "scale": "scale",
    "chi_square": "χ²",
    "r_merge": "Rmerge",
    "completeness": "compl.",
    "delta_cc_half": "ΔCC1/2",
}
_COUNTS = ("n_observations", "n_unique")
_DIGITS = {"multiplicity": 1, "i_over_sigma": 1, "sig_ano": 2, "scale": 3, "chi_square": 2}
_PERCENT = ("completeness", "anomalous_completeness")
_NAMES = {"cc_half": "CC1/2", "i_over_sigma": "I/σ"}


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
    headings = _HEADINGS | (_ANOMALOUS if anomalous else {})
    return [["d/Å", *shells, "overall"], *_columns(table, headings)]


def columns_of_batches(stats: xr.Dataset) -> list[list[str]]:
    """Return the columns of a table of what ``ds.xtal.batch_statistics`` returns."""
    table = stats[[name for name in _OF_BATCHES if name in stats]].to_dataframe()
    ends = zip(stats["batch"].values, stats["batch_last"].values, strict=True)
    names = [f"{first}" if first == last else f"{first}-{last}" for first, last in ends]
    return [["batches", *names], *_columns(table, _OF_BATCHES)]


def _columns(table: pd.DataFrame, headings: dict[str, str]) -> list[list[str]]:
    columns = []
    for name, heading in headings.items():
        if name not in table:
            continue
        cells = [_text(name, value) for value in table[name]]
        if f"{name}_error" in table:
            errors = table[f"{name}_error"]
            cells = [_with_error(*one) for one in zip(cells, errors, strict=True)]
        columns.append([heading, *cells])
    return columns


def _text(name: str, value: float) -> str:
    if name in _COUNTS:
        return f"{int(value):,}"
    if value != value:
        return "-"
    if name in _PERCENT:
        return f"{100 * value:.1f}"
    if name == "delta_cc_half":
        return f"{value:+.5f}"
    return f"{value:.{_DIGITS.get(name, 4)}f}"


def _with_error(text: str, error: float) -> str:
    """Return a number with its standard error in units of the last digit.

    Examples
    --------
    >>> _with_error("0.0321", 0.00042)
    '0.0321(4)'
    """
    if error != error:
        return text
    return f"{text}({round(error * 10 ** len(text.partition('.')[2]))})"


def estimate(stats: xr.Dataset) -> str:
    """Return to which resolution data are good, in words.

    Parameters
    ----------
    stats : Dataset
        In shells.
    """
    from xrefl.merging.resolution_estimate import resolution_estimate

    found = resolution_estimate(stats)
    last = float(stats["dmin"].values[-1])
    told, good = [], []
    for name, text in _NAMES.items():
        one = found.sel(criterion=name)
        d, reached, limit = float(one["d"]), bool(one["reached"]), f"{float(one['threshold']):g}"
        if d != d:
            few = f"{text} is below {limit} in the first shell already"
            told.append(few if reached else f"{text} is known in too few shells")
        elif reached:
            told.append(f"{text} falls to {limit} at {d:.2f} Å")
        else:
            good.append(f"{text} is above {limit}")
    if good:
        told.append(f"{' and '.join(good)} to the end of the data, {last:.2f} Å")
    return "Resolution: " + "; ".join(told)


def show(title: str, columns: Sequence[Sequence[str]], *, total: bool = True) -> None:
    """Print a table of numbers, whose last row may be about all."""
    table = [Column(heading, cells, right=True) for heading, *cells in columns]
    show_table(table, title, total=total)


def tell(text: str) -> None:
    """Print what follows from a table."""
    typer.echo(f"\n{text}")
