"""What the data are: crystal, data sets, columns, resolution, flags."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.hkl import reflections
from xrefl.hkl.crystal import unit_cell
from xrefl.hkl.summary import column_summary
from xrefl.report.findings import Finding
from xrefl.report.section import Section, Table
from xrefl.report.subject import SIGI, I, Subject
from xrefl.report.words import OWN, count, number, percent, plural

__all__ = ["section"]

KEY, TITLE = "crystal", "Crystal and data"
_FEWEST_FREE, _MOST_FREE, _ENOUGH_FREE = 0.03, 0.15, 500


def section(subject: Subject) -> Section:
    """Return what the data say of themselves."""
    facts = _facts(subject)
    tables = [*_data_sets(subject.given), *([_columns(subject.given)] if subject.is_merged else [])]
    values = _values(subject)
    return Section(
        KEY, TITLE, facts=facts, tables=tables, findings=_findings(subject), values=values
    )


def _facts(subject: Subject) -> list[tuple[str, str]]:
    ds = subject.given
    facts = [("file", subject.name)] if subject.name else []
    facts += [(name, str(ds.attrs[name])) for name in ("title", "entry_id") if ds.attrs.get(name)]
    if "spacegroup" in ds.attrs:
        group = SpaceGroup(ds.attrs["spacegroup"])
        facts.append(("space group", f"{group.name} (number {group.number})"))
    if "cell" in ds.attrs:
        edges = [f"{one:.3f}" for one in ds.attrs["cell"][:3]]
        angles = [f"{one:.2f}" for one in ds.attrs["cell"][3:]]
        facts.append(("unit cell", f"{' × '.join(edges)} Å, {', '.join(angles)}°"))
        facts.append(("volume", f"{number(unit_cell(ds).volume, 0)} Å³"))
    if "wavelength" in ds.attrs:
        facts.append(("wavelength", f"{ds.attrs['wavelength']:.5g} Å"))
    facts.append(("columns", ", ".join(subject.chosen.labels)))
    if subject.statistics is not None:
        facts.append(("observations", _observations(subject.statistics, ds)))
    if subject.has_values:
        low, high = subject.limits
        facts.append(("reflections", count(subject.present.sum())))
        facts.append(("resolution", f"{low:.2f} to {high:.2f} Å"))
    if subject.free is not None:
        facts.append(("free set", _free(subject.free)))
    return facts


def _values(subject: Subject) -> dict[str, Any]:
    ds = subject.given
    values: dict[str, Any] = {"columns": subject.chosen.labels}
    values |= {name: ds.attrs[name] for name in ("spacegroup", "cell") if name in ds.attrs}
    if subject.statistics is not None:
        values["n_observations"] = int(subject.statistics.attrs["n_observations"])
    if subject.has_values:
        values["n_reflections"] = int(subject.present.sum())
        values["dmax"], values["dmin"] = subject.limits
    return values


def _observations(statistics: xr.Dataset, ds: xr.Dataset) -> str:
    merged = int(statistics.attrs["n_observations"])
    return f"{count(merged)} of {count(ds.sizes['obs'])} merged"


def _free(flags: xr.DataArray) -> str:
    return f"{flags.name}: {flags.attrs['free_value_reason']}"


def _data_sets(ds: xr.Dataset) -> list[Table]:
    if "dataset_id" not in ds.coords:
        return []
    rows = []
    for one in range(ds.sizes["dataset_id"]):
        row = ds.isel(dataset_id=one)
        names = [str(row[f"{of}_name"].values) for of in ("project", "crystal", "dataset")]
        cell = "  ".join(f"{edge:.2f}" for edge in row["dataset_cell"].values)
        wavelength = float(row["dataset_wavelength"].values)
        shown = f"{wavelength:.5f}" if wavelength > 0 else "–"
        rows.append([str(int(row["dataset_id"].values)), *names, cell, shown])
    heads = ["id", "project", "crystal", "data set", "unit cell / Å, °", "wavelength / Å"]
    return [Table("Data sets", heads, rows)]


def _columns(ds: xr.Dataset) -> Table:
    summary = column_summary(ds)
    rows = [
        [
            str(name),
            str(row["type"]),
            str(row["holds"] or row["values"]),
            *(_short(row[key]) for key in ("min", "max", "mean")),
            count(row["missing"]),
        ]
        for name, row in summary.iterrows()
    ]
    return Table("Columns", ["label", "type", "holds", "min", "max", "mean", "missing"], rows)


def _short(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else "–"


def _findings(subject: Subject) -> list[Finding]:
    found = []
    if subject.data is None:
        text = "The data do not state a unit cell, so that most of what follows cannot be told."
        found.append(Finding("warning", text))
    elif not subject.has_values:
        found.append(Finding("warning", f"No reflection has a value of {subject.chosen.value}."))
    else:
        found += _of_absences(subject)
        if SIGI in subject.data:
            sigma = subject.data[SIGI].values[subject.present]
            without = int(np.count_nonzero(~(sigma > 0)))
            if without:
                found.append(
                    Finding(
                        "warning",
                        f"{plural(without, 'reflection has', 'reflections have')} a value of "
                        f"{subject.chosen.value} but no positive {subject.chosen.sigma}.",
                        without,
                        "0",
                        OWN,
                    )
                )
    if subject.free is not None:
        found += _of_free_set(subject.free)
    return found


def _of_absences(subject: Subject) -> list[Finding]:
    absent = reflections.absent(subject.merged).values & np.isfinite(subject.merged[I].values)
    n = int(absent.sum())
    if not n:
        return []
    text = (
        f"{plural(n, 'reflection', 'reflections')} of the data "
        f"{'is' if n == 1 else 'are'} absent in the space group of the file, and left out."
    )
    return [Finding("note", text, n)]


def _of_free_set(flags: xr.DataArray) -> list[Finding]:
    if "free_value" not in flags.attrs:
        text = f"Which value of {flags.name} marks the free set cannot be told from its values."
        return [Finding("warning", text)]
    values = flags.values
    known = values != "?" if values.dtype.kind in "UTO" else np.isfinite(values.astype(float))
    free = int(np.count_nonzero(known & (values == flags.attrs["free_value"])))
    fraction = free / max(int(known.sum()), 1)
    odd = not _FEWEST_FREE <= fraction <= _MOST_FREE
    few = free < _ENOUGH_FREE
    text = f"The free set has {plural(free, 'reflection')}, {percent(fraction)} of those flagged."
    if few:
        text = f"{text[:-1]}: few, so that R-free is uncertain."
    return [
        Finding(
            "note" if odd or few else "good",
            text,
            fraction,
            f"{percent(_FEWEST_FREE, 0)} to {percent(_MOST_FREE, 0)}, and at least "
            f"{_ENOUGH_FREE} reflections",
            OWN,
        )
    ]
