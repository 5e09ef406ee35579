"""Shells of resolution: their limits, and which shell a reflection is in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from xarray.groupers import EncodedGroups, Grouper

from xrefl._html import facts
from xrefl._parallel import over_rows
from xrefl.crystal.cell import UnitCell
from xrefl.errors import CrystalError, CrystalMismatchError
from xrefl.hkl.crystal import reflection_dim, unit_cell
from xrefl.hkl.reflections import spacing
from xrefl.statistics.limits import shell_limits

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Shells", "require_shells", "shells"]


@dataclass(frozen=True)
class Shells(Grouper):
    """Shells of resolution, counted from low to high resolution.

    A shell begins above the limit of the one before it and ends with its own: a reflection right
    on a limit belongs to the shell that ends there. Reflections outside of the range belong to
    the first or the last shell, 0 0 0 to the first.

    Make them with `shells`, `from_hkl` or `from_inv_d2`. Shells are a grouper of xarray, so that
    ``ds.groupby(hkl=shells)`` works for merged reflections; for observations group by a
    coordinate called ``d`` or ``inv_d2``.

    Parameters
    ----------
    upper : tuple of float
        Upper limits in Å⁻², increasing; the last is infinite.
    min_inv_d2, max_inv_d2 : float
        Smallest and largest 1/d² of the reflections that the shells were made of, Å⁻².
    cell : UnitCell or None
        The cell that gives 1/d² of Miller indices.

    Examples
    --------
    >>> import xrefl
    >>> ds = xrefl.tutorial.open("5wkd")
    >>> shells = ds.xtal.shells(4, method="dstar3")
    >>> shells
    <Shells: 4, 24.65-2.86 Å to 1.98-1.80 Å>
    >>> ds.groupby(hkl=shells).mean().FP.values.round(1)
    array([76.4, 56. , 41.6, 36. ], dtype=float32)
    """

    upper: tuple[float, ...]
    min_inv_d2: float
    max_inv_d2: float
    cell: UnitCell | None

    @classmethod
    def from_hkl(
        cls,
        hkl: ArrayLike | tuple[ArrayLike, ArrayLike, ArrayLike],
        cell: UnitCell | Sequence[float],
        n: int,
        *,
        method: str = "equal_count",
    ) -> Shells:
        """Divide reflections given by their Miller indices into shells.

        Parameters
        ----------
        hkl : array_like of int, shape (n, 3), or tuple of three arrays
            Miller indices; 0 0 0 does not count.
        cell : UnitCell or six numbers
            Å and degrees.
        n : int
            Number of shells.
        method : {"equal_count", "dstar", "dstar2", "dstar3"}
            See `shells`.

        Raises
        ------
        MillerIndexError
            These are not Miller indices, or there are none.
        ValueError
            The method is not known, or there are too few reflections for so many shells.

        Examples
        --------
        >>> hkl = [(1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 0)]
        >>> Shells.from_hkl(hkl, (10, 10, 10, 90, 90, 90), 2, method="dstar").dmin
        array([4., 0.])
        """
        cell = _as_cell(cell)
        return cls.from_inv_d2(cell.inv_d2(hkl), n, method=method, cell=cell)

    @classmethod
    def from_inv_d2(
        cls,
        inv_d2: ArrayLike,
        n: int,
        *,
        method: str = "equal_count",
        cell: UnitCell | Sequence[float] | None = None,
    ) -> Shells:
        """Divide reflections given by 1/d² into shells.

        Parameters
        ----------
        inv_d2 : array_like of float
            Å⁻². NaN, infinite and zero (0 0 0) do not count.
        n : int
            Number of shells.
        method : {"equal_count", "dstar", "dstar2", "dstar3"}
            See `shells`.
        cell : UnitCell or six numbers, optional
            What the shells shall have as their cell.

        Raises
        ------
        MillerIndexError
            There are no reflections.
        ValueError
            The method is not known, or there are too few reflections for so many shells.

        Examples
        --------
        >>> Shells.from_inv_d2([0.1, 0.2, 0.5], 2, method="dstar2").limits
        array([0.3, inf])
        """
        upper, low, high = shell_limits(inv_d2, n, method)
        known = None if cell is None else _as_cell(cell)
        return cls(upper, low, high, known)

    def __len__(self) -> int:
        return len(self.upper)

    def __repr__(self) -> str:
        first, last = self.labels[[0, -1]]
        return f"<Shells: {len(self)}, {first}{f' to {last}' if len(self) > 1 else ''}>"

    def _repr_html_(self) -> str:
        rows = [(str(number), label) for number, label in enumerate(self.labels.tolist())]
        return facts(f"{len(self)} shells", rows)

    @property
    def limits(self) -> NDArray[np.float64]:
        """Upper limits in Å⁻², the last of them infinite."""
        return np.array(self.upper)

    @property
    def dmin(self) -> NDArray[np.float64]:
        """High-resolution limit of each shell in Å; 0 for the last."""
        return 1 / np.sqrt(self.limits)

    @property
    def dmax(self) -> NDArray[np.float64]:
        """Low-resolution limit of each shell in Å; of the first, that of the data."""
        return np.array([spacing(self.min_inv_d2), *self.dmin[:-1]])

    @property
    def labels(self) -> NDArray[np.str_]:
        """What a person calls the shells: from d to d, the range of the data at both ends."""
        edges = [*self.dmax, spacing(self.max_inv_d2)]
        for digits in range(2, 18):
            texts = [f"{edge:.{digits}f}" for edge in edges]
            if all(text != following for text, following in pairwise(texts)):
                break
            if len(self) == 1:
                break
        return np.array([f"{low}-{high} Å" for low, high in pairwise(texts)])

    def assign(self, reflections: Any) -> Any:
        """Return the number of the shell of each reflection, counted from 0.

        Parameters
        ----------
        reflections : Dataset, DataArray, array_like of int, shape (n, 3), or tuple of three arrays
            Reflections or Miller indices.

        Returns
        -------
        DataArray or ndarray, int32
            A DataArray called ``shell``, for a Dataset or DataArray; dask-backed indices stay
            lazy.

        Raises
        ------
        CrystalMismatchError
            The reflections have another unit cell, different by more than 1 %.
        CrystalError
            Neither the shells nor the reflections have a cell.
        MillerIndexError
            These are not Miller indices.

        Examples
        --------
        >>> import xrefl
        >>> shells = xrefl.tutorial.open("5wkd").xtal.shells(4, method="dstar3")
        >>> shells.assign([(2, 1, 2), (1, 2, 2)])
        array([0, 2], dtype=int32)
        """
        if isinstance(reflections, (xr.Dataset, xr.DataArray)):
            reflection_dim(reflections)
            cell = self._cell_for(reflections)
            numbers: xr.DataArray = xr.apply_ufunc(
                partial(_numbers, self, cell),
                *(reflections[name] for name in "hkl"),
                dask="parallelized",
                output_dtypes=[np.int32],
                keep_attrs=False,
            )
            return numbers.rename("shell").assign_attrs(long_name="number of the shell")
        if self.cell is None:
            raise CrystalError(
                "these shells have no unit cell to calculate 1/d² with; make them with cell=..., "
                "or call .assign_inv_d2"
            )
        return self.assign_inv_d2(self.cell.inv_d2(reflections))

    def assign_inv_d2(self, inv_d2: ArrayLike) -> NDArray[np.int32]:
        """Return the number of the shell of each value of 1/d², counted from 0.

        Parameters
        ----------
        inv_d2 : array_like of float
            Å⁻².

        Returns
        -------
        ndarray of int32
            Of the same shape; -1 where 1/d² is NaN.

        Examples
        --------
        >>> Shells.from_inv_d2([0.1, 0.2, 0.5], 2, method="dstar2").assign_inv_d2([0.3, 0.4, 9])
        array([0, 1, 1], dtype=int32)
        """
        from xrefl.statistics import _kernels

        values = np.array(inv_d2, np.float64, order="C", copy=None)
        flat = values.reshape(-1)  # a view
        flat.setflags(write=False)
        numbers = np.empty(values.shape, np.int32)
        inner = np.array(self.upper[:-1])
        over_rows(_kernels.shell_numbers, flat.size, inner, flat, numbers.reshape(-1))
        return numbers

    def factorize(self, group: Any) -> EncodedGroups:
        """Return the groups that ``groupby`` of xarray asks for.

        Parameters
        ----------
        group : DataArray
            The coordinate ``hkl`` of merged reflections, or one called ``d`` (Å) or ``inv_d2``
            (Å⁻²), which may be a dask array.

        Raises
        ------
        ValueError
            The coordinate is another one.
        """
        if group.name == "hkl":
            codes = self.assign(group)
        elif group.name in ("d", "inv_d2"):
            inv_d2 = group if group.name == "inv_d2" else 1 / group**2
            codes = xr.apply_ufunc(
                self.assign_inv_d2, inv_d2, dask="parallelized", output_dtypes=[np.int32]
            )
        else:
            raise ValueError(
                f"shells cannot group by {group.name!r}: use .groupby(hkl=shells) for merged "
                "reflections, or add a coordinate, .assign_coords(inv_d2=ds.xtal.inv_d2()), and "
                "use .groupby(inv_d2=shells)"
            )
        labels = pd.Index(self.labels)
        found = None if codes.chunks is None else xr.Variable("shell", self.labels)
        return EncodedGroups(codes.rename("shell"), labels, unique_coord=found)

    def reset(self) -> Shells:
        """Return the shells themselves: they keep nothing of what they have grouped."""
        return self

    def _cell_for(self, obj: xr.Dataset | xr.DataArray) -> UnitCell:
        """Return the cell for 1/d² of these reflections, if it is theirs."""
        try:
            theirs = unit_cell(obj)
        except CrystalError:  # they need not have one of their own
            if self.cell is None:
                raise
            return self.cell
        if self.cell is None:
            return theirs
        if not self.cell.is_close(theirs):
            raise CrystalMismatchError(
                f"the shells were made with the unit cell {self.cell.parameters}, but the "
                f"reflections have {theirs.parameters}; make shells of these reflections with "
                ".xtal.shells, or set their cell with .xtal.assign_crystal(cell=...)"
            )
        return self.cell


def shells(
    obj: xr.Dataset | xr.DataArray,
    n: int,
    *,
    method: str = "equal_count",
    cell: UnitCell | Sequence[float] | None = None,
) -> Shells:
    """Divide reflections into shells of resolution.

    All reflections count, whether or not they have values, and 0 0 0 does not. Limits are
    numbers, so dask-backed Miller indices are computed.

    Parameters
    ----------
    obj : Dataset or DataArray
        Merged or unmerged reflections.
    n : int
        Number of shells.
    method : {"equal_count", "dstar", "dstar2", "dstar3"}
        Shells with the same number of reflections (but for one or two), or with limits at equal
        steps of 1/d, of 1/d², or of 1/d³; the last have equal volumes in reciprocal space. With
        "equal_count" the limit of shell i of n, counted from 1, is the 1/d² of the reflection
        that has a fraction i/n of all below it.
    cell : UnitCell or six numbers, optional
        Å and degrees; by default the cell of the reflections. That of another of the data sets
        of a file, say.

    Returns
    -------
    Shells

    Raises
    ------
    MillerIndexError
        There are no reflections.
    ValueError
        The method is not known, or there are too few reflections for so many shells.
    CrystalError
        The reflections have no cell, and none is given.

    Examples
    --------
    >>> import xrefl
    >>> shells = xrefl.tutorial.open("5wkd").xtal.shells(4, method="dstar3")
    >>> shells.limits.round(6)
    array([0.122247, 0.193954, 0.254108,      inf])
    >>> shells.labels
    array(['24.65-2.86 Å', '2.86-2.27 Å', '2.27-1.98 Å', '1.98-1.80 Å'], dtype='<U12')
    """
    reflection_dim(obj)
    known = unit_cell(obj) if cell is None else _as_cell(cell)
    inv_d2 = xr.apply_ufunc(
        partial(_inv_d2, known),
        *(obj[name] for name in "hkl"),
        dask="parallelized",
        output_dtypes=[np.float64],
    )
    return Shells.from_inv_d2(inv_d2.values, n, method=method, cell=known)


def require_shells(given: object) -> Shells:
    """Return shells; raise TypeError if they are something else."""
    if isinstance(given, Shells):
        return given
    raise TypeError(
        f"shells are the result of ds.xtal.shells(20), for instance, not {type(given).__name__}"
    )


def _numbers(shells: Shells, cell: UnitCell, *hkl: Any) -> NDArray[np.int32]:
    return shells.assign_inv_d2(_inv_d2(cell, *hkl))


def _inv_d2(cell: UnitCell, *hkl: Any) -> NDArray[np.float64]:
    return cell.inv_d2(hkl)  # a tuple of the three indices


def _as_cell(cell: UnitCell | Sequence[float]) -> UnitCell:
    return cell if isinstance(cell, UnitCell) else UnitCell.from_parameters(cell)
