"""The options of sfcalc, and which of them go together."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from xrefl.cli._files import numbers

__all__ = [
    "CALCULATION",
    "BlurRule",
    "Cutoff",
    "Kind",
    "Loss",
    "Method",
    "Rate",
    "Source",
    "grid_of",
    "indices_of",
    "require_scaling",
    "require_sense",
]

_RULES = ("auto", "refmac", "servalcat")

CALCULATION = "Calculation"
"""The panel of the help that options of the calculation are in."""

Rate = Annotated[
    float | None,
    typer.Option(
        help="Steps of the grid are at most dmin/(2 RATE); default 1.5.",
        rich_help_panel=CALCULATION,
    ),
]
BlurRule = Annotated[
    str | None,
    typer.Option(
        metavar="B",
        help="Å², added to the B of all atoms on the grid; or auto, refmac, servalcat. "
        "Default: auto, which is undone; 0 for a map.",
        rich_help_panel=CALCULATION,
    ),
]
Cutoff = Annotated[
    float | None,
    typer.Option(
        help="Density at which atoms end on the grid: e/Å³ for X-rays, Å/Å³ for electrons, "
        "fm/Å³ for neutrons; default for a map 1e-5.",
        rich_help_panel=CALCULATION,
    ),
]


class Kind(StrEnum):
    """What is scattered."""

    xray = "xray"
    electron = "electron"
    neutron = "neutron"
    mott_bethe = "mott_bethe"


class Source(StrEnum):
    """Where f' and f'' are from."""

    cromer_liberman = "cromer_liberman"
    tabulated = "tabulated"
    chantler = "chantler"
    file = "file"


class Method(StrEnum):
    """How structure factors are calculated."""

    direct = "direct"
    fft = "fft"


class Loss(StrEnum):
    """What is minimized by scaling."""

    linear = "linear"
    soft_l1 = "soft_l1"
    huber = "huber"
    cauchy = "cauchy"
    l1 = "l1"


def require_sense(
    target: Path | None,
    is_map: bool,
    dmin: float | None,
    hkl: list[str] | None,
    like: Path | None,
    compare: str | None,
    scale_to: str | None,
    check: bool,
) -> None:
    """Refuse options that do not go together.

    Raises
    ------
    BadParameter
        Which reflections are wanted is not clear, or what becomes of them.
    """
    given = {"--hkl": hkl, "--for": like, "--compare": compare, "--scale-to": scale_to}
    names = [name for name, value in given.items() if value]
    if dmin is not None and not 0 < dmin < float("inf"):
        raise typer.BadParameter(f"--dmin takes a positive number of Å, not {dmin:g}")
    if is_map:
        if scale_to:
            raise typer.BadParameter(
                "--scale-to writes coefficients of maps (.mtz or .cif); xrefl sf2map makes the map"
            )
        if names or check:
            raise typer.BadParameter(f"a map takes --dmin; leave {(names or ['--check'])[0]} out")
        if dmin is None:
            raise typer.BadParameter("a map needs --dmin, the resolution that it is for")
        return
    if len(names) > 1 or (hkl and dmin is not None):
        both = [*names, "--dmin"][:2]
        raise typer.BadParameter(f"{' and '.join(both)} do not go together: give one of them")
    if not names and dmin is None:
        raise typer.BadParameter(
            "say which reflections: --dmin, --hkl, --for, --compare or --scale-to"
        )
    if target is None and not (hkl or compare or scale_to or check):
        raise typer.BadParameter(
            "give OUT, the file to write, or one of --hkl, --compare, --scale-to, --check"
        )


def require_scaling(
    scale_to: str | None,
    radii: str | None,
    no_solvent: bool,
    loss: Loss,
    free: str | None,
    no_free: bool,
    fill_missing: bool,
    target: Path | None,
) -> None:
    """Refuse options of scaling that have nothing to work on, or exclude each other.

    Raises
    ------
    BadParameter
        There are such.
    """
    given = {
        "--radii": radii is not None,
        "--no-solvent": no_solvent,
        "--loss": loss is not Loss.linear,
        "--free": free is not None,
        "--no-free": no_free,
        "--fill-missing": fill_missing,
    }
    names = [name for name, value in given.items() if value]
    if names and scale_to is None:
        raise typer.BadParameter(f"{names[0]} is for scaling: give --scale-to DATA, too")
    for one, other in (("--radii", "--no-solvent"), ("--free", "--no-free")):
        if given[one] and given[other]:
            raise typer.BadParameter(f"{one} and {other} do not go together: give one of them")
    if fill_missing and target is None:
        raise typer.BadParameter("--fill-missing is for OUT, the file to write: give that, too")


def grid_of(rate: float | None, blur: str | None, cutoff: float | None) -> dict[str, Any]:
    """Return the options of the grid that are given."""
    given: dict[str, Any] = {"rate": rate, "blur": blur, "cutoff": cutoff}
    if blur is not None and blur not in _RULES:
        try:
            given["blur"] = float(blur)
        except ValueError:
            raise typer.BadParameter(
                f"--blur takes a number of Å², or {', '.join(_RULES)}, not {blur!r}"
            ) from None
    return {name: value for name, value in given.items() if value is not None}


def indices_of(texts: list[str]) -> list[tuple[int, ...]]:
    found: dict[tuple[int, ...], str] = {}
    for text in texts:
        values = numbers(",".join(text.replace(",", " ").split()), 3, "--hkl")
        if not all(value.is_integer() for value in values):
            raise typer.BadParameter(f"--hkl takes three integers, not {text!r}")
        indices = tuple(map(int, values))
        if indices in found:
            raise typer.BadParameter(f"--hkl {text} is given twice")
        found[indices] = text
    return list(found)
