"""Turn a Dataset into what an MTZ file needs: a header and, in order, the columns."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import FormatError
from xrefl.hkl.crystal import crystal, reflection_dim
from xrefl.hkl.datasets import DatasetInfo, datasets_of
from xrefl.io.mtz.column_types import COLUMN_TYPES, SIGN_PAIR_TYPES
from xrefl.io.mtz.header import (
    DATASET_WORD,
    FLOAT_WORDS,
    INTEGER_WORDS,
    PHI_END_WORD,
    PHI_START_WORD,
    Batches,
    ColumnInfo,
    Header,
)

__all__ = ["Content", "collect"]

_LONGEST_LABEL = 30


@dataclass(slots=True)
class Content:
    """A header without counts, and the variables that become the columns, indices first."""

    header: Header
    spacegroup: SpaceGroup
    dim: str
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
    datasets = _datasets(ds, cell.parameters)
    names = _column_order(ds, dim)
    infos = [_info(ds[index], index.upper(), "H", datasets[0].id) for index in "hkl"]
    infos += [_info(ds[name], str(name), None, datasets[-1].id) for name in names]
    _check_labels([info.label for info in infos])
    header = Header(
        nrow=ds.sizes[dim],
        title=str(ds.attrs.get("title", "")),
        cell=cell.parameters,
        operations=list(ds.attrs.get("symmetry_operations", ()))
        or [operation.triplet() for operation in spacegroup.operations],
        columns=infos,
        datasets=datasets,
        history=_lines(ds.attrs.get("history", ())),
        appended_text=ds.attrs.get("mtz_appended_text", ""),
        batches=_batches(ds),
    )
    header.nbatch = len(header.batches.number)
    variables = [ds[name].variable for name in ["h", "k", "l", *names]]
    return Content(header, spacegroup, dim, variables)


def _lines(history: str | Sequence[str]) -> list[str]:
    return history.splitlines() if isinstance(history, str) else [str(line) for line in history]


def _info(column: xr.DataArray, label: str, kind: str | None, dataset_id: int) -> ColumnInfo:
    attrs = column.attrs
    kind = kind or attrs.get("mtz_type") or ("R" if column.dtype.kind == "f" else "I")
    if kind not in COLUMN_TYPES:
        raise FormatError(
            f"column {label}: attrs['mtz_type'] is {kind!r}; it must be one of "
            f"{' '.join(COLUMN_TYPES)}"
        )
    return ColumnInfo(
        attrs.get("mtz_label", label),
        kind,
        int(attrs.get("dataset_id", dataset_id)),
        attrs.get("source", ""),
        attrs.get("mtz_group", ""),
    )


def _column_order(ds: xr.Dataset, dim: str) -> list[Hashable]:
    """Return the data variables in their order, with the columns of Friedel mates adjacent.

    CCP4 programs expect F(+), SIGF(+), F(-), SIGF(-) side by side.
    """
    for name, variable in ds.data_vars.items():
        if variable.dims != (dim,):
            raise FormatError(
                f"variable {name!r} has the dimensions {variable.dims}, but a column of an MTZ "
                f"file has one value for each row ({dim!r}); drop it or select from it first"
            )
        if variable.dtype.kind not in "fiub":
            raise FormatError(
                f"variable {name!r} is of dtype {variable.dtype}, but an MTZ file holds real "
                "numbers only; convert or drop it first"
            )
    left = list(ds.data_vars)
    ordered: list[Hashable] = []
    while left:
        run = 1
        if _mate(ds, left[0]):
            while run < len(left) and _mate(ds, left[run]):
                run += 1
        taken = left[:run]
        mates = [mate for name in taken if (mate := _mate(ds, name)) in left[run:]]
        ordered += taken + mates
        left = [name for name in left[run:] if name not in mates]
    return ordered


def _mate(ds: xr.Dataset, name: Hashable) -> str | None:
    """Return the label of the column with the other Friedel mates, for F(+) that is F(-)."""
    if ds[name].attrs.get("mtz_type") not in SIGN_PAIR_TYPES:
        return None
    label = str(name)
    for plus, minus in (("(+)", "(-)"), ("_plus", "_minus"), ("+", "-")):
        for sign, other in ((plus, minus), (minus, plus)):
            if sign in label and (mate := label.replace(sign, other)) in ds:
                return mate
    return None


def _check_labels(labels: Sequence[str]) -> None:
    for label in labels:
        if not label or len(label.encode()) > _LONGEST_LABEL or label.split() != [label]:
            raise FormatError(
                f"the name {label!r} cannot be the label of an MTZ column: it must have 1 to "
                f"{_LONGEST_LABEL} characters and no spaces; rename the variable first"
            )
        if labels.count(label) > 1:
            raise FormatError(f"two columns have the label {label!r}; rename one of them first")


def _datasets(ds: xr.Dataset, cell: tuple[float, ...]) -> list[DatasetInfo]:
    if "dataset_id" in ds.coords:
        return datasets_of(ds)
    base = DatasetInfo(0, "HKL_base", "HKL_base", "HKL_base", cell)
    wavelength = float(ds.attrs.get("wavelength", np.nan))
    return [base, DatasetInfo(1, "unknown", "unknown", "unknown", cell, wavelength)]


def _batches(ds: xr.Dataset) -> Batches:
    if "batch" not in ds.coords:
        return Batches.none()
    count = ds.sizes["batch"]
    batches = Batches(
        ds["batch"].values.astype(np.int32),
        _texts(ds, "batch_title", count),
        np.zeros((count, INTEGER_WORDS), np.int32),
        np.zeros((count, FLOAT_WORDS), np.float32),
        _texts(ds, "batch_axes", count),
    )
    if "batch_integers" in ds.coords:
        batches.integers = ds["batch_integers"].values.astype(np.int32)
    if "batch_floats" in ds.coords:
        batches.floats = ds["batch_floats"].values.astype(np.float32)
    # Words that have a name follow the coordinate of that name.
    integers, floats = batches.integers, batches.floats
    integers[:, :3] = integers.shape[1] + floats.shape[1], integers.shape[1], floats.shape[1]
    if "batch_dataset_id" in ds.coords:
        integers[:, DATASET_WORD] = ds["batch_dataset_id"].values
    if "batch_phi_start" in ds.coords:
        floats[:, PHI_START_WORD] = ds["batch_phi_start"].values
    if "batch_phi_end" in ds.coords:
        floats[:, PHI_END_WORD] = ds["batch_phi_end"].values
    return batches


def _texts(ds: xr.Dataset, name: str, count: int) -> list[str]:
    return [str(text) for text in ds[name].values] if name in ds.coords else [""] * count
