"""What statistics by batches are asked for, checked before observations are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.merging.asked import cell_for
from xrefl.merging.batch_ranges import Headers, check_ranges, headers
from xrefl.merging.codes import at_origin
from xrefl.merging.error_model import ErrorModel
from xrefl.merging.grouping import EXCLUDED
from xrefl.merging.in_batches import find_batches
from xrefl.merging.in_shells import InShells, as_shells
from xrefl.merging.observations import Labels, find_columns
from xrefl.merging.options import Friedel, Partials, gather, one_of, threshold_of
from xrefl.merging.outliers import find_outliers
from xrefl.merging.passes import Observations, compute
from xrefl.merging.report import counts_in_attrs, counts_of, refuse_nothing
from xrefl.merging.table import Table
from xrefl.statistics.shells import Shells

__all__ = ["Division", "Options", "attrs_of", "counted", "request"]


class Options(NamedTuple):
    """Options that statistics by batches have in common; see `batch_statistics`."""

    intensity: str | None
    sigma: str | None
    batch: str | None
    width: int
    edges: Sequence[int] | None
    shells: Shells | int | None
    friedel: Friedel
    spacegroup: SpaceGroup | str | int | None
    reject: float | None
    partials: Partials | None
    error_model: ErrorModel | None
    dataset: int | str | None


class Division(NamedTuple):
    """How observations are divided, and what is said of those that do not count."""

    shells: Shells | int
    """Shells of resolution, or their number."""
    cell: UnitCell | None
    group: SpaceGroup
    known: Headers | None
    """Batch headers, if there are any."""
    width: int
    edges: Sequence[int] | None
    friedel: Friedel
    labels: Labels
    partials: Partials | None
    nrow: int
    """Number of rows of the Dataset."""
    parts: int
    """How many of them are parts of observations that were added up."""


def request(ds: xr.Dataset, options: Options) -> tuple[Observations, Division]:
    """Return the observations, with their batch numbers, and how they are divided.

    Errors are those of `xrefl.merging.batches.batch_statistics`.
    """
    one_of("friedel", options.friedel, ("merge", "separate"))
    check_ranges(options.width, options.edges)
    cell = cell_for(ds, options.dataset, options.shells)
    asked = as_shells(options.shells, cell)
    numbers = find_batches(ds, options.batch, find_columns(ds, options.intensity, options.sigma))
    labels, whole = gather(
        ds,
        options.intensity,
        options.sigma,
        options.spacegroup,
        options.partials,
        options.error_model,
        options.dataset,
        numbers,
        resolution=True,
    )
    source = whole.observations
    if options.reject is not None:
        found = find_outliers(source, threshold_of(options.reject), options.friedel == "merge")
        source = replace(source, rejected=compute(source, *found)[1].rejected_rows)
    known = headers(ds)
    if known is not None and source.recipe.batches is not None:
        known = known.of(source.recipe.batches)
    return source, Division(
        shells=asked,
        cell=cell,
        group=source.recipe.group,
        known=known,
        width=options.width,
        edges=options.edges,
        friedel=options.friedel,
        labels=labels,
        partials=options.partials,
        nrow=ds.sizes["obs"],
        parts=whole.parts,
    )


def counted(
    division: Division, excluded: NDArray[np.int64], codes: NDArray[np.int64], n: NDArray[np.int64]
) -> dict[str, int]:
    """Return the numbers of observations that do not count, by reason.

    Raises
    ------
    XreflError
        None counts.
    """
    excluded = excluded.copy()
    excluded[EXCLUDED.index("partial")] -= division.parts
    origin = at_origin(codes)
    counts = counts_of(excluded, int(n[origin].sum()))
    if len(codes[origin]) == len(codes):
        refuse_nothing(counts, division.nrow, division.labels, division.partials)
    return counts


def attrs_of(
    division: Division, counts: dict[str, int], table: Table, found: InShells
) -> dict[str, str | int]:
    """Return what was asked for, and how many observations did not count, as attributes."""
    absent = found.number < 0
    absent[at_origin(table.codes)] = False
    return {
        "spacegroup": division.group.name,
        "intensity": division.labels.intensity,
        "sigma": division.labels.sigma,
        "friedel": division.friedel,
        **counts_in_attrs(counts, table, len(np.unique(table.codes[absent] >> 1))),
    }
