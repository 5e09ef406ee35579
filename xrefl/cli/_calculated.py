"""Calculated structure factors: what to tell of them, and how they are written."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xrefl.cli._streams import outgoing

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "checked",
    "grid_used",
    "of_reflections",
    "require_reflections",
    "table",
    "unique",
    "write",
]

_ROUNDING = 1e-9


def write(
    calc: xr.Dataset,
    target: Path,
    *,
    is_cif: bool,
    source: Path,
    radiation: str,
    wavelength: float | None,
) -> None:
    """Write structure factors of a model as FC and PHIC, or with the tags of mmCIF for these."""
    from xrefl.hkl.rebuild import with_history
    from xrefl.io.mtz.write import to_mtz
    from xrefl.io.refln_cif.write import to_refln_cif

    single = calc.astype("float32", keep_attrs=True)
    ds = single.assign_attrs(title=f"Structure factors of the model {source.name}")
    if wavelength is not None:
        ds = ds.assign_attrs(wavelength=wavelength)
    ds = ds.assign_coords(_data_sets(ds, wavelength))
    ds = ds.assign({name: ds[name].assign_attrs(dataset_id=1) for name in ("F", "PHI")})
    ds = with_history(ds, f"From xrefl sfcalc: FC and PHIC of the model {source.name}, {radiation}")
    with outgoing(target) as place:
        if is_cif:
            f = "F_calc" if calc["F"].attrs["units"] == "e" else "F_calc_au"
            to_refln_cif(ds.rename(F=f, PHI="phase_calc"), place)
        else:
            to_mtz(ds.rename(F="FC", PHI="PHIC"), place)


def _data_sets(ds: xr.Dataset, wavelength: float | None) -> dict[str, Any]:
    """Return HKL_base and the data set "model", which calculated columns are of."""
    from xrefl.hkl.datasets import DatasetInfo, dataset_coords

    cell = tuple(ds.attrs["cell"])
    own = DatasetInfo(1, "model", "model", "model", cell)
    if wavelength is not None:
        own.wavelength = wavelength
    return dataset_coords([DatasetInfo(0, "HKL_base", "HKL_base", "HKL_base", cell), own])


def unique(observations: xr.Dataset) -> xr.Dataset:
    """Return the distinct reflections of observations, in the CCP4 asymmetric unit."""
    import numpy as np
    import xarray as xr

    from xrefl.hkl.asu import to_asu
    from xrefl.hkl.crystal import crystal
    from xrefl.hkl.index import HKLIndex

    of = crystal(observations)
    moved = to_asu(observations)
    columns = np.unique(np.stack([moved[one].values for one in "hkl"]), axis=1)
    index = HKLIndex.from_miller(*columns, cell=of.cell.parameters, spacegroup=of.spacegroup.name)
    return xr.Dataset(coords=index.coordinates())


def require_reflections(calc: xr.Dataset, dmin: float | None) -> None:
    """Refuse to report or write nothing.

    Raises
    ------
    FormatError
        There are no reflections.
    """
    from xrefl.errors import FormatError

    if not calc["F"].size:
        limit = "" if dmin is None else f" with d >= {dmin:g} Å"
        raise FormatError(f"no reflections{limit}")


def of_reflections(calc: xr.Dataset) -> list[tuple[str, str]]:
    """Return what to tell of the reflections."""
    import numpy as np

    from xrefl.hkl.reflections import d

    spacings = d(calc).values
    facts = [("reflections", f"{spacings.size:,}")]
    if (finite := spacings[np.isfinite(spacings)]).size:  # not so of 0 0 0
        facts.append(("resolution", f"{finite.max():.3f} to {finite.min():.3f} Å"))
    return facts


def grid_used(
    model: xr.Dataset, calc: xr.Dataset, scattering: dict[str, Any], grid: dict[str, Any]
) -> str:
    """Return the grid of a transform as text."""
    from xrefl.hkl.reflections import d
    from xrefl.models.sampling import sampling
    from xrefl.models.scatterers import scatterers

    finest = min(float(d(calc).min()), max(model.attrs["cell"][:3])) * (1 - _ROUNDING)
    used = sampling(scatterers(model, **scattering), finest, size=None, **({"cutoff": 1.0} | grid))
    return f"transform of {' x '.join(map(str, used.size))} points, blur {used.blur:.5g} Å²"


def table(calc: xr.Dataset) -> list[str]:
    """Return reflections as a table; those that are absent by symmetry are marked so."""
    from xrefl.hkl.reflections import absent, d

    units = calc["F"].attrs["units"]
    lines = [f"{'h':>5}{'k':>5}{'l':>5}{'d/Å':>9}{'FC/' + units:>14}{'PHIC/°':>10}"]
    columns = [calc[name].values.tolist() for name in ("h", "k", "l")]
    values = [one.values.tolist() for one in (d(calc), calc["F"], calc["PHI"])]
    rows = zip(*columns, *values, absent(calc).values.tolist(), strict=True)
    for h, k, l, spacing, f, phi, is_absent in rows:
        value = f"{'absent':>14}" if is_absent else f"{f:>14.4f}{phi:>10.2f}"
        lines.append(f"{h:>5}{k:>5}{l:>5}{spacing:>9.3f}{value}")
    return lines


def checked(
    model: xr.Dataset, calc: xr.Dataset, calculate: Callable[..., xr.Dataset]
) -> list[tuple[str, str]]:
    """Return how well and how fast the two methods calculate the same reflections."""
    import numpy as np

    from xrefl.hkl.values import structure_factor

    found, seconds = {}, {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what there is to say of the model has been said
        for method in ("direct", "fft"):
            # functions are compiled when they are first called, which is not to be timed
            calculate(model.isel(atom=slice(0, 1)), [(1, 0, 0)], method)
            start = time.perf_counter()
            f = calculate(model, calc, method)
            seconds[method] = time.perf_counter() - start
            found[method] = structure_factor(f, "F", "PHI").values
    known = np.isfinite(found["direct"])
    direct, off = abs(found["direct"][known]), abs(found["fft"] - found["direct"])[known]
    if not direct.any():
        return [("fft - direct", "nothing to compare: there is no F but 0")]
    rms = np.sqrt((off**2).sum() / (direct**2).sum())
    return [
        ("fft - direct", f"rms {rms:.2e} of F, at most {off.max():.2e} {calc['F'].units}"),
        ("time", f"direct {seconds['direct']:.3g} s, fft {seconds['fft']:.3g} s"),
    ]
