"""The data sets that columns belong to, as coordinates of a Dataset.

MTZ files arrange columns in a hierarchy of projects, crystals and data sets, each data set with
its wavelength and cell. The dimension is ``dataset_id``, not ``dataset``, so that users can
concatenate whole Datasets along a dimension of that name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

__all__ = [
    "DATASET_COORDS",
    "DatasetInfo",
    "dataset_coords",
    "datasets_of",
    "known_wavelength",
    "strings",
]

DATASET_COORDS = (
    "dataset_id",
    "project_name",
    "crystal_name",
    "dataset_name",
    "dataset_cell",
    "cell_parameter",
    "dataset_wavelength",
)
_FIELDS = {
    "project": "project_name",
    "crystal": "crystal_name",
    "name": "dataset_name",
    "wavelength": "dataset_wavelength",
}


@dataclass(slots=True)
class DatasetInfo:
    """One data set: its id, names, cell (Å and degrees) and wavelength (Å, or NaN)."""

    id: int
    project: str = ""
    crystal: str = ""
    name: str = ""
    cell: tuple[float, ...] | None = None
    wavelength: float = float("nan")


def dataset_coords(datasets: Sequence[DatasetInfo]) -> dict[str, Any]:
    """Return the coordinates that hold data sets, none where there are no data sets."""
    if not datasets:
        return {}
    unknown = (float("nan"),) * 6
    dim = ("dataset_id",)
    return {
        "dataset_id": (dim, np.array([dataset.id for dataset in datasets], np.int32)),
        "project_name": (dim, strings(dataset.project for dataset in datasets)),
        "crystal_name": (dim, strings(dataset.crystal for dataset in datasets)),
        "dataset_name": (dim, strings(dataset.name for dataset in datasets)),
        "dataset_cell": (
            ("dataset_id", "cell_parameter"),
            np.array([dataset.cell or unknown for dataset in datasets]),
            {"long_name": "unit cell", "units": "Å and degree"},
        ),
        "cell_parameter": (
            ("cell_parameter",),
            np.array(["a", "b", "c", "alpha", "beta", "gamma"]),
        ),
        "dataset_wavelength": (
            dim,
            np.array([dataset.wavelength for dataset in datasets]),
            {"long_name": "wavelength", "units": "Å"},
        ),
    }


def datasets_of(ds: xr.Dataset) -> list[DatasetInfo]:
    """Return the data sets of a Dataset, the inverse of `dataset_coords`.

    Names, cells and wavelengths that have been dropped are empty or unknown.
    """
    if "dataset_id" not in ds.coords:
        return []
    ids = np.atleast_1d(ds["dataset_id"].values).tolist()
    datasets = [DatasetInfo(number) for number in ids]
    for field, name in _FIELDS.items():
        if name in ds.coords:
            values = np.atleast_1d(ds[name].values).tolist()
            for dataset, value in zip(datasets, values, strict=True):
                setattr(dataset, field, value)
    if "dataset_cell" in ds.coords:
        cells = np.atleast_2d(ds["dataset_cell"].values)
        for dataset, cell in zip(datasets, cells, strict=True):
            dataset.cell = None if np.isnan(cell).any() else tuple(cell.tolist())
    return datasets


def known_wavelength(ds: xr.Dataset) -> float:
    """Return the wavelength in Å of all that is in a Dataset, NaN if it is not known or not one."""
    if ds.attrs.get("wavelength") is not None:
        return float(ds.attrs["wavelength"])
    known = {info.wavelength for info in datasets_of(ds) if 0 < info.wavelength < float("inf")}
    return known.pop() if len(known) == 1 else float("nan")


def strings(values: Iterable[str]) -> NDArray[np.object_]:
    """Return texts of any length as an array that netCDF and Zarr can hold."""
    return np.array(list(values), dtype=object)
