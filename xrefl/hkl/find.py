"""Find columns by what they hold."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xrefl.errors import FormatError, MissingColumnError

__all__ = ["column", "columns", "free_flag", "require_sigma", "with_convention"]

# Labels that CCP4, Phenix, SHELX and SF-mmCIF converters give the flags of the free set.
_FREE_FLAG_LABELS = (
    "FREE",
    "RFREE",
    "FREER",
    "FREERFLAG",
    "RFREEFLAG",
    "RFREEFLAGS",
    "PDBXRFREEFLAG",
)
_SIGMAS = "QLM"
_UNKNOWN = "cannot be told"
_SAID = "attrs['free_value'] says so"
# Of flags that were looked at, or made, when the reason was written.
_OWN_REASONS = ("flags were made so", "smaller set is the free one", "0 is the free set")
# So many reflections with more free ones than others are no accident.
_MANY = 100
_REMEDY = "set attrs['free_value'] of the column"


def column(ds: xr.Dataset, label: str) -> xr.DataArray:
    """Return a column of numbers by its label.

    Raises
    ------
    MissingColumnError
        There is no such column.
    FormatError
        It is not of numbers.
    TypeError
        The label is no text.
    """
    if not isinstance(label, str):
        raise TypeError(
            f"a column is named here, as 'FP', not given as {type(label).__name__}; .assign it "
            "to the Dataset first"
        )
    if label not in ds.data_vars:
        raise MissingColumnError(
            f"no column {label!r}; the columns are {', '.join(map(str, ds.data_vars))}"
        )
    if ds[label].dtype.kind not in "fiubc":
        raise FormatError(f"column {label!r} is of {ds[label].dtype}, not of numbers")
    return ds[label]


def require_sigma(value: xr.DataArray, sigma: xr.DataArray) -> None:
    """Raise FormatError where MTZ types tell that value and standard deviation are not those."""
    for one, is_sigma in ((value, False), (sigma, True)):
        kind = one.attrs.get("mtz_type", "")
        if kind and kind not in "IR" and (kind in _SIGMAS) != is_sigma:
            what = "standard deviations" if is_sigma else "values"
            raise FormatError(
                f"{one.name!r} is not a column of {what}: its mtz_type is {kind!r}; are the two "
                "columns in the right order?"
            )


def columns(ds: xr.Dataset, *, type: str) -> list[str]:
    """Return the labels of the columns of an MTZ type, in their order.

    Parameters
    ----------
    ds : Dataset
        Reflections.
    type : str
        One letter, as ``"F"`` for amplitudes or ``"Q"`` for standard deviations; or several.

    Examples
    --------
    >>> import xrefl
    >>> xrefl.tutorial.open("5e5z").xtal.columns(type="Q")
    ['SIGFP', 'SIGI']
    """
    return [
        str(name)
        for name, column in ds.data_vars.items()
        if column.attrs.get("mtz_type", "") in set(type)
    ]


def free_flag(ds: xr.Dataset) -> xr.DataArray:
    """Return the column that marks the free set, and say which of its values does.

    The column is the first of type I (or of no type) whose label is one of those in use:
    FREE, RFREE, FREER, FreeR_flag, R-free-flags, pdbx_r_free_flag and the like. Where there is
    none, it is the text column ``status`` of a CIF file, in which "f" marks the free set.

    Which value marks the free set differs between programs. If the column has
    ``attrs["free_value"]``, that is it. If not, it is read from the values: with
    two values it is the rarer one (Phenix has 1, converted PDB files often 0); with
    more than two it is 0, as in CCP4, where flags number the sets of a cross-validation. The
    result has it as ``attrs["free_value"]``, with the reason as ``attrs["free_value_reason"]``.
    Where nothing tells, there is no ``free_value``, and the reason says why. Flags that are dask
    arrays are not looked at; load them first, or state the value.

    Raises
    ------
    MissingColumnError
        There is no such column.

    Examples
    --------
    >>> import xrefl
    >>> flag = xrefl.tutorial.open("5wkd").xtal.free_flag()
    >>> flag.name, flag.attrs["free_value"], flag.attrs["free_value_reason"]
    ('FREE', 0, '22 of 367 flags are 0, the others 1; the smaller set is the free one')
    """
    for name, column in ds.data_vars.items():
        if column.dtype.kind not in "fiub":
            continue
        plain = "".join(letter for letter in str(name).upper() if letter.isalnum())
        if plain in _FREE_FLAG_LABELS and column.attrs.get("mtz_type", "I") == "I":
            return with_convention(column)
    status = ds.data_vars.get("status")
    if status is not None and status.dtype.kind in "UTO":
        reason = 'status "f" is the free set, after the PDBx/mmCIF dictionary'
        return status.assign_attrs(free_value="f", free_value_reason=reason)
    raise MissingColumnError(
        "no column of free flags: none of type I is called FREE, RFREE, FREER, FreeR_flag or "
        "R-free-flags, and none of text is called status; the columns are "
        f"{', '.join(map(str, ds.data_vars))}"
    )


def with_convention(flag: xr.DataArray) -> xr.DataArray:
    """Return flags with ``free_value``, if it is known, and ``free_value_reason`` in attrs."""
    if "free_value" in flag.attrs:
        reason = str(flag.attrs.get("free_value_reason", _UNKNOWN))
        _refuse_stale(flag, reason)
        if reason.startswith(_UNKNOWN):  # told since, on the advice of that reason
            reason = _SAID
        return flag.assign_attrs(free_value_reason=reason)
    if flag.chunks is not None:
        reason = f"{_UNKNOWN} before flags are loaded: call .compute() first, or {_REMEDY}"
        return flag.assign_attrs(free_value_reason=reason)
    return flag.assign_attrs(_convention(flag))


def _refuse_stale(flag: xr.DataArray, reason: str) -> None:
    """Raise ValueError if attributes are those of flags that these were calculated from."""
    if flag.chunks is not None or not any(own in reason for own in _OWN_REASONS):
        return
    free = int(np.count_nonzero(flag.values == flag.attrs["free_value"]))
    if flag.size >= _MANY and free > flag.size / 2:
        raise ValueError(
            f"attrs['free_value'] of {flag.name!r} is {flag.attrs['free_value']} ({reason}), but "
            f"{free} of {flag.size} flags are that: arithmetic keeps attributes. Delete both "
            "attributes, or set attrs['free_value'] and delete attrs['free_value_reason']"
        )


def _convention(flag: xr.DataArray) -> dict[str, int | str]:
    values = flag.values.astype(np.float64)
    found, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    if len(found) == 2 and counts[0] != counts[1]:
        rare, common = found[counts.argsort()].astype(int)
        reason = (
            f"{counts.min()} of {counts.sum()} flags are {rare}, the others {common}; the smaller "
            "set is the free one"
        )
        return {"free_value": int(rare), "free_value_reason": reason}
    if len(found) > 2 and 0 in found:
        reason = f"flags have {len(found)} values; as in CCP4, 0 is the free set"
        return {"free_value": 0, "free_value_reason": reason}
    listed = ", ".join(f"{value:g}" for value in found) or "none"
    reason = f"{_UNKNOWN} from the values that occur: {listed} ({_REMEDY})"
    return {"free_value_reason": reason}
