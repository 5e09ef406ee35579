"""Calculated structure factors beside those of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from xrefl.cli._files import number

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["OBSERVED", "Columns", "amplitude", "columns_of", "comparison", "differences", "named"]

# What columns of measured values are called; the first that is there is taken.
OBSERVED = (
    *("FP", "FOBS", "F", "F_meas_au", "F_meas", "F_squared_meas"),
    *("IMEAN", "I", "intensity_meas"),
    *("FC", "F_calc", "F_calc_au", "FWT", "pdbx_FWT"),
)
_LISTED = 10


class Columns(NamedTuple):
    """Labels of what is compared; amplitudes may be those of intensities."""

    f: str
    phi: str | None


def named(text: str, option: str = "--compare", second: str = "PHI") -> tuple[Path, list[str]]:
    """Return the file and the labels of ``DATA:F,PHI``, in which labels may be left out.

    Raises
    ------
    BadParameter
        There are more than two labels, or an empty one.

    Examples
    --------
    >>> named("data.mtz:FP")[1], named("data.mtz")[1]
    (['FP'], [])
    """
    path, colon, labels = text.rpartition(":")
    if not colon or Path(text).exists():
        return Path(text), []
    names = labels.split(",")
    if not path or len(names) > 2 or not all(names):
        raise typer.BadParameter(f"{option} takes DATA, DATA:F or DATA:F,{second}, not {text!r}")
    return Path(path), names


def columns_of(path: Path, ds: xr.Dataset, labels: list[str]) -> Columns:
    """Return which columns of a file are compared, by label or by the names in `OBSERVED`.

    Raises
    ------
    FormatError
        A column is of something else than its place says.
    MissingColumnError
        There is no such column.
    """
    from xrefl.errors import FormatError, MissingColumnError

    present = ", ".join(map(str, ds.data_vars))
    names = labels or [name for name in OBSERVED if name in ds.data_vars][:1]
    if not names:
        raise MissingColumnError(
            f"{path}: there is none of {', '.join(OBSERVED)}; the columns are {present}. Name one, "
            f"--compare {path}:LABEL"
        )
    f, phi = names[0], names[1] if len(names) > 1 else None
    for name, types, what in ((f, "FGJK", "amplitudes or intensities"), (phi, "P", "phases")):
        if name is None:
            continue
        if name not in ds.data_vars:
            raise MissingColumnError(
                f"{path}: there is no column {name}; the columns are {present}"
            )
        if (found := ds[name].attrs.get("mtz_type")) not in set(types):
            raise FormatError(f"{path}: {name} is not a column of {what}; its MTZ type is {found}")
    return Columns(f, phi)


def comparison(
    ds: xr.Dataset, columns: Columns, calc: xr.Dataset
) -> tuple[xr.Dataset, list[tuple[str, str]]]:
    """Compare calculated structure factors with columns for the same reflections.

    Returns
    -------
    Dataset
        Reflections with both values: ``F``, ``calc`` (on the scale of F) and ``difference``.
    list of tuple
        What to tell: k = Σ F FC / Σ FC², which makes Σ (F - k FC)² least; R = Σ |F - k FC| / Σ F;
        their correlation; the root of the mean of (F - k FC)²; and means of the differences of
        phases, from 0 to 180°, plain and weighted by F.

    Raises
    ------
    FormatError
        There is nothing to compare.
    """
    import numpy as np

    from xrefl.errors import FormatError
    from xrefl.statistics.agreement import correlation, r_factor

    values = ds[columns.f].astype(np.float64)
    what = amplitude(ds, columns)
    own_f = _own(columns.f, "FC")
    left_out = {"without a value": int((values.isnull() | calc["F"].isnull().variable).sum())}
    if what != columns.f:
        left_out["not positive"] = int((values <= 0).sum())
        values = values.where(values > 0) ** 0.5
    both = calc.assign(F=values.variable, calc=calc["F"].variable)
    if columns.phi is not None:
        both = both.assign(phase=ds[columns.phi].variable)
    known = (both["F"].notnull() & both["calc"].notnull()).values
    dim = both["F"].dims[0]
    both = both.isel({dim: np.flatnonzero(known)})
    if not (both["F"] > 0).any() or not (both["calc"] > 0).any():
        raise FormatError(f"no reflection has values of {columns.f} and of the model, except zeros")
    f, own = both["F"].values, both["calc"].values
    k = float((f * own).sum() / (own**2).sum())
    both = both.assign(calc=both["calc"] * k)
    both = both.assign(difference=both["F"] - both["calc"])
    rms = float((both["difference"] ** 2).mean() ** 0.5)
    why = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items() if count)
    facts = [
        ("common", f"{known.sum():,} reflections" + (f" ({why})" if why else "")),
        ("scale", f"k = {k:.5g}: {what} = k {own_f} by least squares"),
        ("R factor", f"{float(r_factor(both, 'F', 'calc')):.4f}"),
        ("correlation", f"{float(correlation(both, 'F', 'calc')['cc']):.4f}"),
        ("rms", f"{number(rms, float(f.max()))} of {what} - k {own_f}"),
    ]
    if columns.phi is not None:
        off = abs((both["phase"] - both["PHI"] + 180) % 360 - 180)
        weighted = float((off * f).sum() / both["F"].where(off.notnull()).sum())
        labels = f"{columns.phi} and {_own(columns.phi, 'PHIC')}"
        text = f"{labels} differ by {float(off.mean()):.2f}° in the mean"
        facts.append(("phases", f"{text}, {weighted:.2f}° weighted by {what}"))
    return both, facts


def _own(label: str, name: str) -> str:
    """Return the name of values of the model, beside a column that may be called so, too."""
    return f"{name} (model)" if label == name else name


def amplitude(ds: xr.Dataset, columns: Columns) -> str:
    """Return what the amplitudes of a column are called: those of intensities are roots."""
    from xrefl.statistics.intensity import is_amplitude

    return columns.f if is_amplitude(ds[columns.f]) else f"√{columns.f}"


def differences(both: xr.Dataset, what: str) -> list[str]:
    """Return a table of the largest differences between amplitudes, called as given, and k FC."""
    import numpy as np

    from xrefl.hkl.reflections import d

    rows = np.argsort(-abs(both["difference"].values), kind="stable")[:_LISTED]
    table = {name: both[name].values[rows] for name in ("h", "k", "l", "F", "calc", "difference")}
    spacing = d(both).values[rows]
    width = max(14, len(what) + 2)
    own = _own(what, "FC")
    own_width = max(12, len(own) + 4)
    heading = f"{what:>{width}}{'k ' + own:>{own_width}}{'difference':>12}"
    lines = [f"{'h':>5}{'k':>5}{'l':>5}{'d/Å':>9}{heading}"]
    for i in range(len(rows)):
        hkl = "".join(f"{table[name][i]:>5}" for name in "hkl")
        own_value = f"{table['calc'][i]:>{own_width}.5g}"
        values = f"{table['F'][i]:>{width}.5g}{own_value}{table['difference'][i]:>+12.5g}"
        lines.append(f"{hkl}{spacing[i]:>9.3f}{values}")
    return lines
