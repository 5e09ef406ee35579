"""What there is to tell of reflections: the crystal, the data sets, and each column."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from xrefl.cli._tables import Column

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = [
    "cell_of",
    "columns_table",
    "datasets_table",
    "facts_of",
    "spacegroup_of",
    "texts_table",
]

_STATED = {"title": "title", "entry_id": "entry", "block": "block"}
_MOST_RUNS = 6
_ALIKE = 1e-4


def facts_of(ds: xr.Dataset) -> list[tuple[str, str]]:
    """Return what is stated of reflections as a whole, as names and text."""
    from xrefl.hkl.crystal import is_merged
    from xrefl.hkl.reflections import resolution

    facts = [(name, str(ds.attrs[key])) for key, name in _STATED.items() if ds.attrs.get(key)]
    if others := [one for one in ds.encoding.get("blocks", ()) if one != ds.attrs["block"]]:
        facts.append(("other blocks", ", ".join(others)))
    facts += [("space group", spacegroup_of(ds)), ("unit cell", cell_of(ds))]
    if "wavelength" in ds.attrs:
        facts.append(("wavelength", f"{ds.attrs['wavelength']:g} Å"))
    merged = is_merged(ds)
    count = ds.sizes["hkl" if merged else "obs"]
    if count and "cell" in ds.attrs:
        low, high = resolution(ds)
        facts.append(("resolution", f"{low:.3f} to {high:.3f} Å"))
        possible = _possible(ds, high) if merged and "spacegroup" in ds.attrs else ""
    else:
        possible = ""
    facts.append(("reflections" if merged else "observations", f"{count:,}{possible}"))
    if "batch" in ds.coords and ds["batch"].size:
        facts.append(("batches", batches_of(ds)))
    return facts + [("history", line) for line in ds.attrs.get("history", ())]


def batches_of(ds: xr.Dataset) -> str:
    """Return how many batches there are, and which, as text."""
    numbers = sorted(ds["batch"].values.reshape(-1).tolist())
    phi = ds["batch_phi_start"].values.min(), ds["batch_phi_end"].values.max()
    breaks = [i for i, (one, other) in enumerate(pairwise(numbers), 1) if other != one + 1]
    runs = [numbers[i:j] for i, j in pairwise([0, *breaks, len(numbers)])]
    texts = [f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    if len(texts) > _MOST_RUNS:
        texts = [*texts[: _MOST_RUNS - 1], f"... {texts[-1]}"]
    turned = f", phi {phi[0]:g}° to {phi[1]:g}°" if any(phi) else ""  # 0 stands for not known
    return f"{len(numbers):,}, numbers {', '.join(texts)}{turned}"


def spacegroup_of(ds: xr.Dataset | xr.DataArray) -> str:
    """Return the space group as text."""
    from xrefl.crystal.spacegroup import SpaceGroup
    from xrefl.hkl.rebuild import called

    if "spacegroup" not in ds.attrs:
        return "not stated"
    group = SpaceGroup(ds.attrs["spacegroup"])
    return f"{group.name} (number {group.number})" if group.is_tabulated else called(group)


def cell_of(ds: xr.Dataset | xr.DataArray) -> str:
    """Return the unit cell as text."""
    if "cell" not in ds.attrs:
        return "not stated"
    return "  ".join(f"{one:g}" for one in ds.attrs["cell"]) + "  (Å, degrees)"


def _possible(ds: xr.Dataset, high: float) -> str:
    from xrefl.crystal.generate import count_reflections
    from xrefl.hkl.crystal import crystal

    # The margin keeps the reflection at the limit itself.
    possible = count_reflections(*crystal(ds), high * (1 - 1e-6))
    return f" (the asymmetric unit has {possible:,})"


def datasets_table(ds: xr.Dataset) -> list[Column]:
    """Return the data sets; their cells, if one is not that of the crystal."""
    from xrefl.hkl.datasets import datasets_of

    found = datasets_of(ds)
    columns = [
        Column("id", [str(one.id) for one in found]),
        Column("project", [one.project for one in found]),
        Column("crystal", [one.crystal for one in found]),
        Column("data set", [one.name for one in found]),
        Column("wavelength", [_number(one.wavelength) for one in found], right=True),
    ]
    own = ds.attrs.get("cell")
    others = [one.cell for one in found if one.cell is not None]
    if own is None or any(
        abs(a - b) > _ALIKE for cell in others for a, b in zip(cell, own, strict=True)
    ):
        cells = ["" if one.cell is None else "  ".join(map(_number, one.cell)) for one in found]
        columns.append(Column("unit cell (Å, degrees)", cells))
    return columns


def columns_table(summary: pd.DataFrame) -> list[Column]:
    """Return the columns of numbers, with their data sets where there are some."""
    rows = summary[summary["values"] == ""]
    columns = [
        Column("column", list(map(str, rows.index))),
        Column("type", list(map(str, rows["type"]))),
    ]
    if bool((summary["dataset_id"] != "").any()):
        columns.append(Column("set", list(map(str, rows["dataset_id"]))))
    for name in ("min", "max", "mean"):
        cells = [_number(value, 6) for value in rows[name].astype(float)]
        columns.append(Column(name, cells, right=True))
    missing = [f"{count:,}" if count else "" for count in rows["missing"]]
    columns.append(Column("missing", missing, right=True))
    return columns


def texts_table(summary: pd.DataFrame) -> list[Column] | None:
    """Return the columns of text, None where there are none."""
    texts = summary[summary["values"] != ""]
    if texts.empty:
        return None
    return [
        Column("column", list(map(str, texts.index))),
        Column("values (and how many rows have them)", list(map(str, texts["values"]))),
    ]


def _number(value: float, digits: int = 7) -> str:
    return "" if value != value else f"{value:.{digits}g}"
