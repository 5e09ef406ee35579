"""What netCDF and Zarr cannot store: the index, and lists in attributes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from xrefl.errors import FormatWarning, MillerIndexError, MissingColumnError
from xrefl.hkl.index import HKLIndex
from xrefl.hkl.packing import are_packed, pack, unpack

__all__ = ["restore"]

IntArray: TypeAlias = npt.NDArray[np.integer]
Data = TypeVar("Data", xr.Dataset, xr.DataArray)

_LISTS_OF_TEXT = ("history", "labels", "symmetry_operations")
# The dimensions of maps and of reciprocal grids.
_GRIDS = ("xyz", "hkl")


def restore(obj: Data) -> Data:
    """Rebuild what reflections lost on their way through netCDF or Zarr.

    Files keep the coordinates of reflections but not their index, and turn lists in attributes
    into arrays. This puts an `HKLIndex` on merged reflections, with the crystal that attrs have
    in ``cell`` and ``spacegroup``, and turns the attributes of all variables back into plain
    numbers, strings and lists. Data that are lazy stay so; only h, k and l are read.

    Neither format can hold a column whose label has a slash: netCDF says so, Zarr leaves it out.
    Rename it before saving, ``ds.rename({"M/ISYM": "M_ISYM"})``; this gives it back its label.

    Parameters
    ----------
    obj : Dataset or DataArray
        Merged reflections (dimension ``hkl``); or unmerged observations (dimension ``obs``), maps
        (``x``, ``y``, ``z``) and reciprocal grids, of which only the attributes change.

    Returns
    -------
    Dataset or DataArray
        A new object that shares its data with `obj`, which stays as it is.

    Raises
    ------
    MissingColumnError
        There are no Miller indices to build an index from.
    MillerIndexError
        They are not unique, or the packed ones differ from h, k and l.
    CrystalMismatchError
        There is an index already, of another crystal than in attrs.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> stored = xr.Dataset(
    ...     {"FP": ("hkl", [2.5, 3.5])},
    ...     coords={"h": ("hkl", [1, 2]), "k": ("hkl", [1, 2]), "l": ("hkl", [0, 5])},
    ...     attrs={"cell": np.array([10.0, 11, 12, 90, 95, 90]), "spacegroup": "P 1 2 1"},
    ... )
    >>> restored = restore(stored)
    >>> restored.FP.sel(hkl=(2, 2, 5)).item()
    3.5
    >>> restored.attrs["cell"]
    [10.0, 11.0, 12.0, 90.0, 95.0, 90.0]
    """
    result = _with_plain_attrs(obj)
    if isinstance(result, xr.Dataset):
        result = _with_labels(result)
    if "hkl" in obj.dims:
        return _with_index(result)
    if "obs" in obj.dims or any(set(dims) <= set(obj.dims) for dims in _GRIDS):
        return result
    raise MissingColumnError(
        "nothing to restore: expected the dimension 'hkl' (merged reflections) or 'obs' (unmerged"
        f" observations), found {tuple(obj.dims)}"
    )


def _with_labels(ds: xr.Dataset) -> xr.Dataset:
    """Give columns back the labels that netCDF and Zarr refuse, such as M/ISYM for M_ISYM."""
    names = {
        name: label
        for name, column in ds.data_vars.items()
        if (label := column.attrs.get("mtz_label")) and name == label.replace("/", "_")
    }
    if "symmetry_operations" in ds.attrs and not any(
        column.attrs.get("mtz_type") == "Y" for column in ds.data_vars.values()
    ):
        warnings.warn(
            "the column M/ISYM is not there; Zarr takes what has a slash in its name for a group "
            'and leaves it out. Rename it before saving, ds.rename({"M/ISYM": "M_ISYM"}); restore '
            "gives it back its label",
            FormatWarning,
            stacklevel=3,
        )
    return ds.rename(names)


def _with_index(obj: Data) -> Data:
    known = obj.xindexes.get("hkl")
    h, k, l = _miller_indices(obj)
    index = HKLIndex.from_miller(
        h, k, l, cell=obj.attrs.get("cell"), spacegroup=obj.attrs.get("spacegroup")
    )
    if isinstance(known, HKLIndex):
        crystal = known.crystal.combine(index.crystal)
        index = index.with_crystal(crystal.cell, crystal.spacegroup)
    places = _places(obj)
    present = [name for name in ("hkl", "h", "k", "l") if name in places]
    coordinates = index.coordinates({name: places[name].variable for name in present})
    return obj.drop_vars(present).assign_coords(coordinates)


def _miller_indices(obj: xr.Dataset | xr.DataArray) -> tuple[IntArray, IntArray, IntArray]:
    places = _places(obj)
    if all(name in places for name in "hkl"):
        h, k, l = (places[name].values for name in ("h", "k", "l"))
        if "hkl" in places and not np.array_equal(places["hkl"].values, pack(h, k, l)):
            raise MillerIndexError(
                "coordinate 'hkl' does not hold the packed h, k and l; drop it, or them,"
                " with ds.drop_vars(...) and restore from the others"
            )
        return h, k, l
    if "hkl" in places and are_packed(places["hkl"].values):
        return unpack(places["hkl"].values)
    raise MissingColumnError(
        "there are neither h, k and l nor packed Miller indices 'hkl' to build the index from;"
        f" found {', '.join(map(str, places))}"
    )


def _places(obj: xr.Dataset | xr.DataArray) -> Mapping[Any, xr.DataArray]:
    """Return where Miller indices may be: formats without coordinates keep them as columns."""
    return obj if isinstance(obj, xr.Dataset) else obj.coords


def _with_plain_attrs(obj: Data) -> Data:
    """Return a shallow copy whose attributes, and those of its variables, are plain."""
    result = obj.copy(deep=False)
    if isinstance(result, xr.Dataset):
        for variable in result.variables.values():
            variable.attrs = _plain(variable.attrs)
    else:
        for coord in result.coords.values():
            coord.attrs = _plain(coord.attrs)
    result.attrs = _plain(result.attrs)
    return result


def _plain(attrs: Mapping[Any, Any]) -> dict[Any, Any]:
    """Turn arrays into lists and numpy's scalars into Python's."""
    plain = {
        name: value.tolist() if isinstance(value, np.ndarray | np.generic) else value
        for name, value in attrs.items()
    }
    for name in _LISTS_OF_TEXT:
        if isinstance(plain.get(name), str):
            plain[name] = [plain[name]]
    if isinstance(plain.get("cell"), list):  # some writers turn 90.0 into 90
        plain["cell"] = [float(parameter) for parameter in plain["cell"]]
    return plain
