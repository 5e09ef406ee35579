"""Switch between the original Miller indices of observations and those of the asymmetric unit.

An unmerged MTZ file holds the indices of the equivalent reflection in the asymmetric unit, and
in the column M/ISYM the number of the operation that leads there. ISYM = 2 i + 1 says that
operation i (counted from 0 in the file's list) was applied, ISYM = 2 i + 2 that the sign was
changed as well; M, a multiple of 256, marks partial observations.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl._parallel import over_rows
from xrefl.crystal.op import Op
from xrefl.errors import MillerIndexError, MissingColumnError, NotMergedError
from xrefl.hkl.changes import Changes, changed_columns, depends_on_indices
from xrefl.hkl.crystal import crystal, is_merged
from xrefl.hkl.unit import observed_in_unit

__all__ = [
    "counted_operations",
    "kind_of_indices",
    "misym_label",
    "original_operations",
    "to_asu_hkl",
    "to_original_hkl",
    "with_indices",
    "with_misym",
]


def to_original_hkl(ds: xr.Dataset) -> xr.Dataset:
    """Return unmerged observations under the Miller indices they were measured with.

    Phases, and whatever else depends on the indices, change with them (see `to_asu`).

    Parameters
    ----------
    ds : Dataset
        Observations with a column of type Y (M/ISYM), as an MTZ file has them. Dask-backed
        columns stay lazy.

    Returns
    -------
    Dataset
        The same observations; h, k and l are the original indices, which their
        ``attrs["indices"]`` says. Data with original indices come back unchanged.

    Raises
    ------
    MissingColumnError
        There is no column M/ISYM.
    MillerIndexError
        A value of M/ISYM names no operation.

    Examples
    --------
    >>> import xarray as xr, xrefl
    >>> coords = {name: ("obs", [value]) for name, value in zip("hkl", (1, 2, 3))}
    >>> misym = ("obs", [2], {"mtz_type": "Y"})
    >>> attrs = {"cell": [10, 20, 30, 90, 90, 90], "spacegroup": "P 21 21 21"}
    >>> ds = xr.Dataset({"M/ISYM": misym}, coords, attrs).xtal.to_original_hkl()
    >>> [int(ds[name][0]) for name in "hkl"]
    [-1, -2, -3]
    """
    if kind_of_indices(ds) == "original":
        return ds.copy()
    inverses = np.array(
        [_rotation(operation.inverse()) for operation in counted_operations(ds)], np.int32
    )

    def original(h: Any, k: Any, l: Any, misym: Any) -> tuple[NDArray[np.int32], ...]:
        from xrefl.hkl import _kernels

        misym = _whole(misym)
        out = np.empty((3, len(h)), np.int32)
        bad = np.array([len(h)])
        over_rows(_kernels.original_indices, len(h), (h, k, l), misym, inverses, out, bad)
        if bad[0] < len(h):
            row = int(bad[0])
            raise MillerIndexError(
                f"M/ISYM is {misym[row]} for the observation {h[row]} {k[row]} {l[row]}, but there "
                f"are {len(inverses)} operations, numbered 1 to {2 * len(inverses)}"
            )
        return tuple(out)

    hkl = xr.apply_ufunc(
        original,
        *(ds.variables[name] for name in ("h", "k", "l", misym_label(ds))),
        output_core_dims=[[], [], []],
        dask="parallelized",
        output_dtypes=[np.int32] * 3,
    )
    result = with_indices(ds, hkl, "original")
    if not depends_on_indices(ds):
        return result
    unit = observed_in_unit(result, crystal(ds).spacegroup, operations=counted_operations(ds))
    return result.assign(changed_columns(ds, Changes(unit.shift, unit.mate).inverse(), "obs"))


def to_asu_hkl(ds: xr.Dataset) -> xr.Dataset:
    """Return unmerged observations under the indices of the asymmetric unit (CCP4 convention).

    The column M/ISYM is written anew, with the operation that leads from the original indices
    to the asymmetric unit; its part M stays. It is the inverse of `to_original_hkl`, and what an
    MTZ file must hold. Phases, and whatever else depends on the indices, change with them.

    Parameters
    ----------
    ds : Dataset
        Observations with original indices, and a column of type Y (M/ISYM). Dask-backed columns
        stay lazy.

    Raises
    ------
    MissingColumnError
        There is no column M/ISYM.

    Examples
    --------
    >>> import xarray as xr, xrefl
    >>> coords = {name: ("obs", [-value]) for name, value in zip("hkl", (1, 2, 3))}
    >>> misym = ("obs", [0], {"mtz_type": "Y"})
    >>> attrs = {"cell": [10, 20, 30, 90, 90, 90], "spacegroup": "P 21 21 21"}
    >>> ds = xr.Dataset({"M/ISYM": misym}, coords, attrs)
    >>> ds["h"].attrs["indices"] = "original"
    >>> ds = ds.xtal.to_asu_hkl()
    >>> [int(ds[name][0]) for name in "hkl"], int(ds["M/ISYM"][0])
    ([1, 2, 3], 2)
    """
    misym_label(ds)  # there must be one
    if kind_of_indices(ds) == "asu":
        return ds.copy()
    group, operations = crystal(ds).spacegroup, counted_operations(ds)
    unit = observed_in_unit(ds, group, operations=operations)
    result = with_misym(with_indices(ds, (unit.h, unit.k, unit.l), "asu"), unit.isym)
    if not depends_on_indices(ds):
        return result
    return result.assign(changed_columns(ds, Changes(unit.shift, unit.mate), "obs"))


def original_operations(ds: xr.Dataset) -> list[Op] | None:
    """Return the operations that the column M/ISYM counts, None where there is no such column."""
    counted = any(column.attrs.get("mtz_type") == "Y" for column in ds.data_vars.values())
    return counted_operations(ds) if counted else None


def with_misym(ds: xr.Dataset, isym: xr.Variable) -> xr.Dataset:
    """Return observations with other numbers of operations in M/ISYM, which is added if need be."""
    if original_operations(ds) is None:
        attrs = {"mtz_type": "Y", "long_name": "M/ISYM: partial flag and symmetry number"}
        return ds.assign({"M/ISYM": xr.Variable("obs", isym.data, attrs)})
    label = misym_label(ds)
    flag = xr.apply_ufunc(
        lambda misym, isym: (_whole(misym) & ~np.int32(0xFF)) | isym,
        ds.variables[label],
        isym,
        dask="parallelized",
        output_dtypes=[np.int32],
    )
    return ds.assign({label: xr.Variable("obs", flag.data, ds[label].attrs)})


def _whole(misym: NDArray[Any]) -> NDArray[np.int32]:
    """Return M/ISYM as integers, which it no longer is after a `where` or a join."""
    if misym.dtype.kind == "f":
        wrong = misym[np.rint(misym) != misym]
        if wrong.size:
            raise MillerIndexError(
                f"M/ISYM is {wrong[0]} for some observations; drop those without one first, for "
                "instance with .where(..., drop=True)"
            )
    return misym.astype(np.int32, copy=False)


def kind_of_indices(ds: xr.Dataset) -> str:
    """Return whether observations have the indices of the "asu" or their "original" ones."""
    if is_merged(ds):
        raise NotMergedError(
            "original Miller indices belong to unmerged observations; merged reflections have no "
            "column M/ISYM to go back with"
        )
    return str(ds["h"].attrs.get("indices", "asu"))


def misym_label(ds: xr.Dataset) -> str:
    """Return the label of the column M/ISYM, or raise MissingColumnError."""
    for name, column in ds.data_vars.items():
        if column.attrs.get("mtz_type") == "Y":
            return str(name)
    raise MissingColumnError(
        "no column of type Y (M/ISYM), which tells the original Miller indices from those of the "
        f"asymmetric unit; the columns are {', '.join(map(str, ds.data_vars))}"
    )


def counted_operations(ds: xr.Dataset) -> list[Op]:
    """Return the operations that ISYM counts: in the file's order, if the data are from a file."""
    listed = ds.attrs.get("symmetry_operations")
    if listed is None:
        return list(crystal(ds).spacegroup.operations)
    return [Op(triplet) for triplet in listed]


def _rotation(operation: Op) -> NDArray[np.int32]:
    return np.rint(operation.matrix).astype(np.int32)


def with_indices(
    ds: xr.Dataset, hkl: Iterable[xr.DataArray | xr.Variable], kind: str
) -> xr.Dataset:
    """Return observations with other coordinates h, k and l, and say of which kind they are."""
    coords = {
        name: (ds[name].dims, values.data, {**ds[name].attrs, "indices": kind})
        for name, values in zip("hkl", hkl, strict=True)
    }
    return ds.assign_coords(coords)
