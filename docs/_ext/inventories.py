"""Where other projects document the names that our docstrings mention.

Inventories of a few names are written from the table below, so that the pages build without a
network and are the same everywhere. On Read the Docs the whole inventories are fetched.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

__all__ = ["intersphinx_mapping"]

_NAMES = {
    "xarray": "Dataset DataArray Variable Coordinates DataTree Index open_dataset open_datatree"
    " concat align Dataset.groupby Dataset.sel Dataset.where Dataset.chunk Dataset.to_zarr"
    " Dataset.to_netcdf DataArray.sel DataArray.groupby DataArray.where groupers.Grouper",
    "pandas": "DataFrame Series MultiIndex Index read_csv DataFrame.groupby",
    "numpy": "ndarray dtype random.Generator random.default_rng",
}
_DASK = {
    "dask.array.Array": ("class", "generated/dask.array.Array.html#dask.array.Array"),
    "dask.compute": ("function", "api.html#dask.compute"),
    "dask.distributed.Client": ("class", "futures.html#distributed.Client"),
}

_PAGES = {
    "xarray": "https://docs.xarray.dev/en/stable/",
    "pandas": "https://pandas.pydata.org/docs/",
    "numpy": "https://numpy.org/doc/stable/",
    "dask": "https://docs.dask.org/en/stable/",
}
_FOLDERS = {"xarray": "generated", "pandas": "reference/api", "numpy": "reference/generated"}


def _role(name: str) -> str:
    head, _, last = name.rpartition(".")
    if head[:1].isupper():
        return "method"
    return "class" if last[:1].isupper() or last in ("ndarray", "dtype") else "function"


def _entries(project: str) -> dict[str, tuple[str, str]]:
    if project == "dask":
        return _DASK
    folder = _FOLDERS[project]
    return {
        f"{project}.{name}": (_role(name), f"{folder}/{project}.{name}.html#{project}.{name}")
        for name in _NAMES[project].split()
    }


def intersphinx_mapping(folder: Path) -> dict[str, tuple[str, str | tuple[str | None, str]]]:
    """Write the inventories into a folder and return Sphinx's setting."""
    folder.mkdir(parents=True, exist_ok=True)
    mapping: dict[str, tuple[str, str | tuple[str | None, str]]] = {}
    for project, page in _PAGES.items():
        lines = [f"{name} py:{r} 1 {uri} -" for name, (r, uri) in _entries(project).items()]
        head = f"# Sphinx inventory version 2\n# Project: {project}\n# Version: \n"
        head += "# The remainder of this file is compressed using zlib.\n"
        path = folder / f"{project}.inv"
        path.write_bytes(head.encode() + zlib.compress("\n".join([*lines, ""]).encode()))
        online = "READTHEDOCS" in os.environ
        mapping[project] = (page, (None, str(path)) if online else str(path))
    return mapping
