"""``xrefl mask``: the solvent mask of an atomic model as a CCP4 map."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xrefl.cli._command import Quiet
from xrefl.cli._files import check_suffix, numbers, report, require_apart
from xrefl.cli._radii import radii_of
from xrefl.cli._streams import incoming, outgoing

__all__ = ["mask"]
_GRID, _RADII = "The grid", "What is solvent"


def mask(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="PDB, mmCIF or small-molecule CIF, gzipped or not; - is the standard input.",
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUT.ccp4",
            help="Mask to write (.ccp4, .map, .mrc, .msk; also .gz); - is the standard output.",
        ),
    ],
    spacing: Annotated[
        float | None,
        typer.Option(
            "--spacing",
            "-s",
            help="Steps are at most so long, Å; default 0.6.",
            rich_help_panel=_GRID,
        ),
    ] = None,
    grid: Annotated[
        str | None,
        typer.Option(
            "--grid",
            "-g",
            metavar="NX,NY,NZ",
            help="Exact number of points, in place of --spacing.",
            rich_help_panel=_GRID,
        ),
    ] = None,
    radii: Annotated[
        str,
        typer.Option(
            "--radii",
            "-r",
            metavar="SET",
            help="vdw, cctbx, refmac, or one radius in Å; what follows has defaults by set.",
            rich_help_panel=_RADII,
        ),
    ] = "vdw",
    probe: Annotated[
        float | None, typer.Option(help="Radius of the probe, Å.", rich_help_panel=_RADII)
    ] = None,
    shrink: Annotated[
        float | None,
        typer.Option(
            help="How far solvent reaches into what it can touch, Å.", rich_help_panel=_RADII
        ),
    ] = None,
    island: Annotated[
        float | None,
        typer.Option(
            metavar="VOLUME",
            help="Leave islands of solvent up to so many Å³ out.",
            rich_help_panel=_RADII,
        ),
    ] = None,
    block: Annotated[
        str | None, typer.Option(help="Data block of a CIF file; by default the first with atoms.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Calculate the mask of the solvent: 1 in the solvent, 0 where the model is.

    Hydrogen and atoms of occupancy 0 do not count.

    Example: xrefl mask model.pdb mask.ccp4 --radii refmac
    """
    if grid is not None and spacing is not None:
        raise typer.BadParameter("give either --grid or --spacing")
    check_suffix(target, (".ccp4", ".map", ".mrc", ".msk"), "a mask")
    require_apart(target, source)
    size = None if grid is None else _size(grid)
    content, source = incoming(source)

    from xrefl.io.ccp4.write import to_ccp4
    from xrefl.io.model.open import open_model
    from xrefl.models.solvent_mask import solvent_fraction, solvent_mask

    result = solvent_mask(
        open_model(content, block=block),
        spacing,
        size=size,
        radii=radii_of(radii),
        probe=probe,
        shrink=shrink,
        island_min_volume=island,
    )
    with outgoing(target) as place:
        to_ccp4(result.assign_attrs(labels=[f"solvent mask of {source.name}"]), place)
    steps = [edge / n for edge, n in zip(result.attrs["cell"], result.shape, strict=False)]
    facts = [
        ("points", " x ".join(map(str, result.shape))),
        ("steps", " x ".join(f"{step:.3f}" for step in steps) + " Å"),
        ("solvent", f"{100 * float(solvent_fraction(result)):.2f} % of the unit cell"),
    ]
    report(target, facts, quiet=quiet)


def _size(text: str) -> list[int]:
    values = numbers(text, 3, "--grid")
    if not all(value >= 1 and value.is_integer() for value in values):
        raise typer.BadParameter(f"--grid takes numbers of points, not {text!r}")
    return [int(value) for value in values]
