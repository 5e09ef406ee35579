"""Zones of reflections: planes of the reciprocal lattice, and where its points are in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.op import DEN
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import MillerIndexError

__all__ = ["Zone", "parse_zone"]

_ZONE = re.compile(r"([+-]?(?:[hkl]|\d+))" * 3)
_LETTERS = "hkl"


@dataclass(frozen=True)
class Zone:
    """The reflections ``offset + m first + n second`` of all whole numbers m and n.

    Attributes
    ----------
    name : str
    first, second : tuple of 3 int
        What changes with the first letter of the name, and with the second.
    offset : tuple of 3 int
        The indices that are constant.
    letters : tuple of 2 str
        What m and n are called.
    """

    name: str
    first: tuple[int, ...]
    second: tuple[int, ...]
    offset: tuple[int, ...]
    letters: tuple[str, str]

    def normal(self) -> NDArray[np.int64]:
        """Return the direction [u v w] with hu + kv + lw the same for the whole zone."""
        return np.cross(np.array(self.first, np.int64), np.array(self.second, np.int64))

    def contains(self, hkl: NDArray[Any]) -> NDArray[np.bool_]:
        """Tell which reflections are in the zone.

        Parameters
        ----------
        hkl : ndarray of int, shape (n, 3)
        """
        normal = self.normal()
        return np.asarray(hkl @ normal == normal @ np.array(self.offset))

    def to_picture(self, hkl: NDArray[Any], cell: UnitCell) -> NDArray[np.float64]:
        """Return where reflections are in the plane, seen from the point nearest to 000.

        Parameters
        ----------
        hkl : ndarray, shape (n, 3)
        cell : UnitCell

        Returns
        -------
        ndarray, shape (n, 2)
            Å⁻¹; the first axis of the zone points to the right, the second upward.
        """
        G = cell.reciprocal_metric
        first, second = np.array(self.first, float), np.array(self.second, float)
        right = first / np.sqrt(first @ G @ first)
        up = second - (second @ G @ right) * right
        up /= np.sqrt(up @ G @ up)
        return np.asarray(np.asarray(hkl, float) @ G @ np.column_stack([right, up]))

    def height2(self, cell: UnitCell) -> float:
        """Return the squared distance of the plane from 000, Å⁻²."""
        offset = np.array([self.offset], float)
        across = float((self.to_picture(offset, cell) ** 2).sum())
        return max(float((offset @ cell.reciprocal_metric @ offset.T)[0, 0]) - across, 0.0)

    def shortest_step(self, cell: UnitCell, group: SpaceGroup) -> float:
        """Return the distance of neighbours that the lattice centring allows, Å⁻¹."""
        steps = [(m, n) for m in range(-4, 5) for n in range(-4, 5) if m or n]
        hkl = np.array(steps) @ np.array([self.first, self.second])
        vectors = np.array(group.centring_vectors, np.int64).reshape(-1, 3)
        allowed = (hkl @ vectors.T % DEN == 0).all(axis=1)
        return float(np.linalg.norm(self.to_picture(hkl[allowed], cell), axis=1).min())

    def indices(self, cell: UnitCell, dmin: float) -> NDArray[np.int32]:
        """Return all indices of the zone with d >= dmin but 000, shape (n, 3)."""
        radius2 = 1 / dmin**2 - self.height2(cell)
        if radius2 <= 0:
            return np.empty((0, 3), np.int32)
        axes = self.to_picture(np.array([self.first, self.second]), cell)  # rows
        centre = self.to_picture(np.array([self.offset]), cell)[0] @ np.linalg.inv(axes)
        # of a circle, m reaches as far as the rows of the inverse are long
        reach = np.sqrt(radius2) * np.linalg.norm(np.linalg.inv(axes), axis=0)
        m, n = (
            np.arange(np.ceil(-one - c), np.floor(one - c) + 1, dtype=np.int64)
            for one, c in zip(reach, centre, strict=True)
        )
        steps = np.stack(np.meshgrid(m, n, indexing="ij"), axis=-1).reshape(-1, 2)
        hkl = np.array(self.offset) + steps @ np.array([self.first, self.second])
        inv_d2 = np.einsum("ni,ij,nj->n", hkl, cell.reciprocal_metric, hkl)
        keep = (inv_d2 <= 1 / dmin**2 * (1 + 1e-9)) & hkl.any(axis=1)
        return np.asarray(hkl[keep], np.int32)


def parse_zone(name: str) -> Zone:
    """Return the zone of a name: ``"hk0"``, ``"h-1l"``, ``"hhl"``.

    Raises
    ------
    MillerIndexError
        This is not the name of a plane.

    Examples
    --------
    >>> parse_zone("hhl").normal()
    array([ 1, -1,  0])
    """
    found = _ZONE.fullmatch(name.replace(" ", "").lower()) if isinstance(name, str) else None
    places = list(found.groups()) if found else []
    steps: dict[str, list[int]] = {}
    offset = [0, 0, 0]
    for i, place in enumerate(places):
        sign, letter = (-1 if place[0] == "-" else 1), place.lstrip("+-")
        if letter in _LETTERS:
            steps.setdefault(letter, [0, 0, 0])[i] = sign
        else:
            offset[i] = int(place)
    if len(steps) != 2:
        raise MillerIndexError(
            f"{name!r} is not a zone, a plane of the reciprocal lattice: give two letters and one "
            "index, as 'hk0', 'h1l' or '-1kl', or two letters in three places, as 'hhl' or 'h-hl'"
        )
    (one, first), (other, second) = steps.items()
    plain = "".join(place.lstrip("+") for place in places)
    return Zone(plain, tuple(first), tuple(second), tuple(offset), (one, other))
