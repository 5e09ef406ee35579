"""Data sets brought to one indexing."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from functools import lru_cache
from itertools import chain, product
from typing import Any, TypeVar, cast

import xarray as xr

from xrefl.crystal.op import DEN, Op
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.errors import CrystalError, CrystalMismatchError
from xrefl.hkl.asu import to_asu
from xrefl.hkl.crystal import assign_crystal, merged_index, space_group
from xrefl.hkl.rebuild import with_history
from xrefl.hkl.reindexing import reindex
from xrefl.sets.concat import concat
from xrefl.sets.members import Datasets, with_own_cell

__all__ = ["reindex_sets"]

Sets = TypeVar("Sets", bound=xr.Dataset | Datasets)

# Steps of shifts of the origin, in 1/24, in the order they are tried: quarters, eighths, sixths.
_STEPS = (6, 3, 4)


def reindex_sets(datasets: Sets, resolved: xr.Dataset, *, dim: str = "dataset") -> Sets:
    """Return data sets on the axes that `xrefl.resolve_ambiguity` has found for them.

    Each is reindexed and brought into the asymmetric unit, with its phases and whatever else
    depends on the indices; the space group stays. Where that needs another origin, phases
    are those of an origin that is equivalent.

    Parameters
    ----------
    datasets : Dataset, mapping of name to Dataset, or sequence of Dataset
        The sets that were given to `xrefl.resolve_ambiguity`.
    resolved : Dataset
        Its result; any Dataset with ``reindexing`` along ``dim`` will do.
    dim : str
        The dimension of the sets.

    Returns
    -------
    Dataset, dict or list
        As was given; sets that stay as they are, are passed on. Of a Dataset with sets side by
        side, reflections that no set has may be left over as rows of NaN, and columns that all
        sets had in common become one for each. Lazy columns stay lazy; the cells of sets side by
        side are computed.

    Raises
    ------
    ValueError
        The sets are not those of the result.
    CrystalError
        An operation does not leave the space group as it is.
    CrystalMismatchError
        Of sets side by side, cells differ by more than 1 % on their new axes.

    Examples
    --------
    >>> import xarray as xr, xrefl
    >>> index = xrefl.HKLIndex.from_miller(
    ...     [1], [2], [3], cell=(30, 30, 40, 90, 90, 90), spacegroup="P 4")
    >>> ds = xr.Dataset({"I": ("hkl", [5.0])}, index.coordinates())
    >>> resolved = xr.Dataset({"reindexing": ("dataset", ["h,k,l", "k,h,-l"])})
    >>> first, second = xrefl.reindex_sets([ds, ds], resolved)
    >>> second.hkl
    <xarray.DataArray 'hkl' (hkl: 1)> Size: 8B
    ...
      * hkl      (hkl) int64 8B (2 1 3)
    ...
    """
    if "reindexing" not in resolved.data_vars or resolved["reindexing"].dims != (dim,):
        raise ValueError(
            f"the result of resolve_ambiguity has the variable 'reindexing' along {dim!r}; found "
            f"{ {name: var.dims for name, var in resolved.data_vars.items()} }"
        )
    several: Any = datasets
    if isinstance(datasets, xr.Dataset):
        several = dict(_separate(datasets, dim))
    named: dict[Hashable, xr.Dataset] = (
        dict(several) if isinstance(several, Mapping) else dict(enumerate(several))
    )
    names = (
        resolved[dim].values.tolist()
        if dim in resolved.coords
        else list(range(resolved.sizes[dim]))
    )
    if names != list(named):
        raise ValueError(
            f"the result is of the sets {_shown(names)}, but these are {_shown(list(named))}; give "
            "the sets that were given to resolve_ambiguity, in their order"
        )
    operations = resolved["reindexing"].values.tolist()
    done = {
        name: _reindexed(ds, operation)
        for (name, ds), operation in zip(named.items(), operations, strict=True)
    }
    result: Any = done
    if isinstance(datasets, xr.Dataset):
        try:
            result = concat(done, dim)
        except CrystalMismatchError as error:
            raise CrystalMismatchError(
                f"on their new axes the cells of the sets no longer agree: {error}. Give the sets "
                "one by one, in a dict, to get them with the cells that they have there"
            ) from error
        attrs = {
            name: value
            for name, value in datasets.attrs.items()
            if name not in ("cell", "spacegroup")
        }
        result.attrs |= attrs
        result = with_history(result, f"data sets along {dim!r} brought to one indexing")
        result = result if dim in datasets.coords else result.drop_vars(dim)
    elif not isinstance(several, Mapping):
        result = list(done.values())
    return cast("Sets", result)


def _shown(names: list[Hashable]) -> str:
    shown = ", ".join(map(repr, names[:5]))
    return shown if len(names) <= 5 else f"{shown} ... ({len(names)} in all)"


def _reindexed(ds: xr.Dataset, operation: str) -> xr.Dataset:
    group = space_group(ds)
    op = Op(operation)
    if op == Op("h,k,l"):
        return ds
    result = reindex(ds, _keeping(group, op))
    if space_group(result) == group:  # under the name it had
        result = assign_crystal(result, spacegroup=group)
    return to_asu(result)


@lru_cache(maxsize=256)
def _keeping(group: SpaceGroup, op: Op) -> Op:
    """Return what becomes of coordinates, with the origin that leaves the group as it is."""
    back = op.inverse()
    steps = (range(0, DEN, step) for step in _STEPS)
    for shift in chain.from_iterable(product(step, step, step) for step in steps):
        to_xyz = Op.from_numerators(back.rotation, shift)
        try:
            if group.change_basis(to_xyz) == group:
                return to_xyz
        except CrystalError:
            break
    raise CrystalError(
        f"{op} does not leave {group.name} as it is; reindexing that changes the space group is "
        ".xtal.reindex, set by set"
    )


def _separate(ds: xr.Dataset, dim: str) -> Iterator[tuple[Hashable, xr.Dataset]]:
    """Yield the sets of a Dataset, each with its own cell."""
    merged_index(ds)
    if dim not in ds.dims:
        raise ValueError(
            f"there is no dimension {dim!r} of sets, only {tuple(ds.dims)}; put data sets side "
            "by side with xrefl.concat"
        )
    names = ds[dim].values.tolist() if dim in ds.coords else list(range(ds.sizes[dim]))
    for number, name in enumerate(names):
        one = ds.isel({dim: number}).drop_vars(dim, errors="ignore")
        yield name, with_own_cell(one)
