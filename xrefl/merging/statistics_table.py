"""Statistics of merging as a table to print."""

from __future__ import annotations

import pandas as pd
import xarray as xr

__all__ = ["OVERALL", "statistics_table"]

OVERALL = "_overall"
"""What the names of statistics over all shells end with."""


def statistics_table(stats: xr.Dataset) -> pd.DataFrame:
    """Return statistics as a table with a row for each shell, and one for all.

    Parameters
    ----------
    stats : Dataset
        What ``ds.xtal.merging_statistics`` returns.

    Returns
    -------
    DataFrame
        The index has the labels of the shells, and "overall" for the last row; with columns
        ``dmax`` and ``dmin`` (Å) before the statistics. Statistics that are overall alone make
        one row.

    Raises
    ------
    TypeError
        This is no Dataset.
    ValueError
        It has no such statistics.

    Examples
    --------
    >>> import xrefl
    >>> values = {"n_unique": ("shell", [7, 5]), "n_unique_overall": 12}
    >>> coords = {"shell": ["9.00-3.00 Å", "3.00-2.00 Å"], "dmin": ("shell", [3.0, 2.0])}
    >>> coords["dmax"] = ("shell", [9.0, 3.0])
    >>> xrefl.statistics_table(xr.Dataset(values, coords))
                 dmax  dmin  n_unique
    shell
    9.00-3.00 Å   9.0   3.0         7
    3.00-2.00 Å   3.0   2.0         5
    overall       9.0   2.0        12
    """
    _require_statistics(stats)
    names = [str(name) for name in stats.data_vars if not str(name).endswith(OVERALL)]
    if "shell" not in stats.dims:
        row = {name: stats[name].values[()] for name in names}
        return pd.DataFrame(row, index=pd.Index(["overall"], name="shell"))
    table = stats[names].reset_coords(["dmin", "dmax"]).to_dataframe()[["dmax", "dmin", *names]]
    last = {name: stats[name + OVERALL].values[()] for name in names}
    last |= {"dmax": table["dmax"].iloc[0], "dmin": table["dmin"].iloc[-1]}
    overall = pd.DataFrame(last, index=pd.Index(["overall"], name="shell"))
    return pd.concat([table, overall[table.columns]])


def _require_statistics(stats: xr.Dataset) -> None:
    """Raise an error for what cannot have come from merging_statistics."""
    if not isinstance(stats, xr.Dataset):
        raise TypeError(
            f"a table is made of the Dataset that ds.xtal.merging_statistics() returns, not of "
            f"{type(stats).__name__}"
        )
    needed = {"n_unique"}
    if "shell" in stats.dims:
        along = {str(name) for name, column in stats.data_vars.items() if column.ndim}
        needed |= {"dmin", "dmax", *(f"{name}{OVERALL}" for name in along)}
    missing = sorted(needed - {str(name) for name in stats.variables})
    others = {str(dim) for dim in stats.dims} - {"shell"}
    if missing or others:
        what = f"dimension {min(others)!r}" if others else f"no {missing[0]!r}"
        raise ValueError(
            f"a table is made of statistics of merging, and this Dataset has {what}"
            f"{'' if others else ' among ' + (', '.join(map(str, stats.variables)) or 'nothing')}; "
            "use ds.xtal.merging_statistics()"
        )
