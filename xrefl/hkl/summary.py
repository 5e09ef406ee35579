"""What is in each column, in one pass over the rows."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from xrefl.hkl.blocks import row_blocks
from xrefl.hkl.crystal import reflection_dim

__all__ = ["column_summary"]

_MOST_LISTED = 6
_MOST_COUNTED = 1000


def column_summary(ds: xr.Dataset) -> pd.DataFrame:
    """Return type, range, mean and number of missing values of each column.

    Rows are read in blocks, so that memory does not grow with the data.

    Parameters
    ----------
    ds : Dataset
        Merged or unmerged reflections.

    Returns
    -------
    pandas.DataFrame
        One row for each column, Miller indices first, with the columns ``type``, ``holds`` (what
        the type stands for), ``dataset_id``, ``min``, ``max``, ``mean``, ``missing`` and
        ``values`` (of text: the most frequent ones, and how many rows have them).

    Examples
    --------
    >>> import xrefl
    >>> from xrefl.hkl.summary import column_summary
    >>> summary = column_summary(xrefl.tutorial.open("5e5z"))
    >>> float(summary.loc["I", "min"]), float(summary.loc["I", "max"])
    (-0.30090001225471497, 216.60499572753906)
    """
    dim = reflection_dim(ds)
    names = [
        "h",
        "k",
        "l",
        *(str(name) for name, var in ds.data_vars.items() if var.dims == (dim,)),
    ]
    accounts = [_Text() if ds[name].dtype.kind in "UOT" else _Numbers() for name in names]
    for block in row_blocks([ds[name].variable for name in names], ds.sizes[dim]):
        for account, values in zip(accounts, block, strict=True):
            account.add(values)
    attrs = [ds[name].attrs for name in names]
    return pd.DataFrame(
        {
            "type": [one.get("mtz_type", "") for one in attrs],
            "holds": [one.get("long_name", "") for one in attrs],
            "dataset_id": [one.get("dataset_id", "") for one in attrs],
            "min": [one.minimum for one in accounts],
            "max": [one.maximum for one in accounts],
            "mean": [one.total / one.present if one.present else np.nan for one in accounts],
            "missing": [ds.sizes[dim] - one.present for one in accounts],
            "values": [one.values for one in accounts],
        },
        index=[name.upper() if name in "hkl" else name for name in names],
    )


class _Numbers:
    """What has been seen of a column of numbers."""

    values = ""

    def __init__(self) -> None:
        self.minimum = self.maximum = np.nan
        self.total = 0.0
        self.present = 0

    def add(self, values: NDArray[Any]) -> None:
        if values.size:
            self.minimum = np.fmin(self.minimum, np.fmin.reduce(values))
            self.maximum = np.fmax(self.maximum, np.fmax.reduce(values))
        self.total += float(np.nansum(values, dtype=np.float64))
        self.present += int(np.count_nonzero(values == values))


class _Text:
    """What has been seen of a column of text; CIF files have "?" or "." for a missing value."""

    minimum = maximum = total = np.nan

    def __init__(self) -> None:
        self._counts: Counter[Any] = Counter()
        self._many = False
        self.present = 0

    def add(self, values: NDArray[Any]) -> None:
        texts = values[~(pd.isna(values) | np.isin(values, ("?", ".")))].astype(str)
        self.present += len(texts)
        if not self._many:
            found, counts = np.unique(texts, return_counts=True)
            self._counts.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))
            self._many = len(self._counts) > _MOST_COUNTED

    @property
    def values(self) -> str:
        if self._many:
            return f"more than {_MOST_COUNTED:,} different texts"
        listed = [f"{value} ({count:,})" for value, count in self._counts.most_common(_MOST_LISTED)]
        return ", ".join(listed + ["..."] * (len(self._counts) > _MOST_LISTED))
