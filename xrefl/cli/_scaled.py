"""A model on the scale of data: what was found, and the coefficients of maps."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from xrefl.cli._data_to_scale import naming
from xrefl.cli._streams import outgoing

if TYPE_CHECKING:
    import xarray as xr

    from xrefl.cli._data_to_scale import Data
    from xrefl.models.radii import Radii
    from xrefl.scaling.result import ScalingResult

__all__ = ["Scaled", "by_shell", "of_scaling", "scaled", "write_scaled"]

# Steps of the mask: Å, and parts of dmin.
_SPACING, _STEPS = 0.6, 3
_CELLS = 0.98  # those of model and data may differ by 1 %, and d with them
# Reflections of a shell, and how many shells.
_EACH, _FEWEST, _MOST = 100, 5, 20

# What the columns that are calculated are called in MTZ files, and in mmCIF.
_TAGS = {
    "FC": "F_calc_au",
    "PHIC": "phase_calc",
    "F-model": "pdbx_F_calc_with_solvent",
    "PHIF-model": "pdbx_phase_calc_with_solvent",
    "FWT": "pdbx_FWT",
    "PHWT": "pdbx_PHWT",
    "DELFWT": "pdbx_DELFWT",
    "PHDELWT": "pdbx_DELPHWT",
    "FOM": "fom",
}
_MEASURED = {
    "f": ("FP", "F_meas_au"),
    "sigma": ("SIGFP", "F_meas_sigma_au"),
    "flags": ("FREE", "pdbx_r_free_flag"),
}


class Scaled(NamedTuple):
    """What scaling has given."""

    result: ScalingResult
    maps: xr.Dataset
    sigma_a: xr.Dataset
    solvent: str
    """What to tell of the mask."""


def scaled(
    model: xr.Dataset,
    calc: xr.Dataset,
    data: Data,
    *,
    source: Path,
    radii: Radii | float | None,
    loss: Any,
    fill_missing: bool,
) -> Scaled:
    """Scale structure factors of a model to data, with bulk solvent unless there are no radii.

    Raises
    ------
    XreflError
        As for `xrefl.scale`, `xrefl.models.solvent_mask.solvent_mask` and
        `xrefl.scaling.map_coefficients.map_coefficients_from`; both files are named.
    """
    from xrefl.errors import DroppedWarning
    from xrefl.hkl.select import sel_resolution
    from xrefl.hkl.values import structure_factor
    from xrefl.scaling.map_coefficients import map_coefficients_from
    from xrefl.scaling.scale import scale
    from xrefl.scaling.sigma_a import sigma_a

    ds = data.ds
    with naming(source, data.path):
        f_calc = structure_factor(calc, "F", "PHI")
        f_mask, about = (None, "none, as --no-solvent says")
        if radii is not None:
            f_mask, about = _solvent(model, calc, radii)
        f_obs, sigma = ds[data.f], None if data.sigma is None else ds[data.sigma]
        result = scale(f_obs, sigma, f_calc, f_mask, free=data.free, loss=loss)
        f_total = sel_resolution(result.f_total, dmin=data.dmin)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DroppedWarning)  # what is dropped has been told
            columns = (data.f, data.sigma, f_total)
            maps = map_coefficients_from(ds, *columns, free=data.free, fill_missing=fill_missing)
            agreement = sigma_a(ds, *columns, free=data.free)
    return Scaled(result, maps, agreement, about)


def _solvent(model: xr.Dataset, calc: xr.Dataset, radii: Radii | float) -> tuple[xr.DataArray, str]:
    """Return structure factors of the mask, and what to tell of it."""
    from xrefl.fourier.structure_factors import to_structure_factors
    from xrefl.hkl.reflections import d
    from xrefl.hkl.values import structure_factor
    from xrefl.models.solvent_mask import solvent_fraction, solvent_mask

    dmin = float(d(calc).min()) * _CELLS
    mask = solvent_mask(model, min(_SPACING, dmin / _STEPS), radii=radii)
    f_mask = structure_factor(to_structure_factors(mask, dmin=dmin).load(), "F", "PHI")
    name = radii if isinstance(radii, str) else f"{radii:g} Å"
    points = " x ".join(map(str, mask.shape))
    part = 100 * float(solvent_fraction(mask))
    return f_mask, f"{part:.2f} % of the unit cell; {points} points, radii {name}"


def of_scaling(data: Data, found: Scaled, units: str) -> list[tuple[str, str]]:
    """Return what to tell of data and parameters."""
    from xrefl.scaling.result import B_NAMES

    result = found.result
    errors = result.errors
    b = ", ".join(f"{value:.2f}" for value in result.b_overall)
    b_errors = ", ".join(f"{errors[name]:.2f}" for name in B_NAMES)
    weights = f" and {data.sigma}" if data.sigma else ", all of one weight"
    facts = [
        ("scaled to", f"{data.path}: {data.f}{weights}"),
        ("free set", data.about_free),
        ("solvent", found.solvent),
        ("k_overall", f"{result.k_overall:.5g} ± {errors['k_overall']:.2g}"),
        ("B_overall", f"{b} Å² (11, 22, 33, 12, 13, 23)"),
        ("", f"± {b_errors}"),
    ]
    if "k_sol" in errors:
        facts += [
            ("k_sol", f"{result.k_sol:.4f} ± {errors['k_sol']:.2g} {units}/Å³"),
            ("B_sol", f"{result.b_sol:.1f} ± {errors['b_sol']:.1f} Å²"),
        ]
    if result.loss != "linear":
        facts.append(("loss", result.loss))
    facts.append(("R-work", f"{result.r_factor:.4f} ({result.n:,} reflections)"))
    if result.n_free:
        facts.append(("R-free", f"{result.r_free:.4f} ({result.n_free:,} reflections)"))
    facts.append(("rms", f"{result.rmse:.5g} of {data.f} - F-model"))
    return facts


def by_shell(data: Data, found: Scaled) -> list[str]:
    """Return R factors, sigma_A and figures of merit in shells, as a table.

    sigma_A is that of the map coefficients at the mean 1/d² of the shell.
    """
    import numpy as np
    import xarray as xr

    from xrefl.hkl.crystal import crystal
    from xrefl.hkl.reflections import inv_d2
    from xrefl.statistics._default_shells import default_shells
    from xrefl.statistics.agreement import r_factor
    from xrefl.statistics.means import mean

    f_obs, f_total = xr.align(data.ds[data.f], found.result.f_total, join="left")
    known = f_obs.notnull() & f_total.notnull()
    if data.sigma is not None:
        known &= data.ds[data.sigma] > 0
    rows = np.flatnonzero(known.values)
    ds = xr.Dataset({"obs": f_obs, "calc": abs(f_total), "inv_d2": inv_d2(f_obs)})
    ds = ds.assign(fom=found.maps["FOM"]).isel(hkl=rows)
    free = np.zeros(len(rows), bool) if data.free is None else data.free.values[rows]
    of, everything = crystal(ds), np.ones(len(rows), bool)
    shells = default_shells(
        of.cell,
        of.spacegroup,
        [ds[name].values for name in "hkl"],
        everything,
        each=_EACH,
        fewest=_FEWEST,
        most=_MOST,
    )
    codes = shells.assign(ds).values
    columns: dict[str, list[str]] = {}
    limits = zip(shells.dmax, [*shells.dmin[:-1], shells.max_inv_d2**-0.5], strict=True)
    columns["d/Å"] = [f"{low:.2f} - {high:.2f}" for low, high in limits]
    for name, chosen in (("work", ~free), ("free", free)):
        if not chosen.any():
            continue
        some = ds.isel(hkl=np.flatnonzero(chosen))
        columns[name] = [f"{n:,}" for n in np.bincount(codes[chosen], minlength=len(shells))]
        columns[f"R-{name}"] = [f"{r:.4f}" for r in r_factor(some, "obs", "calc", by=shells).values]
    usable = found.sigma_a.isel(shell=np.isfinite(found.sigma_a["sigma_a"].values))
    at = mean(ds, "inv_d2", by=shells).values
    curve = np.interp(at, usable["inv_d2"].values, usable["sigma_a"].values)
    columns["sigma_A"] = [f"{value:.3f}" for value in curve]
    columns["FOM"] = [f"{value:.3f}" for value in mean(ds, "fom", by=shells).values]
    widths = {name: max(map(len, [name, *texts])) + 2 for name, texts in columns.items()}
    head = "".join(f"{name:>{width}}" for name, width in widths.items())
    return [
        head,
        *(
            "".join(f"{text:>{width}}" for text, width in zip(row, widths.values(), strict=True))
            for row in zip(*columns.values(), strict=True)
        ),
    ]


def write_scaled(
    calc: xr.Dataset, data: Data, found: Scaled, target: Path, *, is_cif: bool, source: Path
) -> list[str]:
    """Write data, structure factors and map coefficients, and return the names of the columns."""
    from xrefl.hkl.rebuild import with_history
    from xrefl.hkl.values import amplitude_phase
    from xrefl.io.mtz.write import to_mtz
    from xrefl.io.refln_cif.write import to_refln_cif

    ds = data.ds
    if data.free is not None and not is_cif and ds[data.flags].dtype.kind not in "fiu":
        ds = ds.assign({data.flags: (~data.free).astype("int32").assign_attrs(mtz_type="I")})
    total = amplitude_phase(found.result.f_total, amplitude="F-model", phase="PHIF-model")
    ours = calc.rename(F="FC", PHI="PHIC")[["FC", "PHIC"]].merge(total).merge(found.maps)
    of_set = {key: value for key, value in ds[data.f].attrs.items() if key == "dataset_id"}
    ds = ds.rename(_names(data, is_cif))
    for name in _TAGS:
        ds = ds.assign({name: ours[name].astype("float32").assign_attrs(of_set)})
    model, measured = source.name, data.path.name
    ds = ds.assign_attrs(title=f"Maps from {measured} and {model}"[:70])
    ds = with_history(
        ds, f"From xrefl sfcalc: map coefficients of {measured} and the model {model}"
    )
    if is_cif:
        ds = ds.rename(_TAGS)
    with outgoing(target) as place:
        (to_refln_cif if is_cif else to_mtz)(ds, place)
    return list(map(str, ds.data_vars))


def _names(data: Data, is_cif: bool) -> dict[str, str]:
    """Return what measured columns are called in the file, where that is not their name."""
    names = {}
    for what, (label, tag) in _MEASURED.items():
        name = getattr(data, what)
        if name is None:
            continue
        from_cif = "cif_tag" in data.ds[name].attrs
        if is_cif != from_cif or name in _TAGS or name in _TAGS.values():
            names[name] = tag if is_cif else label
    return names
