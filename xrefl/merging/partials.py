"""Partial observations, recorded over several images, added up."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import MissingColumnError
from xrefl.hkl import find
from xrefl.merging.grouping import EXCLUDED, LAST_SYMMETRY
from xrefl.merging.observations import Labels, batch_label, plain_columns
from xrefl.merging.passes import Observations, compute
from xrefl.merging.source import Rows, Stretch, read, stretches
from xrefl.merging.table import Totals

__all__ = ["Whole", "with_sums_of_partials"]

# A reflection was recorded as a whole if its fractions add up to this (the limits of Aimless).
_LOWEST, _HIGHEST = 0.95, 1.05
_FRACTION = "FRACTIONCALC"


class Whole(NamedTuple):
    """Observations, those made of partial ones behind the rows of the Dataset."""

    observations: Observations
    first_rows: NDArray[np.int64]
    """For each observation that was made, the row of its first part."""
    nrow: int
    """Number of rows of the Dataset."""
    parts: int
    """How many rows are parts of these."""

    def counted(self, sums: Totals) -> Totals:
        """Return sums in which parts of whole observations do not count as excluded."""
        excluded = sums.excluded.copy()
        excluded[EXCLUDED.index("partial")] -= self.parts
        return sums._replace(excluded=excluded)

    def rows_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of the Dataset where observations are or begin."""
        made = rows >= self.nrow
        result = rows.copy()
        result[made] = self.first_rows[rows[made] - self.nrow]
        return result


def with_sums_of_partials(ds: xr.Dataset, labels: Labels, observations: Observations) -> Whole:
    """Add the parts of observations up, and put the sums behind the other observations.

    Parts belong together if they have the same indices and M/ISYM, and follow each other in
    consecutive batches. Their intensities and their variances add up. Sums whose fractions do not
    add up to 0.95 to 1.05 are left out. All rows that are flagged as partial are read into memory.

    Parameters
    ----------
    ds : Dataset
    labels : Labels
    observations : Observations
        Of the same Dataset, with partial ones excluded.

    Raises
    ------
    MissingColumnError
        There are partial observations, but no column of batch numbers, or of fractions
        (FRACTIONCALC).
    """
    from dask.delayed import delayed

    misym, batch = find.columns(ds, type="Y"), find.columns(ds, type="B")
    none = Whole(observations, np.empty(0, np.int64), observations.nrow, 0)
    if not misym:
        return none
    names = {
        "h": "h", "k": "k", "l": "l", misym[0]: "misym", labels.intensity: "intensity",
        labels.sigma: "sigma",
    }  # fmt: skip
    names |= {label: "batch" for label in batch[:1]}
    names |= {_FRACTION: "fraction"} if _FRACTION in ds.data_vars else {}
    flagged = delayed(_flagged, pure=False)
    found = compute(
        observations,
        *(
            flagged(stretch.columns, stretch.start, observations.recipe.batches)
            for stretch in stretches(plain_columns(ds, names))
        ),
    )
    parts = {name: np.concatenate([one[name] for one in found]) for name in found[0]}
    if not len(parts["row"]):
        return none
    _require(ds, names.values())
    whole, used = _add_up(parts)
    nrow, count = observations.nrow, whole.sizes["obs"]
    first_rows = whole["row"].values
    if not count:
        return Whole(observations, first_rows, nrow, 0)
    made = Stretch(nrow, nrow + count, Rows(whole.drop_vars("row"), 0, count))
    longer = replace(observations, stretches=(*observations.stretches, made))
    return Whole(longer, first_rows, nrow, used)


def _require(ds: xr.Dataset, names: Collection[str]) -> None:
    """Raise MissingColumnError if there are not the columns that tell which parts make a whole."""
    if "batch" not in names:
        batch_label(ds)
    if "fraction" not in names:
        raise MissingColumnError(
            f"no column {_FRACTION}, which tells the parts of an observation that belong together; "
            'the columns are {}; leave partial observations out with partials="exclude"'.format(
                ", ".join(map(str, ds.data_vars))
            )
        )


def _flagged(columns: Any, start: int, batches: frozenset[int] | None) -> dict[str, NDArray[Any]]:
    """Return the rows of a stretch that are flagged as partial, those of other batches aside."""
    values = read(columns)
    flagged = values["misym"] > LAST_SYMMETRY
    if batches is not None:
        flagged &= np.isin(values["batch"], list(batches))
    rows = np.flatnonzero(flagged)
    return {name: column[rows] for name, column in values.items()} | {"row": rows + start}


def _add_up(parts: dict[str, NDArray[Any]]) -> tuple[xr.Dataset, int]:
    """Return the observations that parts add up to, and of how many parts they are made."""
    symmetry = parts["misym"].astype(np.int32) & LAST_SYMMETRY
    keys = [parts[name] for name in "hkl"] + [symmetry]
    order = np.lexsort((parts["row"], parts["batch"], *keys[::-1]))
    batch = parts["batch"][order].astype(np.int64)
    begins = np.ones(len(order), np.bool_)
    begins[1:] = np.diff(batch) != 1
    for key in keys:
        begins[1:] |= np.diff(key[order]) != 0
    first = np.flatnonzero(begins)
    values = [
        parts["intensity"][order].astype(np.float64),
        np.square(parts["sigma"][order].astype(np.float64)),
        parts["fraction"][order].astype(np.float64),
    ]
    values[1][~(parts["sigma"][order] > 0)] = np.nan
    sums = np.add.reduceat(np.stack(values), first, axis=1)
    complete = (sums[2] >= _LOWEST) & (sums[2] <= _HIGHEST)
    used = int(np.diff(np.append(first, len(order)))[complete].sum())
    chosen = order[first[complete]]
    made = {name: parts[name][chosen] for name in ("h", "k", "l", "batch", "row")}
    made |= {"misym": symmetry[chosen]}
    made |= {"intensity": sums[0][complete], "sigma": np.sqrt(sums[1][complete])}
    return xr.Dataset({name: ("obs", column) for name, column in made.items()}), used
