"""Whether observations are of one crystal at one wavelength, as far as headers tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.errors import CrystalMismatchError, MissingColumnError
from xrefl.hkl.crystal import unit_cell
from xrefl.hkl.datasets import DatasetInfo, datasets_of

__all__ = ["cell_of", "chosen_batches", "chosen_dataset", "in_use", "ranges", "require_one_crystal"]

_LARGEST = 0.01
# Wavelengths of one MAD experiment are nearer to each other than those of two crystals may be.
_SAME_WAVELENGTH = 1e-4
_PARAMETERS = ("a", "b", "c", "α", "β", "γ")
_CELL_WORDS = slice(0, 6)
# Ranges of batches that a message lists.
_RANGES = 8


def chosen_dataset(ds: xr.Dataset, dataset: int | str) -> DatasetInfo:
    """Return the data set of an id or a name.

    Raises
    ------
    MissingColumnError
        There is none, or names are not unique.
    """
    known = datasets_of(ds)
    found = [info for info in known if dataset in (info.id, info.name)]
    if len(found) != 1:
        what = f"{len(found)} data sets are" if found else "no data set is"
        listed = ", ".join(f"{info.id} ({info.name!r})" for info in known) or "none at all"
        runs = ""
        if "dataset" in ds.coords and "obs" in ds["dataset"].dims:
            runs = (
                ". Runs, which the coordinate 'dataset' tells apart, are chosen before, with "
                f"ds.sel(obs=(ds.dataset == {dataset!r}).values) or xrefl.open_zarr(dataset=...)"
            )
        raise MissingColumnError(f"{what} called {dataset!r}; there are {listed}{runs}")
    return found[0]


def chosen_batches(ds: xr.Dataset, dataset: int | str) -> frozenset[int]:
    """Return the numbers of the batches of a data set.

    Raises
    ------
    MissingColumnError
        There is no such data set, or it has no batches.
    """
    number = chosen_dataset(ds, dataset).id
    if "batch_dataset_id" not in ds.coords:
        raise MissingColumnError(
            "batch headers, which tell the data sets of observations, are not there (coordinate "
            "'batch_dataset_id'); without dataset= all observations are merged"
        )
    batches = np.atleast_1d(ds["batch"].values)[_of_dataset(ds, number)].tolist()
    if not batches:
        raise MissingColumnError(f"no batch header is of data set {dataset!r}")
    return frozenset(batches)


def cell_of(ds: xr.Dataset, dataset: int | str | None) -> UnitCell:
    """Return the cell of the data set that is chosen, or else that of all.

    Raises
    ------
    CrystalError
        It is not known.
    MissingColumnError
        There is no such data set.
    """
    own = None if dataset is None else chosen_dataset(ds, dataset).cell
    if own is None or not min(own) > 0:
        return unit_cell(ds)
    return UnitCell.from_parameters(own)


def require_one_crystal(ds: xr.Dataset, dataset: int | str | None) -> None:
    """Raise CrystalMismatchError if cells or wavelengths of the data to be merged differ.

    Cells are those of data sets and batches, as far as they are known. They may differ by 1 % in
    lengths and 0.01 radian in angles; wavelengths by 0.0001 Å.
    """
    number = None if dataset is None else chosen_dataset(ds, dataset).id
    infos = [info for info in datasets_of(ds) if info.id in in_use(ds, number)]
    _require_one_wavelength(ds, infos)
    sets = [info for info in infos if info.cell is not None]
    _require_one_cell(
        "data sets",
        [f"{info.id} ({info.name})" for info in sets],
        np.array([info.cell for info in sets], np.float64).reshape(-1, 6),
        "ds.drop_vars('dataset_cell')",
    )
    if "batch_floats" in ds.coords:
        rows = slice(None) if number is None else _of_dataset(ds, number)
        cells = np.atleast_2d(ds["batch_floats"].values)[rows, _CELL_WORDS].astype(np.float64)
        numbers = np.atleast_1d(ds["batch"].values)[rows].tolist()
        _require_one_cell("batches", numbers, cells, "ds.drop_dims('batch')")


def _of_dataset(ds: xr.Dataset, number: int) -> NDArray[np.bool_]:
    chosen: NDArray[np.bool_] = np.atleast_1d(ds["batch_dataset_id"].values) == number
    return chosen


def in_use(ds: xr.Dataset, number: int | None) -> set[int]:
    """Return the ids of data sets that observations may belong to."""
    if number is not None:
        return {number}
    if "batch_dataset_id" in ds.coords:
        return set(np.atleast_1d(ds["batch_dataset_id"].values).tolist())
    return {column.attrs["dataset_id"] for column in ds.data_vars.values()
            if column.attrs.get("mtz_type") == "J" and "dataset_id" in column.attrs}  # fmt: skip


def _require_one_wavelength(ds: xr.Dataset, infos: Sequence[DatasetInfo]) -> None:
    known = {f"{info.id} ({info.name})": info.wavelength for info in infos if info.wavelength > 0}
    remedy = (
        "choose one with dataset=, or, if they are to be merged all the same, leave the "
        "wavelengths out with ds.drop_vars('dataset_wavelength')"
    )
    if not known and "wavelengths" in ds.attrs:
        ids = map(str, np.ravel(ds.attrs.get("wavelength_ids", [])).tolist())
        known = dict(zip(ids, np.ravel(ds.attrs["wavelengths"]).tolist(), strict=False))
        remedy = (
            'choose one when opening the file, select={"wavelength_id": ...}, or, if they are to '
            "be merged all the same, delete attrs['wavelengths']"
        )
    if known and max(known.values()) - min(known.values()) > _SAME_WAVELENGTH:
        listed = ", ".join(f"{name}: {value:.5f} Å" for name, value in known.items())
        raise CrystalMismatchError(
            f"the data sets have different wavelengths ({listed}), so that their anomalous "
            f"differences differ; {remedy}"
        )


def _require_one_cell(
    what: str, names: Sequence[object], cells: NDArray[np.float64], remedy: str
) -> None:
    known = np.all(np.isfinite(cells) & (cells > 0), axis=1)
    if not known.any():
        return
    names = [name for name, is_known in zip(names, known, strict=True) if is_known]
    cells = cells[known]
    low, high = cells.min(axis=0), cells.max(axis=0)
    difference = np.concatenate([(high - low)[:3] / high[:3], np.radians((high - low)[3:])])
    worst = int(np.argmax(difference))
    if difference[worst] <= _LARGEST:
        return
    first, second = (names[int(pick(cells[:, worst]))] for pick in (np.argmin, np.argmax))
    unit = "Å" if worst < 3 else "°"
    size = f"{difference[worst]:.1%}" if worst < 3 else f"{(high - low)[worst]:.2f}°"
    off = _off(names, cells) if what == "batches" else ""
    raise CrystalMismatchError(
        f"the cells of {what} {first} and {second} differ by {size} in {_PARAMETERS[worst]} "
        f"({low[worst]:.2f} and {high[worst]:.2f} {unit}; 1 % and 0.57° are allowed): they are "
        f"different crystals{off}. Merge them one by one, with dataset= or after choosing rows by "
        f"their batch number; if these cells are wrong, leave them out, {remedy}"
    )


def _off(names: Sequence[object], cells: NDArray[np.float64]) -> str:
    """Tell which batches have another cell than most."""
    usual = np.quantile(cells, 0.5, axis=0, method="lower")
    apart = np.abs(cells - usual)
    apart[:, :3] /= usual[:3]
    apart[:, 3:] = np.radians(apart[:, 3:])
    numbers = np.array(names)[(apart > _LARGEST).any(axis=1)]
    if not len(numbers):  # each is within the limits of the usual one
        return ""
    return f" ({len(numbers):,} of {len(names):,} batches are off the others: {ranges(numbers)})"


def ranges(numbers: NDArray[np.integer]) -> str:
    """Return whole numbers as text, those that follow each other as ranges.

    Examples
    --------
    >>> ranges(np.array([51, 52, 53, 60]))
    '51-53, 60'
    """
    ordered = np.unique(numbers)
    runs = np.split(ordered, np.flatnonzero(np.diff(ordered) != 1) + 1)
    shown = [f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs[:_RANGES]]
    return ", ".join([*shown, *(["..."] if len(runs) > _RANGES else [])])
