"""``xrefl sf2map``: structure factors as a CCP4 map."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xrefl.cli._command import Quiet
from xrefl.cli._files import (
    check_suffix,
    number,
    numbers,
    remedy,
    report,
    require_apart,
    require_merged,
)
from xrefl.cli._streams import incoming, outgoing

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["sf2map"]

_SAMPLE = 3.0
_WHICH, _MAP = "Coefficients", "The map"


def sf2map(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="IN", help="Reflections: MTZ or CIF, gzipped or not; - is the standard input."
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUT.ccp4",
            help="Map to write (.ccp4, .map, .mrc; also .gz); - is the standard output.",
        ),
    ],
    difference: Annotated[
        bool,
        typer.Option(
            "--difference", "-d", help="Take the mFo-DFc coefficients.", rich_help_panel=_WHICH
        ),
    ] = False,
    f: Annotated[
        str | None,
        typer.Option(
            "--f", "-f", metavar="LABEL", help="Column of amplitudes.", rich_help_panel=_WHICH
        ),
    ] = None,
    phi: Annotated[
        str | None,
        typer.Option(
            "--phi", "-p", metavar="LABEL", help="Column of phases.", rich_help_panel=_WHICH
        ),
    ] = None,
    weight: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL",
            help="Column to multiply the amplitudes of --f by, such as FOM.",
            rich_help_panel=_WHICH,
        ),
    ] = None,
    block: Annotated[
        str | None,
        typer.Option(
            help="Data block of a CIF file; by default the first with data.", rich_help_panel=_WHICH
        ),
    ] = None,
    sample: Annotated[
        float | None,
        typer.Option(
            "--sample",
            "-s",
            help="Steps are at most dmin divided by this; default 3.",
            rich_help_panel=_MAP,
        ),
    ] = None,
    grid: Annotated[
        str | None,
        typer.Option(
            "--grid",
            "-g",
            metavar="NX,NY,NZ",
            help="Exact number of points, in place of --sample.",
            rich_help_panel=_MAP,
        ),
    ] = None,
    dmin: Annotated[
        float | None,
        typer.Option(help="Leave reflections with d < DMIN (Å) out.", rich_help_panel=_WHICH),
    ] = None,
    dmax: Annotated[
        float | None,
        typer.Option(help="Leave reflections with d >= DMAX (Å) out.", rich_help_panel=_WHICH),
    ] = None,
    normalize: Annotated[
        bool,
        typer.Option("--normalize", help="Mean 0 and standard deviation 1.", rich_help_panel=_MAP),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Calculate a map of the unit cell from amplitudes and phases.

    Without --f and --phi the 2mFo-DFc coefficients (mFo-DFc with -d) are looked for by name:
    FWT and PHWT, 2FOFCWT and PH2FOFCWT, or pdbx_FWT and pdbx_PHWT
    (DELFWT and PHDELWT, FOFCWT and PHFOFCWT, or pdbx_DELFWT and pdbx_DELPHWT).

    Example: xrefl sf2map refined.mtz 2fofc.ccp4
    """
    if (f is None) != (phi is None):
        raise typer.BadParameter("--f and --phi go together: give both or neither")
    if f is not None and difference:
        raise typer.BadParameter("--difference takes columns by name; leave it or --f out")
    if weight is not None and f is None:
        raise typer.BadParameter(
            "--weight goes with --f and --phi: coefficients that are found by name are weighted "
            "already"
        )
    if grid is not None and sample is not None:
        raise typer.BadParameter("give either --grid or --sample")
    check_suffix(target, (".ccp4", ".map", ".mrc"), "a map")
    require_apart(target, source)
    size = None if grid is None else _size(grid)
    if sample is not None and not 0 < sample < float("inf"):
        raise typer.BadParameter(f"--sample takes a positive number, not {sample:g}")

    from xrefl.errors import FormatError
    from xrefl.fourier.values import normalize as normalized
    from xrefl.hkl.select import sel_resolution
    from xrefl.io.ccp4.write import to_ccp4
    from xrefl.io.reflections import open_reflections

    options = {} if block is None else {"block": block}
    content, source = incoming(source)
    ds = open_reflections(content, **options)
    require_merged(source, ds)
    _require_crystal(source, ds)
    labels = _coefficients(source, ds, difference) if f is None or phi is None else (f, phi)
    if dmin is not None or dmax is not None:
        ds = sel_resolution(ds, dmin=dmin, dmax=dmax)
    ds = _columns(source, ds, labels, weight)
    with remedy(source, "name columns of amplitudes and phases with --f and --phi", FormatError):
        rho = _map(source, ds, labels, sample or _SAMPLE, size)
    if normalize:
        rho = normalized(rho)
    columns = f"{labels[0]} and {labels[1]}" + (f", weighted by {weight}" if weight else "")
    with outgoing(target) as place:
        to_ccp4(rho.assign_attrs(labels=[f"{columns} of {source.name}"]), place)
    report(target, [("columns", columns), *_facts(ds, rho, labels)], quiet=quiet)


def _size(text: str) -> list[int]:
    values = numbers(text, 3, "--grid")
    if not all(value >= 1 and value.is_integer() for value in values):
        raise typer.BadParameter(f"--grid takes numbers of points, not {text!r}")
    return [int(value) for value in values]


def _require_crystal(source: Path, ds: xr.Dataset) -> None:
    from xrefl.errors import CrystalError

    for key, what in (("cell", "unit cell"), ("spacegroup", "space group")):
        if key not in ds.attrs:
            raise CrystalError(
                f"{source} does not state the {what}, which a map needs; add it to the file"
            )


def _map(
    source: Path, ds: xr.Dataset, labels: tuple[str, str], sample: float, size: list[int] | None
) -> xr.DataArray:
    """Return the map; errors of its size end in what to do about the options."""
    from xrefl.errors import CrystalError, MillerIndexError
    from xrefl.fourier.maps import to_map
    from xrefl.fourier.size import as_size, fits_into, grid_size, require_memory, require_suitable
    from xrefl.hkl.crystal import space_group

    if size is None:
        with remedy(source, "take a smaller --sample", CrystalError):
            points = grid_size(ds, sample_rate=sample)
            require_memory(points, 8)
        return to_map(ds, *labels, exact_size=points)
    points = as_size(size)
    with remedy(source, "take fewer in --grid", CrystalError):
        fitting = ",".join(map(str, grid_size(ds, min_size=size)))
        require_memory(points, 8)
    instead = f"--grid {fitting} would do, and without --grid a size that does is found"
    with remedy(source, instead, CrystalError):
        require_suitable(space_group(ds), points)
    with remedy(source, instead, *(() if fits_into(ds, points) else (MillerIndexError,))):
        rho = to_map(ds, *labels, exact_size=points)
    return rho


def _coefficients(source: Path, ds: xr.Dataset, difference: bool) -> tuple[str, str]:
    """Return the labels of map coefficients by the names that programs give them."""
    from xrefl.errors import MissingColumnError
    from xrefl.fourier.coefficients import map_coefficients

    try:
        return map_coefficients(ds, "fofc" if difference else "2fofc")
    except MissingColumnError as error:
        raise MissingColumnError(f"{source}: {error}; name two with --f and --phi") from None


def _columns(
    source: Path, ds: xr.Dataset, labels: tuple[str, str], weight: str | None
) -> xr.Dataset:
    """Return the two columns, weighted, without the others."""
    from xrefl.errors import FormatError, MissingColumnError

    wanted = [*labels, *([weight] if weight is not None else [])]
    if missing := [label for label in wanted if label not in ds.data_vars]:
        raise MissingColumnError(
            f"{source}: there is no column {', '.join(missing)}; the columns are "
            f"{', '.join(map(str, ds.data_vars))}"
        )
    ds = ds[list(dict.fromkeys(wanted))].load()
    if weight is not None:
        if ds[weight].dtype.kind not in "fiu":
            raise FormatError(f"{source}: the weights, {weight}, are not numbers")
        weighted = ds[labels[0]] * ds[weight]
        ds = ds.assign({labels[0]: weighted.assign_attrs(ds[labels[0]].attrs)})
    if not _present(ds, labels).any():
        raise FormatError(
            f"{source}: no reflection has values of {' and '.join(wanted)}; choose other columns"
        )
    return ds


def _present(ds: xr.Dataset, labels: tuple[str, str]) -> NDArray[np.bool_]:
    """Tell which reflections have both values."""
    present: NDArray[np.bool_] = (ds[labels[0]].notnull() & ds[labels[1]].notnull()).values
    return present


def _facts(ds: xr.Dataset, rho: xr.DataArray, labels: tuple[str, str]) -> list[tuple[str, str]]:
    """Return what to tell of the map."""
    from xrefl.hkl.reflections import resolution
    from xrefl.io.ccp4.statistics import Tally

    known = ds.isel(hkl=_present(ds, labels))
    tally = Tally()
    tally.add(rho.values)
    low, high, mean, rms = tally.total()
    of_values = {"min": low, "max": high, "mean": mean, "rms": rms}
    widest, finest = resolution(known)
    steps = [edge / n for edge, n in zip(rho.attrs["cell"], rho.shape, strict=False)]
    return [
        ("reflections", f"{known.sizes['hkl']:,}"),
        ("resolution", f"{widest:.3f} to {finest:.3f} Å"),
        ("points", " x ".join(map(str, rho.shape))),
        ("steps", " x ".join(f"{step:.3f}" for step in steps) + " Å"),
        ("values", ", ".join(f"{name} {number(one, rms)}" for name, one in of_values.items())),
    ]
