"""``xrefl sfcalc``: an atomic model as structure factors, or as a map of its density."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xrefl.cli._atoms import RADIATION, atoms_of, of_atoms, of_charges
from xrefl.cli._calculated import (
    checked,
    grid_used,
    of_reflections,
    require_reflections,
    table,
    unique,
    write,
)
from xrefl.cli._command import Quiet
from xrefl.cli._comparison import amplitude, columns_of, comparison, differences, named
from xrefl.cli._data_to_scale import data_of, naming, reflections_of
from xrefl.cli._density import write_density
from xrefl.cli._files import (
    check_suffix,
    numbers,
    report,
    require_apart,
    require_wavelength,
)
from xrefl.cli._radii import radii_of
from xrefl.cli._scaled import by_shell, of_scaling, scaled, write_scaled
from xrefl.cli._sfcalc_options import (
    CALCULATION,
    BlurRule,
    Cutoff,
    Kind,
    Loss,
    Method,
    Rate,
    Source,
    grid_of,
    indices_of,
    require_scaling,
    require_sense,
)

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["sfcalc"]

_MAPS = (".ccp4", ".map", ".mrc")
_WHICH, _SCALING, _MODEL = "Which reflections", "Scaling to data", "Model"
_SCATTERING = "Scattering"
_USUAL: dict[str, Any] = {"rate": 1.5, "blur": "auto"}


def sfcalc(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="Atoms: PDB, mmCIF or small-molecule CIF; - is the standard input.",
        ),
    ],
    target: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT",
            help="FC and PHIC (.mtz or .cif), or the density (.ccp4, .map, .mrc); also .gz; - is "
            "the standard output, as MTZ.",
        ),
    ] = None,
    to_mtz: Annotated[
        Path | None, typer.Option("--to-mtz", metavar="OUT.mtz", help="The same as OUT.")
    ] = None,
    dmin: Annotated[
        float | None,
        typer.Option(
            help="All reflections with d >= DMIN (Å), or those of the file that is named.",
            rich_help_panel=_WHICH,
        ),
    ] = None,
    hkl: Annotated[
        list[str] | None,
        typer.Option(
            "--hkl",
            metavar="H,K,L",
            help="One reflection, to print; may be repeated.",
            rich_help_panel=_WHICH,
        ),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            "--for", metavar="DATA", help="The reflections of this file.", rich_help_panel=_WHICH
        ),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(
            metavar="DATA:F,PHI",
            help="The reflections of this file, and how well these columns, or F alone, agree "
            "with the model.",
            rich_help_panel=_WHICH,
        ),
    ] = None,
    scale_to: Annotated[
        str | None,
        typer.Option(
            "--scale-to",
            metavar="DATA:F,SIGF",
            help="The reflections of this file; the model is scaled to these columns (F alone: "
            "all weigh the same), and OUT has coefficients of maps, too.",
            rich_help_panel=_WHICH,
        ),
    ] = None,
    radii: Annotated[
        str | None,
        typer.Option(
            metavar="SET",
            help="Radii of atoms that keep solvent out: vdw (default), cctbx, refmac, or one in Å.",
            rich_help_panel=_SCALING,
        ),
    ] = None,
    no_solvent: Annotated[
        bool,
        typer.Option("--no-solvent", help="Leave bulk solvent out.", rich_help_panel=_SCALING),
    ] = False,
    loss: Annotated[
        Loss,
        typer.Option(
            metavar="LOSS",
            help="What is made least: linear, the squares; soft_l1, huber or cauchy, which "
            "outliers matter less to; l1, the absolute values.",
            rich_help_panel=_SCALING,
        ),
    ] = Loss.linear,
    free: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL",
            help="Column of free flags; default: FREE and the like, if there is one.",
            rich_help_panel=_SCALING,
        ),
    ] = None,
    no_free: Annotated[
        bool,
        typer.Option(
            "--no-free", help="Fit all reflections, flags or not.", rich_help_panel=_SCALING
        ),
    ] = False,
    fill_missing: Annotated[
        bool,
        typer.Option(
            "--fill-missing",
            help="Give DFc to reflections that were not observed, to the resolution of the data.",
            rich_help_panel=_SCALING,
        ),
    ] = False,
    number: Annotated[
        int | None,
        typer.Option(
            "--model",
            metavar="N",
            help="Which one, if there are several.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    cell: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C,AL,BE,GA",
            help="Unit cell, if the model has none.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    spacegroup: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Space group, if the model has none.", rich_help_panel=_MODEL
        ),
    ] = None,
    kind: Annotated[
        Kind,
        typer.Option(
            metavar="KIND",
            help="What is scattered: xray, electron, neutron, or mott_bethe (electrons, by form "
            "factors for X-rays).",
            rich_help_panel=_SCATTERING,
        ),
    ] = Kind.xray,
    wavelength: Annotated[
        float | None,
        typer.Option(
            metavar="Å",
            help="Add f' and f'' to the form factors for X-rays.",
            rich_help_panel=_SCATTERING,
        ),
    ] = None,
    origin: Annotated[
        Source | None,
        typer.Option(
            "--source",
            metavar="SOURCE",
            help="Where f' and f'' are from: cromer_liberman (default), tabulated, chantler, or "
            "file, those of the model. Without --wavelength, at that of the model.",
            rich_help_panel=_SCATTERING,
        ),
    ] = None,
    use_charge: Annotated[
        bool,
        typer.Option("--use-charge", help="Use form factors of ions.", rich_help_panel=_SCATTERING),
    ] = False,
    normalized: Annotated[
        bool,
        typer.Option(
            "--normalized",
            help="Scale form factors for X-rays to the number of electrons.",
            rich_help_panel=_SCATTERING,
        ),
    ] = False,
    method: Annotated[
        Method | None,
        typer.Option(
            metavar="METHOD",
            help="direct, the sum over atoms, or fft, the transform of their density; default: "
            "fft for all reflections to --dmin and for --scale-to, else direct.",
            rich_help_panel=CALCULATION,
        ),
    ] = None,
    rate: Rate = None,
    blur: BlurRule = None,
    cutoff: Cutoff = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Tell how transform and sum differ, and time both.",
            rich_help_panel=CALCULATION,
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Calculate amplitudes and phases of an atomic model.

    Only the atoms of the model scatter: there is no bulk solvent, but with
    --scale-to. A map has their density, as blurred as --blur says, with f' but
    not f''.

    --compare DATA takes the first there is of FP, FOBS, F, F_meas_au, F_meas,
    F_squared_meas, IMEAN, I and intensity_meas, then of what is calculated: FC,
    F_calc, F_calc_au, FWT and pdbx_FWT. Of intensities it takes the roots.

    --scale-to DATA takes the first of FP, FOBS, F, F_meas_au and F_meas, and its
    standard deviations. Scale, falloff and bulk solvent are fitted. OUT has the
    data; FC and PHIC, of the atoms alone; F-model and PHIF-model, with all that
    was fitted; FWT and PHWT (2mFo-DFc), DELFWT and PHDELWT (mFo-DFc), and FOM.

    Example: xrefl sfcalc model.pdb --compare data.mtz:FP

    Example: xrefl sfcalc model.pdb maps.mtz --scale-to data.mtz:FP,SIGFP
    """
    if to_mtz is not None:
        if target is not None:
            raise typer.BadParameter("OUT and --to-mtz are the same: give one of them")
        if check_suffix(to_mtz, (".mtz", ".cif"), "what is to be written") == ".cif":
            raise typer.BadParameter("--to-mtz takes a name that ends in .mtz")
        target = to_mtz
    suffixes = (".mtz", ".cif", *_MAPS)
    suffix = "" if target is None else check_suffix(target, suffixes, "what is to be written")
    is_map = suffix in _MAPS
    require_sense(target, is_map, dmin, hkl, like, compare, scale_to, check)
    require_scaling(scale_to, radii, no_solvent, loss, free, no_free, fill_missing, target)
    if kind is not Kind.xray and not (wavelength is None and origin is None):
        raise typer.BadParameter("--wavelength and --source are for X-rays (--kind xray)")
    by_fft = (method or (Method.direct if hkl or like or compare else Method.fft)) is Method.fft
    grid = grid_of(rate, blur, cutoff)
    if grid and not (is_map or by_fft or check):
        raise typer.BadParameter(
            "--rate, --blur and --cutoff are of the transform; choose it with --method fft"
        )
    if is_map and method is not None:
        raise typer.BadParameter("--method is for structure factors; leave it out for a map")
    edges = None if cell is None else numbers(cell, 6, "--cell")
    wanted = None if not hkl else indices_of(hkl)
    require_wavelength(wavelength)
    path, labels = named(compare) if compare is not None else (like, [])
    scaled_to = None if scale_to is None else named(scale_to, "--scale-to", "SIGF")[0]
    require_apart(target, source, path, scaled_to)
    of_solvent = None if no_solvent else radii_of(radii or "vdw")

    from xrefl.models.addends import addends

    model, source = atoms_of(source, number, edges, spacegroup)
    anomalous: dict[str, complex] | None = None
    if wavelength is not None or origin is not None:
        with naming(source):
            anomalous = addends(
                model, wavelength=wavelength, source=(origin or Source.cromer_liberman).value
            )
    scattering: dict[str, Any] = {
        "kind": kind.value,
        "addends": anomalous,
        "use_charge": use_charge,
        "normalized": normalized,
    }
    if is_map:
        assert target is not None and dmin is not None
        if anomalous:
            scattering["addends"] = {one: value.real for one, value in anomalous.items()}
        write_density(source, model, target, dmin, scattering | grid, quiet=quiet)
        return

    from xrefl.errors import CrystalMismatchError
    from xrefl.hkl.crystal import is_merged
    from xrefl.hkl.select import sel_resolution
    from xrefl.models.structure_factors import structure_factors

    measured, data, listed = None, None, None
    if scale_to is not None:
        measured = data_of(
            scale_to, model, flags=free, use_free=not no_free, dmin=dmin, complete=fill_missing
        )
        path, data = measured.path, measured.ds
    elif path is not None:
        data = reflections_of(path, model)
        if dmin is not None:
            with naming(path):
                data = sel_resolution(data, dmin=dmin)
        if target is not None and not is_merged(data):
            listed = unique(data)
    columns = columns_of(path, data, labels) if compare and path and data is not None else None

    used = _USUAL | grid

    def calculate(atoms: xr.Dataset, reflections: Any, method: Any) -> xr.Dataset:
        options = used if method == "fft" else {}
        which: dict[str, Any] = {"dmin": dmin} if reflections is None else {"hkl": reflections}
        try:
            with naming(source):
                return structure_factors(atoms, method=method, **which, **scattering, **options)
        except CrystalMismatchError as error:
            text = str(error).removeprefix(f"{source}: ")
            raise CrystalMismatchError(f"{source} and {path}: {text}") from None

    chosen = wanted if data is None else data
    if compare is None and listed is not None:
        chosen = listed
    how = "fft" if by_fft else "direct"
    calc = calculate(model, chosen, how).load()
    with naming(source if path is None else path):
        require_reflections(calc, dmin)
    tables = [] if wanted is None else [table(calc)]
    facts = [
        *([] if target is None else [("model", str(source))]),
        *of_atoms(model, kind, anomalous),
        *(of_charges(model) if use_charge else []),
        ("method", grid_used(model, calc, scattering, used) if by_fft else "sum over atoms"),
        *of_reflections(calc),
    ]
    if listed is not None and data is not None:
        count = f"{listed.sizes['hkl']:,} unique of {data.sizes['obs']:,} observations"
        facts.append(("written", count))
    if columns is not None and data is not None:
        both, told = comparison(data, columns, calc)
        facts += [("compared with", f"{path}: {' and '.join(filter(None, columns))}"), *told]
        tables.append(["Largest differences:", *differences(both, amplitude(data, columns))])
    if check:
        facts += checked(model, calc, calculate)
    is_cif = suffix == ".cif"
    if measured is not None:
        found = scaled(
            model,
            calc,
            measured,
            source=source,
            radii=of_solvent,
            loss=loss.value,
            fill_missing=fill_missing,
        )
        facts += of_scaling(measured, found, calc["F"].attrs["units"])
        tables.append(by_shell(measured, found))
        if target is not None:
            written = write_scaled(calc, measured, found, target, is_cif=is_cif, source=source)
            facts.append(("columns", ", ".join(written)))
    elif target is not None:
        write(
            calc if listed is None or chosen is listed else calculate(model, listed, how).load(),
            target,
            is_cif=is_cif,
            source=source,
            radiation=RADIATION[kind],
            wavelength=wavelength,
        )
    report(source if target is None else target, facts, quiet=quiet)
    for lines in tables:
        typer.echo("\n".join(["", *lines]), err=str(target) == "-")
