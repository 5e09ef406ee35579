"""What an object holds, in a few lines: for ``print(ds.xtal)`` and notebooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Literal, NamedTuple

import numpy as np
import xarray as xr

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.generate import count_reflections
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalMismatchError, XreflError
from xrefl.hkl.crystal import merged_index, space_group, unit_cell
from xrefl.hkl.datasets import datasets_of
from xrefl.hkl.reflections import spacing

__all__ = ["Kind", "Summary", "kind_of", "summarize"]

Kind = Literal["merged", "unmerged", "model", "map", "grid", "other"]
Object = xr.Dataset | xr.DataArray
Fact = tuple[str, str]

_TITLES: dict[Kind, str] = {
    "merged": "Merged reflections",
    "unmerged": "Unmerged observations",
    "model": "Atomic model",
    "map": "Map",
    "grid": "Reciprocal grid",
    "other": "Neither reflections, a map nor a model",
}
_MOST_VALUES = 20_000_000  # looked at in some tens of milliseconds
_MOST_NAMES = 6


class Summary(NamedTuple):
    """A title, facts (name and text), and a table of columns (name, type, meaning, values)."""

    title: str
    facts: list[Fact]
    columns: list[tuple[str, str, str, str]]

    def __str__(self) -> str:
        """Return lines of text, the table aligned."""
        width = max((len(name) for name, _ in self.facts), default=0)
        lines = [self.title, *(f"  {name:<{width}}  {text}" for name, text in self.facts)]
        if self.columns:
            widths = [max(map(len, cells)) for cells in zip(*self.columns, strict=True)]
            lines.append("")
            for row in self.columns:
                cells = (cell.ljust(size) for cell, size in zip(row, widths, strict=True))
                lines.append("  " + "  ".join(cells).rstrip())
        return "\n".join(lines)


def kind_of(obj: Object) -> Kind:
    """Tell by the dimensions what an object is."""
    dims = set(obj.dims)
    if "atom" in dims:
        return "model"
    if {"x", "y", "z"} <= dims:
        return "map"
    if {"h", "k", "l"} <= dims:
        return "grid"
    if "hkl" in dims:
        return "merged"
    return "unmerged" if "obs" in dims else "other"


def summarize(obj: Object) -> Summary:
    """Return what there is to say of reflections, a grid, a map or a model.

    Nothing is read from a file or computed by dask for it, except headers.

    Examples
    --------
    >>> import xrefl
    >>> print(summarize(xrefl.tutorial.open("5e5z")[["FP", "SIGFP"]]))
    Merged reflections
      space group  P 1 21 1 (number 4)
      unit cell    9.643 9.609 19.029 Å, 90 101.224 90°
      resolution   18.67 to 1.66 Å
      reflections  441 of 441 in the asymmetric unit (100 %)
    <BLANKLINE>
      FP     F  structure factor amplitude  float32, not read
      SIGFP  Q  standard deviation          float32, not read
    """
    kind = kind_of(obj)
    cell, group, facts = _crystal(obj, kind)
    if kind in ("merged", "unmerged"):
        facts += _of_reflections(obj, kind, cell, group)
    elif kind == "model":
        facts += _of_model(obj)
    elif kind != "other":
        facts += _of_grid(obj, kind, cell)
    dim = {"merged": "hkl", "unmerged": "obs"}.get(kind)
    columns = list(_columns(obj, dim)) if dim else []
    return Summary(_TITLES[kind], facts, columns)


def in_memory(array: xr.DataArray) -> bool:
    """Tell whether values are at hand, and not in a file or still to be calculated."""
    return bool(array.variable._in_memory)


def _crystal(obj: Object, kind: Kind) -> tuple[UnitCell | None, SpaceGroup | None, list[Fact]]:
    if kind == "other" and not {"cell", "spacegroup"} & set(obj.attrs):
        return None, None, []
    cell: UnitCell | None = None
    group: SpaceGroup | None = None
    try:
        group = space_group(obj)
        group_text = f"{group.name} (number {group.number})"
    except CrystalMismatchError as error:
        return None, None, [("crystal", str(error))]
    except XreflError:
        group_text = "not known"
    try:
        cell = unit_cell(obj)
        numbers = [f"{number:g}" for number in cell.parameters]
        cell_text = f"{' '.join(numbers[:3])} Å, {' '.join(numbers[3:])}°"
    except CrystalMismatchError as error:
        return None, None, [("crystal", str(error))]
    except XreflError:
        cell_text = "not known"
    return cell, group, [("space group", group_text), ("unit cell", cell_text)]


def _miller(obj: Object, kind: Kind) -> tuple[np.ndarray, ...] | None:
    """Return h, k and l if they are at hand."""
    if kind == "merged":
        try:
            return merged_index(obj).miller
        except XreflError:
            return None
    if not all(name in obj.coords and in_memory(obj[name]) for name in "hkl"):
        return None
    return tuple(obj[name].values for name in "hkl") if obj["h"].size <= _MOST_VALUES else None


def _of_reflections(
    obj: Object, kind: Kind, cell: UnitCell | None, group: SpaceGroup | None
) -> Iterator[Fact]:
    count = obj.sizes["hkl" if kind == "merged" else "obs"]
    miller = _miller(obj, kind)
    known = cell.inv_d2(miller) if cell is not None and miller is not None else np.empty(0)
    known = known[known > 0]
    if known.size:
        low, high = spacing(float(known.min())), spacing(float(known.max()))
        yield "resolution", f"{low:.2f} to {high:.2f} Å"
    if kind == "unmerged":
        yield "observations", f"{count:,}"
        if "batch" in obj.coords and obj["batch"].ndim == 1 and obj["batch"].size:
            yield "batches", f"{obj['batch'].size:,}"
    else:
        possible = 0
        if known.size and cell is not None and group is not None:
            # The margin keeps the reflection at the limit itself.
            possible = count_reflections(cell, group, high * (1 - 1e-6))
        share = f" of {possible:,} in the asymmetric unit ({_percent(count, possible)})"
        yield "reflections", f"{count:,}{share if 0 < count <= possible else ''}"
    for name in ("dataset", "friedel"):
        if name in obj.dims:
            labels = obj[name].values.tolist() if name in obj.coords else range(obj.sizes[name])
            yield f"along {name!r}", _shortened(map(str, labels))
    if isinstance(obj, xr.Dataset):
        yield from _data_sets(obj)


def _percent(count: int, possible: int) -> str:
    """Return a share, never rounded up to all of it."""
    return "100 %" if count == possible else f"{1000 * count // max(possible, 1) / 10:.1f} %"


def _data_sets(ds: xr.Dataset) -> Iterator[Fact]:
    if any(ds[name].chunks for name in ds.coords if "dataset_id" in ds[name].dims):
        return
    for one in datasets_of(ds):
        if one.id == 0 and one.name in ("", "HKL_base"):
            continue
        names = ", ".join(name for name in (one.project, one.crystal, one.name) if name)
        wavelength = f", {one.wavelength:g} Å" if one.wavelength > 0 else ""
        yield "data set", f"{one.id}: {names}{wavelength}"


def _of_model(model: Object) -> Iterator[Fact]:
    yield "atoms", f"{model.sizes['atom']:,}"
    for name, key in (("elements", "element"), ("chains", "chain")):
        if key in getattr(model, "variables", ()) and in_memory(model[key]):
            counts = Counter(map(str, model[key].values.tolist()))
            if set(counts) - {""}:
                yield (
                    name,
                    _shortened(f"{label} {count:,}" for label, count in counts.most_common()),
                )


def _of_grid(obj: Object, kind: Kind, cell: UnitCell | None) -> Iterator[Fact]:
    axes = "xyz" if kind == "map" else "hkl"
    yield "points", " × ".join(str(obj.sizes[axis]) for axis in axes)
    whole = obj.attrs.get("grid")
    if whole is not None and kind == "map":
        if tuple(whole) != tuple(obj.sizes[axis] for axis in axes):
            yield "the cell has", " × ".join(map(str, whole))
        if cell is not None:
            steps = (size / n for size, n in zip(cell.parameters[:3], whole, strict=True))
            yield "spacing", " × ".join(f"{step:.2f}" for step in steps) + " Å"
    if isinstance(obj, xr.DataArray) and kind == "map":
        if in_memory(obj) and 0 < obj.size <= _MOST_VALUES and obj.dtype.kind == "f":
            mean, sigma = float(obj.mean()), float(obj.std())
            mean = mean if abs(mean) > 1e-6 * sigma else 0.0  # F(000) is not there
            low, high = float(obj.min()), float(obj.max())
            yield "values", f"mean {mean:.4g}, σ {sigma:.4g}, from {low:.4g} to {high:.4g}"
        elif not in_memory(obj):
            yield "values", _state(obj)


def _columns(obj: Object, dim: Hashable) -> Iterator[tuple[str, str, str, str]]:
    arrays = obj.data_vars.values() if isinstance(obj, xr.Dataset) else [obj]
    for array in arrays:
        if dim not in array.dims:
            continue
        units = f" ({array.attrs['units']})" if array.attrs.get("units") else ""
        meaning = f"{array.attrs.get('long_name', '')}{units}"
        kind = str(array.attrs.get("mtz_type", ""))
        yield str(array.name or ""), kind, meaning, f"{array.dtype}, {_state(array)}"


def _state(array: xr.DataArray) -> str:
    if array.chunks is not None:
        return "dask"
    if not in_memory(array):
        return "not read"
    if array.dtype.kind not in "fc" or array.size > _MOST_VALUES:
        return "in memory"
    missing = int(np.isnan(array.values).sum())
    return f"{missing:,} missing" if missing else "none missing"


def _shortened(labels: Iterator[str]) -> str:
    names = list(labels)
    if len(names) <= _MOST_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[: _MOST_NAMES - 1])}, ... {names[-1]} ({len(names):,} in all)"
