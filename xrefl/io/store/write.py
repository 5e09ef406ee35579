"""Write reflections to a Zarr store, in constant memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import FormatError, MissingColumnError, NotMergedError
from xrefl.hkl.blocks import row_blocks
from xrefl.hkl.concat import join_runs, with_dataset
from xrefl.hkl.crystal import crystal, is_merged, reflection_dim
from xrefl.hkl.rebuild import with_history
from xrefl.io.store import format as notes
from xrefl.io.store.blocks import Block, aligned
from xrefl.io.store.external_sort import sorted_blocks
from xrefl.io.store.folder import atomic_folder
from xrefl.io.store.limits import chunk_limits
from xrefl.io.store.link import link_chunks
from xrefl.io.store.open import open_zarr, stored_limits
from xrefl.io.store.order import Order, Sort
from xrefl.io.store.template import Template, write_template

__all__ = ["to_zarr"]

_CHUNK = 2**18
"""Rows of a chunk: a file of some hundred kB, and a step of what a selection reads."""
_CHUNKS_AT_ONCE = 4
_SPOOL = "xrefl_rows"
_SORTED = {"hkl": "sorted by h, k, l", "resolution": "sorted by shell of resolution, h, k, l"}


def to_zarr(
    ds: xr.Dataset,
    path: str | os.PathLike[str],
    *,
    chunks: int | None = None,
    sort: Sort | None = None,
    dataset: int | str | None = None,
    append: bool = False,
    renumber: bool = False,
    overwrite: bool = False,
) -> None:
    """Write reflections to a Zarr store, a folder of compressed chunks.

    `xrefl.open_zarr` gives the same Dataset back, whatever the labels of its columns. Rows are
    written block by block, so that memory does not grow with their number. The store is written
    beside `path` and takes its name when it is complete: after an error, or on a full disk,
    what stood there is untouched. (A process that is killed leaves its hidden folder,
    ``.name.xxxxxxxx.part``, which may be deleted.)

    Parameters
    ----------
    ds : Dataset
        Merged (dimension ``hkl``) or unmerged (``obs``) reflections.
    path : path
        Of the store, on a local disk.
    chunks : int, optional
        Rows of a chunk, 262,144 by default: what is read of a column at least.
    sort : {"hkl", "resolution"}, optional
        Sort the rows on the way, which memory need not hold; equal ones keep their order, and
        the history says so. "hkl"
        sorts by h, k and l (of observations, as they are in the CCP4 asymmetric unit), so that
        those of a reflection are adjacent and a range of h is in few chunks. "resolution"
        sorts by 256 shells with equal numbers of rows first, so that a range of resolution is.
        More than a million rows wait in temporary files in the folder of `path`, which take as
        much space as they do without compression.
    dataset : int or str, optional
        Number or name of the run, which becomes the coordinate ``dataset`` along ``obs``.
    append : bool
        Add observations after those in the store (and make it, where there is none), joined as
        by `xrefl.concat_observations`. `sort` sorts the new rows among themselves. The store grows
        at once, when all is written: until then the old and the new one share the chunks that
        stay, by links.
    renumber : bool
        With `append`: whether to raise batch numbers that clash with those in the store.
    overwrite : bool
        Replace a store that is there, once the new one is complete.

    Raises
    ------
    FileExistsError
        There is something at the path already.
    FormatError
        An attribute is not one that JSON holds, or a column is neither of numbers of up to 64
        bits nor of text; or with `append`, the store has other types of columns, or batch numbers
        clash.
    CrystalMismatchError
        The store has another space group, or a cell that is more than 1 % off.

    Examples
    --------
    >>> import tempfile, pathlib, xrefl
    >>> ds = xrefl.tutorial.open("5e5z")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "5e5z.zarr")
    ...     ds.xtal.to_zarr(path)
    ...     copy = xrefl.open_zarr(path).load()
    >>> copy.identical(ds.load())
    True
    """
    target = Path(path).expanduser().resolve()
    if sort not in (None, "hkl", "resolution"):
        raise ValueError(f'sort must be "hkl", "resolution" or None, found {sort!r}')
    if append and overwrite:
        raise ValueError("append=True adds to a store, overwrite=True replaces it; choose one")
    whole = isinstance(chunks, int | np.integer) and not isinstance(chunks, bool)
    if chunks is not None and not (whole and chunks > 0):
        raise ValueError(f"chunks must be a positive number of rows, found {chunks!r}")
    dim = reflection_dim(ds)
    if dim == "hkl" and (append or dataset is not None):
        raise NotMergedError(
            "runs of unmerged observations (dimension 'obs') are put one after the other in a "
            "store, but these are merged reflections; leave append and dataset out"
        )
    if dataset is not None:
        ds = with_dataset(ds, dataset)
    if sort is not None:
        ds = with_history(ds, _SORTED[sort])
    with notes.quiet_zarr():
        if append and target.exists():
            _append(ds, target, chunks, sort, renumber)
            return
        with atomic_folder(target, replace=overwrite) as folder:
            template = write_template(ds, folder, chunks or _CHUNK)
            blocks = _blocks(ds, template, sort, folder)
            _fill(template, folder, blocks, 0, np.empty((0, 8)))


def _append(
    ds: xr.Dataset, target: Path, chunks: int | None, sort: Sort | None, renumber: bool
) -> None:
    with atomic_folder(target, replace=True) as folder:
        stored = open_zarr(target, chunks={})
        if is_merged(stored):
            raise NotMergedError(f"{target} has merged reflections, to which nothing is appended")
        size = notes.read_notes(target)["chunk"]
        if chunks not in (None, size):
            raise FormatError(
                f"{target} has chunks of {size} rows, which appending leaves; found {chunks}"
            )
        _require_same_labels(stored, ds, target)
        names = f"the store {target}", "the new run"
        joined = join_runs([stored, ds], names, renumber=renumber)
        old_rows = stored.sizes["obs"]
        template = write_template(joined, folder, size)
        first = old_rows // size * size
        rewritten = link_chunks(template, stored, target, folder, first // size)
        for name in rewritten:
            _fill_column(template, name, joined.variables[name], folder, first)
        start = joined.isel(obs=slice(first, old_rows))
        blocks = chain(
            row_blocks(template.columns_of(start), old_rows - first) if old_rows > first else (),
            _blocks(joined.isel(obs=slice(old_rows, None)), template, sort, folder),
        )
        limits = stored_limits(target)[: first // size]
        _fill(template, folder, blocks, first, limits)


def _require_same_labels(stored: xr.Dataset, ds: xr.Dataset, target: Path) -> None:
    """Raise an error if only one of both tells runs apart, or in another way."""
    found = [run.coords.get("dataset") for run in (stored, ds)]
    old, new = ("" if one is None or one.dims != ("obs",) else one.dtype.kind for one in found)
    if old and not new:
        raise MissingColumnError(
            f"the store {target} tells runs apart, and the new one has no label; give it one, "
            "dataset=..."
        )
    if new and not old:
        raise MissingColumnError(
            f"the store {target} has no coordinate 'dataset' that tells runs apart; leave "
            "dataset=... out, or write a new store whose first run has a label, too"
        )
    if (old == "U") != (new == "U"):
        labels, label = ("names", "a name") if old == "U" else ("numbers", "a whole number")
        raise FormatError(
            f"the runs in the store {target} have {labels}; give the new one {label}, dataset=..."
        )


def _blocks(ds: xr.Dataset, template: Template, sort: Sort | None, folder: Path) -> Iterable[Block]:
    """Return the rows in blocks, in the order asked for; h, k and l are the first columns."""
    nrow = ds.sizes[template.dim]
    variables = template.columns_of(ds)
    if sort is None:
        return row_blocks(variables, nrow)

    def read(columns: Sequence[int]) -> Iterator[Block]:
        return aligned(row_blocks([variables[i] for i in columns], nrow), _CHUNK)

    cell, group = crystal(ds)
    order = Order(None if is_merged(ds) else group, cell if sort == "resolution" else None)
    spool = folder / _SPOOL
    spool.mkdir()
    return _cleared(sorted_blocks(read, nrow, len(variables), order, spool), spool)


def _cleared(blocks: Iterator[Block], spool: Path) -> Iterator[Block]:
    """Yield all blocks, then remove the folder of temporary files, which is empty."""
    yield from blocks
    spool.rmdir()


def _fill(
    template: Template,
    folder: Path,
    blocks: Iterable[Block],
    first: int,
    limits: NDArray[np.float64],
) -> None:
    """Write rows from the first one given on, and the limits of the chunks."""
    arrays = template.arrays(folder)
    cell = template.cell
    found = [limits]
    at = first
    for block in aligned(blocks, template.chunk * _CHUNKS_AT_ONCE):
        stop = at + len(block[0])
        for name, array, values in zip(template.names, arrays, block, strict=True):
            array[template.rows(name, slice(at, stop))] = template.turned(name, values)
        found.append(chunk_limits(block[:3], cell, template.chunk))
        at = stop
    template.finish(folder, np.concatenate(found), at)


def _fill_column(
    template: Template, name: Any, variable: xr.Variable, folder: Path, stop: int
) -> None:
    """Write the rows of one column up to the one given."""
    (array,) = template.arrays(folder, [name])
    at = 0
    for (values,) in aligned(row_blocks([variable[:stop]], stop), template.chunk):
        array[at : at + len(values)] = values
        at += len(values)
