"""The unmerged observations that a command is given."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from xrefl.cli._data_to_scale import naming
from xrefl.cli._opened import open_rows

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Reading", "Runs", "called", "observations_of", "require_no_observations"]

_NAMED = 3
_UNMERGED = "_diffrn_refln"  # how tags of observations begin


class Reading(NamedTuple):
    """How files are read."""

    run: str | None = None
    """One run of a Zarr store."""
    select: Sequence[str] = ()
    """Which rows of a CIF file, as ``wavelength_id=1``."""
    cell: list[float] | None = None
    """The unit cell, where a file has none."""
    spacegroup: str | None = None
    """The space group, where a file has none."""
    dmin: float | None = None
    dmax: float | None = None


class Runs(NamedTuple):
    """The observations of files, one after the other."""

    ds: xr.Dataset
    sources: Sequence[Path]
    lacking: list[str]
    """Columns that are not merged, and which files do not have them."""
    notes: list[str]
    """What a user should know."""

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Name the files in errors, and say which of them lacks a column."""
        from xrefl.errors import MissingColumnError, XreflError

        try:
            yield
        except XreflError as error:
            text = str(error)
            if isinstance(error, MissingColumnError) and self.lacking:
                text += (
                    f". Columns that not all files have are left aside: {', '.join(self.lacking)}"
                )
            raise type(error)(f"{called(self.sources)}: {text}") from None


def called(paths: Sequence[Path]) -> str:
    """Return the names of files, of many the first ones.

    Examples
    --------
    >>> called([Path(f"{i}.mtz") for i in range(9)])
    '0.mtz, 1.mtz, 2.mtz and 6 more'
    """
    if len(paths) <= _NAMED + 1:
        return ", ".join(map(str, paths))
    return f"{', '.join(map(str, paths[:_NAMED]))} and {len(paths) - _NAMED} more"


def observations_of(sources: Sequence[Path], how: Reading) -> Runs:
    """Return the observations of files, one after the other, of which nothing need be read.

    Of several files, only the columns that all of them have are there.

    Raises
    ------
    NotMergedError
        A file has merged reflections.
    CrystalError
        A cell is given, and all files have one; or there is no space group, or no cell where
        files are to be joined or limits of resolution are given.
    CrystalMismatchError
        Files are of different crystals.
    BadParameter
        There is no file of the kind that an option is about.
    """
    from xrefl.hkl.concat import join_runs

    if how.run is not None and not any(map(Path.is_dir, sources)):
        raise typer.BadParameter("--run is about Zarr stores, and there is none among the files")
    runs = [_opened(source, how) for source in sources]
    if how.cell is not None:
        _require_lack(runs, sources)
    alone = len(runs) == 1
    runs = [
        _completed(run, source, how, alone=alone) for run, source in zip(runs, sources, strict=True)
    ]
    if alone:
        return Runs(runs[0], sources, [], [])
    alike, lacking = _alike(runs, sources)
    joined = join_runs(alike, [str(source) for source in sources], renumber=True)
    return Runs(joined, sources, lacking, _renumbered(alike, sources, joined))


def _alike(
    runs: Sequence[xr.Dataset], sources: Sequence[Path]
) -> tuple[list[xr.Dataset], list[str]]:
    """Return runs with the same columns, and which files lack the others."""
    along = [_joinable(run) for run in runs]
    common = set.intersection(*map(set, along))
    others = dict.fromkeys(name for names in along for name in names if name not in common)
    lacking = []
    for name in others:
        without = [place for place, names in enumerate(along) if name not in names]
        there = any(name in runs[place] for place in without)
        why = "without headers of batches in" if there else "not in"
        lacking.append(f"{name} ({why} {called([sources[place] for place in without])})")
    return [run.drop_vars([name for name in others if name in run]) for run in runs], lacking


def _joinable(run: xr.Dataset) -> list[Hashable]:
    """Return the columns; coordinates along the rows, such as ``dataset``, are some, too.

    Batch numbers are none if there are no headers that tell which of them there are.
    """
    return [
        name
        for name, variable in run.variables.items()
        if "obs" in variable.dims and ("batch" in run or variable.attrs.get("mtz_type") != "B")
    ]


def _renumbered(
    runs: Sequence[xr.Dataset], sources: Sequence[Path], joined: xr.Dataset
) -> list[str]:
    """Tell which batches have got other numbers."""
    notes, start = [], 0
    for run, source in zip(runs, sources, strict=True):
        if "batch" not in run.coords:
            continue
        old = run["batch"].values.reshape(-1)
        new = joined["batch"].values[start : start + len(old)]
        start += len(old)
        if len(old) and old[0] != new[0]:
            notes.append(
                f"batches {old.min()} to {old.max()} of {source} count as {new.min()} to "
                f"{new.max()}, since a file before it has such numbers, too"
            )
    return notes


def _require_lack(runs: Sequence[xr.Dataset], sources: Sequence[Path]) -> None:
    from xrefl.errors import CrystalError

    if all("cell" in run.attrs for run in runs):
        raise CrystalError(
            f"{sources[0]}: the observations have a unit cell, {runs[0].attrs['cell']}; leave "
            "--cell out"
        )


def _opened(source: Path, how: Reading) -> xr.Dataset:
    from xrefl.errors import NotMergedError
    from xrefl.hkl.crystal import is_merged

    ds = _of_store(source, how) if source.is_dir() else _of_file(source, how.select)
    if is_merged(ds):
        raise NotMergedError(
            f"{source}: {ds.sizes['hkl']:,} reflections that are merged already; give unmerged "
            "observations"
        )
    return ds


def _completed(ds: xr.Dataset, source: Path, how: Reading, *, alone: bool) -> xr.Dataset:
    """Return observations with what their file does not state, within limits of resolution."""
    from xrefl.errors import CrystalError
    from xrefl.hkl.crystal import assign_crystal
    from xrefl.hkl.select import sel_resolution

    stated: dict[str, Any] = {"cell": how.cell, "spacegroup": how.spacegroup}
    lacking = [name for name in stated if name not in ds.attrs]
    limited = how.dmin is not None or how.dmax is not None
    if "spacegroup" in lacking and how.spacegroup is None:
        raise CrystalError(f"{source}: no space group is stated; give one with --spacegroup")
    if "cell" in lacking and how.cell is None:
        if not alone or limited:
            raise CrystalError(f"{source}: no unit cell is stated; give one with --cell")
        return ds  # merging can do without
    with naming(source):
        if lacking:
            ds = assign_crystal(ds, **{name: stated[name] for name in lacking})
        if limited and not source.is_dir():
            ds = sel_resolution(ds.chunk(obs=2**20), dmin=how.dmin, dmax=how.dmax)
    return ds


def _of_store(source: Path, how: Reading) -> xr.Dataset:
    from xrefl.io.store.open import open_zarr

    labels: list[int | str | None] = [how.run]
    if how.run is not None and how.run.isdecimal():
        labels = [int(how.run), how.run]
    for label in labels:
        with suppress(TypeError):  # runs have numbers, or names
            return open_zarr(source, dmin=how.dmin, dmax=how.dmax, dataset=label)
    raise typer.BadParameter(f"--run {how.run}: the runs of {source} have numbers, not names")


def _of_file(source: Path, select: Sequence[str] = ()) -> xr.Dataset:
    """Open a file; of a CIF with merged and unmerged data the latter."""
    from xrefl.errors import FormatError
    from xrefl.hkl.crystal import is_merged
    from xrefl.io.refln_cif.open import open_refln_cif

    if select:
        return open_refln_cif(source, kind="unmerged", select=_selection(select))
    ds = open_rows(source, source)
    if is_merged(ds) and "block" in ds.attrs:
        with suppress(FormatError):
            other = open_refln_cif(source, kind="unmerged")
            if str(other["h"].attrs["cif_tag"]).startswith(_UNMERGED):
                return other
    return ds


def _selection(select: Sequence[str]) -> dict[str, Any]:
    chosen: dict[str, list[str]] = {}
    for one in select:
        name, equals, value = one.partition("=")
        if not equals:
            raise typer.BadParameter(f"--select takes COLUMN=VALUE, not {one!r}")
        chosen.setdefault(name, []).append(value)
    return chosen


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
