"""The table of space group settings, and how to find one."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from xrefl.crystal import hall
from xrefl.crystal._exact import Vector
from xrefl.crystal._group import Group, generate
from xrefl.crystal._point_groups import find_point_group

_TABLE = Path(__file__).parent / "tables" / "settings.csv"


class Setting(NamedTuple):
    """A line of the table: a space group on one choice of axes and origin."""

    number: int
    """Number in International Tables A."""
    ccp4_number: int
    """Number of the setting in CCP4 programs, or 0."""
    hm: str
    """Hermann-Mauguin symbol."""
    extension: str
    """1 or 2 for the choice of origin, H or R for hexagonal or rhombohedral axes, or nothing."""
    qualifier: str
    """Unique axis and cell choice, or the permutation of axes."""
    hall: str
    """Hall symbol."""
    to_reference: str
    """Triplet that takes coordinates to the reference setting."""
    full: str
    """Full Hermann-Mauguin symbol, where it differs."""

    @property
    def name(self) -> str:
        """Extended Hermann-Mauguin symbol."""
        return f"{self.hm}:{self.extension}" if self.extension else self.hm

    @property
    def group(self) -> Group:
        """The operations."""
        return hall.operations(self.hall)


@lru_cache(maxsize=1)
def settings() -> tuple[Setting, ...]:
    """Return all settings: the 530 of International Tables B, then further ones."""
    _, *lines = _TABLE.read_text(encoding="ascii").splitlines()
    return tuple(
        Setting(int(number), int(ccp4), *rest)
        for number, ccp4, *rest in (line.split(";") for line in lines)
    )


def find_name(name: str) -> Setting | None:
    """Return the setting of a Hermann-Mauguin symbol, in any of the usual spellings.

    A symbol without extension means the first setting listed: origin choice 1, hexagonal axes.
    """
    return _names().get(_squeezed(name))


def find_number(number: int) -> Setting | None:
    """Return the setting of a CCP4 number: for 1 to 230, the first one of that space group."""
    return next((s for s in settings() if number and s.ccp4_number == number), None)


def find_hall(symbol: str) -> Setting | None:
    """Return the setting that is tabulated with this Hall symbol."""
    return _hall_symbols().get(" ".join(symbol.lower().replace("_", " ").split()))


def find_group(group: Group) -> Setting | None:
    """Return the setting with the same operations."""
    numbers = find_point_group(op.rotation for op in group.primitive).numbers
    letter = lattice_letter(group)
    wanted = frozenset(group.operations())
    for setting in settings():
        alike = setting.number in numbers and setting.hall.lstrip("-")[0] == letter
        if alike and frozenset(setting.group.operations()) == wanted:
            return setting
    return None


def lattice_letter(group: Group) -> str:
    """Return the letter of a group's centring vectors, or nothing if it has none."""
    return _lattices().get(frozenset(group.centring), "")


def short_name(setting: Setting) -> str:
    """Return the name without spaces, and without the 1 of absent axes unless it is needed."""
    lattice, *symbols = setting.hm.split()
    if setting.extension == "H":
        lattice = "H"
    if 3 <= setting.number <= 15 and symbols[0] == symbols[2] == "1":
        short = lattice + symbols[1]
        if _names()[_squeezed(short)] is setting:
            return short
    return lattice + "".join(symbols)


def other_axes(setting: Setting, extension: str) -> Setting:
    """Return the setting of the same name on other axes."""
    return next(s for s in settings() if s.hm == setting.hm and s.extension == extension)


def similar_names(name: str) -> list[str]:
    """Return names that a misspelt one may stand for."""
    from difflib import get_close_matches

    keys = get_close_matches(_squeezed(name), _names(), n=4, cutoff=0.6)
    return list(dict.fromkeys(_names()[key].name for key in keys))


@lru_cache(maxsize=1)
def _names() -> dict[str, Setting]:
    """Return settings by squeezed name; where spellings coincide, the first listed has it."""
    names: dict[str, Setting] = {}
    for setting in settings():
        _add(names, setting, setting.hm)
    for setting in settings():
        for spelling in _spellings(setting):
            _add(names, setting, spelling)
    return names


def _add(names: dict[str, Setting], setting: Setting, spelling: str) -> None:
    key = _squeezed(spelling)
    names.setdefault(key, setting)
    if setting.extension:
        names.setdefault(f"{key}:{setting.extension.lower()}", setting)
    if setting.extension:  # "R3r", and "Fd-3mZ" as in ICSD, where S and Z are the two origins
        letter = {"1": "s", "2": "z"}.get(setting.extension, setting.extension.lower())
        names.setdefault(key + letter, setting)


def _spellings(setting: Setting) -> list[str]:
    """Return other ways to write the Hermann-Mauguin symbol, without extension."""
    lattice, *symbols = setting.hm.split()
    spellings = [setting.full] if setting.full else []
    # "P 21" for "P 1 21 1" and, where no other setting is called so, "B 2" for "B 1 1 2"
    if 3 <= setting.number <= 15 and symbols[0] == "1":
        spellings.append(lattice + symbols[1 if symbols[2] == "1" else 2])
    # the glide plane e of 1992 (de Wolff et al., Acta Cryst. A48, 727-732)
    if setting.number in (39, 41, 64, 67, 68):
        place = "ABC".index(lattice)
        spellings.append(" ".join([lattice, *symbols[:place], "e", *symbols[place + 1 :]]))
    # "F d 3 m" of International Tables before 1983
    if 200 <= setting.number <= 206 or setting.number >= 221:
        spellings.append(setting.hm.replace("-3", "3"))
    # "H 3" of the Protein Data Bank
    if setting.extension == "H":
        spellings += ["H" + spelling[1:] for spelling in [setting.hm, *spellings]]
    return spellings


def _squeezed(name: str) -> str:
    """Return a name without spaces, underscores and parentheses, in lower case."""
    return re.sub(r"[\s_()]", "", name).lower()


@lru_cache(maxsize=1)
def _hall_symbols() -> dict[str, Setting]:
    return {setting.hall.lower(): setting for setting in reversed(settings())}


@lru_cache(maxsize=1)
def _lattices() -> dict[frozenset[Vector], str]:
    vectors = hall.CENTRING_VECTORS
    return {frozenset(generate([], vectors[letter]).centring): letter for letter in vectors}
