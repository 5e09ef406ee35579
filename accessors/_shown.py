"""What ``ds.xtal`` shows of itself, and which names it offers for completion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["names_for", "shown_html", "shown_text"]

_CRYSTAL = {"cell", "spacegroup", "assign_crystal"}
_MODEL = {"structure_factors", "density", "solvent_mask", "matthews", "addends"}
_MAP = {
    *("box_around", "complete_cell", "interpolate", "mask_around", "normalize", "plot"),
    *("solvent_fraction", "statistics", "symmetrize", "to_ccp4", "to_grid"),
    "to_structure_factors",
}
_GRID = {"d", "inv_d2", "to_map", "to_structure_factors"}
_UNMERGED = {
    *("batch_statistics", "dose_statistics", "fit_error_model", "merge", "merge_with_statistics"),
    *("merging_statistics", "outliers", "to_asu_hkl", "to_original_hkl"),
}
_MERGED = {
    *("add", "delta_cc_half", "extend_free_flags", "make_free_flags", "map_coefficients"),
    *("map_coefficients_from", "pairwise_correlation", "pairwise_r_factor", "reindex_sets"),
    *("resolve_ambiguity", "sigma_a", "stack_friedel", "unstack_friedel"),
}


def names_for(obj: xr.Dataset | xr.DataArray, names: Iterable[str]) -> list[str]:
    """Return the names that make sense for an object, without private ones.

    Models, maps and grids have what is listed here; reflections have all but what is listed for
    others.
    """
    from xrefl.hkl.describe import kind_of

    public = [name for name in names if name.startswith("__") or not name.startswith("_")]
    kind = kind_of(obj)
    if kind == "other":
        return public
    if kind in ("model", "map", "grid"):
        own = {"model": _MODEL, "map": _MAP, "grid": _GRID}[kind] | _CRYSTAL
        return [name for name in public if name in own or name.startswith("__")]
    others = _MODEL | (_UNMERGED if kind == "merged" else _MERGED)
    if not hasattr(obj, "data_vars"):  # one column
        others = others | (_MAP | _GRID) - {"d", "inv_d2", "plot"}
    return [name for name in public if name not in others]


def shown_text(obj: xr.Dataset | xr.DataArray) -> str:
    """Return the crystal and the columns as lines of text."""
    from xrefl.hkl.describe import summarize

    return str(summarize(obj))


def shown_html(obj: xr.Dataset | xr.DataArray) -> str:
    """Return the crystal and the columns as HTML."""
    from xrefl._html import details, facts, table
    from xrefl.hkl.describe import summarize

    title, rows, columns = summarize(obj)
    if not columns:
        return facts(title, rows)
    count = f"{len(columns)} column{'s' if len(columns) > 1 else ''}"
    return facts(title, rows, details(count, table(columns), shown=len(columns) <= 20))
