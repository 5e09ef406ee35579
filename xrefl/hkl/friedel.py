"""Friedel pairs: as the paired columns of files, or along a dimension of their own."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import xarray as xr

from xrefl.errors import MillerIndexError, MissingColumnError, NotMergedError, XreflError
from xrefl.hkl.crystal import is_merged
from xrefl.hkl.rebuild import with_history
from xrefl.hkl.reflections import centric

__all__ = [
    "FRIEDEL",
    "friedel_mate",
    "friedel_pairs",
    "plus_first",
    "stack_friedel",
    "unstack_friedel",
]

FRIEDEL = "friedel"
"""The dimension along which the values of hkl ("+") and of -h-k-l ("-") lie."""

_MARKS = (("(+)", "(-)"), ("_plus", "_minus"), ("+", "-"))
_PAIR_TYPES = "GLKME"
# Types of the columns of mates, and of columns for both.
_STACKED_TYPES = {"G": "F", "L": "Q", "K": "J", "M": "Q"}
_STACKED_SUFFIX = "_anom"


def friedel_mate(ds: xr.Dataset, name: Hashable) -> str | None:
    """Return the column with the other Friedel mates, for F(+) that is F(-), if there is one.

    Labels with (+) and (-) belong together if their types agree; such as pdbx_F_plus and
    pdbx_F_minus do if their type says that they hold one mate each (G, L, K, M or E).

    Examples
    --------
    >>> import xrefl, xarray as xr
    >>> column = ("hkl", [1.0], {"mtz_type": "G"})
    >>> friedel_mate(xr.Dataset({"F(+)": column, "F(-)": column}), "F(-)")
    'F(+)'
    """
    label = str(name)
    kind = ds[name].attrs.get("mtz_type")
    for marks in _MARKS:
        if marks[0] != "(+)" and (not kind or kind not in _PAIR_TYPES):
            return None
        for sign, other in (marks, marks[::-1]):
            mate = label.replace(sign, other)
            if mate != label and mate in ds.data_vars and ds[mate].attrs.get("mtz_type") == kind:
                return mate
    return None


def friedel_pairs(ds: xr.Dataset) -> list[tuple[Hashable, Hashable]]:
    """Return the pairs of columns of Friedel mates, that of hkl first.

    Examples
    --------
    >>> import xrefl, xarray as xr
    >>> column = ("hkl", [1.0], {"mtz_type": "K"})
    >>> friedel_pairs(xr.Dataset({"I(-)": column, "I(+)": column, "I": column}))
    [('I(+)', 'I(-)')]
    """
    pairs: list[tuple[Hashable, Hashable]] = []
    for name in ds.data_vars:
        mate = friedel_mate(ds, name)
        if mate is not None and _is_plus(str(name), mate):
            pairs.append((name, mate))
    return pairs


def plus_first(ds: xr.Dataset) -> None:
    """Raise MillerIndexError unless the dimension friedel has both mates, "+" before "-"."""
    found = ds[FRIEDEL].values.tolist()
    if FRIEDEL not in ds.coords or found != ["+", "-"]:
        raise MillerIndexError(
            f"the coordinate {FRIEDEL!r} must be ['+', '-'], found {found}; select both halves, "
            "ds.sel(friedel=['+', '-']), or drop the variables that have that dimension"
        )


def stack_friedel(ds: xr.Dataset) -> xr.Dataset:
    """Return paired columns as one variable each, with a dimension ``friedel`` of "+" and "-".

    F(+) and F(-) become F_anom, which keeps out of the way of F. A centric reflection is its own
    Friedel mate and has one value, under "+": that of (+), or that of (-) where only this one is
    present. The half "-" is missing for it.

    Parameters
    ----------
    ds : Dataset
        Merged reflections with columns such as F(+) and F(-), or pdbx_F_plus and pdbx_F_minus.

    Returns
    -------
    Dataset
        Variables of mates have the dimensions (hkl, friedel); types G, L, K and M become F, Q, J
        and Q. Attributes are those that both columns share; labels are kept among them, for
        `unstack_friedel`.

    Raises
    ------
    MissingColumnError
        There are no paired columns.
    NotMergedError
        These are observations.
    XreflError
        A name such as F_anom is taken.

    Examples
    --------
    >>> import xarray as xr, xrefl
    >>> index = xrefl.HKLIndex.from_miller([1, 1], [2, 0], [3, 3], spacegroup="P 1 21 1")
    >>> mates = {f"F({sign})": ("hkl", [7.0, 8.0], {"mtz_type": "G"}) for sign in "+-"}
    >>> stacked = xr.Dataset(mates, index.coordinates()).xtal.stack_friedel()
    >>> stacked.F_anom.values
    array([[ 7.,  7.],
           [ 8., nan]])
    """
    _require_merged(ds)
    pairs = friedel_pairs(ds)
    if not pairs:
        raise MissingColumnError(
            "no columns of Friedel mates, such as F(+) and F(-), to stack; the columns are "
            f"{', '.join(map(str, ds.data_vars))}"
        )
    single = centric(ds)
    stacked: dict[Hashable, xr.DataArray] = {}
    names: dict[Hashable, Hashable] = {}
    for plus, minus in pairs:
        name = _stacked_name(str(plus))
        if name in ds.variables or name in stacked:
            raise XreflError(
                f"the columns {plus} and {minus} would become {name!r}, but there is such a "
                "variable; rename it first"
            )
        first, second = ds[plus].drop_attrs(deep=False), ds[minus].drop_attrs(deep=False)
        missing = "" if second.dtype.kind == "U" else np.nan
        present = first != missing if second.dtype.kind == "U" else first.notnull()
        halves = [first.where(~single | present, second), second.where(~single, missing)]
        shared = {k: v for k, v in ds[plus].attrs.items() if ds[minus].attrs.get(k) == v}
        attrs = {**shared, "friedel_labels": [str(plus), str(minus)]}
        if "mtz_type" in attrs:
            attrs["friedel_type"] = attrs["mtz_type"]
            attrs["mtz_type"] = _STACKED_TYPES.get(attrs["mtz_type"], attrs["mtz_type"])
        stacked[name] = (
            xr.concat(halves, FRIEDEL).transpose(..., "hkl", FRIEDEL).assign_attrs(attrs)
        )
        names |= {plus: name, minus: name}
    coordinate = {FRIEDEL: np.array(["+", "-"])}
    result = ds.drop_vars(list(names)).assign(stacked).assign_coords(coordinate)
    order = dict.fromkeys(names.get(name, name) for name in ds.data_vars)
    return with_history(result[list(order)], "Friedel pairs stacked along a dimension")


def unstack_friedel(ds: xr.Dataset) -> xr.Dataset:
    """Return variables with a dimension ``friedel`` as paired columns, as MTZ files have them.

    Parameters
    ----------
    ds : Dataset
        Merged reflections. Variables that `stack_friedel` has made get their labels back; of
        others, F becomes F(+) and F(-), and their types G, L, K or M.

    Raises
    ------
    MissingColumnError
        No variable has that dimension.
    NotMergedError
        These are observations.
    MillerIndexError
        The dimension does not have both halves.
    XreflError
        A label is taken.

    Examples
    --------
    >>> import xarray as xr, xrefl
    >>> index = xrefl.HKLIndex.from_miller([1], [2], [3], spacegroup="P 1 21 1")
    >>> coords = index.coordinates().assign(friedel=["+", "-"])
    >>> ds = xr.Dataset({"I": (("hkl", "friedel"), [[7.0, 9.0]])}, coords)
    >>> columns = ds.xtal.unstack_friedel()
    >>> list(columns.data_vars), columns["I(-)"].values
    (['I(+)', 'I(-)'], array([9.]))
    """
    _require_merged(ds)
    names = [name for name, column in ds.data_vars.items() if FRIEDEL in column.dims]
    if not names:
        raise MissingColumnError(
            f"no variable has the dimension {FRIEDEL!r}; the columns are "
            f"{', '.join(map(str, ds.data_vars))}"
        )
    plus_first(ds)
    rest = ds.drop_dims(FRIEDEL)
    columns: dict[Hashable, xr.DataArray] = {}
    for name, column in ds.data_vars.items():
        if name not in names:
            columns[name] = column
            continue
        attrs = dict(column.attrs)
        labels = attrs.pop("friedel_labels", [f"{name}(+)", f"{name}(-)"])
        kind = attrs.pop("friedel_type", None) or _mate_type(str(name), attrs.get("mtz_type"))
        for label, sign in zip(labels, "+-", strict=True):
            if label in rest.variables or label in columns:
                raise XreflError(
                    f"{name!r} would become the columns {labels[0]} and {labels[1]}, but there "
                    f"is {label} already; rename or drop it first"
                )
            half = column.sel({FRIEDEL: sign}, drop=True)
            half.attrs = attrs | ({"mtz_type": kind} if kind else {})
            columns[label] = half
    result = rest.drop_vars(list(rest.data_vars)).assign(columns)
    return with_history(result, "Friedel pairs unstacked to columns")


def _require_merged(ds: xr.Dataset) -> None:
    if not is_merged(ds):
        raise NotMergedError(
            "Friedel pairs stand side by side in merged reflections; observations have the sign "
            "of their mate in M/ISYM, merge them first"
        )


def _is_plus(label: str, mate: str) -> bool:
    return any(label.replace(plus, minus) == mate != label for plus, minus in _MARKS)


def _stacked_name(label: str) -> str:
    for plus, _ in _MARKS:
        if plus in label:
            return label.replace(plus, "") + _STACKED_SUFFIX
    return label


def _mate_type(label: str, kind: str | None) -> str | None:
    """Return the MTZ type of one mate: a standard deviation is of an amplitude or an intensity."""
    if kind == "Q":
        return "M" if "I" in label.upper().replace("SIG", "") else "L"
    return {"F": "G", "J": "K"}.get(kind or "", kind)
