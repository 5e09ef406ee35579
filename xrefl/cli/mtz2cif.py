"""``xrefl mtz2cif``: an MTZ file as SF-mmCIF."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xrefl.cli._command import Quiet
from xrefl.cli._files import require_apart, require_format, require_wavelength
from xrefl.cli._progress import progress
from xrefl.cli._streams import incoming, outgoing

__all__ = ["mtz2cif"]
_ROWS, _COLUMNS, _STATED = "Which reflections", "Which columns", "What else is stated"


def mtz2cif(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="IN.mtz", help="An MTZ file, gzipped or not; - is the standard input."
        ),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Argument(metavar="OUT.cif", help="Where to write; - is the standard output."),
    ] = None,
    spec: Annotated[
        Path | None,
        typer.Option(
            help="File that says which columns to write, and how.", rich_help_panel=_COLUMNS
        ),
    ] = None,
    print_spec: Annotated[
        bool,
        typer.Option(
            "--print-spec",
            help="Print the default spec (see --unmerged) and exit.",
            rich_help_panel=_COLUMNS,
        ),
    ] = False,
    unmerged: Annotated[
        bool,
        typer.Option(
            "--unmerged",
            help="With --print-spec: the one for observations.",
            rich_help_panel=_COLUMNS,
        ),
    ] = False,
    block: Annotated[
        str | None, typer.Option(help="Name of the data block.", rich_help_panel=_STATED)
    ] = None,
    entry_id: Annotated[
        str | None, typer.Option("--id", help="Name of the entry.", rich_help_panel=_STATED)
    ] = None,
    wavelength: Annotated[
        float | None, typer.Option(help="Wavelength in Å.", rich_help_panel=_STATED)
    ] = None,
    skip_empty: Annotated[
        bool,
        typer.Option(
            "--skip-empty", help="Leave out reflections without values.", rich_help_panel=_ROWS
        ),
    ] = False,
    skip_negative_sigma: Annotated[
        bool,
        typer.Option(
            "--skip-negative-sigma",
            help="Leave out rows with a negative standard deviation.",
            rich_help_panel=_ROWS,
        ),
    ] = False,
    free_value: Annotated[
        int | None,
        typer.Option(help="Flag of the free set, if it cannot be told.", rich_help_panel=_COLUMNS),
    ] = None,
    no_history: Annotated[
        bool,
        typer.Option(
            "--no-history", help="Leave out the history of the MTZ file.", rich_help_panel=_STATED
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Write the reflections of an MTZ file as SF-mmCIF, as the PDB wants them.

    Example: xrefl mtz2cif data.mtz data-sf.cif --id 5wkd
    """
    if print_spec:
        from xrefl.io.convert.mtz_to_cif_spec import DEFAULT_MERGED, DEFAULT_UNMERGED

        typer.echo(DEFAULT_UNMERGED if unmerged else DEFAULT_MERGED, nl=False)
        return
    if source is None or target is None:
        raise typer.BadParameter("give IN.mtz and OUT.cif")
    require_apart(target, source, spec)
    require_format(target, "CIF", ".cif", ".mtz")
    require_wavelength(wavelength)
    from xrefl.io.convert.mtz_to_cif import mtz_to_cif

    content, _ = incoming(source)
    with progress("converting", quiet=quiet), outgoing(target) as place:
        mtz_to_cif(
            content,
            place,
            spec=spec,
            block=block,
            entry_id=entry_id,
            wavelength=wavelength,
            skip_empty=skip_empty,
            skip_negative_sigma=skip_negative_sigma,
            free_value=free_value,
            history=not no_history,
        )
