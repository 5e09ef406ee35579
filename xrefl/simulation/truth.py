"""What is true: the intensities of unique reflections, of both Friedel mates."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import xarray as xr

from xrefl.errors import MissingColumnError, NotMergedError, XreflError
from xrefl.hkl.asu import to_asu
from xrefl.hkl.crystal import crystal, is_merged, merged_index
from xrefl.hkl.datasets import known_wavelength
from xrefl.hkl.friedel import FRIEDEL, friedel_mate, friedel_pairs, plus_first
from xrefl.hkl.packing import pack
from xrefl.hkl.reflections import inv_d2
from xrefl.hkl.select import sel_resolution
from xrefl.models.structure_factors import structure_factors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xrefl.crystal.cell import UnitCell
    from xrefl.crystal.miller import Column
    from xrefl.crystal.spacegroup import SpaceGroup

__all__ = ["Truth", "known_truth"]

# MTZ types of intensities and of amplitudes: of a column for both mates, and of one of a pair.
_KINDS = ("JK", "FG")


class Truth(NamedTuple):
    """Unique reflections in the asymmetric unit, sorted by h, k, l.

    Attributes
    ----------
    hkl : tuple of three ndarray of int32
    plus, minus : ndarray of float64
        Intensities of h k l and of its Friedel mate; NaN where one is not known. Those of centric
        reflections are equal.
    inv_d2 : ndarray of float64
        1/d² in Å⁻².
    centric : ndarray of bool
    cell, spacegroup
        The crystal.
    wavelength : float
        Å, or NaN.
    """

    hkl: tuple[Column, ...]
    plus: NDArray[np.float64]
    minus: NDArray[np.float64]
    inv_d2: NDArray[np.float64]
    centric: NDArray[np.bool_]
    cell: UnitCell
    spacegroup: SpaceGroup
    wavelength: float


def known_truth(
    truth: xr.Dataset,
    dmin: float | None,
    column: str | None,
    addends: Mapping[str, complex] | None,
) -> Truth:
    """Return the true intensities that merged reflections or a model have.

    Reflections without an intensity, and 0 0 0, are left out.

    Parameters
    ----------
    truth : Dataset
        Merged reflections, or a model (along ``atom``).
    dmin : float, optional
        Resolution limit in Å.
    column : str, optional
        Of intensities, amplitudes or structure factors.
    addends : mapping of str to complex, optional
        f' + i f'' of the elements of a model.

    Raises
    ------
    TypeError
        It is not a Dataset.
    XreflError
        A model has no ``dmin``, or reflections have addends; no reflection has an intensity.
    MissingColumnError
        There is no such column, or none that is the only one of its kind.
    NotMergedError
        These are observations.
    """
    if not isinstance(truth, xr.Dataset):
        raise TypeError(
            f"the truth must be a Dataset, not {type(truth).__name__}; the mtz_type of a column in "
            "it says whether it holds intensities (J) or amplitudes (F)"
        )
    if "atom" in truth.dims:
        if dmin is None or column is not None:
            raise XreflError(
                "a model has no resolution and no columns: give dmin in Å, and leave column out"
            )
        ds = structure_factors(truth, dmin=dmin, addends=addends, friedel=bool(addends))
    else:
        if addends is not None:
            raise XreflError(
                "addends are for a model; of reflections give those with columns of both Friedel "
                "mates, such as I(+) and I(-)"
            )
        if not is_merged(truth):
            raise NotMergedError(
                "the truth must be merged reflections, and these are observations; merge them first"
            )
        ds = truth
    plus, minus = _labels(ds, column)
    ds = to_asu(ds[list(dict.fromkeys((plus, minus)))])
    if dmin is not None and "atom" not in truth.dims:
        ds = sel_resolution(ds, dmin=dmin)
    return _sorted(ds, _intensities(ds, plus, minus), known_wavelength(truth))


def _labels(ds: xr.Dataset, column: str | None) -> tuple[Hashable, Hashable]:
    """Return the labels of the values of h k l and of its mate, which may be the same."""
    if column is not None:
        if column not in ds.data_vars:
            raise MissingColumnError(
                f"no column {column!r}; the columns are {', '.join(map(str, ds.data_vars))}"
            )
        pairs = [pair for pair in friedel_pairs(ds) if column in pair] or [(column, column)]
        if not any(_is_kind(ds, pairs[0], kind) for kind in _KINDS):
            raise MissingColumnError(
                f"column {column!r} has the dimensions {ds[column].dims} and mtz_type "
                f"{ds[column].attrs.get('mtz_type')!r}: it must be along 'hkl' and of type "
                "J (intensities), F (amplitudes), or K or G with the column of the Friedel mate "
                "beside it, or complex; set attrs['mtz_type'] if it is one of these"
            )
        return pairs[0]
    paired = friedel_pairs(ds)
    single = [(name, name) for name in ds.data_vars if friedel_mate(ds, name) is None]
    stacked = [pair for pair in single if FRIEDEL in ds[pair[0]].dims]
    for kind in _KINDS:
        for group in ([*stacked, *paired], single):
            found = [pair for pair in group if _is_kind(ds, pair, kind)]
            if len(found) == 1:
                return found[0]
            if found:
                raise MissingColumnError(
                    f"{', '.join(str(name) for name, _ in found)} could each be the truth; name "
                    "one of them, column=..."
                )
    raise MissingColumnError(
        "no column of intensities (mtz_type J, or pairs of K), amplitudes (F, or pairs of G) or "
        "complex numbers to take the truth from; the columns are "
        f"{', '.join(map(str, ds.data_vars))}"
    )


def _is_kind(ds: xr.Dataset, pair: tuple[Hashable, Hashable], kind: str) -> bool:
    column = ds[pair[0]]
    if not {"hkl"} <= set(column.dims) <= {"hkl", FRIEDEL}:
        return False
    if column.dtype.kind == "c":
        return "F" in kind
    real = column.dtype.kind in "biuf"
    return real and column.attrs.get("mtz_type") == kind[pair[0] != pair[1]]


def _intensities(
    ds: xr.Dataset, plus: Hashable, minus: Hashable
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the intensities of h k l and of its mate."""
    if FRIEDEL in ds[plus].dims:
        plus_first(ds)
        halves = [ds[plus].sel({FRIEDEL: sign}) for sign in "+-"]
    else:
        halves = [ds[plus], ds[minus]]
    values = [half.values for half in halves]
    if values[0].dtype.kind == "c" or ds[plus].attrs.get("mtz_type") in ("F", "G"):
        values = [np.abs(half).astype(np.float64) ** 2 for half in values]
    first, second = (half.astype(np.float64) for half in values)
    return first, second


def _sorted(
    ds: xr.Dataset, intensities: tuple[NDArray[np.float64], NDArray[np.float64]], wavelength: float
) -> Truth:
    cell, group = crystal(ds)
    hkl = merged_index(ds).miller
    plus, minus = (np.where(np.isfinite(half), half, np.nan) for half in intensities)
    centric = group.centric(hkl)
    minus[centric] = np.where(np.isnan(plus), minus, plus)[centric]
    plus[centric] = minus[centric]
    s2 = inv_d2(ds).values
    rows = np.argsort(pack(*hkl), kind="stable")
    rows = rows[(~(np.isnan(plus) & np.isnan(minus)) & (s2 > 0))[rows]]
    if not rows.size:
        raise XreflError("no reflection has an intensity: there is nothing to observe")
    h, k, l, plus, minus, s2, centric = (one[rows] for one in (*hkl, plus, minus, s2, centric))
    return Truth((h, k, l), plus, minus, s2, centric, cell, group, wavelength)
