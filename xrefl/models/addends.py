"""What is added to form factors at all angles: anomalous scattering, and the charge of nuclei."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import xarray as xr

from xrefl.errors import CrystalError, MissingColumnError
from xrefl.scattering.anomalous import HC, cromer_liberman
from xrefl.scattering.elements import atomic_number, require_element

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AnomalousAddends", "addend_of_types", "addends", "nuclear_charges"]

Source = Literal["cromer_liberman", "tabulated", "chantler", "file"]


class AnomalousAddends(dict[str, complex]):
    """f' + i f'' of X-rays by element, in electrons: nothing to be added for other radiation."""


_UNKNOWN_Z = 8  # "X" scatters as oxygen does
_LIGHTEST = 3  # f' and f'' of hydrogen and helium are below 0.001 electrons


def addends(
    model: xr.Dataset, *, wavelength: float | None = None, source: Source = "cromer_liberman"
) -> dict[str, complex]:
    """Return f' + i f'' of the elements of a model, to be added to their form factors.

    Parameters
    ----------
    model : Dataset
        Along ``atom``, as `xrefl.open_model` gives it.
    wavelength : float, optional
        Å; by default ``model.attrs["wavelength"]``.
    source : {"cromer_liberman", "tabulated", "chantler", "file"}
        As for `xrefl.cromer_liberman`; or take those of a small-molecule CIF, which are
        ``dispersion_real`` and ``dispersion_imag`` and of the wavelength of the file.

    Returns
    -------
    dict of str to complex
        In electrons, 0 for H, D and He. For f' alone, take the real parts. They are of X-rays: with
        another ``kind`` they are refused.

    Raises
    ------
    CrystalError
        The wavelength is not known, or not positive; an element is not in the tables, or the file
        has no or several values for it.
    MissingColumnError
        The model is not from a file that gives them.

    Examples
    --------
    >>> import xrefl
    >>> model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    >>> anomalous = model.xtal.addends(wavelength=1.5418)
    >>> {element: complex(round(f.real, 3), round(f.imag, 3)) for element, f in anomalous.items()}
    {'C': (0.018+0.009j), 'N': (0.031+0.018j), 'O': (0.049+0.032j)}
    >>> calc = model.xtal.structure_factors([(1, 1, 1)], addends=anomalous)
    """
    if "element" not in model.variables:
        raise MissingColumnError(
            "the model has no variable 'element'; xrefl.open_model gives all that are needed"
        )
    elements = sorted({str(symbol) for symbol in model["element"].values.tolist()}, key=_protons)
    if source not in get_args(Source):
        names = ", ".join(map(repr, get_args(Source)))
        raise CrystalError(f"source must be one of {names}, not {source!r}")
    if source == "file":
        return _of_file(model, elements, wavelength)
    known: Any = model.attrs.get("wavelength") if wavelength is None else wavelength
    if known is None:
        raise CrystalError(
            "the wavelength is not known: the file does not give it; use wavelength=..., in Å"
        )
    if not (isinstance(known, float | int | np.number) and math.isfinite(known) and known > 0):
        raise CrystalError(f"the wavelength must be a positive number of Å, not {known!r}")
    if not 100 <= HC / known <= 1e6:
        meant = ""
        if 100 <= known <= 1e6:
            meant = f"; was an energy in eV meant? wavelength=xrefl.HC / {known:g}"
        raise CrystalError(
            f"f' and f'' are tabulated for wavelengths from {HC / 1e6:.3g} to {HC / 100:.3g} Å, "
            f"not for {known:g} Å{meant}"
        )
    protons = np.array([_protons(symbol) for symbol in elements])
    heavy = protons[protons >= _LIGHTEST]
    fp, fpp = cromer_liberman(heavy, HC / known, source=source)
    found = dict(zip(heavy.tolist(), np.ravel(fp + 1j * fpp).tolist(), strict=True))
    return AnomalousAddends(
        (symbol, found.get(number, 0j))
        for symbol, number in zip(elements, protons.tolist(), strict=True)
    )


def _of_file(
    model: xr.Dataset, elements: list[str], wavelength: float | None
) -> dict[str, complex]:
    """Return the values of the loop of atom types, for the elements of atoms of these types."""
    needed = ("atom_type", "dispersion_real", "dispersion_imag", "type_symbol")
    missing = [name for name in needed if name not in model.variables]
    if missing:
        raise MissingColumnError(
            "the model has no f' and f'' of its file (_atom_type_scat_dispersion_real and _imag): "
            f"no {', '.join(missing)}. Use source='cromer_liberman'"
        )
    stated = model.attrs.get("wavelength")
    if wavelength is not None and wavelength != stated:
        raise CrystalError(
            f"f' and f'' of a file are of its own wavelength, {stated} Å, not {wavelength} Å; "
            "leave wavelength out, or use source='cromer_liberman'"
        )
    values = model["dispersion_real"].values + 1j * model["dispersion_imag"].values
    of_type = dict(zip(model["atom_type"].values.tolist(), values.tolist(), strict=True))
    found: dict[str, set[complex]] = {symbol: set() for symbol in elements}
    pairs = zip(model["element"].values.tolist(), model["type_symbol"].values.tolist(), strict=True)
    for element, symbol in dict.fromkeys(pairs):
        value = of_type.get(symbol, complex("nan"))
        if not np.isfinite(value):
            raise CrystalError(
                f"the file gives no f' and f'' of {symbol or element}; add them, or use "
                "source='cromer_liberman'"
            )
        found[element].add(value)
    for element, several in found.items():
        if len(several) > 1:
            raise CrystalError(
                f"the file gives several f' + i f'' of {element}: "
                f"{', '.join(map(str, sorted(several, key=abs)))}; choose one, "
                f"addends={{{element!r}: ...}}"
            )
    return AnomalousAddends((element, value.pop()) for element, value in found.items())


def nuclear_charges(symbols: Sequence[str], *, except_hydrogen: bool = False) -> dict[str, float]:
    """Return minus the number of protons of each element, the addends of the Mott-Bethe formula.

    Examples
    --------
    >>> nuclear_charges(["C", "H"], except_hydrogen=True)
    {'C': -6.0, 'H': 0.0}
    """
    return {
        symbol: 0.0 if except_hydrogen and symbol in ("H", "D") else -float(_protons(symbol))
        for symbol in symbols
    }


def _protons(symbol: str) -> int:
    return _UNKNOWN_Z if symbol == "X" else atomic_number(symbol)


def addend_of_types(
    symbols: Sequence[str], addends: Mapping[str, complex] | None
) -> NDArray[np.complex128]:
    """Return the addend of each element in a list, 0 where there is none.

    Raises
    ------
    CrystalError
        An addend is of no element, is no finite number, or they are no mapping.
    """
    given = {} if addends is None else addends
    if not isinstance(given, Mapping):
        raise CrystalError(
            "addends must be numbers by element, {'Se': -1.4 + 0.7j}, as .xtal.addends() gives "
            f"them, not {given!r}"
        )
    for symbol, value in given.items():
        if not isinstance(symbol, str):
            raise CrystalError(f"addends are by symbols of elements, such as 'Se', not {symbol!r}")
        if symbol not in symbols:
            require_element(symbol)
        if not _is_finite(value):
            raise CrystalError(
                f"the addend of {symbol} is {value!r}; give a finite number, in electrons for "
                "X-rays"
            )
    return np.array([given.get(symbol, 0.0) for symbol in symbols], np.complex128)


def _is_finite(value: Any) -> bool:
    return isinstance(value, numbers.Complex) and bool(np.isfinite(value))  # type: ignore[call-overload]
