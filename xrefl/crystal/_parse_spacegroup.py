"""What a person may mean by a space group: names, numbers, Hall symbols, operations."""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence
from typing import NamedTuple

from xrefl.crystal import _settings, hall
from xrefl.crystal._group import Group, generate
from xrefl.crystal.op import Op
from xrefl.errors import CrystalError

# Characters that occur in Hall symbols but not in Hermann-Mauguin symbols.
_SURELY_HALL = re.compile(r"-|[pabcifrhst].*([xyzuvw'\"*]|\(.*[\s,].*\))", re.IGNORECASE)
_HALL_PREFIX = re.compile(r"hall\s*:\s*", re.IGNORECASE)
_EQUAL_ANGLES = 0.5  # degrees


class Found(NamedTuple):
    """A group of operations, and the setting it is tabulated as, if any."""

    setting: _settings.Setting | None
    group: Group


def parse(spec: str | int) -> Found:
    """Return the space group of a number, a name, a Hall symbol or operations."""
    if isinstance(spec, str):
        return _parse_text(spec.strip())
    try:
        number = operator.index(spec)
    except TypeError:
        raise CrystalError(f"a space group is given by name or number, not by {spec!r}") from None
    return _of_number(number)


def from_name(name: str | int, cell: Sequence[float] | None) -> Found:
    """Return the space group of a name, with the axes that the cell shows."""
    found = parse(name)
    setting = found.setting
    if cell is None or setting is None or setting.extension != "H":
        return found
    if isinstance(name, str) and not _leaves_axes_open(name):
        return found
    if len(cell) != 6:
        raise CrystalError(f"a unit cell has 6 parameters, not {len(cell)}: {cell!r}")
    alpha, beta, gamma = cell[3:]
    if alpha > 0 and max(abs(alpha - beta), abs(alpha - gamma)) < _EQUAL_ANGLES:
        return _tabulated(_settings.other_axes(setting, "R"))
    return found


def from_operations(operations: Sequence[Op]) -> Found:
    """Return the space group that operations generate."""
    group = generate(operations)
    setting = _settings.find_group(group)
    return Found(None, group) if setting is None else _tabulated(setting)


def _parse_text(text: str) -> Found:
    if text.isdecimal() and text.isascii():
        return _of_number(int(text))
    if ";" in text or (text.count(",") == 2 and "(" not in text):
        parts = [part for part in text.split(";") if part.strip()]
        if not parts:
            raise CrystalError(f"there is no operation in {text!r}")
        return from_operations([Op(part) for part in parts])
    prefix = _HALL_PREFIX.match(text)
    if prefix:
        return _of_hall(text[prefix.end() :])
    setting = _settings.find_name(text) or _settings.find_hall(text)
    if setting is not None:
        return _tabulated(setting)
    if _SURELY_HALL.match(text):
        return _of_hall(text)
    similar = _settings.similar_names(text)
    hint = f"; similar names: {', '.join(similar)}" if similar else ""
    raise CrystalError(
        f"space group {text!r} is not known{hint}; a Hall symbol can be given as 'Hall: ...', "
        "operations as 'x,y,z; -x,-y,z'"
    )


def _of_number(number: int) -> Found:
    setting = _settings.find_number(number)
    if setting is None:
        raise CrystalError(f"there is no space group number {number}; they go from 1 to 230")
    return _tabulated(setting)


def _of_hall(symbol: str) -> Found:
    setting = _settings.find_hall(symbol)
    if setting is not None:
        return _tabulated(setting)
    group = hall.operations(symbol)
    setting = _settings.find_group(group)
    return Found(None, group) if setting is None else _tabulated(setting)


def _leaves_axes_open(name: str) -> bool:
    """Whether a name, of a group that has both axes, is a symbol without extension."""
    return re.match(r"\s*[RH]", name, re.IGNORECASE) is not None and not re.search(
        r":|[HR]\s*$", name, re.IGNORECASE
    )


def _tabulated(setting: _settings.Setting) -> Found:
    return Found(setting, setting.group)
