"""Batches of an unmerged MTZ file, made of the image numbers and sweeps of a CIF table."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import FormatError, FormatWarning
from xrefl.hkl.blocks import row_blocks
from xrefl.hkl.datasets import DatasetInfo
from xrefl.io.cif.format import number_text
from xrefl.io.mtz.batches import batch_coords
from xrefl.io.mtz.header import (
    DATASET_WORD,
    FLOAT_WORDS,
    INTEGER_WORDS,
    PHI_END_WORD,
    PHI_START_WORD,
    Batches,
)

__all__ = ["batches_of_images"]

# Words of the orientation block of a batch header (CCP4 library, ``cmtzlib``).
_CELL_WORDS = slice(0, 6)
_WAVELENGTH_WORD = 86

# Programs of CCP4 keep the batches of sweeps apart by thousands, with room between.
_STEP, _ROOM = 1000, 100
_MISSING = "?"  # as `number_text` has it


def batches_of_images(
    ds: xr.Dataset,
    names: Mapping[str, Hashable],
    dataset: DatasetInfo,
    others: Collection[DatasetInfo],
) -> tuple[xr.Variable, dict[str, Any]]:
    """Return the column BATCH, and the coordinates that hold a header for each batch.

    The number of a batch is pdbx_image_id in the first sweep. Of every further one (the sweeps
    are told apart by diffrn_id, and taken in that order) it is greater by a multiple of 1000 that
    leaves at least 100 numbers free after the sweep before. The rotation that a header gives is
    the span of pdbx_scan_angle over the observations.

    Parameters
    ----------
    ds : Dataset
        Observations as `xrefl.open_refln_cif` gives them.
    names : mapping
        Names of variables by their lower case.
    dataset : DatasetInfo
        What the batches belong to.
    others : collection of DatasetInfo
        Data sets that a batch belongs to instead, where diffrn_id is their id.

    Raises
    ------
    FormatError
        An image number is missing, negative, or not whole; diffrn_id is missing in some rows.
        (Where it is missing in all, there is one sweep.)

    Warns
    -----
    FormatWarning
        There are no image numbers; all observations of a sweep then form one batch.
    """
    image, sweep, angle = (
        ds[names[name]].variable if name in names else None
        for name in ("pdbx_image_id", "diffrn_id", "pdbx_scan_angle")
    )
    if image is None:
        warnings.warn(
            "there are no image numbers (pdbx_image_id), which batches are made of: all "
            "observations of a sweep are put in one batch",
            FormatWarning,
            stacklevel=4,
        )
    overview = _overview(ds.sizes["obs"], image, sweep, angle)
    found = set(overview["sweep"])
    if _MISSING in found:
        if len(found) > 1:
            raise FormatError(
                "diffrn_id is missing for some observations, but it tells sweeps and data sets "
                "apart, and so numbers the batches; leave those rows out, for instance with "
                '.isel(obs=ds.diffrn_id != "?"), or fill it in, and give the Dataset to '
                "cif_to_mtz"
            )
        sweep = None
        overview["sweep"] = ""
    offsets = _offsets(overview)
    ids = np.array(sorted(offsets))
    steps = np.array([offsets[one] for one in ids.tolist()], np.int64)

    def numbers(h: Any, *columns: Any) -> NDArray[np.int32]:
        left = list(columns)
        images = _whole(left.pop(0)) if image is not None else np.ones(len(h), np.int64)
        if sweep is not None and len(h):
            images = images + steps[np.searchsorted(ids, _texts(left.pop(0)))]
        return images.astype(np.int32)

    given = [one for one in (image, sweep) if one is not None]
    batch = xr.apply_ufunc(
        numbers, ds["h"].variable, *given, dask="parallelized", output_dtypes=[np.int32]
    )
    return batch, batch_coords(_headers(overview, offsets, dataset, others))


def _overview(
    nrow: int, image: xr.Variable | None, sweep: xr.Variable | None, angle: xr.Variable | None
) -> pd.DataFrame:
    """Return a row for each image of each sweep, with the range of its scan angles."""
    given = {"image": image, "sweep": sweep, "low": angle}
    wanted = {name: variable for name, variable in given.items() if variable is not None}
    parts = [_EMPTY]
    for block in row_blocks(list(wanted.values()), nrow) if wanted else [[]]:
        columns = dict(zip(wanted, block, strict=True))
        rows = len(block[0]) if block else min(nrow, 1)
        images = _whole(columns["image"]) if image is not None else np.ones(rows, np.int64)
        sweeps = _texts(columns["sweep"]).astype(object) if sweep is not None else ""
        angles = columns["low"].astype(np.float64) if angle is not None else np.nan
        frame = pd.DataFrame(
            {"sweep": sweeps, "image": images, "low": angles, "high": angles},
            index=pd.RangeIndex(rows),
        )
        parts.append(_spans(frame))
    return _spans(pd.concat([part for part in parts if len(part)] or [_EMPTY]))


_EMPTY = pd.DataFrame(
    {
        "sweep": np.empty(0, object),
        "image": np.empty(0, np.int64),
        "low": np.empty(0),
        "high": np.empty(0),
    }
)


def _spans(frame: pd.DataFrame) -> pd.DataFrame:
    groups = frame.groupby(["sweep", "image"], sort=True, as_index=False)
    return groups.agg({"low": "min", "high": "max"})


def _whole(images: NDArray[Any]) -> NDArray[np.int64]:
    """Return image numbers as integers; they may be floats where some are missing."""
    if images.dtype.kind not in "iuf":
        raise FormatError(
            f"pdbx_image_id has the text {images[0]!r}, but BATCH must be a whole number; put "
            "numbers there and give the Dataset to cif_to_mtz, or drop the column"
        )
    wrong = images[~((images >= 0) & (images < 2**24) & (np.rint(images) == images))]
    if wrong.size:
        missing = bool(np.isnan(wrong[0]))
        remedy = (
            "leave those rows out, for instance with .isel(obs=...), or number them"
            if missing
            else "change the numbers with .assign(pdbx_image_id=...), or drop the column"
        )
        raise FormatError(
            f"pdbx_image_id is {'missing' if missing else f'{wrong[0]:g}'} for some observations, "
            f"but BATCH must be a whole number from 0 to 16,777,215 in every row; {remedy}, and "
            "give the Dataset to cif_to_mtz"
        )
    return images.astype(np.int64)


def _texts(sweeps: NDArray[Any]) -> NDArray[np.str_]:
    """Return the names of sweeps, "?" where there is none."""
    if sweeps.dtype.kind == "f":  # whole numbers of which some are missing
        return np.array([number_text(one) for one in sweeps.tolist()], np.str_)
    if sweeps.dtype.kind == "O":
        sweeps = np.where(pd.isna(sweeps), _MISSING, sweeps)
    texts = sweeps.astype(np.str_)
    return np.where(texts == ".", _MISSING, texts)


def _offsets(overview: pd.DataFrame) -> dict[str, int]:
    """Return what is added to the image numbers of each sweep."""
    last = overview.groupby("sweep")["image"].max()
    names = [str(name) for name in last.index]
    if all(name.isdecimal() for name in names):
        names.sort(key=int)
    offsets: dict[str, int] = {}
    offset = 0
    for name in names:
        offsets[name] = offset
        end = offset + int(last[name])
        offset = -(-(end + _ROOM + 1) // _STEP) * _STEP
    return offsets


def _headers(
    overview: pd.DataFrame,
    offsets: Mapping[str, int],
    dataset: DatasetInfo,
    others: Collection[DatasetInfo],
) -> Batches:
    by_id = {str(other.id): other for other in others}
    count = len(overview)
    sweeps = overview["sweep"].astype(str).tolist()
    images = overview["image"].to_numpy(np.int64)
    number = images + np.array([offsets[sweep] for sweep in sweeps], np.int64)
    integers = np.zeros((count, INTEGER_WORDS), np.int32)
    floats = np.zeros((count, FLOAT_WORDS), np.float32)
    integers[:, :3] = INTEGER_WORDS + FLOAT_WORDS, INTEGER_WORDS, FLOAT_WORDS
    owners = [by_id.get(sweep, dataset) for sweep in sweeps]
    for i, owner in enumerate(owners):
        integers[i, DATASET_WORD] = owner.id
        floats[i, _CELL_WORDS] = owner.cell or dataset.cell or 0
        floats[i, _WAVELENGTH_WORD] = np.nan_to_num(owner.wavelength)
    floats[:, PHI_START_WORD] = np.nan_to_num(overview["low"].to_numpy(np.float64))
    floats[:, PHI_END_WORD] = np.nan_to_num(overview["high"].to_numpy(np.float64))
    titles = [
        f"image {image}" + (f" of sweep {sweep}" if sweep else "")
        for image, sweep in zip(images.tolist(), sweeps, strict=True)
    ]
    order = np.argsort(number, kind="stable")
    return Batches(
        number[order].astype(np.int32),
        [titles[i] for i in order.tolist()],
        integers[order],
        floats[order],
        [""] * count,
    )
