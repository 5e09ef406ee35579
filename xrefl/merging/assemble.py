"""Merged reflections as a Dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xrefl.crystal.moves import Moved
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.hkl.datasets import DATASET_COORDS
from xrefl.hkl.index import HKLIndex
from xrefl.merging.crystals import chosen_dataset
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
        wavelength = chosen_dataset(ds, dataset).wavelength
        attrs.pop("wavelength", None)
        if wavelength > 0:
            attrs["wavelength"] = wavelength
    return attrs


def assemble(
    ds: xr.Dataset, merged: Estimates, intensity: str, attrs: dict[str, Any]
) -> xr.Dataset:
    """Return merged reflections as a Dataset.

    Parameters
    ----------
    ds : Dataset
        The observations, whose data sets stay.
    merged : Estimates
    intensity : str
        Label of the intensities.
    attrs : dict
        Of the result.
    """
    moved = Moved(merged.hkl, merged.keys, np.empty(0, np.int8))
    index = HKLIndex.from_moved(moved, cell=attrs.get("cell"), spacegroup=attrs["spacegroup"])
    old = ds[intensity].attrs
    own = {name: old[name] for name in ("dataset_id",) if name in old}
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
    known = {name: ds.coords[name].variable for name in DATASET_COORDS if name in ds.coords}
    if known:
        indexes = {name: index for name, index in ds.xindexes.items() if name in known}
        coords = xr.Coordinates({**coords.variables, **known}, {**coords.xindexes, **indexes})
    return xr.Dataset(columns, coords, attrs)
