"""What statistics are called in pictures, and which are drawn in per cent."""

from __future__ import annotations

from typing import NamedTuple

import xarray as xr

__all__ = ["PERCENT", "Quantity", "common_label", "quantity"]

PERCENT = "%"
"""Unit of fractions that are drawn in per cent."""

# Short names: those in attrs["long_name"] are whole sentences.
_KNOWN = {
    "n_observations": "observations",
    "n_unique": "unique reflections",
    "n_observed": "observed reflections",
    "n_possible": "possible reflections",
    "n_pairs": "Friedel pairs",
    "n_repeated": "reflections observed twice or more",
    "multiplicity": "multiplicity",
    "anomalous_multiplicity": "anomalous multiplicity",
    "mean_intensity": "⟨I⟩",
    "i_over_sigma": "⟨I/σ(I)⟩",
    "i_over_sigma_observed": "⟨I/σ(I)⟩, observations",
    "chi_square": "χ²",
    "scale": "scale",
    "cc": "CC",
    "cc_half": "CC$_{1/2}$",
    "cc_star": "CC*",
    "cc_anom": "CC$_\\mathrm{anom}$",
    "cc_half_random": "CC$_{1/2}$, random halves",
    "cc_anom_random": "CC$_\\mathrm{anom}$, random halves",
    "cc_half_without": "CC$_{1/2}$ without",
    "delta_cc_half": "ΔCC$_{1/2}$",
    "anomalous_signal": "⟨|ΔI|/σ(ΔI)⟩",
    "sig_ano": "⟨|ΔF|/σ(ΔF)⟩",
}
_IN_PERCENT = {
    "completeness": "completeness",
    "anomalous_completeness": "anomalous completeness",
    "r_factor": "R",
    "r_merge": "R$_\\mathrm{merge}$",
    "r_meas": "R$_\\mathrm{meas}$",
    "r_pim": "R$_\\mathrm{pim}$",
    "rcp": "R$_\\mathrm{cp}$",
    "rd": "R$_\\mathrm{d}$",
}


class Quantity(NamedTuple):
    """What is drawn."""

    label: str
    """What it is called."""
    unit: str
    """Empty if it has none."""


def quantity(variable: xr.DataArray) -> Quantity:
    """Return what a statistic is called in a picture, and its unit."""
    name = "" if variable.name is None else str(variable.name)
    if name in _IN_PERCENT:
        return Quantity(_IN_PERCENT[name], PERCENT)
    unit = str(variable.attrs.get("units", ""))
    if name in _KNOWN:
        return Quantity(_KNOWN[name], unit)
    described = str(variable.attrs.get("long_name", ""))
    if described == "mean":  # of a column, as ds.xtal.mean returns it
        return Quantity(f"⟨{name}⟩" if name else "mean", unit)
    return Quantity(described or name or "values", unit)


def common_label(quantities: list[Quantity]) -> str:
    """Return the label of an axis of quantities that have one unit."""
    labels = [one.label for one in quantities]
    shortest = min(labels, key=len)
    alike = all(shortest in label for label in labels)
    names = shortest if alike else ", ".join(dict.fromkeys(labels))
    unit = quantities[0].unit
    return f"{names} / {unit}" if unit and unit != PERCENT else names
