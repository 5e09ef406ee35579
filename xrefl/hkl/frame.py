"""To pandas and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError, DroppedWarning, MissingColumnError, warn_caller
from xrefl.hkl.crystal import Crystal, reflection_dim, warn_of_contradiction
from xrefl.hkl.datasets import DatasetInfo, dataset_coords, datasets_of
from xrefl.hkl.index import HKLIndex

__all__ = ["frame_crystal", "to_dataframe", "to_dataset"]

_LEVELS = ["H", "K", "L"]


def to_dataframe(ds: xr.Dataset) -> pd.DataFrame:
    """Return the columns as a DataFrame with the MultiIndex (H, K, L).

    Parameters
    ----------
    ds : Dataset
        Merged or unmerged reflections. Dask-backed columns are computed.

    Returns
    -------
    pandas.DataFrame
        Columns keep their dtype. ``attrs`` has those of the Dataset, and under ``columns`` those
        of each column and index, under ``merged`` whether reflections are merged, and under
        ``datasets`` what the Dataset has along ``dataset_id``. Batch headers have no place in a
        DataFrame and stay behind, as do variables of further dimensions, with a `DroppedWarning`.

    Examples
    --------
    >>> import xrefl
    >>> df = xrefl.tutorial.open("5e5z").xtal.to_dataframe()
    >>> df.loc[(-5, 0, 1), ["FP", "SIGFP"]].round(2).tolist()
    [5.36..., 2.32...]
    >>> df.attrs["spacegroup"]
    'P 1 21 1'
    """
    dim = reflection_dim(ds)
    columns = {name: column for name, column in ds.data_vars.items() if column.dims == (dim,)}
    if further := [str(name) for name in ds.data_vars if name not in columns]:
        warn_caller(
            f"left out of the DataFrame: {', '.join(further)}, of other dimensions than {dim!r}; "
            "Friedel pairs become columns with .xtal.unstack_friedel() first, others by .sel",
            DroppedWarning,
        )
    loaded = ds[list(columns)].compute()
    index = pd.MultiIndex.from_arrays([loaded[name].values for name in "hkl"], names=_LEVELS)
    df = pd.DataFrame({name: loaded[name].values for name in columns}, index=index)
    df.attrs = {
        **ds.attrs,
        "merged": dim == "hkl",
        "datasets": [asdict(dataset) for dataset in datasets_of(ds)],
        "columns": {str(name): dict(ds[name].attrs) for name in ["h", "k", "l", *columns]},
    }
    return df


def to_dataset(
    df: pd.DataFrame,
    *,
    cell: UnitCell | Sequence[float] | None = None,
    spacegroup: SpaceGroup | str | int | None = None,
    merged: bool | None = None,
) -> xr.Dataset:
    """Return a DataFrame of reflections as a Dataset.

    Parameters
    ----------
    df : DataFrame
        Miller indices are the index levels or columns H, K and L (in either case).
    cell : UnitCell or six numbers, optional
        Å and degrees; by default ``df.attrs["cell"]``.
    spacegroup : SpaceGroup, name or number, optional
        By default ``df.attrs["spacegroup"]``.
    merged : bool, optional
        Whether rows are merged reflections, which have unique indices. By default what
        ``df.attrs["merged"]`` says, or else yes.

    Raises
    ------
    MissingColumnError
        There are no Miller indices.
    CrystalError
        The crystal is not known.
    MillerIndexError
        Merged reflections have an index twice.

    Warns
    -----
    CrystalWarning
        The cell that is given, or that of the group given, does not have the symmetry of the group.

    Examples
    --------
    >>> import pandas as pd, xrefl
    >>> df = pd.DataFrame({"H": [4, 4], "K": [13, 13], "L": [8, 9], "F": [453.9, 102.0]})
    >>> ds = df.xtal.to_dataset(cell=(77.7, 149.5, 62.4, 90, 90, 90), spacegroup="P 21 21 2")
    >>> float(ds.F.sel(hkl=(4, 13, 9)))
    102.0
    """
    attrs: dict[str, Any] = {str(name): value for name, value in df.attrs.items()}
    column_attrs = attrs.pop("columns", {})
    datasets = [DatasetInfo(**fields) for fields in attrs.pop("datasets", [])]
    was_merged = attrs.pop("merged", True)
    if merged is None:
        merged = bool(was_merged)
    attrs["cell"] = _cell(cell, attrs)
    attrs["spacegroup"] = _spacegroup(spacegroup, attrs)
    if cell is not None or spacegroup is not None:
        warn_of_contradiction(UnitCell(*attrs["cell"]), SpaceGroup(attrs["spacegroup"]))
    dim = "hkl" if merged else "obs"

    flat = df.reset_index() if set(map(str, df.index.names)) & {*"HKLhkl"} else df
    names = {str(name).lower(): name for name in flat.columns if str(name) in {*"HKLhkl"}}
    if len(names) < 3:
        raise MissingColumnError(
            "no Miller indices: the DataFrame needs index levels or columns H, K and L; it has "
            f"{', '.join(map(str, flat.columns))}"
        )
    h, k, l = (flat[names[name]].to_numpy() for name in "hkl")
    data = {
        str(name): (dim, column.to_numpy(), column_attrs.get(str(name)))
        for name, column in flat.items()
        if name not in names.values()
    }
    if merged:
        index = HKLIndex.from_miller(h, k, l, cell=attrs["cell"], spacegroup=attrs["spacegroup"])
        ds = xr.Dataset(data, coords=index.coordinates(), attrs=attrs)
    else:
        coords = {
            name: ("obs", values.astype(np.int32))
            for name, values in zip("hkl", (h, k, l), strict=True)
        }
        ds = xr.Dataset(data, coords=coords, attrs=attrs)
    for name in "hkl":
        ds[name].attrs.update(column_attrs.get(name, {}))
    if cell is not None:
        for dataset in datasets:
            dataset.cell = tuple(attrs["cell"])
    return ds.assign_coords(dataset_coords(datasets))


def frame_crystal(df: pd.DataFrame) -> Crystal:
    """Return the crystal in the attrs of a DataFrame."""
    attrs = {str(name): value for name, value in df.attrs.items()}
    return Crystal(UnitCell(*_cell(None, attrs)), SpaceGroup(_spacegroup(None, attrs)))


def _cell(cell: UnitCell | Sequence[float] | None, attrs: dict[str, Any]) -> list[float]:
    if isinstance(cell, UnitCell):
        return list(cell.parameters)
    given = attrs.get("cell") if cell is None else cell
    if given is None:
        raise CrystalError(
            "the unit cell is not known; give it as .xtal.to_dataset(cell=...), or in "
            "df.attrs['cell']"
        )
    return list(UnitCell.from_parameters(given).parameters)


def _spacegroup(spacegroup: SpaceGroup | str | int | None, attrs: dict[str, Any]) -> str:
    given = attrs.get("spacegroup") if spacegroup is None else spacegroup
    if given is None:
        raise CrystalError(
            "the space group is not known; give it as .xtal.to_dataset(spacegroup=...), or in "
            "df.attrs['spacegroup']"
        )
    return SpaceGroup(given).name
