"""What there is to tell of an atomic model."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["facts_of_model"]

_STATED = {"title": "title", "entry_id": "entry", "block": "block"}


def facts_of_model(model: xr.Dataset) -> list[tuple[str, str]]:
    """Return crystal, atoms and displacements of a model, as names and text."""
    import numpy as np

    from xrefl.cli._info_facts import cell_of, spacegroup_of

    facts = [(name, str(model.attrs[key])) for key, name in _STATED.items() if model.attrs.get(key)]
    facts += [("space group", spacegroup_of(model)), ("unit cell", cell_of(model))]
    if "wavelength" in model.attrs:
        facts.append(("wavelength", f"{model.attrs['wavelength']:g} Å"))
    if (models := np.unique(model["model"].values)).size > 1:
        facts.append(("models", f"{models.size}"))
    facts.append(("atoms", f"{model.sizes['atom']:,}"))
    for name, heading in (("element", "elements"), ("chain", "chains")):
        found, counts = np.unique(model[name].values, return_counts=True)
        order = np.argsort(-counts, kind="stable") if name == "element" else range(found.size)
        if any(found.tolist()):
            facts.append((heading, ", ".join(f"{found[i]} {counts[i]:,}" for i in order)))
    b = model["b_iso"].values
    if b.any():
        facts.append(("B factors", f"{b.min():.2f} to {b.max():.2f} Å², mean {b.mean():.2f}"))
    if anisotropic := int(np.isfinite(model["u_aniso"].values[:, 0]).sum()):
        facts.append(("anisotropic", f"{anisotropic:,} atoms"))
    return facts
