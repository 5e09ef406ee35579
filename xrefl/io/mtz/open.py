"""Open an MTZ file as an xarray Dataset."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.core import indexing

from xrefl.errors import FormatError, MillerIndexError
from xrefl.hkl.coordinates import join_coordinates
from xrefl.hkl.datasets import dataset_coords
from xrefl.hkl.index import HKLIndex
from xrefl.hkl.reflections import spacing
from xrefl.io.chunks import chunked, preferred
from xrefl.io.lazy import ColumnArray, ColumnReader
from xrefl.io.mtz import select
from xrefl.io.mtz.batches import batch_coords
from xrefl.io.mtz.column_types import COLUMN_TYPES, INTEGER_TYPES, UNITS
from xrefl.io.mtz.header import ColumnInfo, Header
from xrefl.io.mtz.parse import parse_mtz
from xrefl.io.mtz.symmetry import header_spacegroup
from xrefl.io.mtz.table import Field, Table
from xrefl.io.source import as_source

__all__ = ["open_mtz", "read_mtz"]


def open_mtz(
    path: str | os.PathLike[str] | bytes | IO[bytes],
    *,
    chunks: int | Mapping[str, int] | str | None = None,
    columns: Sequence[str] | Mapping[str, int] | None = None,
    merged: bool | None = None,
) -> xr.Dataset:
    """Open an MTZ file as a lazy Dataset.

    A merged file gives the dimension ``hkl`` with unique Miller indices and an `HKLIndex`; the
    indices and flags are read, other columns when they are used. An unmerged file gives the
    dimension ``obs`` with the coordinates ``h``, ``k`` and ``l``, and nothing but its header is
    read. Columns keep the file's labels; missing values are NaN.

    Parameters
    ----------
    path : path, bytes or binary file object
        The file; gzip is recognised by its content.
    chunks : int, dict, "auto" or None
        As in `xarray.open_dataset`: None gives columns that become NumPy arrays when they are
        used, ``{}`` dask arrays in chunks of the file's choice (1,048,576 rows). Only columns
        are chunked, at any row (`xarray.open_dataset` would chunk the coordinates of data sets
        and batches as well, warn of other chunk sizes, and fail with "auto").
    columns : sequence of str, or dict of str to int, optional
        The columns to open, by label; or, as a dict, new names for columns given by their
        position in the file (H, K and L are 0, 1 and 2). Miller indices always come along.
    merged : bool, optional
        Whether the rows are merged reflections. By default they are, unless the file has
        batches or a column of batch numbers (type B).

    Returns
    -------
    xarray.Dataset
        Float columns are float32; H, K, L, M/ISYM and BATCH are int32, as are integer columns
        (type I) of merged files in which no value is missing. In unmerged files, whose values
        are not looked at, type I is float32. The crystal is in ``attrs`` (``cell`` in Å and
        degrees, ``spacegroup``), data sets are coordinates along ``dataset_id``, batch headers
        along ``batch``. ``encoding["resolution"]`` has the limits that the file states, in Å;
        those of the rows are ``ds.xtal.resolution``.

    Raises
    ------
    FormatError
        The file is not an MTZ file, is damaged, or has labels that are not unique.
    MissingColumnError
        A label in ``columns`` is not in the file.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.open_mtz(xrefl.tutorial.path("5e5z"))
    >>> ds.sizes["hkl"], list(ds.data_vars)
    (441, ['FREE', 'FP', 'SIGFP', 'I', 'SIGI'])
    >>> ds.attrs["spacegroup"]
    'P 1 21 1'
    >>> float(ds.FP.sel(hkl=(-5, 0, 1)))
    5.36...
    """
    ds = xr.open_dataset(path, engine="mtz", cache=chunks is None, columns=columns, merged=merged)
    return ds if chunks is None else chunked(ds, chunks)


def read_mtz(
    obj: object,
    *,
    columns: Sequence[str] | Mapping[str, int] | None = None,
    drop: Iterable[str] = (),
    merged: bool | None = None,
) -> xr.Dataset:
    """Return the Dataset of `open_mtz`, before xarray adds its caching or chunking."""
    source = as_source(obj)
    header, table = parse_mtz(source)
    spacegroup = header_spacegroup(header, source.name)
    chosen = select.columns(header.columns, columns, drop, source.name)
    if merged is None:
        merged = header.nbatch == 0 and all(column.type != "B" for column in header.columns)
    assert header.cell is not None  # the parser has seen to it
    if merged:
        variables, coords = _merged(header, table, chosen, header.cell, spacegroup.name)
    else:
        variables, coords = _unmerged(header, table, chosen)
    more = dataset_coords(header.datasets) | batch_coords(header.batches)
    coords = join_coordinates(coords, more)
    ds = xr.Dataset(variables, coords=coords, attrs=_attrs(header, spacegroup.name))
    if header.inv_d2_range is not None:
        ds.encoding["resolution"] = tuple(map(spacing, header.inv_d2_range))
    return ds


def _merged(
    header: Header,
    table: Table,
    chosen: Mapping[str, int],
    cell: tuple[float, ...],
    spacegroup: str,
) -> tuple[dict[str, xr.Variable], xr.Coordinates]:
    flags = [
        name for name, position in chosen.items() if header.columns[position].type in INTEGER_TYPES
    ]
    h, k, l, *flag_values = _indices_and_flags(header, table, [chosen[name] for name in flags])
    try:
        index = HKLIndex.from_miller(h, k, l, cell=cell, spacegroup=spacegroup)
    except MillerIndexError as error:
        raise FormatError(f"{table.source.name}: {error}") from None
    coords = index.coordinates()
    for name, info in zip("hkl", header.columns, strict=False):
        coords[name].attrs.update(_column_attrs(info))

    data: dict[str, Any] = dict(zip(flags, flag_values, strict=True))
    fields = {name: Field(name, at, np.float32) for name, at in chosen.items() if name not in flags}
    reader = ColumnReader(table, list(fields.values()))
    data |= {name: _lazy(reader, field) for name, field in fields.items()}
    variables = {
        name: _variable("hkl", data[name], header.columns[position])
        for name, position in chosen.items()
    }
    return variables, coords


def _indices_and_flags(header: Header, table: Table, flags: Sequence[int]) -> list[NDArray[Any]]:
    """Read Miller indices, and flags as integers if all their values are whole numbers."""
    hkl = _index_fields(header)
    try:
        columns = table.read([*hkl, *(Field("", position, np.int32) for position in flags)])
    except FormatError:  # in an index, which says so again, or in a flag that is not whole
        columns = table.read([*hkl, *(Field("", position, np.float32) for position in flags)])
        columns[3:] = [
            values.astype(np.int32) if _is_whole(values) else values for values in columns[3:]
        ]
    for index in columns[:3]:
        index.flags.writeable = False
    return columns


def _is_whole(values: NDArray[Any]) -> bool:
    return bool(np.all(np.rint(values) == values) and np.all(np.abs(values) < 2**31))


def _unmerged(
    header: Header, table: Table, chosen: Mapping[str, int]
) -> tuple[dict[str, xr.Variable], xr.Coordinates]:
    fields = dict(zip("hkl", _index_fields(header), strict=True))
    for name, position in chosen.items():
        # Type I may have missing values, and nothing is read to find out.
        whole = header.columns[position].type in INTEGER_TYPES - {"I"}
        fields[name] = Field(name, position, np.int32 if whole else np.float32)
    reader = ColumnReader(table, list(fields.values()))
    variables = {
        name: _variable("obs", _lazy(reader, field), header.columns[field.position])
        for name, field in fields.items()
    }
    coords = {name: variables.pop(name) for name in "hkl"}
    return variables, xr.Coordinates(coords, indexes={})


def _index_fields(header: Header) -> list[Field]:
    return [Field(header.columns[i].label, i, np.int32) for i in range(3)]


def _lazy(reader: ColumnReader[Field], field: Field) -> indexing.LazilyIndexedArray:
    return indexing.LazilyIndexedArray(ColumnArray(reader, field))


def _variable(dim: str, data: Any, info: ColumnInfo) -> xr.Variable:
    encoding = preferred(dim)
    return xr.Variable((dim,), data, _column_attrs(info), encoding, fastpath=True)


def _column_attrs(info: ColumnInfo) -> dict[str, Any]:
    attrs: dict[str, Any] = {
        "mtz_type": info.type,
        "dataset_id": info.dataset_id,
        "long_name": COLUMN_TYPES[info.type],
    }
    if info.type in UNITS:
        attrs["units"] = UNITS[info.type]
    if info.source:
        attrs["source"] = info.source
    if info.group:
        attrs["mtz_group"] = info.group
    # Labels that are not, or cannot always be, the name of the variable.
    if "/" in info.label or (info.type == "H" and info.label not in ("H", "K", "L")):
        attrs["mtz_label"] = info.label
    return attrs


def _attrs(header: Header, spacegroup: str) -> dict[str, Any]:
    assert header.cell is not None
    attrs: dict[str, Any] = {
        "title": header.title,
        "cell": list(header.cell),
        "spacegroup": spacegroup,
    }
    wavelengths = {d.wavelength for d in header.datasets if np.isfinite(d.wavelength)}
    if len(wavelengths) == 1:
        attrs["wavelength"] = wavelengths.pop()
    if header.history:
        attrs["history"] = header.history
    if any(column.type == "Y" for column in header.columns):
        attrs["symmetry_operations"] = header.operations  # M/ISYM counts them in this order
    if header.appended_text:
        attrs["mtz_appended_text"] = header.appended_text
    return attrs
