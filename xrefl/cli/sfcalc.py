"""``xrefl sfcalc``: an atomic model as structure factors, or as a map of its density."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xrefl.cli._atoms import RADIATION, atoms_of, of_atoms
from xrefl.cli._calculated import checked, grid_used, of_reflections, table, write
from xrefl.cli._comparison import amplitude, columns_of, comparison, differences, named
from xrefl.cli._files import check_suffix, numbers, report, stream
from xrefl.cli._files import number as short

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["sfcalc"]

_MAPS = (".ccp4", ".map", ".mrc")
_RULES = ("auto", "refmac", "servalcat")
_USUAL: dict[str, Any] = {"rate": 1.5, "blur": "auto"}


class Kind(StrEnum):
    """What is scattered."""

    xray = "xray"
    electron = "electron"
    neutron = "neutron"
    mott_bethe = "mott_bethe"


class Source(StrEnum):
    """Where f' and f'' are from."""

    cromer_liberman = "cromer_liberman"
    tabulated = "tabulated"
    chantler = "chantler"
    file = "file"


class Method(StrEnum):
    """How structure factors are calculated."""

    direct = "direct"
    fft = "fft"


def sfcalc(
    source: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="Atoms: a PDB, mmCIF or small-molecule CIF file."),
    ],
    target: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT",
            help="FC and PHIC (.mtz or .cif), or the density (.ccp4, .map, .mrc); also .gz; - is "
            "the standard output, as MTZ.",
        ),
    ] = None,
    dmin: Annotated[
        float | None,
        typer.Option(help="All reflections with d >= DMIN (Å), or those of --for or --compare."),
    ] = None,
    hkl: Annotated[
        list[str] | None,
        typer.Option("--hkl", metavar="H,K,L", help="One reflection, to print; may be repeated."),
    ] = None,
    like: Annotated[
        Path | None, typer.Option("--for", metavar="DATA", help="The reflections of this file.")
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(
            metavar="DATA:F,PHI",
            help="The reflections of this file, and how well these columns, or F alone, agree "
            "with the model.",
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Tell how transform and sum differ, and time both."),
    ] = False,
    number: Annotated[
        int | None, typer.Option("--model", metavar="N", help="Which one, if there are several.")
    ] = None,
    cell: Annotated[
        str | None,
        typer.Option(metavar="A,B,C,AL,BE,GA", help="Unit cell, if the model has none."),
    ] = None,
    spacegroup: Annotated[
        str | None, typer.Option(metavar="NAME", help="Space group, if the model has none.")
    ] = None,
    kind: Annotated[
        Kind,
        typer.Option(
            metavar="KIND",
            help="What is scattered: xray, electron, neutron, or mott_bethe (electrons, by form "
            "factors for X-rays).",
        ),
    ] = Kind.xray,
    wavelength: Annotated[
        float | None,
        typer.Option(metavar="Å", help="Add f' and f'' to the form factors for X-rays."),
    ] = None,
    origin: Annotated[
        Source | None,
        typer.Option(
            "--source",
            metavar="SOURCE",
            help="Where f' and f'' are from: cromer_liberman (default), tabulated, chantler, or "
            "file, those of the model. Without --wavelength, at that of the model.",
        ),
    ] = None,
    use_charge: Annotated[
        bool, typer.Option("--use-charge", help="Use form factors of ions.")
    ] = False,
    normalized: Annotated[
        bool,
        typer.Option(
            "--normalized", help="Scale form factors for X-rays to the number of electrons."
        ),
    ] = False,
    method: Annotated[
        Method | None,
        typer.Option(
            metavar="METHOD",
            help="direct, the sum over atoms, or fft, the transform of their density; default: "
            "fft for all reflections to --dmin, else direct.",
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(help="Steps of the grid are at most dmin/(2 RATE); default 1.5."),
    ] = None,
    blur: Annotated[
        str | None,
        typer.Option(
            metavar="B",
            help="Å², added to the B of all atoms on the grid; or auto, refmac, servalcat. "
            "Default: auto, which is undone; 0 for a map.",
        ),
    ] = None,
    cutoff: Annotated[
        float | None, typer.Option(help="Density at which atoms end on the grid.")
    ] = None,
) -> None:
    """Calculate amplitudes and phases of an atomic model.

    Only the atoms of the model scatter: there is no bulk solvent. A map has their
    density, as blurred as --blur says, with f' but not f''.

    --compare DATA takes the first there is of FP, FOBS, F, F_meas_au, F_meas,
    F_squared_meas, IMEAN, I, intensity_meas and FC; of intensities the roots.

    Example: xrefl sfcalc model.pdb --compare data.mtz:FP
    """
    suffixes = (".mtz", ".cif", *_MAPS)
    suffix = "" if target is None else check_suffix(target, suffixes, "what is to be written")
    is_map = suffix in _MAPS
    _require_sense(target, is_map, dmin, hkl, like, compare, check)
    if kind is not Kind.xray and not (wavelength is None and origin is None):
        raise typer.BadParameter("--wavelength and --source are for X-rays (--kind xray)")
    by_fft = (method or (Method.direct if hkl or like or compare else Method.fft)) is Method.fft
    grid = _grid(rate, blur, cutoff)
    if grid and not (is_map or by_fft or check):
        raise typer.BadParameter(
            "--rate, --blur and --cutoff are of the transform; choose it with --method fft"
        )
    if is_map and method is not None:
        raise typer.BadParameter("--method is for structure factors; leave it out for a map")
    edges = None if cell is None else numbers(cell, 6, "--cell")
    wanted = None if not hkl else _indices(hkl)
    path, labels = named(compare) if compare is not None else (like, [])

    from xrefl.models.addends import addends

    model = atoms_of(source, number, edges, spacegroup)
    anomalous: dict[str, complex] | None = None
    if wavelength is not None or origin is not None:
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
        _write_map(source, model, target, dmin, scattering | grid)
        return

    from xrefl.errors import CrystalMismatchError
    from xrefl.hkl.crystal import merged_index
    from xrefl.hkl.select import sel_resolution
    from xrefl.models.structure_factors import structure_factors

    data = None if path is None else _reflections(path, model)
    if data is not None and dmin is not None:
        data = sel_resolution(data, dmin=dmin)
    if data is not None and target is not None:
        merged_index(data)
    columns = columns_of(path, data, labels) if compare and path and data is not None else None

    used = _USUAL | grid

    def calculate(atoms: xr.Dataset, reflections: Any, method: Any) -> xr.Dataset:
        options = used if method == "fft" else {}
        which: dict[str, Any] = {"dmin": dmin} if reflections is None else {"hkl": reflections}
        try:
            return structure_factors(atoms, method=method, **which, **scattering, **options)
        except CrystalMismatchError as error:
            raise CrystalMismatchError(f"{source} and {path}: {error}") from None

    chosen = wanted if data is None else data
    calc = calculate(model, chosen, "fft" if by_fft else "direct").load()
    tables = [] if wanted is None else [table(calc)]
    facts = [
        *([] if target is None else [("model", str(source))]),
        *of_atoms(model, kind, anomalous),
        ("method", grid_used(model, calc, scattering, used) if by_fft else "sum over atoms"),
        *of_reflections(calc),
    ]
    if columns is not None and data is not None:
        both, told = comparison(data, columns, calc)
        facts += [("compared with", f"{path}: {' and '.join(filter(None, columns))}"), *told]
        tables.append(["Largest differences:", *differences(both, amplitude(data, columns))])
    if check:
        facts += checked(model, calc, calculate)
    if target is not None:
        write(
            calc,
            target,
            is_cif=suffix == ".cif",
            source=source,
            radiation=RADIATION[kind],
            wavelength=wavelength,
        )
    report(source if target is None else target, facts)
    for lines in tables:
        typer.echo("\n".join(["", *lines]), err=str(target) == "-")


def _require_sense(
    target: Path | None,
    is_map: bool,
    dmin: float | None,
    hkl: list[str] | None,
    like: Path | None,
    compare: str | None,
    check: bool,
) -> None:
    """Refuse options that do not go together.

    Raises
    ------
    BadParameter
        Which reflections are wanted is not clear, or what becomes of them.
    """
    given = {"--hkl": hkl, "--for": like, "--compare": compare}
    names = [name for name, value in given.items() if value]
    if dmin is not None and not 0 < dmin < float("inf"):
        raise typer.BadParameter(f"--dmin takes a positive number of Å, not {dmin:g}")
    if is_map:
        if names or check:
            raise typer.BadParameter(f"a map takes --dmin; leave {(names or ['--check'])[0]} out")
        if dmin is None:
            raise typer.BadParameter("a map needs --dmin, the resolution that it is for")
        return
    if len(names) > 1 or (hkl and dmin is not None):
        both = [*names, "--dmin"][:2]
        raise typer.BadParameter(f"{' and '.join(both)} do not go together: give one of them")
    if not names and dmin is None:
        raise typer.BadParameter("say which reflections: --dmin, --hkl, --for or --compare")
    if target is None and not (hkl or compare or check):
        raise typer.BadParameter("give OUT, the file to write, or one of --hkl, --compare, --check")


def _grid(rate: float | None, blur: str | None, cutoff: float | None) -> dict[str, Any]:
    """Return the options of the grid that are given."""
    given: dict[str, Any] = {"rate": rate, "blur": blur, "cutoff": cutoff}
    if blur is not None and blur not in _RULES:
        try:
            given["blur"] = float(blur)
        except ValueError:
            raise typer.BadParameter(
                f"--blur takes a number of Å², or {', '.join(_RULES)}, not {blur!r}"
            ) from None
    return {name: value for name, value in given.items() if value is not None}


def _indices(texts: list[str]) -> list[tuple[int, ...]]:
    found: dict[tuple[int, ...], str] = {}
    for text in texts:
        values = numbers(text, 3, "--hkl")
        if not all(value.is_integer() for value in values):
            raise typer.BadParameter(f"--hkl takes three integers, not {text!r}")
        indices = tuple(map(int, values))
        if indices in found:
            raise typer.BadParameter(f"--hkl {text} is given twice")
        found[indices] = text
    return list(found)


def _reflections(path: Path, model: xr.Dataset) -> xr.Dataset:
    """Return the reflections of a file, of the crystal of the model if it states none."""
    from xrefl.hkl.crystal import assign_crystal
    from xrefl.io.reflections import open_reflections

    ds = open_reflections(path)
    lacking = {
        name: model.attrs[name]
        for name in ("cell", "spacegroup")
        if name not in ds.attrs and name in model.attrs
    }
    return assign_crystal(ds, **lacking).load() if lacking else ds.load()


def _write_map(
    source: Path, model: xr.Dataset, target: Path, dmin: float, options: dict[str, Any]
) -> None:
    from xrefl.io.ccp4.statistics import Tally
    from xrefl.io.ccp4.write import to_ccp4
    from xrefl.models.density import density

    rho = density(model, dmin, **options)
    kind = Kind(options["kind"])
    label = f"density of {source.name} for {RADIATION[kind]}"
    to_ccp4(rho.assign_attrs(labels=[label]), stream(target))
    tally = Tally()
    tally.add(rho.values)
    low, high, mean, rms = tally.total()
    of_values = {"min": low, "max": high, "mean": mean, "rms": rms}
    steps = [edge / n for edge, n in zip(rho.attrs["cell"], rho.shape, strict=False)]
    report(
        target,
        [
            ("model", str(source)),
            *of_atoms(model, kind, options["addends"]),
            ("points", " x ".join(map(str, rho.shape))),
            ("steps", " x ".join(f"{step:.3f}" for step in steps) + " Å"),
            ("blur", f"{rho.attrs['blur']:.5g} Å²"),
            ("units", rho.attrs["units"]),
            ("values", ", ".join(f"{name} {short(one, rms)}" for name, one in of_values.items())),
        ],
    )
