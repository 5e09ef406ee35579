"""The indexes that align, join and select reflections by their Miller indices.

Why there are two: xarray drops the coordinates of a DataArray that are not dimensions before it
assigns the array to a Dataset, ``ds["FC"] = other.FC``. Had one index all of ``hkl``, ``h``,
``k`` and ``l``, that would break it, and xarray would refuse the assignment; with two it drops
one of them whole and aligns by the other.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from xarray.core.indexing import IndexSelResult, PandasIndexingAdapter

from xrefl.crystal.moves import Moved
from xrefl.errors import MillerIndexError
from xrefl.hkl._display import PackedKeys
from xrefl.hkl._known_crystal import KnownCrystal
from xrefl.hkl._reflection_index import ReflectionIndex, refuse_inexact
from xrefl.hkl._selection import locate, match
from xrefl.hkl.packing import are_packed, pack

__all__ = ["HKLIndex", "MillerIndex"]


class HKLIndex(ReflectionIndex):
    """Index of merged reflections: their Miller indices, packed, and the crystal.

    The index owns the dimension coordinate ``hkl``, one int64 key for each reflection that
    sorts as h, k, l do and is shown as Miller indices. With it comes a `MillerIndex`
    that owns the coordinates ``h``, ``k`` and ``l`` (int32); keep both, since with one of them
    data of equal length may be put side by side unaligned. xarray uses them to align, so that
    ``ds1.FP - ds2.FP`` pairs equal Miller indices, and to select::

        ds.sel(hkl=(1, 2, 3))               one reflection; the dimension goes
        ds.sel(hkl=[(1, 2, 3), (0, 0, 4)])  a list of them, or an (n, 3) array
        ds.sel(hkl=other.hkl)               those of another Dataset
        ds.sel(hkl=slice((0, 0, 0), (1, 0, 0)))  a range of sorted ones, both ends included
        ds.sel(h=0, k=[1, 2], l=slice(0, 9))     by index; slices include both ends
        ds.sel(h=1, k=2, l=3)               the same as sel(hkl=(1, 2, 3))

    Aligning reflections of different space groups, or of unit cells that differ by more than
    1 %, raises `CrystalMismatchError`; a crystal that is not known adopts the other's.

    Build an index with `from_miller` and put it into a Dataset with `coordinates`. It is
    immutable. Repeating or concatenating rows may lead to reflections that are not unique; such
    an index can be passed on, but not aligned or selected from.

    Attributes
    ----------
    keys : (n,) ndarray of int64
        Packed Miller indices (`xrefl.hkl.packing.pack`), read-only.
    cell : tuple of 6 float or None
        Unit cell in Å and degrees.
    spacegroup : str or None
        Extended Hermann-Mauguin symbol.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> index = HKLIndex.from_miller([0, 0, 1], [0, 2, -1], [4, 1, 0], spacegroup="P 1 21 1")
    >>> ds = xr.Dataset({"FP": ("hkl", np.float32([7, 8, 9]))}, coords=index.coordinates())
    >>> ds.FP.sel(hkl=(0, 2, 1)).item()
    8.0
    >>> ds.sel(h=0).FP.values
    array([7., 8.], dtype=float32)
    >>> ds.hkl
    <xarray.DataArray 'hkl' (hkl: 3)> Size: 24B
    [3 values with dtype=int64]
    Coordinates:
      * hkl      (hkl) int64 24B (0 0 4) (0 2 1) (1 -1 0)
      * h        (hkl) int32 12B 0 0 1
      * k        (hkl) int32 12B 0 2 -1
      * l        (hkl) int32 12B 4 1 0
    Indexes:
        hkl      HKLIndex(3 reflections, P 1 21 1)
      ┌ h        MillerIndex(3 reflections, P 1 21 1)
      │ k
      └ l
    """

    @classmethod
    def from_miller(
        cls,
        h: npt.ArrayLike,
        k: npt.ArrayLike,
        l: npt.ArrayLike,
        *,
        cell: Sequence[float] | None = None,
        spacegroup: str | None = None,
    ) -> Self:
        """Build an index from Miller indices, each of which must be there only once.

        Parameters
        ----------
        h, k, l : (n,) array_like of int
            Miller indices. Read-only arrays of int32 become the coordinates as they are, others
            are copied.
        cell : sequence of 6 float, optional
            Unit cell: lengths in Å and angles in degrees.
        spacegroup : str, optional
            Extended Hermann-Mauguin symbol, such as ``"P 1 21 1"``.

        Raises
        ------
        MillerIndexError
            An index is not an integer or beyond ±2²⁰, a reflection occurs twice, or the arrays
            are not one-dimensional and of one length.
        CrystalError
            The cell does not have six parameters.
        """
        shapes = [np.shape(index) for index in (h, k, l)]
        if len(shapes[0]) != 1 or len(set(shapes)) != 1:
            raise MillerIndexError(
                f"h, k and l must be one-dimensional and of one length, found shapes {shapes}"
            )
        index = cls(pack(h, k, l), KnownCrystal.of(cell, spacegroup), "hkl", ("hkl",))
        index.keep_if_constant(h, k, l)
        index.require_unique("index")
        return index

    @classmethod
    def from_moved(
        cls, moved: Moved, *, cell: Sequence[float] | None, spacegroup: str | None
    ) -> Self:
        """Build an index from reflections under new indices, with packed keys.

        Whether they are unique is not looked at.
        """
        index = cls(moved.keys, KnownCrystal.of(cell, spacegroup), "hkl", ("hkl",))
        index.keep_if_constant(*moved.hkl)
        return index

    @classmethod
    def from_variables(
        cls, variables: Mapping[Any, xr.Variable], *, options: Mapping[str, Any]
    ) -> Self:
        """Build an index of packed keys, for ``ds.set_xindex("hkl", HKLIndex)``.

        The crystal may be given by the options ``cell`` and ``spacegroup``. `xrefl.restore`
        does all that is needed for a Dataset that was read back from a file.

        Raises
        ------
        MillerIndexError
            Not one coordinate of packed Miller indices that are unique.
        """
        if len(variables) != 1:
            raise MillerIndexError(
                f"an HKLIndex has one coordinate, the packed keys, found {list(variables)};"
                ' use ds.set_xindex("hkl", HKLIndex).set_xindex(["h", "k", "l"], MillerIndex),'
                " or xrefl.restore(ds) to rebuild all coordinates"
            )
        dim = _common_dim(variables)
        keys = np.asarray(next(iter(variables.values())).values)
        if not are_packed(keys):
            raise MillerIndexError(
                f"coordinate {next(iter(variables))!r} does not hold packed Miller indices;"
                " xrefl.restore(ds) makes them from h, k and l"
            )
        crystal = KnownCrystal.of(options.get("cell"), options.get("spacegroup"))
        index = cls(keys.astype(np.int64), crystal, dim, tuple(variables))
        index.require_unique("index")
        return index

    def with_crystal(
        self, cell: Sequence[float] | None = None, spacegroup: str | None = None
    ) -> Self:
        """Return an index of the same reflections that carries another crystal."""
        return self._replace(self.keys, crystal=KnownCrystal.of(cell, spacegroup))

    def coordinates(self, variables: Mapping[Any, xr.Variable] | None = None) -> xr.Coordinates:
        """Return the coordinates hkl, h, k, l and their indexes, to be given to a Dataset.

        Parameters
        ----------
        variables : mapping of str to Variable, optional
            Coordinates whose attributes and encoding are kept.
        """
        miller = MillerIndex(self.keys, self.crystal, self.dim, ("h", "k", "l"))
        miller.keep_if_constant(*self.miller)
        packed, indices = self.create_variables(variables), miller.create_variables(variables)
        return xr.Coordinates(
            packed | indices, dict.fromkeys(packed, self) | dict.fromkeys(indices, miller)
        )

    def create_variables(
        self, variables: Mapping[Any, xr.Variable] | None = None
    ) -> dict[Any, xr.Variable]:
        """Return the coordinate of packed keys."""
        array = PackedKeys(pd.Index(self.keys, copy=False))
        (name,) = self.names
        return {name: _variable(self.dim, array, (variables or {}).get(name))}

    def sel(
        self, labels: dict[Any, Any], method: str | None = None, tolerance: float | None = None
    ) -> IndexSelResult:
        """Return the rows of reflections; see the class for what the label may be.

        Raises
        ------
        KeyError
            A reflection is not there; the message has its Miller indices.
        MillerIndexError
            The label is not made of Miller indices, or the reflections are not unique.
        """
        refuse_inexact(method, tolerance)
        (label,) = labels.values()
        return IndexSelResult({self.dim: locate(self, label)})


class MillerIndex(ReflectionIndex):
    """Index of the coordinates h, k and l that stand beside those of an `HKLIndex`.

    It keeps them integers where xarray would fill gaps with NaN, and selects by them:
    ``ds.sel(h=0, k=slice(1, 3))``. All of h, k and l as single integers select one reflection,
    so that the dimension goes.
    """

    @classmethod
    def from_variables(
        cls, variables: Mapping[Any, xr.Variable], *, options: Mapping[str, Any]
    ) -> Self:
        """Build an index for ``ds.set_xindex(["h", "k", "l"], MillerIndex)``.

        The order must be this one: xarray aligns only indexes whose coordinates are listed in
        one order. The crystal may be given by the options ``cell`` and ``spacegroup``.

        Raises
        ------
        MillerIndexError
            Not three coordinates of unique Miller indices along one dimension.
        """
        names = tuple(variables)
        if len(names) != 3 or (set(names) == {"h", "k", "l"} and names != ("h", "k", "l")):
            raise MillerIndexError(
                f"a MillerIndex has the coordinates h, k, l in this order, found {list(names)};"
                " xrefl.restore(ds) puts them right"
            )
        dim = _common_dim(variables)
        keys = pack(*(variable.values for variable in variables.values()))
        crystal = KnownCrystal.of(options.get("cell"), options.get("spacegroup"))
        index = cls(keys, crystal, dim, names)
        index.require_unique("index")
        return index

    def create_variables(
        self, variables: Mapping[Any, xr.Variable] | None = None
    ) -> dict[Any, xr.Variable]:
        """Return the coordinates h, k and l."""
        return {
            name: _variable(
                self.dim,
                PandasIndexingAdapter(pd.Index(values, copy=False)),
                (variables or {}).get(name),
            )
            for name, values in zip(self.names, self.miller, strict=True)
        }

    def sel(
        self, labels: dict[Any, Any], method: str | None = None, tolerance: float | None = None
    ) -> IndexSelResult:
        """Return the rows whose indices agree with integers, lists of them or slices.

        Raises
        ------
        KeyError
            No reflection has these indices.
        MillerIndexError
            A label is of another kind.
        """
        refuse_inexact(method, tolerance)
        roles = dict(zip(self.names, "hkl", strict=True))
        rows = match(self, {roles[name]: label for name, label in labels.items()})
        return IndexSelResult({self.dim: rows})


def _variable(
    dim: Hashable, array: PandasIndexingAdapter, old: xr.Variable | None
) -> xr.IndexVariable:
    """Return a coordinate that keeps the attributes and the encoding of an old one."""
    # An IndexVariable because `Dataset.chunk` leaves those alone.
    attrs, encoding = (None, None) if old is None else (old.attrs, old.encoding)
    return xr.IndexVariable(dim, array, attrs, encoding, fastpath=True)  # type: ignore[no-untyped-call]


def _common_dim(variables: Mapping[Any, xr.Variable]) -> Hashable:
    dims = {variable.dims for variable in variables.values()}
    if len(dims) != 1 or len(next(iter(dims))) != 1:
        found = ", ".join(f"{name} {variable.dims}" for name, variable in variables.items())
        raise MillerIndexError(f"the coordinates must be along one dimension, found {found}")
    return next(iter(dims))[0]
