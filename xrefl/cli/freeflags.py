"""``xrefl freeflags``: flags of the free set, made, completed, taken from another file, or told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xrefl.cli._command import Quiet
from xrefl.cli._comparison import named
from xrefl.cli._data_to_scale import naming
from xrefl.cli._files import report, require_apart, require_merged
from xrefl.cli._free_sets import by_shell, flags_named, flags_of, of_flags, with_flags
from xrefl.cli._remedies import on_command_line
from xrefl.cli._streams import incoming
from xrefl.cli._tables import show_table
from xrefl.cli._written import checked_target, opened, write_reflections
from xrefl.errors import XreflError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["freeflags"]

_WHENCE, _NEW = "Where flags come from", "New flags"
_USUAL = 0.05


class Convention(StrEnum):
    """Which value marks the free set."""

    ccp4 = "ccp4"
    phenix = "phenix"


def freeflags(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="IN",
            help="Merged reflections: MTZ, CIF, a Zarr store or Parquet file; - is the standard "
            "input.",
        ),
    ],
    target: Annotated[
        Path | None,
        typer.Argument(
            metavar="[OUT]",
            help="File to write (.mtz, .cif, .zarr, .parquet); - is the standard output, as MTZ.",
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Tell what flags there are, by shells of resolution, and write nothing.",
            rich_help_panel=_WHENCE,
        ),
    ] = False,
    other: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE[:LABEL]",
            help="Keep the flags of this file; reflections that it lacks get some, too.",
            rich_help_panel=_WHENCE,
        ),
    ] = None,
    complete: Annotated[
        bool,
        typer.Option(
            "--complete",
            help="Keep the flags in IN, and give some to reflections that have none.",
            rich_help_panel=_WHENCE,
        ),
    ] = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Write over the flags in IN.", rich_help_panel=_WHENCE),
    ] = False,
    label: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL",
            help="Column of flags; by default the one that is there, or else FreeR_flag "
            "(R-free-flags for phenix, pdbx_r_free_flag in CIF).",
            rich_help_panel=_WHENCE,
        ),
    ] = None,
    fraction: Annotated[
        float | None,
        typer.Option(
            help="How much of the reflections is free; default 0.05.", rich_help_panel=_NEW
        ),
    ] = None,
    sets: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="How many sets; by default as many of the fraction as there can be.",
            rich_help_panel=_NEW,
        ),
    ] = None,
    thin_shells: Annotated[
        bool,
        typer.Option(
            "--thin-shells",
            help="Free reflections in thin shells of resolution, for NCS.",
            rich_help_panel=_NEW,
        ),
    ] = False,
    convention: Annotated[
        Convention,
        typer.Option(
            metavar="AS",
            help="ccp4 (sets are numbered, 0 is free) or phenix (1 is free, 0 is not).",
            rich_help_panel=_NEW,
        ),
    ] = Convention.ccp4,
    seed: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="For others of the same kind.", rich_help_panel=_NEW),
    ] = 0,
    quiet: Quiet = False,
) -> None:
    """Make flags of the free set, complete them, or take them from another file.

    Friedel mates, equivalent reflections, and mates by the symmetry of the
    lattice, which twinning would mix, get one flag.

    Example: xrefl freeflags merged.mtz with_flags.mtz --fraction 0.05

    Example: xrefl freeflags new.mtz flagged.mtz --from old.mtz:FreeR_flag
    """
    made = fraction is not None or sets is not None or thin_shells
    _require_sense(target, check, other, complete, replace, made or convention != "ccp4")
    suffix = "" if target is None else checked_target(target)
    reference = None if other is None else named(other, "--from")
    if reference is not None and len(reference[1]) > 1:
        raise typer.BadParameter(f"--from takes FILE or FILE:LABEL, not {other!r}")
    require_apart(target, source, None if reference is None else reference[0])

    from xrefl.hkl.extend_flags import extend_free_flags
    from xrefl.hkl.free_flags import make_free_flags

    content, source = incoming(source)
    ds = opened(content, source).load()
    require_merged(source, ds)
    present = flags_named(source, ds, label, needed=check or complete)
    others = None if reference is None else _reference(*reference)
    if check:
        with naming(source):
            flags = flags_of(ds, present)
        report(source, of_flags(ds, flags), quiet=quiet)
        show_table(by_shell(ds, flags), first=quiet)
        return
    assert target is not None
    if present is not None and not (complete or replace):
        raise XreflError(
            f"{source}: there are flags in {present}; --complete keeps them and gives some to "
            "reflections without, --replace makes others, and --check tells what there is"
        )
    with naming(source, *(reference or ())[:1]), _usage():
        if complete:
            flags = extend_free_flags(ds, flags_of(ds, present), seed=seed)
        elif others is not None:
            flags = extend_free_flags(ds, others, seed=seed)
        else:
            options: dict[str, Any] = {"method": "thin_shells" if thin_shells else "random"}
            number = 2 if convention == "phenix" and sets is None else sets
            flags = make_free_flags(
                ds,
                fraction=_USUAL if fraction is None else fraction,
                n_sets=number,
                seed=seed,
                **options,
            )
            if convention == "phenix":
                flags = (
                    (flags == 0)
                    .astype("int32")
                    .assign_attrs(
                        {**flags.attrs, "free_value": 1, "free_value_reason": "1 is the free set"}
                    )
                )
    result, written = with_flags(ds, flags, label or present, phenix=convention == "phenix")
    with naming(source):
        write_reflections(result, target, suffix, quiet=quiet)
    facts = of_flags(result, result[written].assign_attrs(flags.attrs))
    report(target, [("from", str(source)), *facts], quiet=quiet)


def _reference(path: Path, labels: list[str]) -> xr.DataArray:
    """Return the flags of another file."""
    ds = opened(path, path).load()
    require_merged(path, ds)
    name = flags_named(path, ds, labels[0] if labels else None, needed=True)
    with naming(path):
        return flags_of(ds, name)


@contextmanager
def _usage() -> Iterator[None]:
    """Have what is wrong with numbers be an error of usage."""
    try:
        yield
    except ValueError as error:
        if isinstance(error, XreflError):
            raise
        raise typer.BadParameter(on_command_line(str(error))) from None


def _require_sense(
    target: Path | None,
    check: bool,
    other: str | None,
    complete: bool,
    replace: bool,
    made: bool,
) -> None:
    """Refuse options that contradict each other."""
    if (target is None) != check:
        raise typer.BadParameter("give OUT, the file to write, or else --check")
    if check and (other or complete or replace or made):
        raise typer.BadParameter("--check writes nothing, and needs no option of what is written")
    if complete and (other or replace):
        raise typer.BadParameter("--complete keeps the flags of IN; leave --from and --replace out")
    if made and (other or complete):
        raise typer.BadParameter(
            "--fraction, --sets, --thin-shells and --convention are for new flags; those of a file "
            "have their own"
        )
