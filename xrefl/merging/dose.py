"""Agreement of pairs of observations against dose: Rcp and Rd."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl._parallel import over_rows
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.merging.batch_ranges import BatchRanges, batch_ranges, range_coords
from xrefl.merging.batch_request import Options, attrs_of, counted, request
from xrefl.merging.complete_groups import Complete, CompleteGroups
from xrefl.merging.error_model import ErrorModel
from xrefl.merging.in_shells import in_shells
from xrefl.merging.options import Friedel, Partials
from xrefl.merging.report import warn_of_excluded
from xrefl.merging.table import WIDTH, Table
from xrefl.statistics.groups import shell_coords
from xrefl.statistics.shells import Shells

__all__ = ["dose_statistics"]

_OVERALL = "_overall"
_LONG_NAMES = {
    "rcp": "Rcp, of pairs up to this dose",
    "rcp_pairs": "number of pairs up to this dose",
    "rd": "Rd, of pairs this far apart",
    "rd_pairs": "number of pairs this far apart",
}
# Sums over pairs: of |I1 - I2|, of what it is divided by, and their number.
_SUMS = 3
_MOST_SUMS = 2**26
# Reflections are divided into blocks that threads work on, as long as their sums are few.
_BLOCKS, _FEW_SUMS = 32, 2**22


def dose_statistics(
    ds: xr.Dataset,
    *,
    intensity: str | None = None,
    sigma: str | None = None,
    batch: str | None = None,
    width: int = 1,
    edges: Sequence[int] | None = None,
    shells: Shells | int | None = None,
    friedel: Friedel = "merge",
    spacegroup: SpaceGroup | str | int | None = None,
    reject: float | None = None,
    partials: Partials | None = None,
    error_model: ErrorModel | None = None,
    dataset: int | str | None = None,
) -> xr.Dataset:
    """Tell how pairs of equivalent observations agree, against dose and against its difference.

    Batch numbers stand for dose. Radiation damage makes both R factors rise; errors that do not
    depend on dose leave them level. Computes: observations are gone over once, or, if they are
    more than 2²⁴, once for each 2²⁴ of them and once before, since all of a reflection must be
    together. Memory holds these, 40 bytes each, and the unique reflections. Time grows with the
    number of pairs, of which n observations of a reflection have n(n - 1)/2.

    Parameters
    ----------
    ds : Dataset
        Unmerged observations, in memory, of a file, or dask-backed.
    intensity, sigma, batch, width, edges, shells, friedel, spacegroup
    reject, partials, error_model, dataset
        As for `batch_statistics`.

    Returns
    -------
    Dataset
        With shells, variables have the dimension ``shell`` as well, and each has a twin over all
        shells, ``rcp_overall`` for ``rcp``. What has no pairs is NaN.

        - ``rcp``, along ``batch`` as in `batch_statistics`: Σ|I₁ - I₂| / Σ ½|I₁ + I₂| over the
          pairs of equivalent observations up to and in these batches (Winter et al., 2019, Acta
          Cryst. D75, 242). ``rcp_pairs`` is their number (int64).
        - ``rd``, along ``difference``: Σ|I₁ - I₂| / Σ ½(I₁ + I₂) over the pairs that are so many
          batch numbers apart (Diederichs, 2006, Acta Cryst. D62, 96), with ``rd_pairs``. Of
          ranges ``width`` wide, these are pairs whose ranges begin so far apart; with edges, so
          many ranges apart. Differences without any pair are left out.

        The attributes say what was asked for, and, as in merged data, how many observations did
        not count.

    Raises
    ------
    MissingColumnError, FormatError, CrystalError, CrystalMismatchError, MillerIndexError
    NotMergedError, XreflError, TypeError
        As `batch_statistics`.
    ValueError
        As there, and if batch numbers are so far apart that differences are too many.

    Warns
    -----
    DroppedWarning, CrystalWarning
        As `.xtal.merge`.

    Examples
    --------
    >>> import numpy as np, xrefl
    >>> model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    >>> decay = np.linspace(0, 20, 9)  # B in Å²
    >>> ds = xrefl.simulate_unmerged(model, dmin=2.0, n_batches=9, b_factors=decay)
    >>> found = ds.xtal.dose_statistics(width=3)
    >>> found.rcp.values.round(2), found.rd.values.round(2)
    (array([0.16, 0.25, 0.34]), array([0.15, 0.33, 0.66]))
    """
    options = Options(
        intensity, sigma, batch, width, edges, shells, friedel, spacegroup, reject, partials,
        error_model, dataset,
    )  # fmt: skip
    source, division = request(ds, options)
    groups = CompleteGroups(source, friedel)
    counts = counted(division, groups.excluded, groups.codes, groups.n)
    warn_of_excluded(counts, division.nrow, division.labels, partials)
    ranges = batch_ranges(groups.batches.numbers, division.known, width, edges)
    found = in_shells(groups.codes, division.shells, division.cell, division.group)
    cumulative, apart = _sums(groups, ranges, found.number, found.size)
    there = np.flatnonzero(apart[..., 2].any(axis=1))
    coords = range_coords(ranges, division.known)
    coords["difference"] = (
        "difference",
        there * (width if edges is None else 1),
        {"long_name": f"difference of {'batch numbers' if edges is None else 'ranges'}"},
    )
    columns = {
        **_columns("rcp", "batch", cumulative.cumsum(axis=0)),
        **_columns("rd", "difference", apart[there]),
    }
    result = _dataset(columns, coords, found.shells if shells is not None else None)
    table = Table(groups.codes, groups.n, np.empty((0, WIDTH)))
    return result.assign_attrs(attrs_of(division, counts, table, found))


def _sums(
    groups: CompleteGroups, ranges: BatchRanges, shell: NDArray[np.int32], shells: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return sums over pairs by the later range and shell, and by the difference and shell."""
    span = int(ranges.position[-1]) + 1
    if span * shells * _SUMS > _MOST_SUMS:
        raise ValueError(
            f"batches are from {ranges.first[0]} to {ranges.last[-1]}, which makes {span:,} "
            "differences; take more batches together, width=..., or give edges="
        )
    cumulative, apart = (np.zeros((size, shells, _SUMS)) for size in (len(ranges.first), span))
    of_place = ranges.of(groups.batches.numbers)
    for part in groups:
        number = shell[np.searchsorted(groups.codes, part.codes)]
        _add_pairs(part, of_place[part.batch], ranges.position, number, cumulative, apart)
        del part  # before the next are gathered
    return cumulative, apart


def _add_pairs(
    part: Complete, place: NDArray[np.int32], position: NDArray[np.int64],
    shell: NDArray[np.int32], cumulative: NDArray[np.float64], apart: NDArray[np.float64],
) -> None:  # fmt: skip
    """Add the pairs of a range of reflections, in blocks that do not depend on threads."""
    from xrefl.merging import _batch_kernels

    count = max(min(_BLOCKS, _FEW_SUMS // (cumulative.size + apart.size)), 1)
    rows = np.linspace(0, len(part.values), count + 1)
    blocks = np.searchsorted(part.starts, rows)
    of_blocks = [np.zeros((count, *sums.shape)) for sums in (cumulative, apart)]
    over_rows(
        _batch_kernels.compare_pairs, count, blocks, part.starts, part.values, place, position,
        shell, *of_blocks, min_rows=2, slices_per_thread=_BLOCKS,
    )  # fmt: skip
    cumulative += of_blocks[0].sum(axis=0)
    apart += of_blocks[1].sum(axis=0)


def _columns(name: str, dim: str, sums: NDArray[np.float64]) -> dict[str, Any]:
    """Return an R factor and its number of pairs, in each shell and, as the last, over all."""
    sums = np.concatenate([sums, sums.sum(axis=1, keepdims=True)], axis=1)
    divisor = np.where(sums[..., 1] > 0, sums[..., 1], np.nan)
    return {
        name: (dim, sums[..., 0] / divisor),
        f"{name}_pairs": (dim, sums[..., 2].astype(np.int64)),
    }


def _dataset(columns: dict[str, Any], coords: dict[str, Any], shells: Shells | None) -> xr.Dataset:
    """Label values whose last column is that over all shells."""
    texts = {name: {"long_name": text} for name, text in _LONG_NAMES.items()}
    overall = {name: (dim, values[:, -1], texts[name]) for name, (dim, values) in columns.items()}
    if shells is None:
        return xr.Dataset(overall, coords)
    variables = {
        name: ((dim, "shell"), values[:, :-1], texts[name])
        for name, (dim, values) in columns.items()
    }
    variables |= {name + _OVERALL: value for name, value in overall.items()}
    return xr.Dataset(variables, coords | shell_coords(shells))
