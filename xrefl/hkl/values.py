"""Columns that belong together: a value with its sigma, an amplitude with its phase."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike, NDArray

from xrefl._parallel import in_slices
from xrefl.errors import FormatError
from xrefl.hkl.crystal import reflection_dim
from xrefl.hkl.find import column, require_sigma

__all__ = ["amplitude_phase", "structure_factor", "value_sigma"]

# What columns hold that are no amplitudes, by MTZ type.
_NO_AMPLITUDES = {
    **dict.fromkeys("JK", "intensities"),
    **dict.fromkeys("QLM", "standard deviations"),
    "W": "weights or figures of merit",
    "I": "whole numbers, such as flags",
    "P": "phases",
    "A": "Hendrickson-Lattman coefficients",
    "B": "batch numbers",
    "Y": "symmetry numbers, M/ISYM",
    "H": "Miller indices",
}
_REMEDIES = {
    "intensities": "give that of amplitudes, or take the root of the intensities first "
    "(a Patterson map takes them as they are: .xtal.to_patterson)",
    "phases": "are the two columns in the right order?",
}


def value_sigma(ds: xr.Dataset, value: str, sigma: str) -> xr.Dataset:
    """Return a column and that of its standard deviations, where both are present.

    Parameters
    ----------
    ds : Dataset
        Merged or unmerged reflections; dask-backed columns stay lazy.
    value, sigma : str
        Labels, such as ``"FP"`` and ``"SIGFP"``.

    Returns
    -------
    Dataset
        With the variables ``value`` and ``sigma``, both missing (NaN) where one is. Rows stay;
        ``.dropna("hkl")`` leaves the complete ones.

    Raises
    ------
    MissingColumnError
        There is no such column.
    FormatError
        A column is not of numbers, or its type says that it is something else.

    Examples
    --------
    >>> import xrefl
    >>> pair = xrefl.tutorial.open("5wkd").xtal.value_sigma("FP", "SIGFP")
    >>> pair.sel(hkl=(-26, 0, 1)).value.item(), pair.dropna("hkl").sizes["hkl"]
    (12.392..., 367)
    """
    values, sigmas = column(ds, value), column(ds, sigma)
    require_sigma(values, sigmas)
    both = values.notnull() & sigmas.notnull()
    pair = {"value": values.where(both), "sigma": sigmas.where(both)}
    return ds.drop_vars(list(ds.data_vars)).assign(pair)


def structure_factor(ds: xr.Dataset, amplitude: str, phase: str) -> xr.DataArray:
    """Return F = |F| exp(iφ) of a column of amplitudes and one of phases.

    Parameters
    ----------
    ds : Dataset
        Merged or unmerged reflections; dask-backed columns stay lazy.
    amplitude, phase : str
        Labels, such as ``"FWT"`` and ``"PHWT"``. Phases are in degrees.

    Returns
    -------
    DataArray
        complex64 of float32 columns, otherwise complex128; called after the amplitude. NaN
        where amplitude or phase is missing.

    Raises
    ------
    MissingColumnError
        There is no such column.
    FormatError
        A column is not of numbers, or its MTZ type is that of another quantity: intensities are
        not taken for amplitudes.

    Examples
    --------
    >>> import xrefl
    >>> f = xrefl.tutorial.open("5wkd").xtal.structure_factor("FWT", "PHWT")
    >>> f.dtype, f.sel(hkl=(-26, 0, 1)).item()
    (dtype('complex64'), (...j))
    """
    f, phi = column(ds, amplitude), column(ds, phase)
    if amplitude == phase:
        raise FormatError(f"amplitudes and phases are both to be the column {amplitude!r}")
    for one in (f, phi):
        if one.dtype.kind == "c":
            raise FormatError(f"column {one.name!r} is complex: it holds structure factors already")
    if phi.attrs.get("mtz_type", "P") != "P":
        raise FormatError(
            f"{phase} is not a column of phases: its mtz_type is {phi.attrs['mtz_type']!r}, not 'P'"
        )
    _require_amplitudes(f)
    dtype = _complex(f.dtype, phi.dtype)
    result: xr.DataArray = xr.apply_ufunc(
        lambda f, phi: _polar(f, phi)[0],
        f,
        phi,
        dask="parallelized",
        output_dtypes=[dtype],
        keep_attrs=False,
    )
    attrs = {key: f.attrs[key] for key in ("dataset_id",) if key in f.attrs}
    return result.rename(amplitude).assign_attrs(
        long_name=f"structure factor of {amplitude} and {phase}", **attrs
    )


def _require_amplitudes(f: xr.DataArray) -> None:
    kind = f.attrs.get("mtz_type", "")
    what = _NO_AMPLITUDES.get(kind)
    if what is not None:
        remedy = _REMEDIES.get(what, "give the label of a column of amplitudes")
        raise FormatError(
            f"{f.name} is not a column of amplitudes but of {what}: its mtz_type is {kind!r}; "
            f"{remedy}. If the type is wrong, set attrs['mtz_type'] to 'F'"
        )


def amplitude_phase(f: xr.DataArray, *, amplitude: str = "F", phase: str = "PHI") -> xr.Dataset:
    """Return the amplitudes and phases of structure factors, the inverse of `structure_factor`.

    Parameters
    ----------
    f : DataArray of complex
        Along ``hkl`` or ``obs``; a dask-backed array stays lazy.
    amplitude, phase : str
        What the columns are called.

    Returns
    -------
    Dataset
        Amplitudes (type F) and phases (type P), -180° < φ <= 180°.

    Raises
    ------
    FormatError
        The array is not complex.

    Examples
    --------
    >>> import xrefl
    >>> f = xrefl.tutorial.open("5wkd").xtal.structure_factor("FWT", "PHWT")
    >>> columns = f.xtal.amplitude_phase(amplitude="FWT", phase="PHWT")
    >>> list(columns.data_vars), columns.PHWT.attrs["units"]
    (['FWT', 'PHWT'], 'degree')
    """
    reflection_dim(f)
    if f.dtype.kind != "c":
        raise FormatError(
            f"expected structure factors (complex), found {f.dtype}; make them of amplitudes and "
            "phases with ds.xtal.structure_factor(amplitude, phase)"
        )
    attrs = {key: value for key, value in f.attrs.items() if key != "long_name"}
    size = xr.apply_ufunc(np.abs, f, dask="allowed")
    size = size.assign_attrs(attrs, mtz_type="F", long_name="structure factor amplitude")
    real = size.dtype
    angle: xr.DataArray = xr.apply_ufunc(
        lambda imaginary, real: _degrees(imaginary, real)[0],
        f.imag,
        f.real,
        dask="parallelized",
        output_dtypes=[real],
        keep_attrs=False,
    )
    angle = angle.assign_attrs(attrs, mtz_type="P", long_name="phase", units="degree")
    return xr.Dataset({amplitude: size.rename(amplitude), phase: angle.rename(phase)})


@in_slices
def _polar(f: NDArray[Any], phi: NDArray[Any]) -> tuple[NDArray[Any]]:
    angle = np.radians(phi, dtype=np.result_type(phi.dtype, np.float32))
    result = np.empty(np.broadcast_shapes(f.shape, phi.shape), _complex(f.dtype, phi.dtype))
    np.multiply(f, np.cos(angle), out=result.real)
    np.multiply(f, np.sin(angle), out=result.imag)
    return (result,)


@in_slices
def _degrees(imaginary: NDArray[Any], real: NDArray[Any]) -> tuple[NDArray[Any]]:
    angle = np.degrees(np.arctan2(imaginary, real))
    return (np.where(angle == -180, -angle, angle),)


def _complex(*dtypes: DTypeLike) -> np.dtype[Any]:
    return np.result_type(*dtypes, np.complex64)
