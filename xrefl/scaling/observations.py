"""Observed and calculated structure factors of the same reflections."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import DroppedWarning, FormatError, MillerIndexError, warn_caller
from xrefl.hkl.crystal import merged_index
from xrefl.hkl.find import require_sigma, with_convention
from xrefl.hkl.packing import format_hkl
from xrefl.statistics.columns import Column, find_column

__all__ = ["Observations", "labelled_observations", "observations"]


class Observations(NamedTuple):
    """Columns along the reflections that are both observed and calculated."""

    f_obs: xr.DataArray
    """float64, all finite."""
    weight: NDArray[np.float64]
    f_calc: xr.DataArray
    f_mask: xr.DataArray | None
    free: NDArray[np.bool_]
    intensities: bool
    weighted: bool


def observations(
    f_obs: xr.DataArray,
    sigma: xr.DataArray | None,
    f_calc: xr.DataArray,
    f_mask: xr.DataArray | None,
    free: xr.DataArray | None,
) -> Observations:
    """Return what a fit can use, and warn of what it cannot.

    Raises
    ------
    MillerIndexError
        No reflection is both observed and calculated.
    CrystalMismatchError
        They are of different crystals.
    FormatError
        Values are not what they are given as.
    NotMergedError
        These are unmerged observations.
    """
    given = {"f_obs": f_obs, "sigma": sigma, "f_calc": f_calc, "f_mask": f_mask, "free": free}
    columns = {name: one for name, one in given.items() if one is not None}
    for name, one in columns.items():
        _check(name, one)
    intensities = _are_intensities(f_obs, f_calc)
    if sigma is not None:
        require_sigma(f_obs, sigma)
    if free is not None:
        columns["free"] = _is_free(free)
    known = {name: _present(one) if name != "sigma" else one for name, one in columns.items()}
    observed = known["f_obs"].sizes["hkl"]
    names = [name for name in known if name not in ("sigma", "free")]
    joined = dict(
        zip(
            names, xr.align(*(known[name] for name in names), join="inner", copy=False), strict=True
        )
    )
    common = joined["f_obs"].sizes["hkl"]
    if not common:
        raise MillerIndexError(_no_overlap(known))
    if common < observed:
        warn_caller(
            f"{observed - common} of {observed} observed amplitudes have no calculated one, and "
            "are left out",
            DroppedWarning,
        )
    weight = np.ones(common)
    if "sigma" in known:
        standard = _along(known["sigma"], joined["f_obs"]).values.astype(np.float64)
        usable = np.isfinite(standard) & (standard > 0)
        if not usable.any():
            raise FormatError(
                f"none of {common} amplitudes has a positive standard deviation: give None in "
                "place of sigma to weight all alike"
            )
        if not usable.all():
            warn_caller(
                f"{np.count_nonzero(~usable)} of {common} amplitudes have no positive standard "
                "deviation, and are left out",
                DroppedWarning,
            )
        weight = 1 / standard[usable]
        joined = {name: one.isel(hkl=usable) for name, one in joined.items()}
    flags = np.zeros(len(weight), np.bool_)
    if "free" in known:
        flags = _along(known["free"], joined["f_obs"]).values == 1
    observed_values = joined["f_obs"].astype(np.float64)
    parts = joined["f_calc"], joined.get("f_mask"), flags, intensities, sigma is not None
    return Observations(observed_values, weight, *parts)


def labelled_observations(
    ds: xr.Dataset, f_obs: Column, sigma: Column | None, f_calc: Column, free: Column | None
) -> Observations:
    """Return what can be used of columns, given by their labels or as DataArrays.

    Raises
    ------
    MissingColumnError
        There is no such column.
    MillerIndexError, CrystalMismatchError, FormatError, NotMergedError
        As for `observations`.
    """
    return observations(
        find_column(ds, f_obs),
        None if sigma is None else find_column(ds, sigma),
        find_column(ds, f_calc),
        None,
        None if free is None else find_column(ds, free),
    )


def _along(column: xr.DataArray, like: xr.DataArray) -> xr.DataArray:
    return xr.align(like, column.astype(np.float64), join="left", copy=False)[1]


def _are_intensities(f_obs: xr.DataArray, f_calc: xr.DataArray) -> bool:
    """Tell whether intensities are scaled to intensities."""
    observed, other = (one.attrs.get("mtz_type", "") in ("J", "K") for one in (f_obs, f_calc))
    if observed != other:
        intensities = f_obs if observed else f_calc
        raise FormatError(
            f"{intensities.name!r} holds intensities (mtz_type "
            f"{intensities.attrs['mtz_type']!r}), and what it is to be compared with does not"
        )
    return observed


def _present(column: xr.DataArray) -> xr.DataArray:
    finite = np.isfinite(column.values)
    return column if finite.all() else column.isel(hkl=finite)


def _check(name: str, column: xr.DataArray) -> None:
    if not isinstance(column, xr.DataArray):
        raise TypeError(f"{name} is a DataArray along the reflections, not {type(column).__name__}")
    merged_index(column)
    if column.dims != ("hkl",):
        raise FormatError(f"{name} has the dimensions {column.dims}; give one column along hkl")
    is_complex = column.dtype.kind == "c"
    if name == "f_mask" and not is_complex:
        raise FormatError("f_mask is not complex; ds.xtal.structure_factor(f, phi) makes it so")
    if name in ("f_obs", "sigma") and column.dtype.kind not in "fiu":
        raise FormatError(f"{name} is of {column.dtype}, not of real numbers")


def _is_free(flags: xr.DataArray) -> xr.DataArray:
    """Return 1.0 where flags mark the free set."""
    if flags.dtype.kind == "b":
        return flags.astype(np.float64)
    known = with_convention(flags)
    if "free_value" not in known.attrs:
        raise FormatError(
            f"which value of {flags.name!r} marks the free set "
            f"{known.attrs['free_value_reason']}; give flags == value"
        )
    is_free: xr.DataArray = flags == known.attrs["free_value"]
    return is_free.astype(np.float64)


def _no_overlap(known: dict[str, xr.DataArray]) -> str:
    shown = "; ".join(
        f"{name}: {format_hkl(merged_index(one).keys, 3) or 'none'}"
        for name, one in known.items()
        if name not in ("sigma", "free")
    )
    return (
        f"no reflection is both observed and calculated ({shown}); bring both into one asymmetric "
        "unit with .xtal.to_asu(), and see that they are of one setting"
    )
