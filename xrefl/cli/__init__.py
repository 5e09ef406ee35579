"""The command ``xrefl``. Commands import what they need when they run, so that --help is quick."""

from __future__ import annotations

import io
import sys
import warnings
from typing import Annotated, NoReturn

import typer

from xrefl import __version__
from xrefl.cli import cif2mtz, info, map2sf, mask, merge, mtz2cif, sf2map, sfcalc
from xrefl.cli._remedies import on_command_line
from xrefl.errors import XreflError

__all__ = ["app", "main"]

app = typer.Typer(
    name="xrefl",
    help="Crystallographic reflection data as labeled xarray Datasets.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("info")(info.info)
app.command("cif2mtz")(cif2mtz.cif2mtz)
app.command("mtz2cif")(mtz2cif.mtz2cif)
app.command("merge")(merge.merge)
app.command("mask")(mask.mask)
app.command("sf2map")(sf2map.sf2map)
app.command("map2sf")(map2sf.map2sf)
app.command("sfcalc")(sfcalc.sfcalc)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"xrefl {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    typer.echo(f"xrefl: warning: {message}", err=True)


def _fail(message: str) -> NoReturn:
    typer.echo(f"xrefl: error: {message}", err=True)
    sys.exit(1)


def main() -> NoReturn:
    """Run the command line; errors of ours end it with one line and exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # Å and ° on a terminal that lacks them
    warnings.showwarning = _show_warning
    try:
        app()
    except FileNotFoundError as error:
        _fail(str(error) if error.filename is None else f"no such file: {error.filename}")
    except (XreflError, OSError) as error:
        _fail(on_command_line(str(error)))
    sys.exit(0)
