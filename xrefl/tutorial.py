"""Real data sets to try things on: some ship with xrefl, others are fetched from the PDB.

A file is looked for among those shipped, then in the folder that the environment variable
``XREFL_DATA_DIR`` names, then in the cache of the user, and is fetched only after that.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import xarray as xr

from xrefl.errors import FormatError, XreflError
from xrefl.io.mtz.records import MAGIC
from xrefl.io.source import peek

__all__ = ["examples", "open", "path"]

Kind = Literal["reflections", "model"]

_ARCHIVE = "https://files.wwpdb.org/pub/pdb/data/structures/divided"
# How files of an entry are called: by xrefl, by the PDB, by RCSB's download page.
_FILE_NAMES: dict[Kind, tuple[str, ...]] = {
    "reflections": ("{}.mtz", "{}.mtz.gz", "r{}sf.ent.gz", "r{}sf.ent", "{}-sf.cif"),
    "model": ("{}.pdb", "pdb{}.ent.gz", "pdb{}.ent", "{}.pdb.gz", "{}.cif"),
}
_REMOTE_NAMES: dict[Kind, tuple[str, str]] = {
    "reflections": ("structure_factors", "r{}sf.ent.gz"),
    "model": ("pdb", "pdb{}.ent.gz"),
}


def examples() -> list[str]:
    """Return the names of the examples that ship with xrefl.

    Examples
    --------
    >>> import xrefl
    >>> xrefl.tutorial.examples()
    ['5e5z', '5wkd']
    """
    return sorted(file.stem for file in _shipped().glob("*.mtz"))


def path(name: str, *, kind: Kind = "reflections") -> Path:
    """Return the path of a file with the data of a PDB entry.

    Parameters
    ----------
    name : str
        PDB code, such as "5e5z".
    kind : {"reflections", "model"}
        Reflection data, or the atomic model.

    Raises
    ------
    XreflError
        The entry is not among the files here and cannot be fetched.

    Examples
    --------
    >>> import xrefl
    >>> xrefl.tutorial.path("5e5z").name
    '5e5z.mtz'
    """
    name = name.lower()
    if kind not in _FILE_NAMES:
        raise ValueError(f"kind must be 'reflections' or 'model', not {kind!r}")
    if not re.fullmatch(r"[0-9][0-9a-z]{3}", name):
        raise XreflError(
            f"{name!r} is not a PDB code (a digit and three letters or digits); examples that "
            f"ship with xrefl are {', '.join(examples())}"
        )
    for candidate in _local_candidates(name, kind):
        if candidate.is_file():
            return candidate
    return _fetch(name, kind)


def open(name: str, **options: Any) -> xr.Dataset:
    """Open the reflections of an example or PDB entry.

    Parameters
    ----------
    name : str
        PDB code; "5e5z" and "5wkd" ship with xrefl.
    **options
        Passed to `xarray.open_dataset`, as ``chunks={}``.

    Examples
    --------
    >>> import xrefl
    >>> xrefl.tutorial.open("5wkd").sizes["hkl"]
    367
    """
    file = path(name)
    if peek(file, len(MAGIC)) != MAGIC:
        raise FormatError(
            f"{file}: not an MTZ file, which is what this version of xrefl reads; convert it to "
            "MTZ first"
        )
    return xr.open_dataset(file, engine="mtz", **options)


def _shipped() -> Path:
    return Path(str(resources.files("xrefl.data")))


def _local_candidates(name: str, kind: Kind) -> Iterator[Path]:
    folders = [_shipped()]
    if override := os.environ.get("XREFL_DATA_DIR"):
        folders.append(Path(override))
    for folder in folders:
        for file_name in _FILE_NAMES[kind]:
            yield folder / file_name.format(name)


def _fetch(name: str, kind: Kind) -> Path:
    try:
        import pooch
    except ImportError:
        raise XreflError(
            f"{name} does not ship with xrefl, and fetching it needs pooch: "
            "pip install 'xrefl[tutorial]'"
        ) from None
    folder, file_name = _REMOTE_NAMES[kind]
    archive = os.environ.get("XREFL_PDB_URL", _ARCHIVE)
    url = f"{archive}/{folder}/{name[1:3]}/{file_name.format(name)}"
    pooch.get_logger().setLevel("WARNING")
    try:
        fetched = pooch.retrieve(
            url, known_hash=None, fname=file_name.format(name), path=pooch.os_cache("xrefl")
        )
    except (OSError, ValueError) as error:
        raise XreflError(
            f"cannot fetch {url} ({error}); put the file into a folder, and name the folder in "
            "the environment variable XREFL_DATA_DIR"
        ) from error
    return Path(fetched)
