"""The falloff of intensities: Wilson plot and B factor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from xrefl.errors import MillerIndexError
from xrefl.hkl.crystal import space_group, unit_cell
from xrefl.report.figures import Axis, Graph, Series, resolution
from xrefl.report.findings import Finding
from xrefl.report.section import Section
from xrefl.report.subject import I, Subject
from xrefl.report.words import OWN, number
from xrefl.scattering.form_factor import form_factor
from xrefl.statistics.wilson import WilsonResult, wilson

__all__ = ["section"]

KEY, TITLE = "wilson", "Wilson plot"
_DMAX = 4.0
_MATTHEWS, _DALTON = 2.4, 110.0
# Å³ for each atom but hydrogen, of organic molecules; cells below this are theirs.
_SMALL, _OF_ATOM = 8000.0, 18.0


def section(subject: Subject) -> Section:
    """Return the Wilson plot, with the contents of the model or else what the volume suggests."""
    contents, about = _contents(subject)
    found, dmax = _plot(subject.merged, contents)
    plot = found.plot
    fitted_to = "" if dmax is None else f" of reflections with d < {dmax:g} Å"
    text = f"The Wilson B factor is {number(found.b, 1)} ± {number(found.se_b, 1)} Å²."
    negative = found.b < 0
    if negative:
        text = f"{text[:-1]}: a negative B, which means that intensities do not fall off."
    return Section(
        KEY,
        TITLE,
        prose=[
            f"ln(⟨I/ε⟩/Σf²) = ln k - B/(2d²), fitted to shells{fitted_to} (Wilson, 1942, "
            f"Nature 150, 152). {about}"
        ],
        facts=[
            ("B", f"{number(found.b, 2)} ± {number(found.se_b, 2)} Å²"),
            ("scale k", f"{found.scale:.4g}"),
        ],
        values={"b": found.b, "b_error": found.se_b, "scale": found.scale},
        figures=[
            Graph(
                "Wilson plot",
                resolution(),
                Axis("ln(⟨I/ε⟩/Σf²)"),
                [
                    Series.of("shells", plot["inv_d2"].values, plot["ln_ratio"].values,
                              style="points"),
                    Series.of(f"B = {found.b:.1f} Å²", plot["inv_d2"].values,
                              plot["fitted"].values, style="line", color=1),
                ],
            )
        ],
        findings=[Finding("warning" if negative else "note", text, found.b, "above 0", OWN)],
    )  # fmt: skip


def _plot(ds: xr.Dataset, contents: dict[str, Any]) -> tuple[WilsonResult, float | None]:
    try:
        return wilson(ds, I, dmax=_DMAX, **contents), _DMAX
    except MillerIndexError:
        return wilson(ds, I, dmax=None, **contents), None


def _contents(subject: Subject) -> tuple[dict[str, Any], str]:
    """Return what is in the asymmetric unit, and what to tell of it."""
    if subject.model is not None and (atoms := _of_model(subject.model)):
        return {"atoms": atoms}, "The atoms are those of the model."
    ds = subject.merged
    volume = unit_cell(ds).volume / len(space_group(ds).operations)
    if unit_cell(ds).volume < _SMALL:
        atoms = {"C": max(volume / _OF_ATOM, 1.0)}
        return {"atoms": atoms}, (
            f"There is no model, so that contents are taken to be one C for each {_OF_ATOM:g} Å³; "
            "B hardly depends on it, k does."
        )
    residues = max(volume / _MATTHEWS / _DALTON, 1.0)
    return {"residues": residues}, (
        f"There is no model, so that contents are taken to be protein with {_MATTHEWS} Å³/Da, some "
        f"{residues:.0f} residues in the asymmetric unit; B hardly depends on it, k does."
    )


def _of_model(model: xr.Dataset) -> Mapping[str, float]:
    """Return the number of atoms of each element that has a form factor."""
    share = np.asarray(model["occupancy"].values, np.float64)
    if "occupancy_divisor" in model.variables:
        share = share / model["occupancy_divisor"].values
    elements = model["element"].values.astype(str)
    found = {}
    for element in np.unique(elements):
        number_of = float(np.nansum(share[elements == element]))
        try:
            form_factor(str(element))
        except ValueError:
            continue
        if number_of > 0:
            found[str(element)] = number_of
    return found
