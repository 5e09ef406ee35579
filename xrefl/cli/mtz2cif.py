"""``xrefl mtz2cif``: an MTZ file as SF-mmCIF."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from xrefl.cli._files import require_apart, require_wavelength

__all__ = ["mtz2cif"]


def mtz2cif(
    source: Annotated[
        Path | None, typer.Argument(metavar="IN.mtz", help="An MTZ file, gzipped or not.")
    ] = None,
    target: Annotated[
        Path | None,
        typer.Argument(metavar="OUT.cif", help="Where to write; - is the standard output."),
    ] = None,
    spec: Annotated[
        Path | None, typer.Option(help="File that says which columns to write, and how.")
    ] = None,
    print_spec: Annotated[
        bool,
        typer.Option("--print-spec", help="Print the default spec (see --unmerged) and exit."),
    ] = False,
    unmerged: Annotated[
        bool, typer.Option("--unmerged", help="With --print-spec: the one for observations.")
    ] = False,
    block: Annotated[str | None, typer.Option(help="Name of the data block.")] = None,
    entry_id: Annotated[str | None, typer.Option("--id", help="Name of the entry.")] = None,
    wavelength: Annotated[float | None, typer.Option(help="Wavelength in Å.")] = None,
    skip_empty: Annotated[
        bool, typer.Option("--skip-empty", help="Leave out reflections without values.")
    ] = False,
    skip_negative_sigma: Annotated[
        bool,
        typer.Option(
            "--skip-negative-sigma", help="Leave out rows with a negative standard deviation."
        ),
    ] = False,
    free_value: Annotated[
        int | None, typer.Option(help="Flag of the free set, if it cannot be told.")
    ] = None,
    no_history: Annotated[
        bool, typer.Option("--no-history", help="Leave out the history of the MTZ file.")
    ] = False,
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
    require_wavelength(wavelength)
    from xrefl.io.convert.mtz_to_cif import mtz_to_cif

    mtz_to_cif(
        source,
        sys.stdout.buffer if str(target) == "-" else target,
        spec=spec,
        block=block,
        entry_id=entry_id,
        wavelength=wavelength,
        skip_empty=skip_empty,
        skip_negative_sigma=skip_negative_sigma,
        free_value=free_value,
        history=not no_history,
    )
