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

from xrefl.errors import XreflError
from xrefl.io.reflections import open_reflections

__all__ = ["examples", "open", "path"]

Kind = Literal["reflections", "sf-mmcif", "model"]

_ARCHIVE = "https://files.wwpdb.org/pub/pdb/data/structures/divided"
# How files of an entry are called: by xrefl, by the PDB, by RCSB's download page.
_PDB_NAMES: dict[Kind, tuple[str, ...]] = {
    "reflections": ("{}.mtz", "{}.mtz.gz", "r{}sf.ent.gz", "r{}sf.ent", "{}-sf.cif"),
    "sf-mmcif": ("{}-sf.cif", "r{}sf.ent.gz", "r{}sf.ent", "{}-sf.cif.gz"),
    "model": ("{}.pdb", "pdb{}.ent.gz", "pdb{}.ent", "{}.pdb.gz", "{}.cif"),
}
# The Crystallography Open Database has reflections in a file of their own or in that of the model.
_COD_NAMES: dict[Kind, tuple[str, ...]] = {
    "reflections": ("{}.hkl", "{}.cif"),
    "sf-mmcif": (),
    "model": ("{}.cif",),
}
_REMOTE_NAMES: dict[Kind, tuple[str, str]] = {
    "reflections": ("structure_factors", "r{}sf.ent.gz"),
    "sf-mmcif": ("structure_factors", "r{}sf.ent.gz"),
    "model": ("pdb", "pdb{}.ent.gz"),
}
_PDB_CODE = re.compile("[0-9][0-9a-z]{3}")
_COD_NUMBER = re.compile("[0-9]{7}")


def examples() -> list[str]:
    """Return the names of the examples that ship with xrefl.

    Examples
    --------
    >>> import xrefl
    >>> xrefl.tutorial.examples()
    ['1011031', '2242624', '4003024', '5e5z', '5wkd']
    """
    files = (file for kind in ("*.mtz", "*.hkl", "*.cif") for file in _shipped().glob(kind))
    return sorted({file.stem.removesuffix("-sf") for file in files})


def path(name: str, *, kind: Kind = "reflections") -> Path:
    """Return the path of a file with the data of a PDB or COD entry.

    Parameters
    ----------
    name : str
        PDB code, such as "5e5z", or number in the Crystallography Open Database, as "4003024".
        Entries of the PDB are fetched if they are not here.
    kind : {"reflections", "sf-mmcif", "model"}
        Reflection data, as MTZ if there is such a file; the same as SF-mmCIF; or the model.

    Raises
    ------
    XreflError
        The entry is not among the files here and cannot be fetched.

    Examples
    --------
    >>> import xrefl
    >>> xrefl.tutorial.path("5e5z").name
    '5e5z.mtz'
    >>> xrefl.tutorial.path("5wkd", kind="sf-mmcif").name
    '5wkd-sf.cif'
    """
    name = name.lower()
    if kind not in _PDB_NAMES:
        raise ValueError(f"kind must be one of {', '.join(map(repr, _PDB_NAMES))}, not {kind!r}")
    if not _PDB_CODE.fullmatch(name) and not _COD_NUMBER.fullmatch(name):
        raise XreflError(
            f"{name!r} is neither a PDB code (a digit and three letters or digits) nor a number "
            "of the Crystallography Open Database (seven digits); examples that ship with xrefl "
            f"are {', '.join(examples())}"
        )
    for candidate in _local_candidates(name, kind):
        if candidate.is_file():
            return candidate
    if _COD_NUMBER.fullmatch(name):
        raise XreflError(
            f"{name} has no {kind} among the examples; put the file of the Crystallography Open "
            "Database into a folder, and name the folder in the environment variable XREFL_DATA_DIR"
        )
    return _fetch(name, kind)


def open(name: str, **options: Any) -> xr.Dataset:
    """Open the reflections of an example or entry.

    Parameters
    ----------
    name : str
        As for `path`; "5e5z", "5wkd", "2242624" and "4003024" ship with xrefl.
    **options
        Passed to `xrefl.open_reflections`, as ``chunks={}``.

    Examples
    --------
    >>> import xrefl
    >>> xrefl.tutorial.open("5wkd").sizes["hkl"]
    367
    """
    return open_reflections(path(name), **options)


def _shipped() -> Path:
    return Path(str(resources.files("xrefl.data")))


def _local_candidates(name: str, kind: Kind) -> Iterator[Path]:
    folders = [_shipped()]
    if override := os.environ.get("XREFL_DATA_DIR"):
        folders.append(Path(override))
    for folder in folders:
        for file_name in (_COD_NAMES if _COD_NUMBER.fullmatch(name) else _PDB_NAMES)[kind]:
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
