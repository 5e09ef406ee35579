"""Which columns of a Dataset a report is of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import xarray as xr

from xrefl.errors import FormatError, MissingColumnError
from xrefl.hkl.friedel import friedel_mate, friedel_pairs

__all__ = ["Chosen", "chosen_columns", "sigma_of"]

_INTENSITIES = ("IMEAN", "I", "I-obs", "IOBS", "I_full", "intensity_meas", "F_squared_meas")
_AMPLITUDES = ("FP", "FOBS", "F-obs", "F", "F_meas_au", "F_meas")
_CALCULATED = ("calc", "fwt", "model")
_HOLDS = {"F": "amplitudes", "G": "amplitudes", "J": "intensities", "K": "intensities"}


class Chosen(NamedTuple):
    """Labels of values and standard deviations, and of those of the Friedel mates, if any."""

    value: str
    sigma: str | None
    is_amplitude: bool
    mate: str | None = None
    mate_sigma: str | None = None

    @property
    def labels(self) -> list[str]:
        """All that there are."""
        every = (self.value, self.sigma, self.mate, self.mate_sigma)
        return [label for label in every if label is not None]


def chosen_columns(
    ds: xr.Dataset, columns: Sequence[str] | None, *, amplitudes: bool = False
) -> Chosen:
    """Return the columns of measured values, and of their standard deviations.

    Parameters
    ----------
    ds : Dataset
        Merged reflections.
    columns : sequence of str or None
        One or two labels; by default intensities, under a usual name if there is one, else
        amplitudes, else Friedel pairs of either.
    amplitudes : bool
        Whether amplitudes are wanted before intensities.

    Raises
    ------
    MissingColumnError
        There are no such columns.
    FormatError
        A column that is named is neither of intensities nor of amplitudes.
    """
    if columns is not None:
        return _named(ds, columns)
    order = [("J", _INTENSITIES), ("F", _AMPLITUDES)]
    for kind, usual in order[::-1] if amplitudes else order:
        if (name := _first(ds, kind, usual)) is not None:
            return Chosen(name, sigma_of(ds, name), kind == "F")
    for kind in "KG":
        for plus, minus in friedel_pairs(ds):
            if ds[plus].attrs.get("mtz_type") == kind:
                sigmas = (sigma_of(ds, str(mate)) for mate in (plus, minus))
                first, second = sigmas
                return Chosen(str(plus), first, kind == "G", str(minus), second)
    raise MissingColumnError(
        "no column is of measured intensities or amplitudes (MTZ types J, F, K or G); the columns "
        f"are {', '.join(map(str, ds.data_vars)) or 'none'}; name two of them, columns=('I', "
        "'SIGI')"
    )


def sigma_of(ds: xr.Dataset, name: str) -> str | None:
    """Return the column of the standard deviations of another, by its label or its place.

    Examples
    --------
    >>> import xrefl
    >>> sigma_of(xrefl.tutorial.open("5e5z"), "FP")
    'SIGFP'
    """
    labels = [str(label) for label in ds.data_vars]
    usual = (
        f"SIG{name}",
        f"SIG-{name}",
        f"{name}_sigma",
        name.replace("_meas", "_meas_sigma"),
        name.replace("_meas", "_sigma"),
        name.replace("_net", "_sigma"),
        f"{name}_sigma_meas",
    )
    for label in usual:
        if label != name and label in labels and _is_sigma(ds, label):
            return label
    following = labels[labels.index(name) + 1 :][:1]
    return following[0] if following and _is_sigma(ds, following[0]) else None


def _is_sigma(ds: xr.Dataset, label: str) -> bool:
    return ds[label].attrs.get("mtz_type") in ("Q", "L", "M")


def _first(ds: xr.Dataset, kind: str, usual: Sequence[str]) -> str | None:
    """Return a column of a type: under a usual label, else the first that is not calculated."""
    found = [str(name) for name, one in ds.data_vars.items() if one.attrs.get("mtz_type") == kind]
    for name in usual:
        if name in found:
            return name
    return next((name for name in found if not _is_calculated(name)), None)


def _is_calculated(name: str) -> bool:
    lower = name.lower()
    return lower.startswith("fc") or any(text in lower for text in _CALCULATED)


def _named(ds: xr.Dataset, columns: Sequence[str]) -> Chosen:
    labels = [columns] if isinstance(columns, str) else list(columns)
    if not 1 <= len(labels) <= 2:
        raise FormatError(
            f"a report is of one column and its standard deviations, and {len(labels)} are named; "
            "give one or two, columns=('I', 'SIGI')"
        )
    for label in labels:
        if label not in ds.data_vars:
            raise MissingColumnError(
                f"no column {label!r}; the columns are {', '.join(map(str, ds.data_vars))}"
            )
    kind = ds[labels[0]].attrs.get("mtz_type")
    if kind not in _HOLDS:
        raise FormatError(
            f"{labels[0]!r} is of MTZ type {kind!r}, so it holds neither amplitudes nor "
            "intensities; name a column of type F, G, J or K first"
        )
    sigma = labels[1] if len(labels) == 2 else sigma_of(ds, labels[0])
    if sigma is not None and not _is_sigma(ds, sigma):
        raise FormatError(
            f"{sigma!r} is no column of standard deviations: its MTZ type is "
            f"{ds[sigma].attrs.get('mtz_type')!r}; name one of type Q, L or M second, or none"
        )
    mate = friedel_mate(ds, labels[0]) if kind in "GK" else None
    mate_sigma = None if mate is None else sigma_of(ds, mate)
    return Chosen(labels[0], sigma, kind in "FG", mate, mate_sigma)
