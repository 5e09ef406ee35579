"""The table that Cromer-Liberman calculations start from: photoabsorption of each orbital."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["HARTREE", "Orbitals", "corrections", "orbitals", "orbitals_of_programs"]

# The units of Brennan & Cowan's tables, to as many figures as their program has.
HARTREE = 0.02721
"""keV"""
_BARN = 28002200.0
"""Barns in a square Bohr radius."""

# Gauss-Legendre integration from 0 to 1.
_X, _W = (0.5 * values[:, None] for values in np.polynomial.legendre.leggauss(5))
_X += 0.5
_LN_TABULATED = np.log([[80.0], [26.7], [8.9], [3.0], [1.0]])
"""Of keV."""
_CERIUM = 0.9013
"""keV; an orbital of Ce that the programs take for one with a tabulated edge."""
_FOLDER = Path(__file__).parent / "tables"


class Orbitals(NamedTuple):
    """Orbitals of all elements in atomic units, those of one element one after another."""

    first: NDArray[np.intp]
    """The first orbital of an atomic number, (94,)."""
    binding: Floats
    """Binding energy, (n,)."""
    energy2: Floats
    """Squares of the energies of integration, (5, n)."""
    weight: Floats
    """dε of the integration over energies ε, (5, n)."""
    value: Floats
    """ε² σ(ε) there, (5, n)."""
    below: Floats
    """What is subtracted from ε² σ(ε) below the edge: B² σ at the edge, or 0, (n,)."""
    ln_energy: Floats
    """Logarithms of keV, in increasing order and filled up with infinity, (11, n)."""
    ln_sigma: Floats
    """Logarithms of barns at these energies, (11, n)."""
    known: NDArray[np.intp]
    """How many of them there are, (n,)."""


@lru_cache(maxsize=1)
def orbitals() -> Orbitals:
    """Return the table as it is: cross sections at the energies that they were calculated for."""
    columns = _columns()
    return _orbitals(columns, columns[2:7] / HARTREE, np.log(np.where(columns > 0, columns, 1.0)))


@lru_cache(maxsize=1)
def orbitals_of_programs() -> Orbitals:
    """Return the table as the programs have it that descend from Brennan & Cowan's.

    The energies of integration follow from the binding energies there. In 15 orbitals they are
    off by 0.1 to 9 %, since other binding energies were known when the cross sections were
    calculated. Logarithms are single-precision numbers, as the GNU C library rounds them.
    """
    columns = _columns().astype(np.float32).astype(np.float64)
    nearest = np.log(np.where(columns > 0, columns, 1.0)).astype(np.float32)
    bits = np.loadtxt(_FOLDER / "logarithms.csv", delimiter=";", skiprows=1, dtype=np.int64)
    rows, places, steps = bits.T
    near = nearest[places, rows]
    nearest[places, rows] = np.nextafter(near, near + steps.astype(np.float32))
    binding, power = columns[1] / HARTREE, _powers(columns)
    power[(columns[0] == 58) & (abs(columns[1] - _CERIUM) < 1e-6)] = 1.0
    return _orbitals(columns, binding / _X**power, nearest.astype(np.float64), power)


def _columns() -> Floats:
    """Read the table, (19, n)."""
    path = _FOLDER / "cromer_liberman.csv"
    return np.ascontiguousarray(np.loadtxt(path, delimiter=";", skiprows=1).T)


def _powers(columns: Floats) -> Floats:
    """Return p of ε = B/x^p: 1 where an edge is tabulated, else 2, and 1/2 in K from gold on."""
    z = columns[0].astype(np.int64)
    is_k = np.arange(len(z)) == np.searchsorted(z, z)
    return np.where(columns[7] > 0, 1.0, np.where(is_k & (z >= 79), 0.5, 2.0))


def _orbitals(
    columns: Floats, nodes: Floats, logarithms: Floats, power: Floats | None = None
) -> Orbitals:
    """Return orbitals with some energies of integration, and logarithms of all columns."""
    z, binding = columns[0].astype(np.int64), columns[1] / HARTREE
    at_nodes = columns[13:]
    ln_energy, ln_sigma, known = _in_order(
        columns[8:],
        np.vstack([np.broadcast_to(_LN_TABULATED, columns[8:13].shape), logarithms[2:8]]),
        logarithms[8:],
    )
    return Orbitals(
        first=np.searchsorted(z, np.arange(94)),
        binding=binding,
        energy2=nodes**2,
        weight=_W * (_powers(columns) if power is None else power) * nodes / _X,
        value=nodes**2 * at_nodes[:5] / _BARN,
        below=binding**2 * at_nodes[5] / _BARN,
        ln_energy=ln_energy,
        ln_sigma=ln_sigma - np.log(_BARN),
        known=known,
    )


def _in_order(
    sigma: Floats, ln_energy: Floats, ln_sigma: Floats
) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Return logarithms in the order of energies, without those where nothing is absorbed."""
    ln_energy = np.where(sigma > 0, ln_energy, np.inf)
    order = np.argsort(ln_energy, axis=0)
    ln_energy, ln_sigma = (np.take_along_axis(one, order, axis=0) for one in (ln_energy, ln_sigma))
    return ln_energy, ln_sigma, np.count_nonzero(sigma > 0, axis=0)


@lru_cache(maxsize=1)
def corrections() -> Floats:
    """Return the correction of f' by Kissel and Pratt for atomic numbers from 0 to 92."""
    table = np.loadtxt(_FOLDER / "kissel_pratt.csv", delimiter=";", skiprows=1)
    return np.concatenate([[0.0], table[:, 1]])
