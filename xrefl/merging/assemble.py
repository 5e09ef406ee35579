"""Merged reflections as a Dataset."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import xarray as xr

from xrefl.crystal.moves import Moved
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError
from xrefl.hkl.datasets import DATASET_COORDS, datasets_of
from xrefl.hkl.index import HKLIndex
from xrefl.merging.crystals import cell_of, chosen_dataset, in_use
from xrefl.merging.estimates import Estimates

__all__ = ["assemble", "attributes"]


def attributes(ds: xr.Dataset, group: SpaceGroup, dataset: int | str | None) -> dict[str, Any]:
    """Return the attributes that merged reflections have from their observations.

    Parameters
    ----------
    ds : Dataset
        Observations.
    group : SpaceGroup
        In which they were merged.
    dataset : int or str, optional
        The data set that was.
    """
    kept = ("title", "cell", "spacegroup", "wavelength", "entry_id", "block", "history")
    attrs = {name: ds.attrs[name] for name in kept if name in ds.attrs}
    attrs["spacegroup"] = group.name
    if dataset is not None:
        with contextlib.suppress(CrystalError):  # it may not be known
            attrs["cell"] = list(cell_of(ds, dataset).parameters)
        wavelength = chosen_dataset(ds, dataset).wavelength
        attrs.pop("wavelength", None)
        if wavelength > 0:
            attrs["wavelength"] = wavelength
    return attrs


def assemble(
    ds: xr.Dataset,
    merged: Estimates,
    intensity: str,
    dataset: int | str | None,
    attrs: dict[str, Any],
) -> xr.Dataset:
    """Return merged reflections as a Dataset.

    Parameters
    ----------
    ds : Dataset
        The observations, whose data sets stay.
    merged : Estimates
    intensity : str
        Label of the intensities.
    dataset : int or str, optional
        The data set that was merged; the others are left out then.
    attrs : dict
        Of the result.
    """
    moved = Moved(merged.hkl, merged.keys, np.empty(0, np.int8))
    index = HKLIndex.from_moved(moved, cell=attrs.get("cell"), spacegroup=attrs["spacegroup"])
    old = ds[intensity].attrs
    known, used = _data_sets(ds, dataset)
    own = {name: old[name] for name in ("dataset_id",) if name in old}
    if len(used) == 1:  # columns are often of HKL_base, whatever data set batches are of
        own = {"dataset_id": used[0]}
    units = {name: old[name] for name in ("units",) if name in old}
    columns: dict[str, xr.Variable] = {}

    def add(name: str, kind: str, values: Any, text: str, **more: Any) -> None:
        column = {"mtz_type": kind, **own, "long_name": text, **more}
        columns[name] = xr.Variable(("hkl",), values, column, fastpath=True)

    add("IMEAN", "J", merged.values[0], "mean intensity", **units)
    add("SIGIMEAN", "Q", merged.sigmas[0], "standard deviation of the mean intensity", **units)
    mates = [("+", "hkl"), ("-", "-h-k-l")] if len(merged.values) == 3 else []
    for row, (sign, of) in enumerate(mates, start=1):
        add(f"I({sign})", "K", merged.values[row], f"mean intensity of {of}", **units)
        text = f"standard deviation of the mean intensity of {of}"
        add(f"SIGI({sign})", "M", merged.sigmas[row], text, **units)
    add("N", "I", merged.counts[0], "number of observations")
    for row, (sign, of) in enumerate(mates, start=1):
        add(f"N({sign})", "I", merged.counts[row], f"number of observations of {of}")
    add("CHI2", "R", merged.chi2, "chi-square divided by n - 1")

    coords = index.coordinates()
    if known.coords:
        coords = xr.Coordinates(
            {**coords.variables, **known.variables}, {**coords.xindexes, **known.xindexes}
        )
    return xr.Dataset(columns, coords, attrs)


def _data_sets(ds: xr.Dataset, dataset: int | str | None) -> tuple[xr.Dataset, list[int]]:
    """Return the coordinates of the data sets that stay, and the ids of those that were merged."""
    known = ds.drop_vars([name for name in ds.variables if name not in DATASET_COORDS])
    chosen = None if dataset is None else chosen_dataset(ds, dataset).id
    if "dataset_id" not in known.dims:
        return known, []
    if chosen is not None:
        base = [info.id for info in datasets_of(ds) if info.name == "HKL_base"]
        known = known.isel(dataset_id=np.isin(known["dataset_id"].values, [chosen, *base]))
    headers = "batch_dataset_id" in ds.coords
    used = in_use(ds, chosen) if headers or chosen is not None else set()
    return known, sorted(used.intersection(known["dataset_id"].values.tolist()))
