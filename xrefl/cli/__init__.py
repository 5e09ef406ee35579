"""The command ``xrefl``. Commands import what they need when they run, so that --help is quick."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Callable
from typing import Annotated, Any, NoReturn

import typer

from xrefl import __version__
from xrefl.cli import (
    cif2mtz,
    freeflags,
    info,
    map2sf,
    mask,
    merge,
    mtz2cif,
    reindex,
    report,
    sf2map,
    sfcalc,
    simulate,
)
from xrefl.cli._command import USAGE_ERROR, Command, Group, usage_text
from xrefl.cli._remedies import on_command_line
from xrefl.errors import XreflError

__all__ = ["app", "main"]

_INTERRUPTED = 130

app = typer.Typer(
    name="xrefl",
    cls=Group,
    help="Look at crystallographic reflections, merge and convert them, and go to maps and back.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
)


def _add(panel: str, command: Callable[..., None], what: str) -> None:
    # An operation such as -h,k,-l is no option.
    settings = {"ignore_unknown_options": command is reindex.reindex}
    app.command(
        command.__name__,
        cls=Command,
        short_help=what,
        rich_help_panel=panel,
        context_settings=settings,
    )(command)


_add("Look", info.info, "Show what is in a file of reflections, a map or a model.")
_add("Look", report.report, "Tell of the quality of data, as an HTML page.")
_add("Observations", merge.merge, "Merge unmerged observations; tell how well they agree.")
_add("Observations", simulate.simulate, "Simulate unmerged observations of a crystal.")
_add("Reflections", reindex.reindex, "Go to other axes of the crystal, or another origin.")
_add("Reflections", freeflags.freeflags, "Make, complete, copy or check flags of the free set.")
_add("Reflections", cif2mtz.cif2mtz, "Convert reflections from CIF to MTZ.")
_add("Reflections", mtz2cif.mtz2cif, "Convert reflections from MTZ to SF-mmCIF.")
_add("Maps and models", sf2map.sf2map, "Calculate a map from amplitudes and phases.")
_add("Maps and models", map2sf.map2sf, "Calculate amplitudes and phases from a map.")
_add("Maps and models", sfcalc.sfcalc, "Calculate structure factors or the density of a model.")
_add("Maps and models", mask.mask, "Calculate the mask of the solvent of a model.")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"xrefl {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            "-q",
            help="Print no more than results, warnings and errors; also after COMMAND.",
        ),
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Show the version.",
        ),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)
    if quiet:
        context.default_map = {context.invoked_subcommand: {"quiet": True}}


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    typer.echo(f"xrefl: warning: {on_command_line(str(message))}", err=True)


def _fail(message: str) -> int:
    typer.echo(f"xrefl: error: {message}", err=True)
    return 1


def _refuse(error: Any) -> int:
    """Tell what is wrong with the arguments."""
    if error.ctx is not None:
        path = error.ctx.command_path
        typer.echo(f"{error.ctx.get_usage()}\nTry '{path} --help' for help.", err=True)
    return 2 * _fail(usage_text(error))


def main() -> NoReturn:
    """Run the command line.

    It ends with the exit code 0, with 1 and one line after an error of ours, with 2 if arguments
    make no sense, and with 130 if it was interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # Å and ° on a terminal that lacks them
    warnings.showwarning = _show_warning
    code: int | None
    try:
        code = app(prog_name="xrefl", standalone_mode=False)
    except USAGE_ERROR as error:
        code = _refuse(error)
    except FileNotFoundError as error:
        code = _fail(str(error) if error.filename is None else f"no such file: {error.filename}")
    except (XreflError, OSError) as error:
        code = _fail(on_command_line(str(error)))
    except KeyboardInterrupt:
        code = _INTERRUPTED
    sys.exit(code or 0)
