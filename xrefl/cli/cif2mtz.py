"""``xrefl cif2mtz``: reflections of a CIF file as an MTZ file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xrefl.cli._command import Quiet
from xrefl.cli._files import require_apart, require_format, require_wavelength
from xrefl.cli._progress import progress
from xrefl.cli._streams import incoming, outgoing, refuse_terminal

__all__ = ["cif2mtz"]
_READ, _WRITTEN = "What is read", "What is written"


def cif2mtz(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="IN.cif", help="A CIF file, gzipped or not; - is the standard input."
        ),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Argument(metavar="OUT.mtz", help="Where to write; - is the standard output."),
    ] = None,
    spec: Annotated[
        Path | None,
        typer.Option(
            help="A file that says what becomes of the columns.", rich_help_panel=_WRITTEN
        ),
    ] = None,
    print_spec: Annotated[
        bool,
        typer.Option(
            "--print-spec",
            help="Print the default spec (see --unmerged) and exit.",
            rich_help_panel=_WRITTEN,
        ),
    ] = False,
    block: Annotated[
        str | None,
        typer.Option(
            help="Name of the data block; by default the first with data.", rich_help_panel=_READ
        ),
    ] = None,
    unmerged: Annotated[
        bool,
        typer.Option("--unmerged", help="Take the unmerged observations.", rich_help_panel=_READ),
    ] = False,
    select: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE",
            help="Rows to keep, such as wavelength_id=1.",
            rich_help_panel=_READ,
        ),
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="Title of the MTZ file.", rich_help_panel=_WRITTEN)
    ] = None,
    wavelength: Annotated[
        float | None,
        typer.Option(help="In Å, in place of the one in the file.", rich_help_panel=_WRITTEN),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Convert reflections from CIF (mmCIF or small-molecule) to MTZ.

    Example: xrefl cif2mtz r5wkdsf.ent 5wkd.mtz

    Example: zcat r5wkdsf.ent.gz | xrefl cif2mtz - - | xrefl info -
    """
    if print_spec:
        from xrefl.io.convert.cif_to_mtz_spec import DEFAULT_MERGED, DEFAULT_UNMERGED

        typer.echo(DEFAULT_UNMERGED if unmerged else DEFAULT_MERGED, nl=False)
        return
    if source is None or target is None:
        raise typer.BadParameter("give the files IN.cif and OUT.mtz")
    require_apart(target, source, spec)
    require_format(target, "MTZ", ".mtz", ".cif")
    require_wavelength(wavelength)
    if str(target) == "-":
        refuse_terminal("an MTZ file")
    from xrefl.io.convert.cif_to_mtz import cif_to_mtz

    chosen: dict[str, list[str]] = {}
    for one in select or ():
        name, equals, value = one.partition("=")
        if not equals:
            raise typer.BadParameter(f"--select takes COLUMN=VALUE, not {one!r}")
        chosen.setdefault(name, []).append(value)
    content, _ = incoming(source)
    with progress("converting", quiet=quiet), outgoing(target) as place:
        cif_to_mtz(
            content,
            place,
            spec=spec,
            block=block,
            kind="unmerged" if unmerged else None,
            select=chosen or None,
            title=title,
            wavelength=wavelength,
        )
