"""The column that a zone draws."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xrefl.errors import FormatError, MissingColumnError
from xrefl.hkl import find

__all__ = ["chosen_column"]

# Columns that are drawn unless another is named, by their types.
_DEFAULT_TYPES = ("F", "J", "E", "G", "K")
_SIGMAS = ("Q", "L", "M")


def chosen_column(data: xr.Dataset | xr.DataArray, column: str | None) -> tuple[xr.Dataset, str]:
    """Return a Dataset, and the label of the column to draw."""
    if isinstance(data, xr.DataArray):
        if column is not None:
            raise TypeError(f"this is one column already; draw {column!r} of the Dataset instead")
        label = str(data.name if data.name is not None else "values")
        ds, chosen = data.to_dataset(name=label), data
        ds.attrs = {name: data.attrs[name] for name in ("cell", "spacegroup") if name in data.attrs}
    else:
        label, ds = column if column is not None else _default_column(data), data
        chosen = find.column(ds, label)
    if chosen.dtype.kind not in "fiubc":
        raise FormatError(f"{label!r} is of {chosen.dtype}, not of numbers")
    if chosen.dims != ("hkl",):
        others = [dim for dim in chosen.dims if dim != "hkl"]
        raise FormatError(
            f"{label!r} has the dimensions {chosen.dims}: choose one with .sel or .isel along "
            f"{others}"
        )
    if chosen.attrs.get("mtz_type") == "P":
        raise FormatError(
            f"{label!r} is a column of phases, which have no size; draw its amplitudes"
        )
    if chosen.dtype.kind != "b" and _is_free_flag(label, chosen):
        raise FormatError(
            f"{label!r} is a column of flags, which have no size; draw where they have one value: "
            f"(ds[{label!r}] == 0).xtal.plot.zone('hk0')"
        )
    return ds, label


def _is_free_flag(label: str, column: xr.DataArray) -> bool:
    """Tell whether label and type are those of free flags; values are not looked at."""
    if column.dtype.kind == "c":
        return False
    nothing = xr.Dataset({label: ("hkl", np.empty(0, column.dtype), column.attrs)})
    try:
        find.free_flag(nothing)
    except MissingColumnError:
        return False
    return True


def _default_column(ds: xr.Dataset) -> str:
    """Return the first amplitude or intensity that its standard deviation follows, or the first."""
    names = [str(name) for name in ds.data_vars if ds[name].dims == ("hkl",)]
    kinds = [str(ds[name].attrs.get("mtz_type", "")) for name in names]
    for followed in (True, False):
        for wanted in _DEFAULT_TYPES:
            for name, kind, after in zip(names, kinds, [*kinds[1:], ""], strict=True):
                if kind == wanted and (not followed or after in _SIGMAS):
                    return name
    raise MissingColumnError(
        "no column is of amplitudes or intensities (mtz_type F, J, E, G or K); name one of "
        f"{', '.join(map(str, ds.data_vars))}"
    )
