"""``xrefl cif2mtz``: reflections of a CIF file as an MTZ file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from xrefl.cli._files import require_apart, require_wavelength

__all__ = ["cif2mtz"]


def cif2mtz(
    source: Annotated[
        Path | None, typer.Argument(metavar="IN.cif", help="A CIF file, gzipped or not.")
    ] = None,
    target: Annotated[
        Path | None,
        typer.Argument(metavar="OUT.mtz", help="Where to write; - is the standard output."),
    ] = None,
    spec: Annotated[
        Path | None, typer.Option(help="A file that says what becomes of the columns.")
    ] = None,
    print_spec: Annotated[
        bool,
        typer.Option("--print-spec", help="Print the default spec (see --unmerged) and exit."),
    ] = False,
    block: Annotated[
        str | None, typer.Option(help="Name of the data block; by default the first with data.")
    ] = None,
    unmerged: Annotated[
        bool, typer.Option("--unmerged", help="Take the unmerged observations.")
    ] = False,
    select: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=VALUE", help="Rows to keep, such as wavelength_id=1."),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title of the MTZ file.")] = None,
    wavelength: Annotated[
        float | None, typer.Option(help="In Å, in place of the one in the file.")
    ] = None,
) -> None:
    """Convert reflections from CIF (mmCIF or small-molecule) to MTZ.

    Example: xrefl cif2mtz r5wkdsf.ent 5wkd.mtz
    """
    if print_spec:
        from xrefl.io.convert.cif_to_mtz_spec import DEFAULT_MERGED, DEFAULT_UNMERGED

        typer.echo(DEFAULT_UNMERGED if unmerged else DEFAULT_MERGED, nl=False)
        return
    if source is None or target is None:
        raise typer.BadParameter("give the files IN.cif and OUT.mtz")
    require_apart(target, source, spec)
    require_wavelength(wavelength)
    from xrefl.io.convert.cif_to_mtz import cif_to_mtz

    chosen: dict[str, list[str]] = {}
    for one in select or ():
        name, equals, value = one.partition("=")
        if not equals:
            raise typer.BadParameter(f"--select takes COLUMN=VALUE, not {one!r}")
        chosen.setdefault(name, []).append(value)
    cif_to_mtz(
        source,
        sys.stdout.buffer if str(target) == "-" else target,
        spec=spec,
        block=block,
        kind="unmerged" if unmerged else None,
        select=chosen or None,
        title=title,
        wavelength=wavelength,
    )
