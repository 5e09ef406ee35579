"""The tables of form factors, read once."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

__all__ = ["Entry", "Kind", "table"]

Kind = Literal["xray", "electron", "neutron"]

_FOLDER = Path(__file__).parent / "tables"
_FILES: dict[Kind, str] = {
    "xray": "it92.csv",
    "electron": "c4322.csv",
    "neutron": "neutron92.csv",
}


class Entry(NamedTuple):
    """Coefficients of f(s) = Σ aᵢ exp(-bᵢ s²) + c."""

    a: tuple[float, ...]
    b: tuple[float, ...]
    c: float


@lru_cache(maxsize=3)
def table(kind: Kind) -> dict[tuple[str, int], Entry]:
    """Return the entries of elements and charges.

    Deuterium scatters X-rays and electrons as hydrogen does, and has the same entry there.
    """
    header, *lines = (_FOLDER / _FILES[kind]).read_text(encoding="ascii").splitlines()
    has_charge = "charge" in header
    entries = {}
    for line in lines:
        element, *columns = line.split(";")
        charge = int(columns.pop(0)) if has_charge else 0
        entries[element, charge] = _entry([float(column) for column in columns])
    for (element, charge), entry in list(entries.items()):
        if element == "H":
            entries.setdefault(("D", charge), entry)
    return entries


def _entry(numbers: list[float]) -> Entry:
    """Return heights, widths and the constant, which is there where the numbers are odd."""
    n = len(numbers) // 2
    # Some ions have fewer Gaussians; the table fills up with heights of zero.
    pairs = [(a, b) for a, b in zip(numbers[:n], numbers[n : 2 * n], strict=True) if a != 0]
    return Entry(
        a=tuple(a for a, _ in pairs),
        b=tuple(b for _, b in pairs),
        c=numbers[-1] if len(numbers) % 2 else 0.0,
    )
