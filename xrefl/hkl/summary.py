"""What is in each column, in one pass over the rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from xrefl.hkl.blocks import row_blocks
from xrefl.hkl.crystal import reflection_dim

__all__ = ["column_summary"]


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
        the type stands for), ``dataset_id``, ``min``, ``max``, ``mean`` and ``missing``.

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
    minimum = np.full(len(names), np.nan)
    maximum, total = minimum.copy(), np.zeros(len(names))
    present = np.zeros(len(names), int)
    for block in row_blocks([ds[name].variable for name in names], ds.sizes[dim]):
        for i, values in enumerate(block):
            minimum[i] = np.fmin(minimum[i], np.fmin.reduce(values))
            maximum[i] = np.fmax(maximum[i], np.fmax.reduce(values))
            total[i] += np.nansum(values, dtype=np.float64)
            present[i] += np.count_nonzero(values == values)
    mean = np.divide(total, present, out=np.full(len(names), np.nan), where=present > 0)
    attrs = [ds[name].attrs for name in names]
    return pd.DataFrame(
        {
            "type": [one.get("mtz_type", "") for one in attrs],
            "holds": [one.get("long_name", "") for one in attrs],
            "dataset_id": [one.get("dataset_id", "") for one in attrs],
            "min": minimum,
            "max": maximum,
            "mean": mean,
            "missing": ds.sizes[dim] - present,
        },
        index=[name.upper() if name in "hkl" else name for name in names],
    )
