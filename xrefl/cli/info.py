"""``xrefl info``: what is in a file of reflections, or in a map."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xrefl.cli._files import number

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from rich.table import Table

__all__ = ["info"]

_LARGE = 2**28
_STATED = {"title": "title", "entry_id": "entry", "block": "block"}


def info(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="An MTZ, CIF or SHELX hkl file, or a CCP4 map; also gzipped. Or a Zarr store or "
            "Parquet file of xrefl."
        ),
    ] = None,
    example: Annotated[
        str | None, typer.Option(help="Show an example or PDB entry instead, such as 5e5z.")
    ] = None,
    block: Annotated[
        str | None, typer.Option(help="The data block of a CIF file; by default the first.")
    ] = None,
) -> None:
    """Show the crystal, the data sets and the columns of a reflection file, or what a map is.

    Example: xrefl info data.mtz
    """
    from xrefl import tutorial
    from xrefl.io.guess import looks_like_map
    from xrefl.io.reflections import open_reflections
    from xrefl.io.source import as_source

    if (file is None) == (example is None):
        raise typer.BadParameter("give either a FILE or --example NAME")
    path = file if example is None else tutorial.path(example)
    assert path is not None
    large = path.is_file() and path.stat().st_size > _LARGE  # small ones need not wait for dask
    if not path.is_dir() and looks_like_map(as_source(path).read(0, 2**8)):
        if block is not None:
            raise typer.BadParameter(f"--block: {path} is a map, which has no data blocks")
        return _show_map(path, chunks={} if large else None)
    options = {} if block is None else {"block": block}
    _show(path, open_reflections(path, chunks={} if large else None, **options))


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
    summary = column_summary(ds)
    console.print(_column_table(summary))
    if (texts := _text_table(summary)) is not None:
        console.print(texts)


def _show_map(path: Path, chunks: dict[str, int] | None) -> None:
    from rich.console import Console

    from xrefl.fourier.coverage import placement
    from xrefl.fourier.statistics import statistics
    from xrefl.io.ccp4.open import open_ccp4

    rho = open_ccp4(path, chunks=chunks)
    place = placement(rho)
    facts = [
        ("space group", _spacegroup(rho)),
        ("unit cell", _cell(rho)),
        ("points", _by(place.size)),
    ]
    if place.size != place.grid or any(place.start):
        first = ", ".join(map(str, place.start))
        facts.append(("part of", f"a cell of {_by(place.grid)} points, from ({first}) on"))
    if "cell" in rho.attrs:
        steps = (edge / n for edge, n in zip(rho.attrs["cell"], place.grid, strict=False))
        facts.append(("steps", " x ".join(f"{step:.3f}" for step in steps) + " Å"))
    if "origin" in rho.attrs:
        facts.append(("origin", "  ".join(f"{one:g}" for one in rho.attrs["origin"]) + "  (Å)"))
    found = {name: float(value) for name, value in statistics(rho).compute().items()}
    names = {"min": "minimum", "max": "maximum", "mean": "average", "rms": "sigma"}
    values = (f"{name} {number(found[key], found['sigma'])}" for name, key in names.items())
    facts.append(("values", ", ".join(values)))
    if missing := rho.size - int(found["points"]):
        facts.append(("missing", f"{missing:,} points"))
    facts += [("label", line) for line in rho.attrs.get("labels", ())]
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(str(path), style="bold")
    for name, value in facts:
        console.print(f"  {name:<13} {value}")


def _by(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size))


def _facts(ds: xr.Dataset) -> list[tuple[str, str]]:
    from xrefl.hkl.crystal import is_merged
    from xrefl.hkl.reflections import resolution

    facts = [(name, str(ds.attrs[key])) for key, name in _STATED.items() if ds.attrs.get(key)]
    if others := [one for one in ds.encoding.get("blocks", ()) if one != ds.attrs["block"]]:
        facts.append(("other blocks", ", ".join(others)))
    facts += [("space group", _spacegroup(ds)), ("unit cell", _cell(ds))]
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


def _spacegroup(ds: xr.Dataset | xr.DataArray) -> str:
    from xrefl.crystal.spacegroup import SpaceGroup

    if "spacegroup" not in ds.attrs:
        return "not stated"
    group = SpaceGroup(ds.attrs["spacegroup"])
    return f"{group.name} (number {group.number})"


def _cell(ds: xr.Dataset | xr.DataArray) -> str:
    if "cell" not in ds.attrs:
        return "not stated"
    return "  ".join(f"{one:g}" for one in ds.attrs["cell"]) + "  (Å, degrees)"


def _possible(ds: xr.Dataset, high: float) -> str:
    from xrefl.crystal.generate import count_reflections
    from xrefl.hkl.crystal import crystal

    # The margin keeps the reflection at the limit itself.
    possible = count_reflections(*crystal(ds), high * (1 - 1e-6))
    return f" (the asymmetric unit has {possible:,})"


def _dataset_table(ds: xr.Dataset) -> Table:
    from xrefl.hkl.datasets import datasets_of

    table = _table("id", "project", "crystal", "data set", "wavelength")
    for one in datasets_of(ds):
        wavelength = "" if one.wavelength != one.wavelength else f"{one.wavelength:g}"
        _add_row(table, str(one.id), one.project, one.crystal, one.name, wavelength)
    return table


def _column_table(summary: pd.DataFrame) -> Table:
    """Return a table of the columns of numbers, with their data sets where there are some."""
    with_sets = bool((summary["dataset_id"] != "").any())
    names = ["column", "type", *(["set"] if with_sets else []), "min", "max", "mean", "missing"]
    table = _table(*names)
    for column in table.columns[-4:]:
        column.justify = "right"
    for label, row in summary[summary["values"] == ""].iterrows():
        numbers = (float(row[name]) for name in ("min", "max", "mean"))
        _add_row(
            table,
            str(label),
            str(row["type"]),
            *([str(row["dataset_id"])] if with_sets else []),
            *("" if number != number else f"{number:.6g}" for number in numbers),
            f"{row['missing']:,}" if row["missing"] else "",
        )
    return table


def _text_table(summary: pd.DataFrame) -> Table | None:
    """Return a table of the columns of text, None where there are none."""
    texts = summary[summary["values"] != ""]
    if texts.empty:
        return None
    table = _table("column", "values (and how many rows have them)")
    for label, row in texts.iterrows():
        _add_row(table, str(label), str(row["values"]))
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
