"""What the commands that write files have in common."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from xrefl.cli._streams import refuse_terminal
from xrefl.errors import XreflError

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "check_suffix",
    "number",
    "numbers",
    "remedy",
    "report",
    "require_apart",
    "require_format",
    "require_merged",
    "require_wavelength",
]

# Å, of what is used with crystals: fast electrons to cold neutrons.
_SHORTEST, _LONGEST = 0.01, 50.0
_HC = 12398.42  # eV Å


def check_suffix(target: Path, suffixes: Sequence[str], what: str) -> str:
    """Return the suffix of a file to write, without ``.gz``; none for the standard output.

    Raises
    ------
    BadParameter
        It is not one of those for what is to be written; or the standard output is a terminal.
    """
    if str(target) == "-":
        refuse_terminal(what)
        return ""
    plain = target.with_suffix("") if target.suffix.lower() == ".gz" else target
    if plain.suffix.lower() not in suffixes:
        names = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"
        raise typer.BadParameter(
            f"the name of {what} ends in {names}, with or without .gz, not as in {target.name!r}"
        )
    return plain.suffix.lower()


def require_apart(target: Path | None, *sources: Path | None) -> None:
    """Refuse to write to a file that is also read.

    Raises
    ------
    BadParameter
        The file to write is one of these files, by whatever name.
    """
    if target is None or str(target) == "-" or not target.exists():
        return
    for source in sources:
        if source is not None and source.exists() and target.samefile(source):
            raise typer.BadParameter(
                f"{target} would be written over, and {source} is read; give the file to write "
                "another name"
            )


def require_wavelength(wavelength: float | None) -> None:
    """Refuse a wavelength that is none in Å.

    Raises
    ------
    BadParameter
        It is not positive, or outside of 0.01 to 50 Å.
    """
    if wavelength is None:
        return
    if not 0 < wavelength < float("inf"):
        raise typer.BadParameter(
            f"the wavelength must be a positive number of Å, not {wavelength:g}"
        )
    if wavelength > _LONGEST:
        raise typer.BadParameter(
            f"a wavelength of {wavelength:g} Å; was an energy in eV meant? That would be "
            f"{_HC / wavelength:.5g} Å"
        )
    if wavelength < _SHORTEST:
        raise typer.BadParameter(
            f"a wavelength of {wavelength:g} Å is shorter than {_SHORTEST} Å; give it in Å"
        )


@contextmanager
def remedy(source: Path, instead: str, *kinds: type[XreflError]) -> Iterator[None]:
    """Have errors of some kinds name a file, and end in what to do on the command line.

    Messages say what is wrong, and after a semicolon or in another sentence what helps in Python.
    """
    try:
        yield
    except kinds as error:
        what = re.split(r"[;.] ", str(error), maxsplit=1)[0]
        raise type(error)(f"{source}: {what}; {instead}") from None


def require_format(target: Path, what: str, suffix: str, other: str) -> None:
    """Refuse to write one format into a file with the name of the other.

    Raises
    ------
    BadParameter
        The name ends as those of the other format.
    """
    if target.name.lower().removesuffix(".gz").endswith(other):
        raise typer.BadParameter(
            f"{target} would have the name of another format: OUT is written as {what}; give it a "
            f"name that ends in {suffix}"
        )


def require_merged(source: Path, ds: xr.Dataset) -> None:
    """Raise NotMergedError if these are observations."""
    from xrefl.errors import NotMergedError
    from xrefl.hkl.crystal import is_merged, merged_index

    if not is_merged(ds):
        raise NotMergedError(
            f"{source} has {ds.sizes['obs']:,} unmerged observations, and merged reflections are "
            "needed; merge them first with xrefl merge"
        )
    merged_index(ds)


def report(target: Path, facts: Sequence[tuple[str, str]], *, quiet: bool = False) -> None:
    """Print what has been written, unless quiet: beside it, if that is the standard output."""
    if quiet:
        return
    to_stdout = str(target) == "-"
    lines = [f"  {name:<13} {value}" for name, value in facts]
    typer.echo("\n".join(["standard output" if to_stdout else str(target), *lines]), err=to_stdout)


def numbers(text: str, count: int, option: str) -> list[float]:
    """Return the numbers of a list with commas.

    Raises
    ------
    BadParameter
        There are others than ``count``, or something else than numbers.
    """
    try:
        values = [float(one) for one in text.split(",")]
    except ValueError:
        values = []
    if len(values) != count:
        raise typer.BadParameter(f"{option} takes {count} numbers with commas, not {text!r}")
    return values


def number(value: float, scale: float) -> str:
    """Return a number as text: 0 for what is nothing beside a scale.

    Examples
    --------
    >>> number(-4.8e-10, 0.67), number(1 / 3, 0.67)
    ('0', '0.33333')
    """
    return "0" if abs(value) < 1e-6 * scale else f"{value:.5g}"
