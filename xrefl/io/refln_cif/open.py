"""Open the reflections of a CIF file as an xarray Dataset."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, TypeAlias

import xarray as xr
from numpy.typing import NDArray
from xarray.core import indexing

from xrefl.errors import FormatError, FormatWarning, MissingColumnError, warn_caller
from xrefl.hkl.coordinates import join_coordinates
from xrefl.io.chunks import chunked, preferred
from xrefl.io.cif.crystal import block_wavelengths
from xrefl.io.cif.document import CifDocument, read_cif
from xrefl.io.cif.table import CifField, CifTable
from xrefl.io.lazy import ColumnArray, ColumnReader
from xrefl.io.refln_cif.metadata import column_owners, metadata, read_datasets
from xrefl.io.refln_cif.rows import (
    DATA_SET_IDS,
    Selection,
    chosen_rows,
    reflection_coordinates,
)
from xrefl.io.refln_cif.tables import (
    Column,
    Kind,
    ReflnTable,
    blocks_with_reflections,
    choose_table,
    tables,
)
from xrefl.io.refln_cif.tags import tag_info

__all__ = ["open_refln_cif", "read_refln_cif", "read_refln_groups"]

CifSource: TypeAlias = str | os.PathLike[str] | bytes | IO[bytes]

_READ_AT_ONCE = 2**28
"""Bytes of text: tables of merged reflections up to this size are read when they are opened."""


def open_refln_cif(
    path: CifSource,
    *,
    block: str | int | None = None,
    kind: Kind | None = None,
    select: Selection | None = None,
    columns: Sequence[str] | None = None,
    chunks: int | Mapping[str, int] | str | None = None,
) -> xr.Dataset:
    """Open the reflections of a CIF file: SF-mmCIF of the PDB, or small-molecule hkl CIF.

    Merged reflections (category ``refln``) give the dimension ``hkl`` with an `HKLIndex`, and
    are read at once up to 256 MB; unmerged observations (``diffrn_refln``) give the dimension
    ``obs``, and columns are read when they are used. The text is gone over once to count rows
    and find out what columns hold.

    Parameters
    ----------
    path : path, bytes or binary file object
        The file; gzip is recognised by its content.
    block : str or int, optional
        Name or number of the data block. By default it is the first one with reflections;
        ``ds.encoding["blocks"]`` lists all that have some, and `xarray.open_datatree` opens all.
    kind : {"merged", "unmerged"}, optional
        Which table of the block, where it has both; by default the merged one. With
        "unmerged", a merged table is read as well if there is no other, row by row as it is.
    select : dict, optional
        Rows to keep: names of columns with the value, or a list of the values, that they must
        have, as ``{"wavelength_id": 1}``. A merged table may hold several data sets, told apart
        by crystal_id, wavelength_id or scale_group_code; this chooses one.
    columns : sequence of str, optional
        The columns to open, by name. Miller indices always come along.
    chunks : int, dict, "auto" or None
        As in `xrefl.open_mtz`: None gives NumPy arrays, ``{}`` dask arrays in chunks of
        1,048,576 rows.

    Returns
    -------
    xarray.Dataset
        A variable for each column, named by its tag without the category, as ``F_meas_au``.
        Numbers are float64, equal to the decimal number in the file as Python reads it and NaN
        where it has ``?`` or ``.``; standard uncertainties in parentheses are left out. Whole
        numbers of which none is missing are int32, unless the dictionary says that the column
        holds real numbers. Other columns, such as ``status``, are text ("?" and "." stay).
        ``attrs`` has what the file tells of ``cell``, ``spacegroup``, ``wavelength`` (if it is
        just one for these rows; if not, ``wavelengths``, a list, and ``wavelength_ids``, the
        texts that stand for them in a column ``wavelength_id``), ``entry_id``, ``block``,
        ``title`` and ``history``; each variable has its tag as ``cif_tag``, and ``mtz_type``,
        ``long_name`` and ``units`` where the dictionaries know it. In files of xrefl that list
        data sets, these are coordinates, and ``dataset_id`` is in the attrs of their columns.

    Raises
    ------
    FormatError
        The file is not a CIF, is damaged or has no such table; or a merged table has a
        reflection twice. The message says what there is and how to choose.
    MissingColumnError
        A name in `columns` or `select` is not in the table.

    Warns
    -----
    FormatWarning
        A merged table holds several data sets that have no reflection in common; a column
        that should hold numbers does not, and is text; statements on the space group disagree;
        or the file ends within the line of the last row, where it may have been cut.

    Notes
    -----
    A file that was cut between two rows is a whole CIF, too: nothing in the format tells how many
    rows there should be. One that was cut within a row is an error, and within its last value a
    warning.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.open_refln_cif(xrefl.tutorial.path("5wkd", kind="sf-mmcif"))
    >>> ds.sizes["hkl"], ds.attrs["entry_id"], ds.attrs["spacegroup"]
    (406, '5wkd', 'C 1 2 1')
    >>> float(ds.F_meas_au.sel(hkl=(-26, 0, 1)))
    12.66
    """
    ds = xr.open_dataset(
        path,
        engine="refln_cif",
        cache=chunks is None,
        block=block,
        kind=kind,
        select=select,
        columns=columns,
    )
    return ds if chunks is None else chunked(ds, chunks)


def read_refln_cif(
    obj: CifSource,
    *,
    block: str | int | None = None,
    kind: Kind | None = None,
    select: Selection | None = None,
    columns: Sequence[str] | None = None,
    drop: Iterable[str] = (),
) -> xr.Dataset:
    """Return the Dataset of `open_refln_cif`, before xarray adds its caching or chunking."""
    document = read_cif(obj)
    table = choose_table(document, block, kind)
    _warn_of_cut(table)
    merged = table.kind == "merged" and kind != "unmerged"
    ds = _dataset(document, table, merged, select or {}, columns, drop)
    ds.encoding["blocks"] = blocks_with_reflections(document)
    return ds


def read_refln_groups(obj: CifSource, *, drop: Iterable[str] = ()) -> dict[str, xr.Dataset]:
    """Return a Dataset for each table of reflections in a file, by the path of its group.

    A block with both kinds of tables has a group for each below its own.
    """
    document = read_cif(obj)
    found = list(tables(document))
    if not found:
        choose_table(document, None, None)  # raises
    groups = {"/": xr.Dataset()}
    for name, pair in _by_group(found).items():
        if len(pair) > 1:
            groups[name] = xr.Dataset()
        for one in pair:
            group = name if len(pair) == 1 else f"{name}/{one.kind}"
            try:
                groups[group] = _dataset(document, one, one.kind == "merged", {}, None, drop)
            except FormatError as error:
                raise FormatError(
                    f"{error}. The blocks can be opened one by one, with "
                    "xrefl.open_refln_cif(path, block=...), which takes these options"
                ) from None
    return groups


def _by_group(found: Sequence[ReflnTable]) -> dict[str, list[ReflnTable]]:
    """Return the tables of each block by the path of its group: a name that a tree can have."""
    groups: dict[str, list[ReflnTable]] = {}
    names: dict[int, str] = {}
    for one in found:
        if id(one.block) not in names:
            name = one.block.name.replace("/", "_").strip(".") or "block"
            while f"/{name}" in groups:
                name += "_"
            names[id(one.block)] = f"/{name}"
        groups.setdefault(names[id(one.block)], []).append(one)
    return groups


@dataclass(frozen=True, slots=True)
class _Rows:
    """The columns of a table as `ColumnReader` wants them."""

    table: CifTable

    @property
    def nrow(self) -> int:
        return self.table.nrow

    @property
    def row_bytes(self) -> int:
        return self.table.nbytes // max(self.table.nrow, 1)

    def read(self, fields: Sequence[Column], rows: slice = slice(None)) -> list[NDArray[Any]]:
        wanted = [CifField(field.tag, _CODES[field.dtype.kind]) for field in fields]
        arrays = self.table.read(wanted, rows)
        return [
            array.astype(field.dtype, copy=False)
            for array, field in zip(arrays, fields, strict=True)
        ]


_CODES = {"f": "f8", "i": "i4", "U": "U", "O": "O"}


def _dataset(
    document: CifDocument,
    found: ReflnTable,
    merged: bool,
    select: Selection,
    names: Sequence[str] | None,
    drop: Iterable[str],
) -> xr.Dataset:
    chosen = _chosen(found, names, drop)
    _warn_of_text(found, chosen)
    dim = "hkl" if merged else "obs"
    # What says which rows these are is read now; with it comes the rest of a table that is small.
    ids = {one.name.lower(): one for one in found.columns if one.name.lower() in DATA_SET_IDS}
    now = {column.name: column for column in found.columns if column.name in select}
    if "wavelength_id" in ids and len(block_wavelengths(found.block)) > 1:
        now[ids["wavelength_id"].name] = ids["wavelength_id"]
    if merged:
        now |= {column.name: column for column in (*found.indices, *ids.values())}
        if found.table.nbytes <= _READ_AT_ONCE:
            now |= chosen
    later = {column.name: column for column in found.indices} | chosen
    datasets = read_datasets(found.block)
    variables = _variables(found, dim, now, {n: c for n, c in later.items() if n not in now})
    owners = column_owners(found.block, datasets)
    for name, column in later.items():
        if (owner := owners.get(column.tag.lower())) is not None:
            variables[name].attrs["dataset_id"] = owner
    kept = chosen_rows(found, variables, select) if select else None
    if kept is not None:
        rows = xr.Variable((dim,), kept)
        variables = {name: variable[rows] for name, variable in variables.items()}
    wavelength_ids = variables.get(ids["wavelength_id"].name) if "wavelength_id" in ids else None
    attrs, coords = metadata(found.block, document, wavelength_ids, datasets)
    if merged:
        data_sets = {
            name: variables[one.name].values for name, one in ids.items() if one.name not in select
        }
        coordinates = reflection_coordinates(found, variables, data_sets, kept, attrs)
    else:
        coordinates = xr.Coordinates({name: variables[name] for name in "hkl"}, indexes={})
    data = {name: variables[name] for name in chosen}
    return xr.Dataset(data, coords=join_coordinates(coordinates, coords), attrs=attrs)


def _chosen(
    found: ReflnTable, names: Sequence[str] | None, drop: Iterable[str]
) -> dict[str, Column]:
    columns = {column.name: column for column in found.columns}
    if names is not None:
        wanted = [names] if isinstance(names, str) else list(names)
        if missing := [name for name in wanted if name not in columns]:
            raise MissingColumnError(
                f"{found.table.where}: no column {', '.join(map(repr, missing))}; the table has "
                f"{', '.join(columns)}"
            )
        columns = {name: column for name, column in columns.items() if name in wanted}
    dropped = {drop} if isinstance(drop, str) else set(drop)
    return {name: column for name, column in columns.items() if name not in dropped}


def _variables(
    found: ReflnTable, dim: str, now: Mapping[str, Column], later: Mapping[str, Column]
) -> dict[str, xr.Variable]:
    rows = _Rows(found.table)
    arrays: dict[str, Any] = dict(zip(now, rows.read(list(now.values())), strict=True))
    reader = ColumnReader(rows, list(later.values()))
    for name, column in later.items():
        arrays[name] = indexing.LazilyIndexedArray(ColumnArray(reader, column))
    columns = {**now, **later}
    return {
        name: xr.Variable(
            (dim,),
            array,
            _attrs(columns[name]),
            preferred(dim) if name in later else None,
            fastpath=True,
        )
        for name, array in arrays.items()
    }


def _attrs(column: Column) -> dict[str, Any]:
    attrs: dict[str, Any] = {"cif_tag": column.tag}
    info = tag_info(f"index_{column.name}" if column.name in ("h", "k", "l") else column.name)
    if info is not None:
        numeric = column.dtype.kind not in "UO"
        attrs |= {"mtz_type": info.mtz_type} if info.mtz_type and numeric else {}
        attrs |= {"long_name": info.long_name}
        attrs |= {"units": info.units} if info.units else {}
    return attrs


def _warn_of_cut(found: ReflnTable) -> None:
    if found.table.ends_within_line:
        warn_caller(
            f"{found.table.where}: the file ends within the last line of this table; it may have "
            "been cut there, so that the last value has lost digits and rows are missing. Compare "
            "its size with that of the original; if it is whole, end the line",
            FormatWarning,
        )


def _warn_of_text(found: ReflnTable, chosen: Mapping[str, Column]) -> None:
    for name, column in chosen.items():
        info = tag_info(name)
        if column.dtype.kind in "UO" and info is not None and info.kind != "text":
            try:
                found.table.numbers(column.tag)
            except FormatError as error:
                warnings.warn(
                    f"{error}; the column {name} is therefore text", FormatWarning, stacklevel=2
                )
