"""Batch headers: from an MTZ file, thousands in one sweep, to coordinates of a Dataset and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import FormatError
from xrefl.hkl.datasets import strings
from xrefl.io.mtz.header import (
    DATASET_WORD,
    FLOAT_WORDS,
    INTEGER_WORDS,
    PHI_END_WORD,
    PHI_START_WORD,
    Batches,
)
from xrefl.io.mtz.records import RECORD, Records, decoded

__all__ = ["batch_coords", "batches_of", "read_batches"]

# Enough integer and float words for those that have a name, and far more than are in use.
_FEWEST_WORDS = (21, 38)
_MOST_WORDS = 10_000


def read_batches(records: Records, count: int) -> Batches:
    """Read ``count`` batch headers: records BH and TITLE, binary words, record BHCH each.

    BH has the number of the batch, and how many words follow: in all, integers, floats. All
    batches of a file have the same numbers of words.
    """
    if count == 0:
        return Batches.none()
    first = records.peek("a batch header").split()
    try:
        total, integers, floats = (int(word) for word in first[2:])
    except ValueError:
        raise records.error(f"record {first} is not a readable batch header") from None
    if total != integers + floats or total > _MOST_WORDS:
        raise records.error(f"a batch header has {total} words, {integers} + {floats}")
    if integers < _FEWEST_WORDS[0] or floats < _FEWEST_WORDS[1]:
        raise records.error(f"a batch header has only {integers} integer and {floats} float words")
    layout = np.dtype(
        [
            ("head", f"S{RECORD}"),
            ("title", f"S{RECORD}"),
            ("integers", records.byteorder + "i4", integers),
            ("floats", records.byteorder + "f4", floats),
            ("axes", f"S{RECORD}"),
        ]
    )
    content = records.view(count * layout.itemsize, f"the {count} batch headers")
    block = np.frombuffer(content, layout)
    wrong = ~_alike(block, [word.encode() for word in first[2:]])
    if wrong.any():
        i = int(wrong.argmax())
        records.at += i * layout.itemsize
        raise records.error(
            f"batch header {i + 1} is not a BH record with {total} words ({integers} + "
            f"{floats}) like the first, followed by TITLE and BHCH"
        )
    heads = block["head"].tolist()
    try:
        numbers = np.array([int(head.split(None, 2)[1]) for head in heads], np.int32)
    except (ValueError, OverflowError):
        raise records.error("a BH record has no readable batch number") from None
    return Batches(
        numbers,
        _texts(block["title"], 6),
        block["integers"].astype(np.int32, copy=False),
        block["floats"].astype(np.float32, copy=False),
        _texts(block["axes"], 5),
    )


def _alike(block: Any, counts: Sequence[bytes]) -> NDArray[np.bool_]:
    """Tell which batch headers have their records, and the same counts of words."""
    right = np.strings.startswith(block["title"], b"TITLE")
    right &= np.strings.startswith(block["axes"], b"BHCH")
    # In most files the records BH differ in the number only, which has columns 3 to 10.
    heads = np.ascontiguousarray(block["head"]).view(np.uint8).reshape(len(block), RECORD)
    alike = np.all(heads[:, 11:] == heads[0, 11:], axis=1)
    for i in np.flatnonzero(~alike):
        alike[i] = block["head"][i].split()[2:] == counts
    right &= alike & np.strings.startswith(block["head"], b"BH ")
    return np.asarray(right)


def _texts(column: Any, skip: int) -> list[str]:
    """Return what follows the keyword in each record."""
    if np.all(column == column[0]):  # as the names of axes usually are
        return [decoded(column[0][skip:]).rstrip()] * len(column)
    texts = np.strings.rstrip(column).tolist()
    joined = b"\n".join(texts)
    if not joined.isascii() or joined.count(b"\n") >= len(texts):
        return [decoded(text[skip:]) for text in texts]
    return [text[skip:] for text in joined.decode("ascii").split("\n")]  # decoded at once


def batch_coords(batches: Batches) -> dict[str, Any]:
    """Return the coordinates that hold batch headers, none where there are none."""
    if not len(batches.number):
        return {}
    dim = ("batch",)
    degrees = {"units": "degree"}
    return {
        "batch": (dim, batches.number),
        "batch_title": (dim, strings(batches.title)),
        "batch_dataset_id": (dim, batches.integers[:, DATASET_WORD].copy()),
        "batch_phi_start": (dim, batches.floats[:, PHI_START_WORD].copy(), degrees),
        "batch_phi_end": (dim, batches.floats[:, PHI_END_WORD].copy(), degrees),
        "batch_axes": (dim, strings(batches.axes)),
        "batch_integers": ((*dim, "batch_integer"), batches.integers),
        "batch_floats": ((*dim, "batch_float"), batches.floats),
    }


def batches_of(ds: xr.Dataset) -> Batches:
    """Return the batch headers of a Dataset, the inverse of `batch_coords`.

    Coordinates that have been dropped are empty or zero.

    Raises
    ------
    FormatError
        A coordinate does not have one value for each batch.
    """
    if "batch" not in ds.coords:
        return Batches.none()
    numbers = np.atleast_1d(ds["batch"].values)
    count = len(numbers)
    integers = _values(ds, "batch_integers", np.zeros((count, INTEGER_WORDS), np.int32))
    floats = _values(ds, "batch_floats", np.zeros((count, FLOAT_WORDS), np.float32))
    # Words that have a name follow the coordinate of that name.
    integers[:, :3] = integers.shape[1] + floats.shape[1], integers.shape[1], floats.shape[1]
    integers[:, DATASET_WORD] = _values(ds, "batch_dataset_id", integers[:, DATASET_WORD])
    for name, word in (("batch_phi_start", PHI_START_WORD), ("batch_phi_end", PHI_END_WORD)):
        floats[:, word] = _values(ds, name, floats[:, word])
    return Batches(
        numbers.astype(np.int32),
        _values(ds, "batch_title", strings([""] * count)).tolist(),
        integers,
        floats,
        _values(ds, "batch_axes", strings([""] * count)).tolist(),
    )


def _values(ds: xr.Dataset, name: str, default: NDArray[Any]) -> NDArray[Any]:
    """Return a copy of a coordinate along ``batch``, or the default where there is none."""
    if name not in ds.coords:
        return default.copy()
    values = ds[name].values
    if ds["batch"].ndim == 0:
        values = values[np.newaxis]
    if values.ndim != default.ndim or len(values) != len(default):
        _refuse(name)
    if default.dtype == object:
        if not all(isinstance(text, str) for text in values.tolist()):
            _refuse(name)
    elif default.dtype.kind == "i" and not np.all(np.isfinite(values)):
        _refuse(name)
    return values.astype(default.dtype)


def _refuse(name: str) -> NoReturn:
    raise FormatError(
        f"the coordinate {name!r} does not have one value for each batch, as after concatenating "
        "observations of several files, which leaves their batch headers apart; join the headers "
        "along 'batch' before writing, or leave them out with .drop_dims('batch')"
    )
