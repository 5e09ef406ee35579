"""SF-mmCIF files from MTZ files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np
import xarray as xr

from xrefl.errors import FormatWarning
from xrefl.hkl.crystal import is_merged
from xrefl.hkl.datasets import DATASET_COORDS, dataset_coords, datasets_of
from xrefl.io.convert.mtz_to_cif_loop import spec_loop
from xrefl.io.convert.mtz_to_cif_spec import Spec, default_spec, parse_spec
from xrefl.io.mtz.open import open_mtz
from xrefl.io.refln_cif.write import Block, block_name, warn_of, write_blocks
from xrefl.io.refln_cif.write_items import crystal_items
from xrefl.io.refln_cif.write_links import links_of

__all__ = ["mtz_to_cif"]

_LARGE = 2**28


def mtz_to_cif(
    src: str | os.PathLike[str] | bytes | IO[bytes] | xr.Dataset,
    dst: str | os.PathLike[str] | IO[bytes] | None = None,
    *,
    spec: Spec | None = None,
    block: str | None = None,
    entry_id: str | None = None,
    wavelength: float | None = None,
    skip_empty: bool | Sequence[str] = False,
    skip_negative_sigma: bool = False,
    free_value: int | None = None,
    history: bool = True,
) -> str | None:
    """Write the reflections of an MTZ file as SF-mmCIF.

    Which columns are written, under which tags and in which format, is said by a spec; the
    default ones, for merged and for unmerged files, are printed by ``xrefl mtz2cif
    --print-spec``. Numbers are written so that nothing is lost, unless the spec has formats.
    Cell, space group with its operations, title, history, and the names, cells and
    wavelengths of all data sets go along. Observations get their original Miller indices;
    batch headers, for which mmCIF has no place, do not go along. Which data set a column
    belongs to is kept under local data names, which `xrefl.cif_to_mtz` reads.

    Parameters
    ----------
    src : path, bytes, binary file object, or Dataset
        The MTZ file, or what `xrefl.open_mtz` makes of it.
    dst : path or binary file object, optional
        Where to write; gzipped if the name ends in ``.gz``.
    spec : path, str or sequence of str, optional
        Path of a spec, its text, or its lines; see `xrefl.io.convert.mtz_to_cif_spec`.
    block : str, optional
        Name of the data block; by default made of the entry's name, or "mtz".
    entry_id : str, optional
        Name of the entry, such as "5wkd".
    wavelength : float, optional
        In Å, for all data sets but the base, in place of what the file says.
    skip_empty : bool or sequence of str
        Leave out rows in which all values are missing, indices, flags and what tells where a
        reflection was recorded (pdbx_scan_angle and the like) aside; or those in which the
        columns given are missing.
    skip_negative_sigma : bool
        Leave out rows in which a standard deviation that is written is negative.
    free_value : int, optional
        The flag of the free set, which ``status`` calls f; by default it is told from the
        flags as in `xrefl.hkl.find.free_flag`, with a `FormatWarning` if it cannot be.
    history : bool
        Whether to write the history.

    Returns
    -------
    str or None
        The text, where `dst` is not given.

    Raises
    ------
    FormatError, MissingColumnError
        The file is damaged, the spec is not understood or needs a column that is not there, or
        no rows are left.
    ValueError
        The wavelength is not positive.

    Warns
    -----
    FormatWarning
        Columns are left out by the spec, as is the part M of M/ISYM, which marks partial
        observations; `free_value` is none of the flags.

    Examples
    --------
    >>> import xrefl
    >>> text = xrefl.mtz_to_cif(xrefl.tutorial.path("5e5z"), entry_id="5e5z")
    >>> text.splitlines()[0], text.splitlines()[-2]
    ('data_r5e5zsf', '5 2 2 o 1 3.7775 0.8108 19.093 2.1233')
    """
    ds = src if isinstance(src, xr.Dataset) else _opened(src)
    lines = default_spec(merged=is_merged(ds)) if spec is None else parse_spec(spec)
    ds = _with_options(ds, wavelength, history)
    if ds.attrs.get("mtz_appended_text"):
        warnings.warn(
            "not written: the text that some program has appended to the MTZ file",
            FormatWarning,
            stacklevel=2,
        )
    loop, left_out = spec_loop(
        ds,
        lines,
        ddl1=False,
        free_value=free_value,
        skip_empty=skip_empty,
        skip_negative_sigma=skip_negative_sigma,
    )
    warn_of(left_out)
    name = block_name(block or (f"r{entry_id}sf" if entry_id else "mtz"))
    items = crystal_items(ds, entry_id, ddl1=False)
    return write_blocks([Block(name, items, links_of(ds, loop), (loop,), ddl1=False)], dst)


def _opened(src: str | os.PathLike[str] | bytes | IO[bytes]) -> xr.Dataset:
    """Open a file, lazily if its columns would take much memory."""
    path = Path(src).expanduser() if isinstance(src, (str, os.PathLike)) else None
    large = path is not None and path.is_file() and path.stat().st_size > _LARGE
    return open_mtz(src, chunks={} if large else None)


def _with_options(ds: xr.Dataset, wavelength: float | None, history: bool) -> xr.Dataset:
    ds = ds.copy(deep=False)
    if not history:
        ds.attrs.pop("history", None)
    if wavelength is None:
        return ds
    if not 0 < wavelength < np.inf:
        raise ValueError(f"the wavelength must be a positive number of Å, not {wavelength}")
    ds.attrs["wavelength"] = float(wavelength)
    datasets = datasets_of(ds)
    for one in datasets:
        if one.id != 0 or one.wavelength == one.wavelength or len(datasets) == 1:
            one.wavelength = float(wavelength)
    return ds.drop_vars(DATASET_COORDS, errors="ignore").assign_coords(dataset_coords(datasets))
