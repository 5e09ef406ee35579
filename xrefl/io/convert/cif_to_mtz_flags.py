"""Whether the free set of a CIF file is still the free set in an MTZ file."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping

import numpy as np
import xarray as xr

from xrefl.errors import FormatWarning
from xrefl.hkl.find import free_flag

__all__ = ["check_free_flags"]


def check_free_flags(ds: xr.Dataset, names: Mapping[str, Hashable]) -> None:
    """Compare pdbx_r_free_flag with status, where both are there.

    The dictionary says what the codes of status mean (o: used in refinement, f: free set), but
    not what the numbers of pdbx_r_free_flag do; only the numbers are kept in an MTZ file.

    Parameters
    ----------
    ds : Dataset
        Merged reflections as `xrefl.open_refln_cif` gives them.
    names : mapping
        Names of variables by their lower case.

    Warns
    -----
    FormatWarning
        A number stands for both sets, or readers of the MTZ file would take another number for
        the free set.
    """
    if not {"pdbx_r_free_flag", "status"} <= names.keys():
        return
    numbers = ds[names["pdbx_r_free_flag"]].values
    status = ds[names["status"]].values
    if numbers.dtype.kind not in "iuf" or status.dtype.kind == "f":
        return
    known = ~np.isnan(numbers)
    counts = {}
    for code in "of":
        found, count = np.unique(numbers[known & (status == code)], return_counts=True)
        counts[code] = dict(zip(found.tolist(), count.tolist(), strict=True))
    free, work = counts["f"], counts["o"]
    if not free or not work:
        return
    if mixed := sorted(free.keys() & work.keys()):
        listed = "; ".join(
            f"of those with flag {number:g}, {free[number]:,} have status f and {work[number]:,} o"
            for number in mixed
        )
        _warn(f"contradict each other for {_total(mixed, free, work):,} reflections: {listed}")
        return
    column = xr.Dataset({"FREE": ("hkl", numbers)})
    taken = free_flag(column).attrs.get("free_value")
    if free.keys() != {taken}:
        listed = ", ".join(f"{number:g}" for number in sorted(free))
        choice = "no flag at all" if taken is None else f"flag {taken}"
        _warn(
            f"agree that the free set has flag {listed}, but in an MTZ file xrefl and others would "
            f"take {choice} for it"
        )


def _total(mixed: list[float], free: Mapping[float, int], work: Mapping[float, int]) -> int:
    """Return how many reflections are against the majority of their flag."""
    return sum(min(free[number], work[number]) for number in mixed)


def _warn(what: str) -> None:
    warnings.warn(
        f"pdbx_r_free_flag and status {what}. The MTZ file gets pdbx_r_free_flag; for the free set "
        "of status, leave that line out of the spec",
        FormatWarning,
        stacklevel=4,
    )
