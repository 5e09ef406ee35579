"""Flags of the free set in a file: which they are, and how the sets are spread."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from xrefl.cli._tables import Column

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["by_shell", "flags_named", "flags_of", "of_flags", "with_flags"]

_SHELLS = 10
_MOST_SETS = 3
_CIF, _CCP4, _PHENIX = "pdbx_r_free_flag", "FreeR_flag", "R-free-flags"


def flags_named(
    path: Path, ds: xr.Dataset, label: str | None, *, needed: bool = False
) -> str | None:
    """Return the name of the column of flags; None if there is none, unless it is needed.

    Raises
    ------
    FormatError
        The column is not of whole numbers.
    MissingColumnError
        A column is needed, and there is none.
    """
    from xrefl.errors import FormatError, MissingColumnError
    from xrefl.hkl.find import free_flag

    if label is None:
        try:
            return str(free_flag(ds).name)
        except MissingColumnError as error:
            if needed:
                raise MissingColumnError(f"{path}: {error}") from None
            return None
    if label not in ds.data_vars:
        if needed:
            raise MissingColumnError(
                f"{path}: there is no column {label}; the columns are "
                f"{', '.join(map(str, ds.data_vars))}"
            )
        return None
    if ds[label].dtype.kind not in "fiub" or ds[label].attrs.get("mtz_type", "I") != "I":
        raise FormatError(f"{path}: {label} is no column of flags; give another label")
    return label


def flags_of(ds: xr.Dataset, name: str | None) -> xr.DataArray:
    """Return flags with what is known of their convention; those of text become numbers."""
    import numpy as np
    import xarray as xr

    from xrefl.hkl.find import free_flag, with_convention

    assert name is not None
    if ds[name].dtype.kind in "fiub":
        return with_convention(ds[name])
    flags = free_flag(ds)  # the column status of a CIF file
    known = np.isin(flags.values, ["o", "f"])
    values = np.where(known, (flags.values != "f").astype(float), np.nan)
    attrs = {"mtz_type": "I", "free_value": 0, "free_value_reason": "f in status is the free set"}
    return xr.DataArray(values, flags.coords, flags.dims, _CIF, attrs)


def with_flags(
    ds: xr.Dataset, flags: xr.DataArray, label: str | None, *, phenix: bool
) -> tuple[xr.Dataset, str]:
    """Return reflections with flags, and the name of their column.

    The column ``status`` of a CIF file tells the free set, too, and is made to agree.

    Parameters
    ----------
    ds : Dataset
        Merged reflections.
    flags : DataArray
        Of the same reflections, with ``free_value``, if it is known.
    label : str, optional
        Of the column.
    phenix : bool
        Whether it is called as in Phenix, if there is no label.
    """
    import numpy as np
    import xarray as xr

    from_cif = any("cif_tag" in one.attrs for one in ds.data_vars.values())
    name = label if label not in (None, "status") else None
    name = name or (_CIF if from_cif else _PHENIX if phenix else _CCP4)
    attrs = {"mtz_type": "I", "long_name": "free flag"}
    if name in ds.data_vars:
        attrs |= {k: v for k, v in ds[name].attrs.items() if not k.startswith("free_value")}
    if from_cif and name == _CIF:
        attrs["cif_tag"] = f"_refln.{_CIF}"
    result = ds.assign({name: xr.Variable("hkl", flags.values, attrs)})
    free = flags.attrs.get("free_value")
    if "status" in ds.data_vars and ds["status"].dtype.kind in "UTO" and free is not None:
        status = ds["status"]
        told = np.where(flags.values == free, "f", "o")
        values = np.where(status.isin(["o", "f"]).values, told, status.values)
        new = xr.Variable("hkl", values.astype(status.dtype), status.attrs)
        result = result.assign(status=new)
    return result, name


def of_flags(ds: xr.Dataset, flags: xr.DataArray) -> list[tuple[str, str]]:
    """Return what to tell of flags."""
    import numpy as np

    from xrefl.hkl.crystal import crystal

    values = flags.values[flags.notnull().values]
    found, counts = np.unique(values, return_counts=True)
    facts = [("flags", str(flags.name))]
    free = flags.attrs.get("free_value")
    if free is None:
        facts.append(("free set", str(flags.attrs["free_value_reason"]).split(" (set attrs")[0]))
    else:
        size = int((values == free).sum())
        part = f"{100 * size / max(values.size, 1):.1f} %"
        facts.append(("free set", f"{free:g}: {size:,} of {values.size:,} reflections, {part}"))
    sizes = f"{counts.min():,} to {counts.max():,} reflections" if counts.size else "none"
    listed = ", ".join(f"{value:g}" for value in found[:_MOST_SETS])
    more = f", ... {found[-1]:g}" if found.size > _MOST_SETS else ""
    facts.append(("sets", f"{found.size}: {listed}{more}, of {sizes}"))
    if missing := flags.size - values.size:
        facts.append(("without", f"{missing:,} reflections have no flag"))
    if {"cell", "spacegroup"} <= ds.attrs.keys() and crystal(ds):
        facts.append(("mates", _mates(ds, flags)))
    return facts


def _mates(ds: xr.Dataset, flags: xr.DataArray) -> str:
    """Return whether mates by the symmetry of the lattice have one flag, as text."""
    import numpy as np

    from xrefl.crystal.lattice import lattice_symmetry
    from xrefl.hkl._mates import class_keys, merged_indices
    from xrefl.hkl.crystal import crystal

    known = flags.notnull().values
    lattice = lattice_symmetry(*crystal(ds))
    hkl = tuple(index[known] for index in merged_indices(ds))
    _, first, number = np.unique(class_keys(hkl, lattice), return_index=True, return_inverse=True)
    values = flags.values[known]
    apart = len(np.unique(number[values != values[first][number]]))
    if apart:
        return (
            f"{apart:,} times mates by the symmetry of the lattice have different flags: the free "
            "set is not independent if the crystal is twinned"
        )
    return "all mates by the symmetry of the lattice have one flag"


def by_shell(ds: xr.Dataset, flags: xr.DataArray) -> list[Column]:
    """Return a table of the free set by shells of resolution."""
    import numpy as np

    from xrefl.hkl.reflections import resolution
    from xrefl.statistics.shells import shells as shells_of

    free = flags.attrs.get("free_value")
    known = flags.notnull().values
    shells = shells_of(ds, min(_SHELLS, max(1, ds.sizes["hkl"] // 20)))
    number = shells.assign(ds).values
    count = len(shells.dmin)
    totals = np.bincount(number[known], minlength=count)
    ones = np.bincount(number[known & (flags.values == free)], minlength=count)
    low, high = resolution(ds)
    edges = [low, *shells.dmin[:-1], high]
    columns = [
        Column("d/Å", [f"{one:.2f}-{other:.2f}" for one, other in pairwise(edges)]),
        Column("flagged", [f"{one:,}" for one in totals], right=True),
    ]
    if free is not None:
        share = [f"{100 * a / b:.1f}" if b else "" for a, b in zip(ones, totals, strict=True)]
        columns += [
            Column("free", [f"{one:,}" for one in ones], right=True),
            Column("%", share, right=True),
        ]
    return columns
