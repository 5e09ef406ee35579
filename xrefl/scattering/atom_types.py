"""The distinct form factors of many atoms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from xrefl.errors import CrystalError, CrystalWarning, warn_caller
from xrefl.scattering._tables import table
from xrefl.scattering.elements import require_element
from xrefl.scattering.form_factor import FormFactor, Kind, form_factor

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["form_factors"]

# Charges are small; this is more than there are.
_MOST = 128


def form_factors(
    elements: ArrayLike,
    charges: ArrayLike | None = None,
    kind: Kind = "xray",
    *,
    use_charge: bool = False,
    normalized: bool = False,
    replaced: Mapping[str, FormFactor] | None = None,
) -> tuple[list[FormFactor], NDArray[np.int32]]:
    """Look up the form factors of atoms, each distinct one once.

    Charges in files of models are often formal ones, and are not used unless ``use_charge`` is
    set. An ion that is not in the table then counts as the neutral atom, with a warning;
    ``charge`` of the form factor says so, too.

    Parameters
    ----------
    elements : array_like of str
        Symbols, (n,). "X" is taken for oxygen, unless replaced.
    charges : array_like of int, optional
        Charges, (n,).
    kind : {"xray", "electron", "neutron"}
        What is scattered.
    use_charge : bool
        Use form factors of ions, for X-rays.
    normalized : bool
        Scale tabulated form factors for X-rays to the number of electrons at s = 0.
    replaced : mapping of str to FormFactor, optional
        Form factors of your own for elements, whatever the charge. They are not normalized.

    Returns
    -------
    types : list of FormFactor
        Distinct form factors.
    index : ndarray of int32
        For each atom its place in the list, (n,).

    Raises
    ------
    CrystalError
        An element is not in the table; charges are asked for where there are none; a form factor
        is given that is of another kind, or of what is neither among the atoms nor an element.

    Warns
    -----
    CrystalWarning
        Ions are not in the table.

    Examples
    --------
    >>> types, index = form_factors(["C", "O", "C"])
    >>> [one.element for one in types], index
    (['C', 'O'], array([0, 1, 0], dtype=int32))
    """
    replaced = replaced or {}
    symbols, index = np.unique(np.atleast_1d(np.asarray(elements, np.str_)), return_inverse=True)
    for element, other in replaced.items():
        _require_own(element, other, kind, symbols.tolist())
    codes = index.astype(np.int64) * (2 * _MOST) + _MOST
    if use_charge:
        codes += _charges(charges, kind, len(index))
    found, index = np.unique(codes, return_inverse=True)
    types: dict[FormFactor, int] = {}
    places, unknown = [], []
    for code in found.tolist():
        element, charge = str(symbols[code // (2 * _MOST)]), code % (2 * _MOST) - _MOST
        if element in replaced:
            one = replace(replaced[element], element=element)
        else:
            known = (element, charge) in table(kind)
            if charge and not known:
                unknown.append(f"{element}{abs(charge)}{'+' if charge > 0 else '-'}")
            one = form_factor(element, kind, charge if known else 0)
            one = one.normalized() if normalized else one
        places.append(types.setdefault(one, len(types)))
    if unknown:
        warn_caller(
            f"there are no form factors of the ions {', '.join(unknown)}, which count as neutral "
            "atoms",
            CrystalWarning,
        )
    return list(types), np.array(places, np.int32)[index]


def _require_own(element: str, own: FormFactor, kind: Kind, symbols: Sequence[str]) -> None:
    """Refuse what cannot be the form factor of an element."""
    if not isinstance(own, FormFactor):
        raise CrystalError(
            f"the form factor given for {element} is {own!r}; make it with xrefl.form_factor or "
            "xrefl.FormFactor"
        )
    if own.kind != kind:
        raise CrystalError(
            f"the form factor given for {element} is one for {own.kind}, and {kind} was asked for: "
            f"make it with kind={kind!r}"
        )
    if element not in symbols:
        require_element(element)


def _charges(charges: ArrayLike | None, kind: Kind, n: int) -> NDArray[np.int64]:
    """Return the charges, where they can be used."""
    if kind != "xray":
        raise CrystalError(
            f"form factors for {kind}s do not depend on charge: leave use_charge out"
        )
    if charges is None:
        raise CrystalError("use_charge was asked for, and no charges are given")
    given = np.broadcast_to(np.asarray(charges, np.float64), n)
    wrong = given[~((given == np.rint(given)) & (np.abs(given) < _MOST))]
    if wrong.size:
        raise CrystalError(f"a charge of {wrong[0]:g} is not that of an ion")
    return given.astype(np.int64)
