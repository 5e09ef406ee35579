"""Anomalous scattering of X-rays by free atoms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from xrefl.errors import CrystalError
from xrefl.scattering._orbitals import (
    HARTREE,
    Orbitals,
    corrections,
    orbitals,
    orbitals_of_programs,
)
from xrefl.scattering.elements import atomic_number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["HC", "Anomalous", "Source", "cromer_liberman"]

Source = Literal["cromer_liberman", "tabulated", "chantler"]

HC = 12398.419843320026
"""h c / e in eV Å: energy times wavelength. Exact in the SI since 2019."""

# 1/α, and 1/(4π²α), to as many figures as the tables were made with.
_INVERSE_ALPHA, _FACTOR = 137.036, 3.47116243
_LOWEST, _HIGHEST = 100.0, 1e6
"""eV; what is tabulated ends within, and who gives keV had better be told."""
_ROWS = 1 << 13
"""Orbitals at a time."""
_TABLES = {"cromer_liberman": orbitals_of_programs, "tabulated": orbitals}


class Anomalous(NamedTuple):
    """What anomalous scattering adds to a form factor, in electrons: f' + i f''."""

    fp: Floats
    """f'"""
    fpp: Floats
    """f''"""


def cromer_liberman(
    z: ArrayLike, energy: ArrayLike, *, source: Source = "cromer_liberman"
) -> Anomalous:
    """Calculate f' and f'' of free atoms from the photoabsorption of their orbitals.

    f'' = E σ(E) / (4π α) and f' = 1/(2π² α) P∫ ε² σ(ε) / (E² - ε²) dε, in atomic units, for each
    orbital (D. T. Cromer & D. Liberman, J. Chem. Phys. 53 (1970) 1891; Acta Cryst. A37 (1981)
    267). The integral is a sum over five energies (Gauss-Legendre), from which the pole at E is
    subtracted; σ between tabulated energies is interpolated in logarithms of both. The tables are
    those of S. Brennan & P. L. Cowan, Rev. Sci. Instrum. 63 (1992) 850. f' has the relativistic
    correction of L. Kissel & R. H. Pratt, Acta Cryst. A46 (1990) 170, and no term of Jensen.

    Meant for energies from 3 keV. Atoms in a compound have edges a few eV off, with structure of
    their own. The tables of Chantler are more accurate.

    Parameters
    ----------
    z : array_like of int or str
        Atomic numbers from 3 to 92, or symbols from "Li" to "U".
    energy : array_like
        Photon energies in eV, ``HC / wavelength``. They broadcast against ``z``.
    source : {"cromer_liberman", "tabulated", "chantler"}
        "cromer_liberman" gives what the programs give that descend from Brennan & Cowan's, such
        as Larch and gemmi. Their energies of integration do not always fit the cross sections,
        which adds poles to f': at 8150 eV Bi has -454 instead of -4, at 5896 eV Ar +39 instead of
        0.3, and f' of Ce is off by up to 13 below 6 keV. "tabulated" integrates at the
        energies of the tables, which has no such poles, and otherwise mostly agrees to 1e-4.
        "chantler" looks values up in the tables of C. T. Chantler (J. Phys. Chem. Ref. Data 24
        (1995) 71 and 29 (2000) 597) that the package XrayDB has (``pip install
        'xrefl[anomalous]'``), for H to U.

    Returns
    -------
    Anomalous
        (fp, fpp)

    Raises
    ------
    CrystalError
        An element is not in the tables, or an energy is not from 100 eV to 1 MeV, or beyond the
        tables of Chantler; the source is not known.
    ImportError
        XrayDB is not installed.

    Examples
    --------
    >>> fp, fpp = cromer_liberman("Se", 10332.0)
    >>> print(fp.round(3), fpp.round(3))
    -1.419 0.724
    >>> cromer_liberman(["C", "S"], HC / 1.5418).fpp.round(3)
    array([0.009, 0.557])
    """
    if source == "chantler":
        return _chantler(z, energy)
    if source not in _TABLES:
        names = ", ".join(map(repr, (*_TABLES, "chantler")))
        raise CrystalError(f"source must be one of {names}, not {source!r}")
    number, ev = np.broadcast_arrays(_numbers(z, lowest=3), _energies(energy))
    shape, number, kev = ev.shape, number.ravel(), ev.ravel() / 1000
    fp, fpp = np.empty(len(kev)), np.empty(len(kev))
    table = _TABLES[source]()
    # Pieces that fit into the caches: an element has up to 24 orbitals.
    for start in range(0, len(kev), _ROWS // 24):
        piece = slice(start, start + _ROWS // 24)
        fp[piece], fpp[piece] = _sums(table, number[piece], kev[piece])
    fp += corrections()[number]
    return Anomalous(fp.reshape(shape)[()], fpp.reshape(shape)[()])


def _chantler(z: ArrayLike, energy: ArrayLike) -> Anomalous:
    try:
        import xraydb
    except ImportError as error:
        raise ImportError(
            "the tables of Chantler are in the package xraydb: pip install 'xrefl[anomalous]', or "
            "use source='tabulated'"
        ) from error
    number, ev = np.broadcast_arrays(_numbers(z, lowest=1), _energies(energy))
    fp, fpp = np.empty(ev.shape), np.empty(ev.shape)
    for place in np.ndindex(ev.shape):
        # One at a time: XrayDB's spline goes through the range of all energies that it is given.
        one, at = int(number[place]), float(ev[place])
        low, high = xraydb.chantler_energies(one)[[0, -1]]
        if not low <= at <= high:
            raise CrystalError(
                f"the tables of Chantler for Z = {one} go from {low:g} to {high:g} eV, and the "
                f"energy is {at:g} eV"
            )
        fp[place], fpp[place] = xraydb.f1_chantler(one, at), xraydb.f2_chantler(one, at)
    return Anomalous(fp[()], fpp[()])


def _sums(table: Orbitals, number: NDArray[np.int64], kev: Floats) -> tuple[Floats, Floats]:
    """Return f' without corrections, and f'', summed over the orbitals of each atom."""
    counts = table.first[number + 1] - table.first[number]
    starts = np.cumsum(counts) - counts
    rows = np.arange(counts.sum()) + np.repeat(table.first[number] - starts, counts)
    energy, binding = np.repeat(kev / HARTREE, counts), table.binding.take(rows)
    is_above = energy >= binding
    sigma, slope = _cross_sections(table, rows, np.log(np.maximum(energy, binding) * HARTREE))
    energy2 = energy**2
    pole = np.where(is_above, energy2 * sigma, table.below.take(rows))

    quotient = table.value.take(rows, axis=1)
    quotient -= pole
    difference = energy2 - table.energy2.take(rows, axis=1)
    # At an energy of the integration both are 0; the quotient is -d(ε² σ)/d(ε²) there.
    is_close = abs(difference) < 1e-8 * energy2
    if is_close.any():
        quotient = np.where(is_close, -sigma * (1 + slope / 2), quotient)
        difference[is_close] = 1.0
    quotient /= difference
    quotient *= table.weight.take(rows, axis=1)
    integral = quotient.sum(axis=0)

    # On an edge f' is infinite; the logarithm is then that of a Hartree from it.
    distance = abs(energy - binding)
    distance[distance < 1e-9] = 1.0
    integral -= 0.5 * pole / energy * np.log((energy + binding) / distance)
    absorbed = np.where(is_above, energy * sigma, 0.0)
    return (
        2 * _FACTOR * np.add.reduceat(integral, starts),
        _INVERSE_ALPHA / (4 * np.pi) * np.add.reduceat(absorbed, starts),
    )


def _cross_sections(
    table: Orbitals, rows: NDArray[np.intp], ln_kev: Floats
) -> tuple[Floats, Floats]:
    """Return σ, and d ln σ/d ln E, from the parabola through three neighbours in the table."""
    below = np.count_nonzero(table.ln_energy.take(rows, axis=1) < ln_kev, axis=0)
    below = np.clip(below, 1, table.known.take(rows) - 2)
    places = [(below + i) * table.known.size + rows for i in (-1, 0, 1)]
    x0, x1, x2 = (table.ln_energy.take(place) - ln_kev for place in places)
    y0, y1, y2 = (table.ln_sigma.take(place) for place in places)
    first = (y1 - y0) / (x1 - x0)
    second = ((y2 - y1) / (x2 - x1) - first) / (x2 - x0)
    return np.exp(y0 - x0 * (first - x1 * second)), first - (x0 + x1) * second


def _numbers(z: ArrayLike, lowest: int) -> NDArray[np.int64]:
    """Return atomic numbers, checked."""
    given = np.asarray(z)
    if given.dtype.kind in "OTU":
        symbols, places = np.unique(np.array(given.tolist(), np.str_), return_inverse=True)
        numbers = np.array([atomic_number(str(symbol)) for symbol in symbols], np.int64)
        given = numbers[places].reshape(given.shape)
    if given.dtype.kind not in "iu":
        raise CrystalError(f"z must be atomic numbers or symbols of elements, and is {z!r}")
    wrong = given[(given < lowest) | (given > 92)]
    if wrong.size:
        raise CrystalError(
            f"tables of anomalous scattering go from Z = {lowest} to 92, and Z is {wrong[0]}"
            + ("; of H and He it is below 0.001 electrons" if wrong[0] in (1, 2) else "")
        )
    return given.astype(np.int64)


def _energies(energy: ArrayLike) -> Floats:
    """Return energies, checked."""
    ev = np.asarray(energy, np.float64)
    wrong = ev[~((ev >= _LOWEST) & (ev <= _HIGHEST))]
    if wrong.size:
        raise CrystalError(
            f"energies are in eV, from {_LOWEST:g} to {_HIGHEST:g}, and one is {wrong[0]:g}"
            + (
                f"; were keV meant? These are {1000 * wrong[0]:g} eV"
                if 0.1 <= wrong[0] < 100
                else ""
            )
        )
    return ev
