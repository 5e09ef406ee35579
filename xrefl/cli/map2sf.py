"""``xrefl map2sf``: a CCP4 map as structure factors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xrefl.cli._command import Quiet
from xrefl.cli._files import (
    check_suffix,
    numbers,
    remedy,
    report,
    require_apart,
    require_merged,
)
from xrefl.cli._streams import incoming, outgoing

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["map2sf"]

# What values may depart from the symmetry, in standard deviations.
_TOLERANCE = 0.01
# Pairs of tags for amplitudes and phases.
_TAGS = (
    "pdbx_FWT and pdbx_PHWT, pdbx_DELFWT and pdbx_DELPHWT, F_calc and phase_calc, "
    "pdbx_F_calc_with_solvent and pdbx_phase_calc_with_solvent"
)
# A reflection just on the limit has no room.
_BEYOND = 1 + 1e-6
_MAP, _WHICH, _COLUMNS = "The map", "Which reflections", "The columns"


def map2sf(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="IN.ccp4", help="A CCP4 or MRC map, gzipped or not; - is the standard input."
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="File to write (.mtz or .cif; also .gz); - is the standard output, as MTZ.",
        ),
    ],
    dmin: Annotated[
        float | None,
        typer.Option(
            help="High-resolution limit, Å; default: twice the largest step of the grid.",
            rich_help_panel=_WHICH,
        ),
    ] = None,
    f: Annotated[
        str | None,
        typer.Option(
            "--f",
            "-f",
            metavar="LABEL",
            help="Name of the amplitudes; default FWT (CIF: pdbx_FWT).",
            rich_help_panel=_COLUMNS,
        ),
    ] = None,
    phi: Annotated[
        str | None,
        typer.Option(
            "--phi",
            "-p",
            metavar="LABEL",
            help="Name of the phases; default PHWT (CIF: pdbx_PHWT).",
            rich_help_panel=_COLUMNS,
        ),
    ] = None,
    base: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Reflections that the two columns are added to.",
            rich_help_panel=_COLUMNS,
        ),
    ] = None,
    cell: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C,AL,BE,GA", help="Unit cell, if the map has none.", rich_help_panel=_MAP
        ),
    ] = None,
    spacegroup: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Space group, in place of that in the map.", rich_help_panel=_MAP
        ),
    ] = None,
    unblur: Annotated[
        float,
        typer.Option(metavar="B", help="Multiply F by exp(B/4d²), B in Å².", rich_help_panel=_MAP),
    ] = 0.0,
    with_000: Annotated[
        bool, typer.Option("--with-000", help="List the reflection 0 0 0.", rich_help_panel=_WHICH)
    ] = False,
    with_absent: Annotated[
        bool,
        typer.Option(
            "--with-absent", help="List systematically absent reflections.", rich_help_panel=_WHICH
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Calculate amplitudes and phases from a map.

    A map of a part of the unit cell is completed by symmetry. With --base the
    two columns are written beside those of that file, for its reflections.

    Example: xrefl map2sf modified.ccp4 modified.mtz --dmin 2
    """
    suffix = check_suffix(target, (".mtz", ".cif"), "a file of reflections")
    require_apart(target, source, base)
    prefix = "pdbx_" if suffix == ".cif" else ""
    f, phi = f or f"{prefix}FWT", phi or f"{prefix}PHWT"
    if f == phi:
        raise typer.BadParameter(f"amplitudes and phases cannot both be called {f!r}")
    edges = None if cell is None else numbers(cell, 6, "--cell")

    from xrefl.errors import CrystalMismatchError
    from xrefl.fourier.complete import complete_cell
    from xrefl.fourier.structure_factors import to_structure_factors
    from xrefl.hkl.adding import add
    from xrefl.io.ccp4.open import open_ccp4
    from xrefl.io.mtz.write import to_mtz
    from xrefl.io.refln_cif.write import to_refln_cif

    there = None if base is None else _base(base, suffix, (f, phi))
    content, source = incoming(source)
    part = _with_crystal(source, open_ccp4(content), edges, spacegroup).load()
    _require_values(source, part)
    rho = complete_cell(part)
    if spacegroup is not None and rho is part:
        _check_symmetry(source, rho)
    limit = dmin if dmin is not None or there is not None else _finest(rho)
    ds = to_structure_factors(
        rho, dmin=limit, with_000=with_000, with_absent=with_absent, unblur=unblur
    ).rename(F=f, PHI=phi)
    _require_some(source, ds, limit)
    if base is not None and there is not None:
        instead = (
            f"those of the map are the second ones. Take a --base of the crystal of {source}; "
            "--spacegroup gives the group of the map"
        )
        with remedy(base, instead, CrystalMismatchError):
            ds = add(there, ds)
        if dmin is None:
            _warn_of_missing(base, ds, f)
    elif dmin is not None:
        _warn_of_corners(dmin, rho)
    ds = _described(source, ds, f, phi, titled=base is None)
    if suffix == ".cif":
        _warn_of_tags(f, phi)
        for label in (f, phi):
            ds[label].attrs["cif_tag"] = f"_refln.{label}"
    with outgoing(target) as place:
        (to_refln_cif if suffix == ".cif" else to_mtz)(ds, place)
    facts = _facts(ds, f, phi)
    if rho is not part:
        facts.append(("map", f"{_points(part)} points, completed to {_points(rho)}"))
    report(target, facts, quiet=quiet)


def _base(path: Path, suffix: str, labels: tuple[str, str]) -> xr.Dataset:
    """Return the reflections of a file of the format that is to be written."""
    from xrefl.errors import FormatError, XreflError
    from xrefl.io.mtz.open import open_mtz
    from xrefl.io.mtz.records import MAGIC
    from xrefl.io.refln_cif.open import open_refln_cif
    from xrefl.io.source import as_source

    is_mtz = as_source(path).read(0, len(MAGIC)) == MAGIC
    if is_mtz and suffix == ".cif":
        raise FormatError(
            f"{path} is an MTZ file, and columns are added in its own format: give OUT a name that "
            "ends in .mtz, and convert it with xrefl mtz2cif"
        )
    if not is_mtz and suffix != ".cif":
        raise FormatError(
            f"{path} is no MTZ file, and columns are added in its own format: give OUT a name that "
            "ends in .cif, or convert it with xrefl cif2mtz first"
        )
    ds = open_mtz(path) if is_mtz else open_refln_cif(path)
    require_merged(path, ds)
    if taken := [label for label in labels if label in ds.variables]:
        raise XreflError(
            f"{path} has {' and '.join(taken)} already; give the new columns other names with --f "
            "and --phi"
        )
    return ds


def _with_crystal(
    source: Path, rho: xr.DataArray, cell: list[float] | None, spacegroup: str | None
) -> xr.DataArray:
    """Return the map with the crystal of the options, where the header has none."""
    from xrefl.crystal.cell import UnitCell
    from xrefl.crystal.compatible import contradiction
    from xrefl.crystal.spacegroup import SpaceGroup
    from xrefl.errors import CrystalError

    if cell is None and "cell" not in rho.attrs:
        raise CrystalError(f"{source}: the map has no unit cell; give one with --cell")
    if cell is not None and "cell" in rho.attrs:
        known = ",".join(f"{number:g}" for number in rho.attrs["cell"])
        raise CrystalError(f"{source}: the map has the unit cell {known}; leave --cell out")
    if cell is not None:
        rho = rho.assign_attrs(cell=list(UnitCell(*cell).parameters))
    if spacegroup is not None:
        group = SpaceGroup(spacegroup)
        rho = rho.assign_attrs(spacegroup=group.name)
        if (found := contradiction(UnitCell(*rho.attrs["cell"]), group)) is not None:
            raise CrystalError(
                f"{source}: the cell of the map does not have the symmetry of --spacegroup: {found}"
            )
    return rho


def _require_values(source: Path, rho: xr.DataArray) -> None:
    import numpy as np

    from xrefl.errors import FormatError

    if not np.isfinite(rho.values.sum(dtype=np.float64)):
        count = int((~np.isfinite(rho.values)).sum())
        raise FormatError(
            f"{source}: {count:,} of {rho.size:,} points have no finite value; a Fourier transform "
            "needs all. Fill them where the map comes from, or in Python with "
            "rho.where(np.isfinite(rho), 0), and write it again"
        )


def _require_some(source: Path, ds: xr.Dataset, dmin: float | None) -> None:
    from xrefl.errors import MillerIndexError

    if not ds.sizes["hkl"]:
        raise MillerIndexError(
            f"{source}: no reflection of the unit cell has d >= {dmin:g} Å; lower --dmin"
        )


def _warn_of_tags(f: str, phi: str) -> None:
    """Warn if the dictionary does not say what the columns of a CIF file are."""
    import warnings

    from xrefl.errors import FormatWarning
    from xrefl.io.refln_cif.tags import tag_info

    found = ((label, kind, tag_info(label)) for label, kind in ((f, "F"), (phi, "P")))
    others = [label for label, kind, info in found if info is None or info.mtz_type != kind]
    if others:
        warnings.warn(
            f"{' and '.join(f'_refln.{label}' for label in others)}: the PDBx/mmCIF dictionary has "
            "no such tag for amplitudes or phases, so other programs will not know what it is. "
            f"Tags that it has are {_TAGS}",
            FormatWarning,
            stacklevel=2,
        )


def _check_symmetry(source: Path, rho: xr.DataArray) -> None:
    """Warn if a map does not have the symmetry that it is said to have."""
    import warnings

    from xrefl.errors import CrystalWarning
    from xrefl.fourier.values import symmetrize

    off = float(abs(symmetrize(rho) - rho).max())
    sigma = float(rho.std())
    if off > _TOLERANCE * sigma:
        warnings.warn(
            f"{source}: values depart from the symmetry of {rho.attrs['spacegroup']} by up to "
            f"{off / sigma:.2g} standard deviations; those of one asymmetric unit of reflections "
            "are taken",
            CrystalWarning,
            stacklevel=2,
        )


def _finest(rho: xr.DataArray) -> float:
    """Return the resolution to which the grid has all reflections."""
    edges: list[float] = rho.attrs["cell"][:3]
    sizes = (rho.sizes[axis] for axis in "xyz")
    return 2 * max(edge / size for edge, size in zip(edges, sizes, strict=True)) * _BEYOND


def _warn_of_corners(dmin: float, rho: xr.DataArray) -> None:
    """Warn if the grid has some of the reflections to a limit only."""
    import warnings

    from xrefl.errors import DroppedWarning

    if dmin < (finest := _finest(rho)):
        warnings.warn(
            f"the grid of {_points(rho)} points has all reflections to {finest:.3f} Å only; some "
            f"of those to {dmin:g} Å are left out. Calculate the map on a finer grid, or leave "
            "--dmin out",
            DroppedWarning,
            stacklevel=2,
        )


def _warn_of_missing(base: Path, ds: xr.Dataset, f: str) -> None:
    """Warn if the map has no value for some of the reflections of a file."""
    import warnings

    from xrefl.errors import DroppedWarning

    if missing := int(ds[f].isnull().sum()):
        warnings.warn(
            f"{missing:,} of {len(ds[f]):,} reflections of {base} have no value of {f}: the grid "
            "of the map has no room for them, or they are absent by symmetry",
            DroppedWarning,
            stacklevel=2,
        )


def _described(source: Path, ds: xr.Dataset, f: str, phi: str, *, titled: bool) -> xr.Dataset:
    from xrefl.hkl.rebuild import with_history

    line = f"From xrefl map2sf: {f} and {phi} of the map {source.name}"
    if titled:
        ds = ds.assign_attrs(title=f"Structure factors of the map {source.name}")
    return with_history(ds, line)


def _points(rho: xr.DataArray) -> str:
    return " x ".join(str(rho.sizes[axis]) for axis in "xyz")


def _facts(ds: xr.Dataset, f: str, phi: str) -> list[tuple[str, str]]:
    """Return what to tell of the reflections."""
    from xrefl.hkl.reflections import resolution

    known = ds.isel(hkl=ds[f].notnull().values)
    facts = [("columns", f"{f} and {phi}"), ("reflections", f"{known.sizes['hkl']:,}")]
    if known.sizes["hkl"]:
        widest, finest = resolution(known)
        facts.append(("resolution", f"{widest:.3f} to {finest:.3f} Å"))
    return facts
