"""Columns as intensities, by what their MTZ type says they are."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xrefl.hkl import reflections
from xrefl.statistics.columns import Column, number_column

__all__ = ["is_amplitude", "per_epsilon", "single_column", "where_present"]

_AMPLITUDES, _INTENSITIES = "FG", "JK"


def single_column(ds: xr.Dataset, column: Column) -> xr.DataArray:
    """Return a column of one number for each reflection, on the rows of the Dataset.

    Raises
    ------
    ValueError
        It has further dimensions.
    MissingColumnError, TypeError, CrystalMismatchError
        As `number_column`.
    """
    found = number_column(ds, column)
    if found.ndim > 1:
        raise ValueError(
            f"column {found.name!r} has the dimensions {found.dims}, where one value for each "
            "reflection is needed; select one of several with .sel or .isel"
        )
    return found


def is_amplitude(column: xr.DataArray) -> bool:
    """Tell amplitudes (MTZ types F and G) from intensities (J and K).

    Raises
    ------
    ValueError
        The column is of neither type.
    """
    kind = column.attrs.get("mtz_type", "")
    if kind and kind in _AMPLITUDES + _INTENSITIES:
        return kind in _AMPLITUDES
    raise ValueError(
        f"column {column.name!r} is of MTZ type {kind or None!r}, so whether it holds amplitudes "
        "or intensities is not known; give one of type F, G, J or K, or set the type with "
        '.assign_attrs(mtz_type="F") or "J"'
    )


def where_present(ds: xr.Dataset, values: xr.DataArray) -> xr.DataArray:
    """Return values with NaN for absent reflections, for 0 0 0, and where they are infinite."""
    known = ~reflections.absent(ds) & (reflections.inv_d2(ds) > 0) & (abs(values) < np.inf)
    return values.where(known)


def per_epsilon(ds: xr.Dataset, column: xr.DataArray) -> xr.DataArray:
    """Return I/ε as float64: amplitudes squared; NaN for absent reflections and for 0 0 0."""
    values = column.astype(np.float64, keep_attrs=False)
    intensity = values * values if is_amplitude(column) else values
    return where_present(ds, intensity / reflections.epsilon(ds))
