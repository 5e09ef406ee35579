"""What the two indexes of reflections have in common."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from xrefl._html import facts
from xrefl.errors import MillerIndexError
from xrefl.hkl._known_crystal import KnownCrystal
from xrefl.hkl._lookup import Lookup
from xrefl.hkl.packing import first_duplicate, format_hkl, unpack


class ReflectionIndex(xr.Index):
    """Index whose rows are reflections, known by their packed Miller indices.

    Attributes
    ----------
    keys : (n,) ndarray of int64
        Packed Miller indices (`xrefl.hkl.packing.pack`), read-only.
    crystal : KnownCrystal
        Unit cell and space group, as far as they are known.
    dim : Hashable
        Name of the dimension.
    names : tuple of Hashable
        Names of the coordinates that the index owns.
    """

    def __init__(
        self,
        keys: npt.NDArray[np.int64],
        crystal: KnownCrystal,
        dim: Hashable,
        names: tuple[Hashable, ...],
    ) -> None:
        keys = keys.view()
        keys.flags.writeable = False
        self.keys = keys
        self.crystal = crystal
        self.dim = dim
        self.names = names
        self._lookup: Lookup | None = None
        self._miller: tuple[npt.NDArray[np.int32], ...] | None = None

    @property
    def miller(self) -> tuple[npt.NDArray[np.int32], ...]:
        """The indices h, k and l, unpacked on first use, read-only."""
        if self._miller is None:
            self._miller = unpack(self.keys)
            for index in self._miller:
                index.flags.writeable = False
        return self._miller

    def keep_if_constant(self, *indices: npt.ArrayLike) -> None:
        """Take h, k and l as they are, instead of unpacking them, if nothing can change them."""
        arrays = [np.asarray(index) for index in indices]
        if all(array.dtype == np.int32 and not array.flags.writeable for array in arrays):
            self._miller = tuple(arrays)

    @property
    def cell(self) -> tuple[float, ...] | None:
        """Unit cell (Å, degrees), None if not known."""
        return self.crystal.cell

    @property
    def spacegroup(self) -> str | None:
        """Extended Hermann-Mauguin symbol, None if not known."""
        return self.crystal.spacegroup

    @property
    def lookup(self) -> Lookup:
        """The table of the rows of keys, made on first use."""
        if self._lookup is None:
            self._lookup = Lookup(self.keys)
        return self._lookup

    @property
    def increasing(self) -> bool:
        """Whether the reflections are sorted by h, k, l, and unique."""
        return self.lookup.increasing

    @property
    def is_unique(self) -> bool:
        """Whether no reflection occurs twice."""
        return self.lookup.unique

    def require_unique(self, action: str) -> None:
        """Raise MillerIndexError, with the remedy, if a reflection occurs twice."""
        if self._lookup is not None and self.is_unique:
            return
        rows = first_duplicate(self.keys, self._miller)
        if rows is not None:
            raise MillerIndexError(
                f"cannot {action} reflections that are not unique: {format_hkl(self.keys[rows[0]])}"
                f" is in rows {rows[0]} and {rows[1]}; merge first, drop_duplicates('hkl'), or"
                " open the file as observations: merged=False"
            )

    def to_pandas_index(self) -> pd.MultiIndex:
        """Return a MultiIndex of h, k and l."""
        return pd.MultiIndex.from_arrays(self.miller, names=["h", "k", "l"])

    def same_rows(self, other: ReflectionIndex) -> bool:
        """Tell whether both have the same reflections in one order, at once if they share them."""
        return self.keys.__array_interface__ == other.keys.__array_interface__ or np.array_equal(
            self.keys, other.keys
        )

    def equals(self, other: xr.Index, *, exclude: frozenset[Hashable] | None = None) -> bool:
        """Tell whether both hold the same reflections in one order, of the same crystal."""
        if self is other:
            return True
        return (
            type(other) is type(self)
            and self.dim == other.dim
            and self.same_rows(other)
            and self.crystal.same_as(other.crystal)
        )

    def join(self, other: Self, how: str = "inner") -> Self:
        """Return the reflections that are in both (inner) or in either (outer, sorted).

        An inner join keeps the order of this index.
        """
        crystal = self.crystal.combine(other.crystal)
        for index in (self, other):
            index.require_unique("align")
        if self.same_rows(other):
            keys = self.keys
        elif how == "outer":
            keys = _union(self.keys, other.keys)
        elif how == "inner":
            keys = self.keys[other.lookup.positions(self.keys) >= 0]
        else:
            raise ValueError(f"join is 'inner' or 'outer', found {how!r}")
        return self._replace(keys, crystal=crystal)

    def reindex_like(
        self, other: Self, method: str | None = None, tolerance: float | None = None
    ) -> dict[Hashable, Any]:
        """Return the row of each reflection of the other index, -1 where it is not here."""
        refuse_inexact(method, tolerance)
        self.crystal.combine(other.crystal)
        self.require_unique("align")
        return {self.dim: self.lookup.positions(other.keys)}

    @classmethod
    def concat(
        cls,
        indexes: Sequence[Self],
        dim: Hashable,
        positions: Iterable[Iterable[int]] | None = None,
    ) -> Self:
        """Put reflections one after the other; the result need not be unique."""
        crystal = indexes[0].crystal
        for index in indexes[1:]:
            crystal = crystal.combine(index.crystal)
        keys = np.concatenate([index.keys for index in indexes])
        if positions is not None:
            ordered = np.empty_like(keys)
            ordered[np.concatenate([np.asarray(rows) for rows in positions])] = keys
            keys = ordered
        return indexes[0]._replace(keys, crystal=crystal)

    def isel(self, indexers: Mapping[Any, Any]) -> Self | None:
        """Return the index of some rows; None if they are no longer along the dimension."""
        rows = indexers[self.dim]
        if isinstance(rows, xr.Variable):
            if rows.dims != (self.dim,):
                return None
            rows = rows.data
        if isinstance(rows, slice):
            return self if rows == slice(None) else self._replace(self.keys[rows])
        rows = np.asarray(rows)
        rows = rows if rows.size else rows.astype(np.intp)  # an empty list is of floats
        return None if rows.ndim == 0 else self._replace(self.keys[rows])

    def roll(self, shifts: Mapping[Any, int]) -> Self:
        """Return the index with its rows shifted around."""
        return self._replace(np.roll(self.keys, shifts[self.dim]))

    def rename(self, name_dict: Mapping[Any, Hashable], dims_dict: Mapping[Any, Hashable]) -> Self:
        """Return the index with other names of its coordinates and its dimension."""
        renamed = self._replace(self.keys)
        renamed.dim = dims_dict.get(self.dim, self.dim)
        renamed.names = tuple(name_dict.get(name, name) for name in self.names)
        return renamed

    def _replace(self, keys: npt.NDArray[np.int64], *, crystal: KnownCrystal | None = None) -> Self:
        new = type(self)(keys, crystal or self.crystal, self.dim, self.names)
        if keys is self.keys:
            new._lookup, new._miller = self._lookup, self._miller
        return new

    def _copy(self, deep: bool = True, memo: dict[int, Any] | None = None) -> Self:
        return self._replace(self.keys)

    def __reduce__(self) -> tuple[Any, ...]:  # without the table, and read-only again
        return type(self), (self.keys, self.crystal, self.dim, self.names)

    def __repr__(self) -> str:
        crystal = "" if self.cell is None else f", cell {self.cell}"
        return f"{self._repr_inline_(0)[:-1]}{crystal})"

    def _repr_html_(self) -> str:
        rows = [("reflections", f"{len(self.keys):,}")]
        rows.append(("space group", self.spacegroup or "not known"))
        cell = "not known" if self.cell is None else " ".join(f"{one:g}" for one in self.cell)
        rows.append(("unit cell", f"{cell} (Å, degrees)" if self.cell else cell))
        return facts(type(self).__name__, rows)

    def _repr_inline_(self, max_width: int) -> str:
        name = "" if self.spacegroup is None else f", {self.spacegroup}"
        return f"{type(self).__name__}({len(self.keys)} reflections{name})"


def _union(first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the keys of both in ascending order, each once."""
    # A stable sort merges two sorted halves in linear time, which np.unique does not.
    keys = np.sort(np.concatenate([first, second]), kind="stable")
    return keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if keys.size else keys


def refuse_inexact(method: str | None, tolerance: float | None) -> None:
    """Raise MillerIndexError where xarray passes on a request for near labels."""
    if method is not None or tolerance is not None:
        raise MillerIndexError(
            "Miller indices are matched exactly, `method` and `tolerance` do not apply"
        )
