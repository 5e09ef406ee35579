"""``xrefl reindex``: reflections on other axes of the crystal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xrefl.cli._command import Quiet
from xrefl.cli._data_to_scale import naming
from xrefl.cli._files import remedy, report, require_apart
from xrefl.cli._info_facts import cell_of, spacegroup_of
from xrefl.cli._streams import incoming
from xrefl.cli._written import checked_target, opened, write_reflections

if TYPE_CHECKING:
    import xarray as xr

    from xrefl.crystal.spacegroup import SpaceGroup

__all__ = ["reindex"]


def reindex(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="IN",
            help="Reflections or observations: MTZ, CIF, a Zarr store or Parquet file; - is the "
            "standard input.",
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="File to write (.mtz, .cif, .zarr, .parquet); - is the standard output, as MTZ.",
        ),
    ],
    operation: Annotated[
        str,
        typer.Argument(
            metavar="OPERATION",
            help="What becomes of the indices, as k,l,h; or the new axes, as b,c,a; or what "
            "becomes of coordinates, as y,z,x or x+1/4,y,z.",
        ),
    ],
    spacegroup: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The space group on the new axes, if it is another than the operation gives.",
        ),
    ] = None,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep",
            help="Leave merged reflections under the indices they get, in their order; else they "
            "are brought into the asymmetric unit and sorted.",
        ),
    ] = False,
    sort: Annotated[
        bool,
        typer.Option("--sort", help="Sort observations by h, k, l, M/ISYM and BATCH, in memory."),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Describe reflections on other axes of the crystal, or with another origin.

    Indices, cells, space group and phases change together. Reflections whose
    indices become fractional are left out, and counted.

    Example: xrefl reindex data.mtz other.mtz k,h,-l

    Example: xrefl reindex p21212.mtz p212121.mtz h,k,l --spacegroup "P 21 21 21"
    """
    suffix = checked_target(target)
    require_apart(target, source)

    from xrefl.crystal.op import Op
    from xrefl.errors import CrystalError, MillerIndexError
    from xrefl.hkl.asu import to_asu
    from xrefl.hkl.crystal import is_merged
    from xrefl.hkl.reindexing import reindex as reindexed
    from xrefl.hkl.sorting import sort_hkl

    try:
        op = Op(operation)
    except CrystalError as error:
        raise typer.BadParameter(f"{error}; OPERATION is such as k,l,h or -h,-k,l") from None
    content, source = incoming(source)
    ds = opened(content, source)
    merged = is_merged(ds)
    if merged and sort:
        raise typer.BadParameter("--sort is for observations; merged reflections are sorted anyway")
    if keep and not merged:
        raise typer.BadParameter(
            "--keep is for merged reflections; observations have M/ISYM, which tells the indices "
            "they were measured with"
        )
    with naming(source):
        result = reindexed(ds, op)
        if spacegroup is not None:
            result = _in_group(result, spacegroup)
        if sort:
            result = sort_hkl(result, by=_order(result))
    if merged and not keep:
        instead = "--keep leaves reflections under the indices they get"
        with remedy(source, instead, CrystalError, MillerIndexError):
            result = sort_hkl(to_asu(result))
    with naming(source):
        write_reflections(result, target, suffix, quiet=quiet)
    dim = "hkl" if merged else "obs"
    old, new = spacegroup_of(ds), spacegroup_of(result)
    facts = [
        ("from", f"{source}, by {op.triplet()}"),
        ("space group", new if old == new else f"{old} becomes {new}"),
        ("unit cell", cell_of(result)),
        ("reflections" if merged else "observations", f"{result.sizes[dim]:,}"),
    ]
    if left_out := ds.sizes[dim] - result.sizes[dim]:
        facts.append(("left out", f"{left_out:,}, whose indices became fractional"))
    report(target, facts, quiet=quiet)


def _order(ds: xr.Dataset) -> list[str]:
    """Return the names of the columns that observations are sorted by."""
    of_type = {ds[name].attrs.get("mtz_type"): str(name) for name in ds.data_vars}
    return [*"hkl", *(of_type[kind] for kind in "YB" if kind in of_type)]


def _in_group(ds: xr.Dataset, name: str) -> xr.Dataset:
    """Return the reflections in another space group.

    Raises
    ------
    CrystalError
        Merged reflections are of another Laue group.
    """
    from xrefl.crystal.spacegroup import SpaceGroup
    from xrefl.errors import CrystalError
    from xrefl.hkl.crystal import assign_crystal, is_merged, space_group
    from xrefl.hkl.original import kind_of_indices, to_asu_hkl, to_original_hkl

    group = SpaceGroup(name)
    if is_merged(ds):
        old = space_group(ds)
        if _laue_rotations(old) != _laue_rotations(group):
            raise CrystalError(
                f"reflections that were merged in {old.name} cannot be those of {group.name}: the "
                "Laue group is another one. Merge the observations anew, xrefl merge --spacegroup"
            )
        return assign_crystal(ds, spacegroup=group)
    counted = any(one.attrs.get("mtz_type") == "Y" for one in ds.data_vars.values())
    in_unit = counted and kind_of_indices(ds) == "asu"
    moved = assign_crystal(to_original_hkl(ds) if in_unit else ds, spacegroup=group)
    return to_asu_hkl(moved) if in_unit else moved


def _laue_rotations(group: SpaceGroup) -> set[bytes]:
    rotations = group.rotations
    return {one.tobytes() for one in (*rotations, *-rotations)}
