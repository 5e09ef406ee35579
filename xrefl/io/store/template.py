"""The empty arrays of a store, with all that is known beside their rows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.errors import FormatError
from xrefl.hkl.crystal import reflection_dim
from xrefl.hkl.index import HKLIndex
from xrefl.io.store import format as notes

__all__ = ["LIMITS", "Template", "known_crystal", "stated_encoding", "write_template"]

LIMITS = "limits"


@dataclass(slots=True)
class Template:
    """A store whose rows are still to be written.

    Parameters
    ----------
    dim : str
        Dimension of the rows.
    chunk : int
        Rows of a chunk.
    names : list of Hashable
        Variables along the dimension, h, k and l first.
    stored : dict
        Their names in the store, and those of all other variables.
    axes : dict
        Where each of them has the rows among its dimensions.
    contents : dict
        What the notes of the store are to say.
    """

    dim: str
    chunk: int
    names: list[Hashable]
    stored: dict[str, str]
    axes: dict[Hashable, int]
    contents: dict[str, Any]

    @property
    def cell(self) -> UnitCell | None:
        """The unit cell, if it is known."""
        cell = self.contents["cell"]
        return None if cell is None else UnitCell.from_parameters(cell)

    def columns_of(self, ds: xr.Dataset) -> list[xr.Variable]:
        """Return the variables that are written row by row, with the rows along the first axis."""
        return [ds.variables[name].transpose(self.dim, ...) for name in self.names]

    def arrays(self, folder: Path, names: Sequence[Hashable] | None = None) -> list[Any]:
        """Return the arrays of variables, ready to be written to."""
        group = notes.zarr().open_group(folder, mode="r+", use_consolidated=False)
        return [group[self.stored[str(name)]] for name in names or self.names]

    def rows(self, name: Hashable, rows: slice) -> tuple[slice, ...]:
        """Return what selects rows of an array."""
        return (slice(None),) * self.axes[name] + (rows,)

    def turned(self, name: Hashable, values: NDArray[Any]) -> NDArray[Any]:
        """Return values with the rows where the array has them."""
        return np.moveaxis(values, 0, self.axes[name]) if self.axes[name] else values

    def finish(self, folder: Path, limits: NDArray[np.float64], nrow: int) -> None:
        """Write what the store says of itself, last of all."""
        group = notes.zarr().create_group(folder / notes.GROUP, zarr_format=3)
        if len(limits):
            group.create_array(LIMITS, data=limits, chunks=limits.shape)
        group.attrs.update({**self.contents, "rows": nrow})
        notes.zarr().consolidate_metadata(folder, zarr_format=3)  # xarray.open_zarr looks for it


def write_template(ds: xr.Dataset, folder: Path, chunk: int) -> Template:
    """Write all of a Dataset but its rows, of which there are empty arrays afterwards."""
    import dask.array as da
    from zarr.codecs import BloscCodec, Crc32cCodec

    dim = reflection_dim(ds)
    notes.check_text(ds)
    stored = notes.safe_names([str(name) for name in ds.variables])
    along = [name for name, variable in ds.variables.items() if dim in variable.dims]
    names: list[Hashable] = [*"hkl", *(name for name in along if name not in ("h", "k", "l"))]
    codecs = (BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle"), Crc32cCodec())
    variables, encoding = {}, {}
    for name, variable in ds.variables.items():
        attrs = notes.json_attrs(variable.attrs, f"ds[{name!r}]")
        _require_storable(name, variable, dim)
        if dim in variable.dims:
            size = tuple(chunk if d == dim else max(n, 1) for d, n in variable.sizes.items())
            data: Any = da.zeros(variable.shape, dtype=variable.dtype, chunks=-1)
            encoding[stored[str(name)]] = {
                "chunks": size,
                "compressors": codecs,
                "_FillValue": None,
            }
        else:
            data = variable.values
            encoding[stored[str(name)]] = {"_FillValue": None} if data.dtype.kind == "f" else {}
        variables[name] = xr.Variable(variable.dims, data, attrs)
    coords = {stored[str(name)]: variables.pop(name) for name in ds.coords}
    empty = xr.Dataset(
        {stored[str(name)]: variable for name, variable in variables.items()},
        coords=xr.Coordinates(coords, indexes={}),
        attrs=notes.json_attrs(ds.attrs, "ds"),
    )
    empty.to_zarr(
        folder,
        mode="a",
        compute=False,
        consolidated=False,
        zarr_format=3,
        encoding=encoding,
        write_empty_chunks=True,
    )
    known = known_crystal(ds)
    contents = {
        "version": notes.VERSION,
        "chunk": chunk,
        "variables": [
            {
                "name": name,
                "stored": stored[str(name)],
                "kind": "data" if name in ds.data_vars else "coordinate",
                "text": variable.dtype.str if variable.dtype.kind == "U" else None,
            }
            for name, variable in ds.variables.items()
        ],
        "encoding": stated_encoding(ds),
        "cell": known[0],
        "spacegroup": known[1],
    }
    axes = {name: ds.variables[name].dims.index(dim) for name in names}
    return Template(dim, chunk, names, stored, axes, contents)


def _require_storable(name: Hashable, variable: xr.Variable, dim: str) -> None:
    kind, size = variable.dtype.kind, variable.dtype.itemsize
    is_small = dim not in variable.dims  # the names of batches, for instance
    if is_small and kind in "OT" and all(isinstance(one, str) for one in variable.values.flat):
        return
    if kind not in "fiubcU" or size > {"f": 8, "c": 16}.get(kind, size):
        raise FormatError(
            f"{name!r} is of {variable.dtype}, but a store holds numbers of up to 64 bits, and "
            "text that is of fixed width in columns; convert it first, for instance to text: "
            f'ds.assign({name}=ds.{name}.astype("U"))'
        )


def known_crystal(ds: xr.Dataset) -> tuple[list[float] | None, str | None]:
    """Return cell and space group, those of an index where there is one."""
    index = ds.xindexes.get("hkl")
    if isinstance(index, HKLIndex):
        cell, group = index.cell, index.spacegroup
    else:
        cell, group = ds.attrs.get("cell"), ds.attrs.get("spacegroup")
    return None if cell is None else [float(number) for number in cell], group


def stated_encoding(ds: xr.Dataset) -> dict[str, Any]:
    """Return what of the encoding says something of the data: limits that a file has stated."""
    known = {name: ds.encoding[name] for name in ("resolution", "blocks") if name in ds.encoding}
    return notes.json_attrs(known, "encoding")
