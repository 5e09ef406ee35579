"""Turn a Dataset into what an MTZ file needs: a header and, in order, the columns."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import FormatError
from xrefl.hkl.crystal import crystal, reflection_dim
from xrefl.hkl.datasets import DatasetInfo, datasets_of
from xrefl.hkl.friedel import friedel_mate
from xrefl.hkl.packing import first_duplicate, pack
from xrefl.io.mtz.batches import batches_of
from xrefl.io.mtz.column_types import COLUMN_TYPES
from xrefl.io.mtz.header import ColumnInfo, Header

__all__ = ["Content", "collect", "history_lines"]

_LABEL = re.compile(r"[!-~]{1,30}")  # records have room for 30 bytes


@dataclass(slots=True)
class Content:
    """A header, and the variables that become the columns, indices first."""

    header: Header
    spacegroup: SpaceGroup
    variables: list[xr.Variable]


def collect(ds: xr.Dataset) -> Content:
    """Return what is to be written of a Dataset.

    Raises
    ------
    FormatError
        Something in the Dataset cannot be in an MTZ file; the message says what to do.
    """
    dim = reflection_dim(ds)
    cell, spacegroup = crystal(ds)
    if ds["h"].attrs.get("indices") == "original":
        raise FormatError(
            "the Dataset has original Miller indices, but an MTZ file holds those of the "
            "asymmetric unit; call .xtal.to_asu_hkl() first"
        )
    if dim == "hkl":
        _check_merged(ds)
    datasets = _datasets(ds, cell.parameters)
    names = _column_order(ds, dim)
    infos = [_info(ds[index], index.upper(), "H", datasets[0].id) for index in "hkl"]
    infos += [_info(ds[name], str(name), None, datasets[-1].id) for name in names]
    _check_labels([info.label for info in infos])
    _check_datasets(infos, datasets)
    header = Header(
        nrow=ds.sizes[dim],
        title=str(ds.attrs.get("title") or ""),
        cell=cell.parameters,
        operations=_operations(ds, spacegroup),
        columns=infos,
        datasets=datasets,
        history=history_lines(ds),
        appended_text=ds.attrs.get("mtz_appended_text", ""),
        batches=batches_of(ds),
    )
    header.nbatch = len(header.batches.number)
    variables = [ds[name].variable for name in ["h", "k", "l", *names]]
    return Content(header, spacegroup, variables)


def _check_merged(ds: xr.Dataset) -> None:
    repeated = first_duplicate(pack(*(ds[name].values for name in "hkl")))
    if repeated is not None:
        h, k, l = (int(ds[name].values[repeated[0]]) for name in "hkl")
        raise FormatError(
            f"the reflection {h} {k} {l} is in the rows {repeated[0]} and {repeated[1]}, but a "
            "merged file has each once; drop_duplicates('hkl') or merge first, or rename the "
            "dimension to 'obs' if these are observations"
        )


def _operations(ds: xr.Dataset, spacegroup: SpaceGroup) -> list[str]:
    listed = ds.attrs.get("symmetry_operations")
    if listed is None:
        return [operation.triplet() for operation in spacegroup.operations]
    if SpaceGroup.from_operations(listed) != spacegroup:
        raise FormatError(
            f"attrs['symmetry_operations'], which M/ISYM counts, are not those of the space group "
            f"{spacegroup.name}; change the group with .xtal.assign_crystal"
        )
    return list(listed)


def _check_datasets(infos: Sequence[ColumnInfo], datasets: Sequence[DatasetInfo]) -> None:
    known = {dataset.id for dataset in datasets}
    for info in infos:
        if info.dataset_id not in known:
            raise FormatError(
                f"column {info.label} belongs to the data set {info.dataset_id}, but the Dataset "
                f"has {sorted(known)} along 'dataset_id'; keep that data set, or change "
                "attrs['dataset_id'] of the column"
            )


def history_lines(ds: xr.Dataset) -> list[str]:
    """Return the history in the attrs of a Dataset, which netCDF may have made an array."""
    history = ds.attrs.get("history")
    if history is None:
        return []
    if isinstance(history, str):
        return history.splitlines()
    return [str(line) for line in np.atleast_1d(history).tolist()]


def _info(column: xr.DataArray, label: str, kind: str | None, dataset_id: int) -> ColumnInfo:
    attrs = column.attrs
    kind = kind or attrs.get("mtz_type") or ("R" if column.dtype.kind == "f" else "I")
    if column.dtype.kind == "b":  # the outcome of a comparison, whatever was compared
        kind = "I"
    if kind not in COLUMN_TYPES:
        raise FormatError(
            f"column {label}: attrs['mtz_type'] is {kind!r}; it must be one of "
            f"{' '.join(COLUMN_TYPES)}"
        )
    own = str(attrs.get("mtz_label", ""))
    if kind == "H" or own.replace("/", "_") == label:
        label = own or label
    return ColumnInfo(
        label,
        kind,
        int(attrs.get("dataset_id", dataset_id)),
        attrs.get("source", ""),
        attrs.get("mtz_group", ""),
    )


def _column_order(ds: xr.Dataset, dim: str) -> list[Hashable]:
    """Return the data variables in their order, with the columns of Friedel mates adjacent.

    CCP4 programs expect F(+), SIGF(+), F(-), SIGF(-) side by side.
    """
    for name, coord in ds.coords.items():
        if "mtz_type" in coord.attrs and name not in ("h", "k", "l"):
            raise FormatError(
                f"the column {name!r} has become a coordinate and would not be written; call "
                f".reset_coords({name!r}) first, after .drop_indexes if it has an index"
            )
    for name, variable in ds.data_vars.items():
        if variable.dims != (dim,):
            raise FormatError(
                f"variable {name!r} has the dimensions {variable.dims}, but a column of an MTZ "
                f"file has one value for each row ({dim!r}); drop it or select from it first, or "
                "call .xtal.unstack_friedel() if these are Friedel pairs"
            )
        if variable.dtype.kind not in "fiub":
            raise FormatError(
                f"variable {name!r} is of dtype {variable.dtype}, but an MTZ file holds real "
                "numbers only; convert or drop it first, or let xrefl.cif_to_mtz do so, if the "
                "Dataset is that of a CIF file"
            )
    left = list(ds.data_vars)
    ordered: list[Hashable] = []
    while left:
        run = 1
        if friedel_mate(ds, left[0]):
            while run < len(left) and friedel_mate(ds, left[run]):
                run += 1
        taken = left[:run]
        mates = [mate for name in taken if (mate := friedel_mate(ds, name)) in left[run:]]
        ordered += taken + mates
        left = [name for name in left[run:] if name not in mates]
    return ordered


def _check_labels(labels: Sequence[str]) -> None:
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise FormatError(
                f"the name {label!r} cannot be the label of an MTZ column: it must have 1 to 30 "
                "characters, all of printable ASCII and none a space; rename the variable first"
            )
        if labels.count(label) > 1:
            raise FormatError(f"two columns have the label {label!r}; rename one of them first")


def _datasets(ds: xr.Dataset, cell: tuple[float, ...]) -> list[DatasetInfo]:
    datasets = datasets_of(ds)
    wavelength = ds.attrs.get("wavelength")
    wavelength = float("nan") if wavelength is None else float(wavelength)
    if not datasets:
        base = DatasetInfo(0, "HKL_base", "HKL_base", "HKL_base", cell)
        return [base, DatasetInfo(1, "unknown", "unknown", "unknown", cell, wavelength)]
    known = {dataset.wavelength for dataset in datasets if dataset.wavelength == dataset.wavelength}
    if wavelength == wavelength and not known:
        datasets[-1].wavelength = wavelength
    elif wavelength == wavelength and known != {wavelength}:
        raise FormatError(
            f"attrs['wavelength'] is {wavelength}, but 'dataset_wavelength' has {sorted(known)}; "
            "make them agree, or delete the attribute"
        )
    return datasets
