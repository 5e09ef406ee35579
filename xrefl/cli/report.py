"""``xrefl report``: what data tell of their quality, as a page."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xrefl.cli._command import Quiet
from xrefl.cli._files import numbers, require_apart

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["report"]

_LARGE = 2**28
_PANEL = "Which data"
_CALLED = {"cell": "a unit cell", "spacegroup": "a space group"}


def report(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="Merged reflections or unmerged observations: an MTZ, CIF or SHELX hkl file, also "
            "gzipped, a Zarr store or Parquet file of xrefl."
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Argument(help="An atomic model: a PDB or CIF file, also gzipped.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="PAGE",
            help="The page to write; by default the name of the data with -report.html, in the "
            "current folder.",
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print the report as JSON, not the findings in words; a page is then written "
            "only with -o.",
        ),
    ] = False,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="I,SIGI",
            help="Columns of intensities or amplitudes, and of their standard deviations; by "
            "default intensities, if there are any.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    free: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL",
            help="Column of the flags of the free set; by default the one that is found.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Of unmerged observations of several data sets, id or name of the one to merge.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    cell: Annotated[
        str | None,
        typer.Option(
            metavar="a,b,c,α,β,γ",
            help="The unit cell, Å and degrees, of data that state none.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    spacegroup: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The space group of data that state none.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    block: Annotated[
        str | None,
        typer.Option(
            help="The data block of a CIF file; by default the first.", rich_help_panel=_PANEL
        ),
    ] = None,
    example: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Report on an example or PDB entry instead, such as 5e5z, with its model.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Tell of data what a crystallographer looks at first, as one HTML page.

    It has completeness, I/σ and ice rings, the Wilson plot, distribution of
    intensities, twinning, anisotropy and absences; of observations how well
    they agree, by shell and by batch; and with a MODEL R factors and maps. It
    opens in any browser, without a network. The findings are also printed,
    each with what it is judged by.

    Example: xrefl report data.mtz model.pdb -o report.html
    """
    path, model = _sources(file, model, example)
    target = output
    if target is None and not as_json:
        target = Path(f"{_stem(path)}-report.html")
    if target is not None:
        if str(target) == "-":
            raise typer.BadParameter("give the page a name, -o report.html")
        if target.suffix.lower() not in (".html", ".htm"):
            raise typer.BadParameter(
                f"the name of the page ends in .html or .htm, not as in {target.name!r}"
            )
        require_apart(target, path, model)

    edges = None if cell is None else numbers(cell, 6, "--cell")

    from xrefl.report.make import report as made

    with _busy(f"looking at {path.name}", quiet=quiet):
        known = None if model is None else _model(model)
        given = {"cell": edges, "spacegroup": spacegroup}
        found = made(
            _with_crystal(path, _data(path, block), known, given),
            known,
            columns=None if columns is None else [one.strip() for one in columns.split(",")],
            free=free,
            dataset=int(dataset) if dataset is not None and dataset.isdecimal() else dataset,
            name=path.name,
            model_name=None if model is None else model.name,
        )
        if target is not None:
            found.to_html(target)
    if as_json:
        typer.echo(found.to_json())
    elif not quiet:
        typer.echo(repr(found))
        typer.echo(f"\nThe page is {target}")


@contextmanager
def _busy(doing: str, *, quiet: bool) -> Iterator[None]:
    """Show that something is done, on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(doing):
        yield


def _sources(
    file: Path | None, model: Path | None, example: str | None
) -> tuple[Path, Path | None]:
    """Return the files of the data and of the model."""
    if (file is None) == (example is None):
        raise typer.BadParameter("give either a FILE or --example NAME")
    if file is not None:
        return file, model
    from xrefl import tutorial
    from xrefl.errors import XreflError

    assert example is not None
    path = tutorial.path(example)
    try:
        return path, tutorial.path(example, kind="model")
    except XreflError:  # there is no model of this example
        return path, None


def _stem(path: Path) -> str:
    plain = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return plain.stem or plain.name


def _data(path: Path, block: str | None) -> xr.Dataset:
    from xrefl.io.reflections import open_reflections

    options = {} if block is None else {"block": block}
    large = path.is_file() and path.stat().st_size > _LARGE
    return open_reflections(path, chunks={} if large else None, **options)


def _with_crystal(
    path: Path, ds: xr.Dataset, model: xr.Dataset | None, given: dict[str, Any]
) -> xr.Dataset:
    """Return data with the crystal that is given, or that of the model, where they state none.

    Raises
    ------
    CrystalError
        A crystal is given, and the data state another.
    """
    from xrefl.errors import CrystalError
    from xrefl.hkl.crystal import assign_crystal

    lacking = {}
    for name, value in given.items():
        if value is not None and name in ds.attrs:
            raise CrystalError(
                f"{path}: the data state {_CALLED[name]}, {ds.attrs[name]}; leave --{name} out"
            )
        if value is None and model is not None:
            value = model.attrs.get(name)
        if value is not None and name not in ds.attrs:
            lacking[name] = value
    return assign_crystal(ds, **lacking) if lacking else ds


def _model(path: Path) -> xr.Dataset:
    from xrefl.io.model.open import open_model

    return open_model(path)
