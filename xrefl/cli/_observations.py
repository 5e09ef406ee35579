"""The unmerged observations that a command is given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from xrefl.cli._data_to_scale import naming

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["observations_of", "require_no_observations"]


def observations_of(
    sources: Sequence[Path],
    *,
    cell: list[float] | None,
    dmin: float | None,
    dmax: float | None,
) -> xr.Dataset:
    """Return the observations of files, one after the other, of which nothing need be read.

    Of several files, only the columns that all of them have are there.

    Raises
    ------
    NotMergedError
        A file has merged reflections.
    CrystalError
        A cell is given, and the file has one.
    """
    from xrefl.hkl.concat import concat_observations

    runs = [_opened(source, cell, dmin, dmax) for source in sources]
    if len(runs) == 1:
        return runs[0]
    common = set.intersection(*(set(run.data_vars) for run in runs))
    alike = [run.drop_vars(set(run.data_vars) - common) for run in runs]
    return concat_observations(alike, renumber=True)


def _opened(
    source: Path, cell: list[float] | None, dmin: float | None, dmax: float | None
) -> xr.Dataset:
    from xrefl.errors import CrystalError, NotMergedError
    from xrefl.hkl.crystal import assign_crystal, is_merged
    from xrefl.hkl.select import sel_resolution
    from xrefl.io.store.open import open_zarr

    if source.is_dir():
        ds = open_zarr(source, dmin=dmin, dmax=dmax)
        dmin = dmax = None
    else:
        ds = _of_file(source)
    if is_merged(ds):
        raise NotMergedError(
            f"{source}: {ds.sizes['hkl']:,} reflections that are merged already; give unmerged "
            "observations"
        )
    if cell is not None:
        if "cell" in ds.attrs:
            raise CrystalError(
                f"{source}: the observations have a unit cell, {ds.attrs['cell']}; leave --cell out"
            )
        ds = assign_crystal(ds, cell=cell)
    if dmin is not None or dmax is not None:
        with naming(source):
            ds = sel_resolution(ds.chunk(obs=2**20), dmin=dmin, dmax=dmax)
    return ds


def _of_file(source: Path) -> xr.Dataset:
    """Open a file; of a CIF with merged and unmerged data the latter."""
    from xrefl.errors import FormatError
    from xrefl.hkl.crystal import is_merged
    from xrefl.io.reflections import open_reflections
    from xrefl.io.refln_cif.open import open_refln_cif

    ds = open_reflections(source)
    if is_merged(ds) and "block" in ds.attrs:
        try:
            return open_refln_cif(source, kind="unmerged")
        except FormatError:
            return ds
    return ds


def require_no_observations(target: Path | None) -> None:
    """Refuse to write over unmerged observations, as a list of files would easily.

    Raises
    ------
    BadParameter
        The file is there and has some.
    """
    if target is None or not target.is_file():
        return
    from xrefl.errors import XreflError
    from xrefl.hkl.crystal import is_merged

    try:
        merged = is_merged(_of_file(target))
    except XreflError:
        return
    if not merged:
        raise typer.BadParameter(
            f"{target} has unmerged observations, and merged ones would be written over them; "
            "give OUT, the last of the names, another one"
        )
