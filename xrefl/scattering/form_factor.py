"""Form factors of atoms for X-rays, electrons and neutrons."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from xrefl.errors import CrystalError
from xrefl.scattering._tables import Kind, table
from xrefl.scattering.elements import SYMBOLS, atomic_number, hint

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["FormFactor", "Kind", "form_factor"]

# "X" in a model is an atom that nobody knows: something of the weight of C, N and O.
_UNKNOWN = "O"
_STATES = ("iso", "val")


@dataclass(frozen=True)
class FormFactor:
    """What one atom at rest scatters: f(s) = Σ aᵢ exp(-bᵢ s²) + c, with s = sin θ/λ.

    `form_factor` looks them up; coefficients of your own make one as well.

    Parameters
    ----------
    a : tuple of float
        Heights of the Gaussians: electrons for X-rays, Å for electrons.
    b : tuple of float
        Their widths in Å².
    c : float
        Constant, in the units of ``a``; for neutrons the scattering length in fm.
    element : str
        Symbol of the element.
    charge : int
        Charge of the ion.
    kind : {"xray", "electron", "neutron"}
        What is scattered.

    Raises
    ------
    CrystalError
        There is not one width for each height, a coefficient is not finite, or the kind is none.

    Examples
    --------
    >>> two_gaussians = FormFactor(a=(3.0, 3.0), b=(30.0, 5.0))
    >>> two_gaussians.sf([0.0, 0.1]).round(3)
    array([6.   , 1.969])
    """

    a: tuple[float, ...] = ()
    b: tuple[float, ...] = ()
    c: float = 0.0
    element: str = "X"
    charge: int = 0
    kind: Kind = "xray"

    def __post_init__(self) -> None:
        _checked(self.kind)
        try:
            for name in ("a", "b"):
                object.__setattr__(self, name, tuple(float(x) for x in getattr(self, name)))
            object.__setattr__(self, "c", float(self.c))
        except (TypeError, ValueError):
            raise CrystalError(
                "a form factor has heights a=(...) and widths b=(...), as many of both, and a "
                f"number c, not a={self.a!r}, b={self.b!r}, c={self.c!r}"
            ) from None
        if len(self.a) != len(self.b):
            raise CrystalError(
                f"a form factor of {self.element} has {len(self.a)} heights a and {len(self.b)} "
                "widths b: there must be as many of both"
            )
        if not all(map(math.isfinite, (*self.a, *self.b, self.c))):
            raise CrystalError(
                f"coefficients of the form factor of {self.element} are not finite: "
                f"a={self.a}, b={self.b}, c={self.c}"
            )

    def sf(self, stol2: ArrayLike) -> NDArray[np.float64]:
        """Return f(s), in electrons, Å or fm.

        Parameters
        ----------
        stol2 : array_like
            s² = (sin θ/λ)² = 1/(4 d²), in Å⁻².

        Returns
        -------
        ndarray of float64
            In the shape of ``stol2``.

        Raises
        ------
        CrystalError
            A square is negative.

        Examples
        --------
        >>> form_factor("Fe").sf([0.0, 0.4]).round(4)
        array([25.9904,  9.3036])
        """
        s2 = np.asarray(stol2, np.float64)
        _require_squares(s2, "stol2, (sin θ/λ)²,")
        out = np.full(s2.shape, self.c)
        for height, width in zip(self.a, self.b, strict=True):
            out += height * np.exp(-width * s2)
        return out[()]

    def density_iso(self, r2: ArrayLike, b: float) -> NDArray[np.float64]:
        """Return the density of an isotropic atom, in e/Å³, Å/Å³ or fm/Å³.

        ρ(r) = Σ aᵢ (4π/Bᵢ)^(3/2) exp(-4π² r²/Bᵢ) with Bᵢ = bᵢ + B: the Fourier transform of
        f(s) exp(-B s²). The constant c is a Gaussian with bᵢ = 0.

        Parameters
        ----------
        r2 : array_like
            Squares of distances from the centre, in Å².
        b : float
            The atom's B in Å².

        Returns
        -------
        ndarray of float64
            In the shape of ``r2``.

        Raises
        ------
        CrystalError
            A Gaussian has no width, or less; a square is negative.

        Examples
        --------
        >>> form_factor("Fe").density_iso([0.0, 2.3], 50).round(6)
        array([2.711765, 0.527934])
        """
        r2 = np.asarray(r2, np.float64)
        _require_squares(r2, "r2, the square of a distance,")
        out = np.zeros(r2.shape)
        for height, width in self.gaussians():
            total = width + b
            if not total > 0:
                raise CrystalError(self._no_width(f"B = {b:g} Å²", width))
            out += height * (4 * np.pi / total) ** 1.5 * np.exp(-4 * np.pi**2 / total * r2)
        return out[()]

    def density_aniso(self, r: ArrayLike, u: ArrayLike) -> NDArray[np.float64]:
        """Return the density of an anisotropic atom, in e/Å³, Å/Å³ or fm/Å³.

        ρ(r) = Σ aᵢ (4π)^(3/2) |Bᵢ|^(-1/2) exp(-4π² rᵀ Bᵢ⁻¹ r) with Bᵢ = bᵢ I + 8π² U.

        Parameters
        ----------
        r : array_like
            Vectors from the centre in Å, (..., 3), on Cartesian axes.
        u : array_like
            The atom's U in Å², 11 22 33 12 13 23, on the same axes.

        Returns
        -------
        ndarray of float64
            In the shape of ``r`` without the last axis.

        Raises
        ------
        CrystalError
            A Gaussian has no width, or less, in some direction; or shapes are others.

        Examples
        --------
        >>> r = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
        >>> form_factor("Fe").density_aniso(r, [0.3, 0.5, 0.4, 0, 0, 0.1]).round(4)
        array([1.292 , 2.0674])
        """
        r, u = np.asarray(r, np.float64), np.asarray(u, np.float64)
        if r.shape[-1:] != (3,) or u.shape != (6,):
            raise CrystalError(
                f"r must have the shape (..., 3) and u the shape (6,), not {r.shape} and {u.shape}"
                + ("; of a matrix take 11 22 33 12 13 23" if u.shape == (3, 3) else "")
            )
        matrix = 8 * np.pi**2 * u[[[0, 3, 4], [3, 1, 5], [4, 5, 2]]]
        values, axes = np.linalg.eigh(matrix)
        squares = (r @ axes) ** 2
        out = np.zeros(r.shape[:-1])
        for height, width in self.gaussians():
            total = width + values
            if not (total > 0).all():
                raise CrystalError(self._no_width(f"8π²U = {values.min():g} Å²", width))
            scale = height * (4 * np.pi) ** 1.5 / np.sqrt(total.prod())
            out += scale * np.exp(-4 * np.pi**2 * (squares @ (1 / total)))
        return out[()]

    def gaussians(self) -> list[tuple[float, float]]:
        """Return heights and widths of all Gaussians, the constant among them as one of width 0.

        Examples
        --------
        >>> form_factor("D", "neutron").gaussians()
        [(6.671, 0.0)]
        """
        constant = [(self.c, 0.0)] if self.c else []
        return [*zip(self.a, self.b, strict=True), *constant]

    def normalized(self) -> FormFactor:
        """Return the coefficients a and c times a factor that makes f(0) the number of electrons.

        Tables are off by up to 0.1 %. Z is the atomic number of the element.

        Raises
        ------
        CrystalError
            It is no form factor for X-rays; the element is not known.

        Examples
        --------
        >>> fe = form_factor("Fe")
        >>> print(fe.sf(0).round(4), fe.normalized().sf(0).round(4))
        25.9904 26.0
        """
        if self.kind != "xray":
            raise CrystalError(
                f"the form factor of {self.element} for {self.kind}s is not a number of electrons "
                "at s = 0: only those for X-rays are normalized"
            )
        if self.element == "X":
            raise CrystalError(
                "the number of electrons of an unknown element, 'X', is not known: give the form "
                "factor its element=..."
            )
        factor = (atomic_number(self.element) - self.charge) / (sum(self.a) + self.c)
        return replace(self, a=tuple(factor * x for x in self.a), c=factor * self.c)

    def plus(self, addend: float) -> FormFactor:
        """Return the form factor with something added at all angles, such as f'.

        Raises
        ------
        CrystalError
            It is no real number.

        Examples
        --------
        >>> round(form_factor("Se").plus(-1.42).c, 4)
        1.4209
        """
        if np.iscomplexobj(addend):
            raise CrystalError(
                f"a form factor is real, and what is added is {addend!r}: give f' alone here, and "
                "f' + i f'' as addends of .xtal.structure_factors"
            )
        return replace(self, c=self.c + addend)

    def _no_width(self, what: str, width: float) -> str:
        return (
            f"the density of {self.element} with {what} is infinite: a Gaussian of its form factor "
            f"(b = {width:g} Å²) gets the width {what.split()[0]} + b, which must be positive. Add "
            "a blur to B"
        )


def form_factor(element: str, kind: Kind = "xray", charge: int = 0) -> FormFactor:
    """Look a form factor up.

    X-rays: four Gaussians and a constant (International Tables for Crystallography C, 1992,
    table 6.1.1.4), for atoms to californium and 112 ions, good to s = 2 Å⁻¹ (d = 0.25 Å).
    Electrons: five Gaussians (the same, 2011, table 4.3.2.2), for neutral atoms and s to 2 Å⁻¹.
    Neutrons: bound coherent scattering lengths of the natural elements and of deuterium (V. F.
    Sears, Neutron News 3 (1992) 26; the real part where there is an imaginary one).

    Parameters
    ----------
    element : str
        Symbol as chemists write it, "H" to "Cf". "D" scatters X-rays and electrons as "H" does.
        "X", an unknown atom, is taken for oxygen. For X-rays "H" is that of a bond (Stewart,
        Davidson & Simpson, 1965), "Hiso" that of the free atom, and "Cval", "Sival" are C and Si
        in a bond.
    kind : {"xray", "electron", "neutron"}
        What is scattered.
    charge : int
        Charge of the ion, for X-rays.

    Returns
    -------
    FormFactor
        Not normalized: f(0) for X-rays may be off the number of electrons by 0.1 %.

    Raises
    ------
    CrystalError
        The table has no such atom or ion.

    Examples
    --------
    >>> form_factor("Fe", charge=3).a
    (11.1764, 7.3863, 3.3948, 0.0724)
    >>> form_factor("H", "neutron").c
    -3.739
    """
    entries = table(_checked(kind))
    _require_types(element, charge)
    name = _UNKNOWN if element == "X" else element
    if (name, 0) not in entries:
        raise CrystalError(_missing(name, kind))
    if (name, charge) not in entries:
        raise CrystalError(_missing_ion(name, kind, charge))
    a, b, c = entries[name, charge]
    for state in _STATES:
        name = name.removesuffix(state)
    return FormFactor(a=a, b=b, c=c, element=name, charge=charge, kind=kind)


def _require_types(element: Any, charge: Any) -> None:
    """Refuse what is neither the symbol of an element nor the charge of an ion."""
    if not isinstance(element, str):
        is_number = isinstance(element, int) and 0 < element <= len(SYMBOLS)
        symbol = SYMBOLS[element - 1] if is_number else "Fe"
        raise CrystalError(
            f"an element is given by its symbol, such as {symbol!r}, not {element!r}"
        )
    if not isinstance(charge, int | np.integer):
        raise CrystalError(f"a charge is a whole number, such as 3 for Fe3+, not {charge!r}")


def _checked(kind: Kind) -> Kind:
    """Return the kind, if it is one."""
    if kind not in get_args(Kind):
        names = ", ".join(map(repr, get_args(Kind)))
        raise CrystalError(f"kind must be one of {names}, not {kind!r}")
    return kind


def _require_squares(values: NDArray[np.float64], what: str) -> None:
    wrong = values[values < 0]
    if wrong.size:
        raise CrystalError(f"{what} cannot be negative, and is {wrong[0]:g}")


def _missing(element: str, kind: Kind) -> str:
    """Return why there is no form factor of an element."""
    known = [symbol for symbol in SYMBOLS if (symbol, 0) in table(kind)]
    gaps = [symbol for symbol in SYMBOLS[: SYMBOLS.index(known[-1])] if symbol not in known]
    span = f"from H to {known[-1]}" + (f", without {', '.join(gaps)}" if gaps else "")
    what = {"xray": "X-rays", "electron": "electrons", "neutron": "neutrons"}[kind]
    return (
        f"there is no form factor of element {element!r} for {what}{_ion_meant(element)}: known "
        f"are elements {span}; give a FormFactor of your own for others"
    )


def _ion_meant(element: str) -> str:
    """Return what may have been meant, such as an ion, to be added to a message."""
    ion = re.fullmatch(r"([A-Za-z]{1,2})(\d*)([+-])", element.strip())
    symbol = ion[1].capitalize() if ion else ""
    if ion is None or symbol not in SYMBOLS:
        return hint(element)
    return f" (did you mean {symbol!r} with charge={ion[3].strip('+')}{ion[2] or 1}?)"


def _missing_ion(element: str, kind: Kind, charge: int) -> str:
    """Return why there is no form factor of an ion."""
    if kind != "xray":
        return f"form factors for {kind}s do not depend on charge: leave out charge={charge}"
    known = [f"{q:+d}" for symbol, q in table(kind) if symbol == element and q]
    return (
        f"there is no form factor of {element} with charge {charge:+d}; known are the neutral atom "
        f"and the charges {', '.join(known) or 'none'}"
    )
