"""What a store says of itself: a group beside the columns that plain Zarr has no place for.

Columns, coordinates and attributes are in the root group as xarray writes them, so that
`xarray.open_zarr` reads them. The group ``xrefl_store`` adds the order of the columns, labels that
cannot be names in Zarr, types of text, and the limits of each chunk.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xrefl.errors import FormatError
from xrefl.io.store.folder import require_not_torn

__all__ = ["GROUP", "VERSION", "json_attrs", "quiet_zarr", "read_notes", "safe_names", "zarr"]

GROUP = "xrefl_store"
VERSION = 1
_SEPARATOR = re.compile(r"[/\\]|^\.+$")
_NEEDED = frozenset({"rows", "chunk", "variables", "encoding", "cell", "spacegroup"})
_FORBIDDEN = frozenset({"", "zarr.json", GROUP})


def zarr() -> Any:
    """Import zarr, or say how to install it."""
    try:
        import zarr
    except ImportError:
        raise ImportError("Zarr stores need the package zarr: pip install 'xrefl[zarr]'") from None
    return zarr


@contextmanager
def quiet_zarr() -> Iterator[None]:
    """Write chunks of zeros like all others, and do not warn of what Zarr 3 may still specify.

    A chunk that is left out because it has nothing but zeros could not be told from a lost one.
    Text of fixed width and metadata in one file have no specification in Zarr 3 yet, but the
    Python package reads and writes both.
    """
    with warnings.catch_warnings(), zarr().config.set({"array.write_empty_chunks": True}):
        warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification")
        warnings.filterwarnings("ignore", message=".*not recognized as a component of a Zarr")
        warnings.filterwarnings("ignore", message=".*currently not part in the Zarr format 3 spec")
        yield


def safe_names(labels: Iterable[str]) -> dict[str, str]:
    """Return the name of each label in a store, the label itself where that can be.

    A slash makes groups in Zarr, and names that begin with two underscores are its own.

    Examples
    --------
    >>> safe_names(["I", "M/ISYM", "M_ISYM"])
    {'I': 'I', 'M/ISYM': 'M_ISYM_', 'M_ISYM': 'M_ISYM'}
    """
    labels = list(labels)
    plain = {label: label for label in labels if _is_safe(label)}
    taken = set(plain)
    names = {}
    for label in labels:
        name = _SEPARATOR.sub("_", label)
        if label not in plain:
            if not _is_safe(name):
                name = f"column_{name}"
            while name in taken:
                name += "_"
            taken.add(name)
        names[label] = name
    return names


def _is_safe(name: str) -> bool:
    return not (_SEPARATOR.search(name) or name.startswith("__") or name in _FORBIDDEN)


def json_attrs(attrs: Mapping[Any, Any], what: str) -> dict[str, Any]:
    """Return attributes as JSON holds them: plain numbers, text, lists and dicts of these.

    Raises
    ------
    FormatError
        An attribute is something else.
    """
    return {_key(name, what): _json(value, f"{what}.attrs[{name!r}]") for name, value in
            attrs.items()}  # fmt: skip


def _key(name: Any, what: str) -> str:
    if not isinstance(name, str):
        raise FormatError(f"{what} has an attribute called {name!r}; its name must be text")
    return name


def _json(value: Any, where: str) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_json(one, where) for one in value]
    if isinstance(value, Mapping):
        return {_key(name, where): _json(one, where) for name, one in value.items()}
    raise FormatError(
        f"{where} is of type {type(value).__name__}, but a store holds numbers, text, lists and "
        "dicts of these; convert or delete it first"
    )


def read_notes(path: Path) -> dict[str, Any]:
    """Return what the group of a store says, after checking that there is one to read.

    Raises
    ------
    FileNotFoundError
        There is nothing at the path.
    FormatError
        It is no Zarr store, or one that xrefl, or this version of it, did not write.
    """
    require_not_torn(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no store {path}")
    if not (path / "zarr.json").is_file():
        old = any((path / name).is_file() for name in (".zgroup", ".zmetadata"))
        what = "a Zarr store of format 2, which xrefl does not write" if old else "no Zarr store"
        remedy = (
            "open it with xarray.open_zarr and call xrefl.restore"
            if old
            else "xrefl.open_reflections opens files of reflections"
        )
        raise FormatError(f"{path} is {what}; {remedy}")
    if not (path / GROUP / "zarr.json").is_file():
        raise FormatError(
            f"{path} is a Zarr store, but xrefl did not write it (it has no group {GROUP!r}); open "
            "it with xarray.open_zarr and call xrefl.restore"
        )
    try:
        group = zarr().open_group(path / GROUP, mode="r", use_consolidated=False)
        notes: dict[str, Any] = dict(group.attrs)
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"{path / GROUP / 'zarr.json'} is damaged: {error}") from None
    version = notes.get("version")
    if not isinstance(version, int) or (version <= VERSION and not notes.keys() >= _NEEDED):
        raise FormatError(f"{path / GROUP / 'zarr.json'} is damaged: it has only {list(notes)}")
    if version > VERSION:
        raise FormatError(
            f"{path} was written by a newer version of xrefl (format {version}; this version "
            f"reads up to {VERSION}); update xrefl"
        )
    return notes


def check_text(ds: xr.Dataset) -> None:
    """Raise FormatError if a variable has a name that is no text."""
    for name in ds.variables:
        if not isinstance(name, str):
            raise FormatError(f"the variable {name!r} has a name that is no text; rename it")
