"""Write reflections to a Parquet file, in constant memory."""

from __future__ import annotations

import os
from collections.abc import Hashable
from typing import Any

import xarray as xr

from xrefl.errors import FormatError
from xrefl.hkl.blocks import row_blocks
from xrefl.hkl.crystal import reflection_dim
from xrefl.io.atomic import atomic_writer
from xrefl.io.store.blocks import aligned
from xrefl.io.store.format import check_text
from xrefl.io.store.parquet_notes import KEY, pyarrow, to_json

__all__ = ["to_parquet"]

_ROWS = 2**20
"""Rows of a group, which is what other programs read at a time."""


def to_parquet(ds: xr.Dataset, path: str | os.PathLike[str]) -> None:
    """Write reflections to a Parquet file, which pandas, Polars and DuckDB read.

    There is a column for each of h, k and l and of the variables, under their names and with their
    types; missing values are NaN. All else (attributes, data sets, batch headers) is in the
    metadata of the schema, under the key ``xrefl``, from which `xrefl.open_parquet` restores
    the Dataset. Rows are written in groups of 1,048,576, so that memory does not grow with them.

    Parameters
    ----------
    ds : Dataset
        Merged (dimension ``hkl``) or unmerged (``obs``) reflections.
    path : path
        The file appears when it is complete.

    Raises
    ------
    FormatError
        A column is complex or has more than one value for each row.
    ImportError
        The package pyarrow is not installed.

    Examples
    --------
    >>> import tempfile, pathlib, pandas, xrefl
    >>> ds = xrefl.tutorial.open("5e5z")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "5e5z.parquet")
    ...     ds.xtal.to_parquet(path)
    ...     df = pandas.read_parquet(path, columns=["h", "k", "l", "FP"])
    >>> df.loc[0].tolist() == [ds[name].values[0] for name in df]
    True
    """
    pa = pyarrow()
    dim = reflection_dim(ds)
    check_text(ds)
    columns = _columns(ds, dim)
    kinds = {name: _kind(name, one, pa) for name, one in columns.items()}
    notes = to_json(ds, dim, columns)
    schema = pa.schema(list(kinds.items()), metadata={KEY: notes.encode()})
    floats = [str(name) for name, one in columns.items() if one.dtype.kind == "f"]
    with (
        atomic_writer(path) as stream,
        pa.parquet.ParquetWriter(
            stream,
            schema,
            compression="zstd",
            write_page_checksum=True,
            use_dictionary=[str(name) for name in columns if name not in floats],
            use_byte_stream_split=floats,  # alike bytes side by side: a quarter smaller, and faster
        ) as writer,
    ):
        for block in aligned(row_blocks(list(columns.values()), ds.sizes[dim]), _ROWS):
            arrays = [
                pa.array(values.astype(values.dtype.newbyteorder("="), copy=False), type=kind)
                for values, kind in zip(block, kinds.values(), strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=_ROWS)


def _columns(ds: xr.Dataset, dim: str) -> dict[Hashable, xr.Variable]:
    """Return the variables that become columns, h, k and l first; the packed key is not one."""
    names = [*"hkl", *(name for name in ds.variables if name not in ("hkl", "h", "k", "l"))]
    return {name: ds.variables[name] for name in names if dim in ds.variables[name].dims}


def _kind(name: Hashable, variable: xr.Variable, pa: Any) -> Any:
    """Return the type of a column in Arrow."""
    if variable.ndim != 1:
        raise FormatError(
            f"variable {name!r} has the dimensions {variable.dims}, but a column of a Parquet file "
            "has one value for each row; call .xtal.unstack_friedel() if these are Friedel "
            "pairs, or select from it first"
        )
    if variable.dtype.kind == "U":
        return pa.string()
    dtype = variable.dtype.newbyteorder("=")
    if dtype.kind not in "fiub" or dtype.itemsize > 8:
        raise FormatError(
            f"column {name!r} is of {variable.dtype}, but a Parquet file holds real numbers of up "
            "to 64 bits and text; call .xtal.amplitude_phase() on complex structure factors, or "
            f'convert it: ds.assign({name}=ds.{name}.astype("f8"))'
        )
    return pa.from_numpy_dtype(dtype)
