"""The model on the scale of the data."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import xarray as xr

from xrefl.errors import CrystalWarning, DroppedWarning, FormatError, MissingColumnError
from xrefl.fourier.structure_factors import to_structure_factors
from xrefl.hkl.asu import to_asu
from xrefl.hkl.reflections import resolution
from xrefl.hkl.select import sel_resolution
from xrefl.hkl.values import structure_factor
from xrefl.models.assign import assign_crystal
from xrefl.models.solvent_mask import solvent_fraction, solvent_mask
from xrefl.models.structure_factors import structure_factors
from xrefl.report.columns import Chosen, chosen_columns
from xrefl.scaling.map_coefficients import map_coefficients_from
from xrefl.scaling.result import ScalingResult
from xrefl.scaling.scale import scale

__all__ = ["ModelFit", "model_fit"]

_ROUNDING = 1e-9
_SPACING, _STEPS = 0.6, 3  # of the mask: Å, and parts of dmin
_CELLS = 0.98  # the mask goes a little further than the data
_LEAST = 2.0


class ModelFit(NamedTuple):
    """Data beside a model.

    Attributes
    ----------
    ds : Dataset
        ``obs``, ``calc`` (amplitudes) and ``free`` (bool), of reflections that have both.
    result : ScalingResult
    maps : Dataset
        Coefficients of maps.
    about_data, about_solvent : str
    solvent : float
        The part of the cell in the mask.
    has_free : bool
        Whether there is a free set.
    strong_only : bool
        Whether amplitudes are of reflections with I > 2σ alone.
    """

    ds: xr.Dataset
    result: ScalingResult
    maps: xr.Dataset
    about_data: str
    about_solvent: str
    solvent: float
    has_free: bool
    strong_only: bool


def model_fit(
    given: xr.Dataset,
    data: xr.Dataset,
    chosen: Chosen,
    flags: xr.DataArray | None,
    model: xr.Dataset,
) -> ModelFit:
    """Scale structure factors of a model, with bulk solvent, to amplitudes.

    Parameters
    ----------
    given : Dataset
        What was given; its amplitudes are taken, if it has any.
    data : Dataset
        Merged intensities.
    chosen : Chosen
        What these are made of.
    flags : DataArray or None
    model : Dataset

    Raises
    ------
    XreflError
        Data and model cannot be brought together.
    """
    ds, about, strong_only = _amplitudes(given, data, chosen)
    free = _free(flags)
    if free is not None:
        ds = ds.assign(free=free.astype(np.int32).assign_attrs(mtz_type="I"))
    ds = ds.isel(hkl=np.flatnonzero(np.isfinite(ds["obs"].values)))
    ds = to_asu(ds)
    model = _with_crystal(model, ds)
    finest = resolution(ds)[1] * (1 - _ROUNDING)
    calc = structure_factors(model, dmin=finest, method="fft")
    f_calc = structure_factor(calc, "F", "PHI")
    is_free = None if free is None else ds["free"] == 1
    if is_free is not None and not (bool(is_free.any()) and not bool(is_free.all())):
        is_free = None
    sigma = ds.get("sigma")
    f_mask, solvent = _mask(model, finest)
    found, about_solvent = _scaled(ds["obs"], sigma, f_calc, f_mask, is_free)
    total = sel_resolution(found.f_total, dmin=finest)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DroppedWarning)  # scale has told of them
        columns = ("obs", "sigma" if sigma is not None else None, total)
        maps = map_coefficients_from(ds, *columns, free=is_free)
    observed, calculated = xr.align(ds, abs(total), join="inner")
    both = observed.assign(calc=calculated)
    both = both.assign(free=both["free"] == 1 if is_free is not None else both["obs"] < 0)
    return ModelFit(
        both, found, maps, about, about_solvent, solvent, is_free is not None, strong_only
    )


def _amplitudes(
    given: xr.Dataset, data: xr.Dataset, chosen: Chosen
) -> tuple[xr.Dataset, str, bool]:
    """Return amplitudes and standard deviations, what they are, and if weak ones are missing."""
    labels = chosen
    if not chosen.is_amplitude:
        try:
            labels = chosen_columns(given, None, amplitudes=True)
        except MissingColumnError:
            labels = chosen
    if labels.is_amplitude and labels.mate is None:
        columns = given[[one for one in (labels.value, labels.sigma) if one]].compute()
        ds = columns.drop_vars(list(columns.data_vars))
        obs = columns[labels.value].astype(np.float64)
        sigma = None if labels.sigma is None else columns[labels.sigma].astype(np.float64)
        about, strong_only = f"Amplitudes are {labels.value}.", False
    else:
        ds = data.drop_vars(list(data.data_vars))
        intensity = data["I"]
        strong_only = "SIGI" in data
        least = _LEAST * data["SIGI"] if strong_only else 0.0
        obs = intensity.where(intensity > least) ** 0.5
        sigma = data["SIGI"] / (2 * obs) if strong_only else None
        limit = "2σ(I)" if strong_only else "0"
        about = f"Amplitudes are the roots of intensities with I > {limit}."
    obs = obs.assign_attrs(mtz_type="F")
    ds = ds.assign(obs=obs)
    if sigma is not None:
        usable = sigma > 0
        if not bool(usable.any()):
            sigma = None
        else:
            ds = ds.assign(
                obs=obs.where(usable), sigma=sigma.where(usable).assign_attrs(mtz_type="Q")
            )
    if not bool(ds["obs"].notnull().any()):
        raise FormatError("no reflection has an amplitude to compare the model with")
    return ds, about, strong_only


def _free(flags: xr.DataArray | None) -> xr.DataArray | None:
    """Return which reflections are free, if flags tell."""
    if flags is None or "free_value" not in flags.attrs:
        return None
    free: xr.DataArray = flags == flags.attrs["free_value"]
    return free.drop_attrs(deep=False)


def _with_crystal(model: xr.Dataset, ds: xr.Dataset) -> xr.Dataset:
    """Return the model with the crystal of the data where it states none."""
    lacking = {
        name: ds.attrs[name]
        for name in ("cell", "spacegroup")
        if name not in model.attrs and name in ds.attrs
    }
    return assign_crystal(model, **lacking) if lacking else model


def _mask(model: xr.Dataset, finest: float) -> tuple[xr.DataArray | None, float]:
    """Return structure factors of the solvent, and its part of the cell; None if there is none."""
    dmin = _CELLS * finest
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CrystalWarning)  # radii of rare elements
        mask = solvent_mask(model, min(_SPACING, dmin / _STEPS))
    part = float(solvent_fraction(mask))
    if part <= 0:
        return None, 0.0
    f_mask = structure_factor(to_structure_factors(mask, dmin=dmin).load(), "F", "PHI")
    return f_mask, part


def _scaled(
    f_obs: xr.DataArray,
    sigma: xr.DataArray | None,
    f_calc: xr.DataArray,
    f_mask: xr.DataArray | None,
    free: xr.DataArray | None,
) -> tuple[ScalingResult, str]:
    """Scale with bulk solvent, unless there is none or it makes no sense."""
    if f_mask is None:
        return scale(f_obs, sigma, f_calc, free=free), "The mask leaves no room for solvent."
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = scale(f_obs, sigma, f_calc, f_mask, free=free)
    if not found.k_sol > 0:
        plain = scale(f_obs, sigma, f_calc, free=free)
        return plain, "No solvent is fitted, since its density would be negative."
    for one in caught:
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    return found, "Solvent fills what the atoms leave, as a flat mask (Jiang & Brünger, 1994)."
