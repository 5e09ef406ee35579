"""What a Parquet file has beside its columns, as JSON in the metadata of its schema."""

from __future__ import annotations

import base64
import json
from collections.abc import Hashable, Mapping
from importlib import import_module
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import FormatError
from xrefl.hkl.datasets import strings
from xrefl.io.store.format import json_attrs
from xrefl.io.store.template import known_crystal, stated_encoding

__all__ = ["KEY", "from_json", "pyarrow", "to_json"]

KEY = b"xrefl"
VERSION = 1
_NEEDED = frozenset({"dim", "rows", "variables", "small", "attrs", "encoding", "cell"})


def pyarrow() -> Any:
    """Import pyarrow with its module for Parquet, or say how to install it."""
    try:
        import_module("pyarrow.parquet")
    except ImportError:
        raise ImportError(
            "Parquet files need the package pyarrow: pip install 'xrefl[parquet]'"
        ) from None
    return import_module("pyarrow")


def to_json(ds: xr.Dataset, dim: str, columns: Mapping[Hashable, xr.Variable]) -> str:
    """Return all of a Dataset but the values of the columns given."""
    cell, group = known_crystal(ds)
    small = {name: one for name, one in ds.variables.items() if dim not in one.dims}
    return json.dumps(
        {
            "version": VERSION,
            "dim": dim,
            "rows": ds.sizes[dim],
            "attrs": json_attrs(ds.attrs, "ds"),
            "encoding": stated_encoding(ds),
            "cell": cell,
            "spacegroup": group,
            "variables": [
                {
                    "name": name,
                    "kind": "data" if name in ds.data_vars else "coordinate",
                    "dtype": one.dtype.str,
                    "attrs": json_attrs(one.attrs, f"ds[{name!r}]"),
                }
                for name, one in ds.variables.items()
                if name in columns or name in small
            ],
            "small": {
                str(name): {"dims": list(one.dims), **_values(one.values)}
                for name, one in small.items()
            },
        },
        ensure_ascii=False,
    )


def _values(values: NDArray[Any]) -> dict[str, Any]:
    """Return an array bit for bit, text as a list."""
    if values.dtype.kind in "OUT":
        kind = values.dtype.str if values.dtype.kind == "U" else "O"
        return {"text": values.ravel().tolist(), "dtype": kind, "shape": values.shape}
    data = base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
    return {"base64": data, "dtype": values.dtype.str, "shape": values.shape}


def from_json(content: bytes | None, path: str) -> dict[str, Any]:
    """Return what `to_json` has written, the small variables as Variables in ``small``.

    Raises
    ------
    FormatError
        There is nothing, or not all; or a newer version has written it.
    """
    if content is None:
        raise FormatError(
            f"{path} is a Parquet file, but xrefl did not write it; pandas.read_parquet opens it, "
            "and df.xtal.to_dataset() makes a Dataset of a frame with the index (H, K, L)"
        )
    try:
        notes: dict[str, Any] = json.loads(content)
        version = notes["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"{path}: the metadata of xrefl are damaged: {error!r}") from None
    if not isinstance(version, int) or (version <= VERSION and not notes.keys() >= _NEEDED):
        raise FormatError(f"{path}: the metadata of xrefl are damaged; they have {list(notes)}")
    if version > VERSION:
        raise FormatError(
            f"{path} was written by a newer version of xrefl (format {version}; this version "
            f"reads up to {VERSION}); update xrefl"
        )
    attrs = {one["name"]: one["attrs"] for one in notes["variables"]}
    notes["small"] = {
        name: xr.Variable(one["dims"], _array(one), attrs[name])
        for name, one in notes["small"].items()
    }
    return notes


def _array(one: Mapping[str, Any]) -> NDArray[Any]:
    if "text" in one:
        return strings(one["text"]).astype(one["dtype"]).reshape(one["shape"])
    data = base64.b64decode(one["base64"])
    return np.frombuffer(data, one["dtype"]).reshape(one["shape"]).copy()
