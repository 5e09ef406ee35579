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

__all__ = ["DATASET_COORDS", "DatasetInfo", "dataset_coords", "datasets_of", "strings"]

DATASET_COORDS = (
    "dataset_id",
    "project_name",
    "crystal_name",
    "dataset_name",
    "dataset_cell",
    "cell_parameter",
    "dataset_wavelength",
)


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
    """Return the data sets of a Dataset, the inverse of `dataset_coords`."""
    if "dataset_id" not in ds.coords:
        return []
    ids = ds["dataset_id"].values.tolist()
    project, crystal, name = (
        ds[f"{level}_name"].values for level in ("project", "crystal", "dataset")
    )
    cells = ds["dataset_cell"].values
    wavelengths = ds["dataset_wavelength"].values.tolist()
    return [
        DatasetInfo(
            ids[i],
            str(project[i]),
            str(crystal[i]),
            str(name[i]),
            None if np.isnan(cells[i]).any() else tuple(cells[i].tolist()),
            wavelengths[i],
        )
        for i in range(len(ids))
    ]


def strings(values: Iterable[str]) -> NDArray[np.object_]:
    """Return texts of any length as an array that netCDF and Zarr can hold."""
    return np.array(list(values), dtype=object)
