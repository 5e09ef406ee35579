"""``xrefl info``: what is in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from rich.table import Table

__all__ = ["info"]

_LARGE = 2**28


def info(
    file: Annotated[Path | None, typer.Argument(help="An MTZ file, gzipped or not.")] = None,
    example: Annotated[
        str | None, typer.Option(help="Show an example or PDB entry instead, such as 5e5z.")
    ] = None,
) -> None:
    """Show the crystal, the data sets and the columns of a reflection file.

    Example: xrefl info data.mtz
    """
    from xrefl import tutorial
    from xrefl.io.mtz.open import open_mtz

    if (file is None) == (example is None):
        raise typer.BadParameter("give either a FILE or --example NAME")
    path = file if example is None else tutorial.path(example)
    assert path is not None
    large = path.is_file() and path.stat().st_size > _LARGE  # small ones need not wait for dask
    _show(path, open_mtz(path, chunks={} if large else None))


def _show(path: Path, ds: xr.Dataset) -> None:
    from rich.console import Console

    from xrefl.hkl.summary import column_summary

    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(str(path), style="bold")
    for name, value in _facts(ds):
        console.print(f"  {name:<13} {value}")
    if "dataset_id" in ds.coords:
        console.print()
        console.print(_dataset_table(ds))
    console.print()
    console.print(_column_table(column_summary(ds)))


def _facts(ds: xr.Dataset) -> list[tuple[str, str]]:
    from xrefl.crystal.generate import count_reflections
    from xrefl.hkl.crystal import crystal, is_merged
    from xrefl.hkl.reflections import resolution

    cell, group = crystal(ds)
    facts = [("title", ds.attrs["title"])] if ds.attrs.get("title") else []
    facts += [
        ("space group", f"{group.name} (number {group.number})"),
        ("unit cell", "  ".join(f"{number:g}" for number in cell.parameters) + "  (Å, degrees)"),
    ]
    if "wavelength" in ds.attrs:
        facts.append(("wavelength", f"{ds.attrs['wavelength']:g} Å"))
    merged = is_merged(ds)
    count = ds.sizes["hkl" if merged else "obs"]
    if count:
        low, high = resolution(ds)
        facts.append(("resolution", f"{low:.3f} to {high:.3f} Å"))
    if not merged:
        facts.append(("observations", f"{count:,}"))
    elif count:
        # The margin keeps the reflection at the limit itself.
        possible = count_reflections(cell, group, high * (1 - 1e-6))
        facts.append(("reflections", f"{count:,} (the asymmetric unit has {possible:,})"))
    else:
        facts.append(("reflections", "0"))
    if "batch" in ds.coords:
        first, last = ds["batch"].values[[0, -1]]
        phi = ds["batch_phi_start"].values[0], ds["batch_phi_end"].values[-1]
        facts.append(
            (
                "batches",
                f"{ds.sizes['batch']:,}, numbers {first} to {last}, phi {phi[0]:g}° to {phi[1]:g}°",
            )
        )
    facts += [("history", line) for line in ds.attrs.get("history", ())]
    return facts


def _dataset_table(ds: xr.Dataset) -> Table:
    from xrefl.hkl.datasets import datasets_of

    table = _table("id", "project", "crystal", "data set", "wavelength")
    for one in datasets_of(ds):
        wavelength = "" if one.wavelength != one.wavelength else f"{one.wavelength:g}"
        _add_row(table, str(one.id), one.project, one.crystal, one.name, wavelength)
    return table


def _column_table(summary: pd.DataFrame) -> Table:
    table = _table("column", "type", "set", "min", "max", "mean", "missing")
    for column in table.columns[3:]:
        column.justify = "right"
    for label, row in summary.iterrows():
        numbers = (float(row[name]) for name in ("min", "max", "mean"))
        _add_row(
            table,
            str(label),
            str(row["type"]),
            str(row["dataset_id"]),
            *("" if number != number else f"{number:.6g}" for number in numbers),
            f"{row['missing']:,}" if row["missing"] else "",
        )
    return table


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    return table


def _add_row(table: Table, *cells: str) -> None:
    from rich.text import Text

    table.add_row(*map(Text, cells))  # as it is: a name may have brackets in it
