"""From a spec and a Dataset to the loop that is written."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import FormatError, FormatWarning, MissingColumnError
from xrefl.hkl.blocks import row_blocks
from xrefl.hkl.crystal import is_merged, reflection_dim
from xrefl.hkl.datasets import datasets_of
from xrefl.hkl.find import free_flag
from xrefl.hkl.original import to_original_hkl
from xrefl.io.convert.mtz_to_cif_spec import SpecLine
from xrefl.io.refln_cif.tags import INDEX_TAGS
from xrefl.io.refln_cif.write_columns import CATEGORIES, index_columns, needs_point
from xrefl.io.refln_cif.write_items import diffraction_items
from xrefl.io.refln_cif.write_links import wavelengths
from xrefl.io.refln_cif.write_rows import Loop, LoopColumn, RowTest

__all__ = ["spec_loop"]

# Tags whose values show that a reflection was observed.
_MEASURED = frozenset(
    {"f_meas", "f_meas_au", "f_squared_meas", "intensity_meas", "intensity_net"}
    | {"pdbx_i_plus", "pdbx_i_minus", "pdbx_f_plus", "pdbx_f_minus"}
)
_SIGMA_TYPES, _NO_MEASUREMENT = frozenset("QLM"), frozenset("HIBY")
_GEOMETRY = frozenset(
    {"pdbx_scan_angle", "pdbx_detector_x", "pdbx_detector_y", "scan_width", "wavelength"}
    | {"d_spacing", "sint_over_lambda", "sint/lambda", "mean_path_length_tbar"}
    | {f"angle_{name}" for name in ("chi", "kappa", "omega", "phi", "psi", "theta")}
)
_PARTIAL = 256  # M/ISYM is ISYM and, for partial observations, a multiple of this
_SWEEP = 1000  # programs number the batches of sweeps from multiples of it


def spec_loop(
    ds: xr.Dataset,
    lines: Sequence[SpecLine],
    *,
    ddl1: bool,
    free_value: int | None = None,
    skip_empty: bool | Sequence[str] = False,
    skip_negative_sigma: bool = False,
) -> tuple[Loop, list[Hashable]]:
    """Return the loop that a spec makes of a Dataset, and the variables it leaves out.

    Observations with a column M/ISYM are written under their original Miller indices. M/ISYM
    is then not left out, nor is the batch number that ``$image`` is made of.

    Parameters
    ----------
    ds : Dataset
        With the labels of an MTZ file.
    lines : sequence of SpecLine
        The spec.
    ddl1 : bool
        Whether the tags are those of the core dictionary ("_refln_index_h").
    free_value : int, optional
        The flag of the free set; by default what `xrefl.hkl.find.free_flag` says.
    skip_empty : bool or sequence of str
        Leave out rows in which all measured or calculated values, or those of the columns
        given, are missing. Geometry is none: neither rotation nor position on the detector.
    skip_negative_sigma : bool
        Leave out rows in which a standard deviation that is written is negative.

    Raises
    ------
    FormatError, MissingColumnError
        A column that a line needs is not there.

    Warns
    -----
    FormatWarning
        `free_value` is of no use; or, when the loop is written, M/ISYM marks partial
        observations, which are then not marked.
    """
    if not is_merged(ds) and any(_type(column) == "Y" for column in ds.data_vars.values()):
        ds = to_original_hkl(ds)
    return _Maker(ds, ddl1, free_value).loop(lines, skip_empty, skip_negative_sigma)


class _Maker:
    def __init__(self, ds: xr.Dataset, ddl1: bool, free_value: int | None) -> None:
        self._ds = ds
        self._ddl1 = ddl1
        self._free_value = free_value
        self._nrow = ds.sizes[reflection_dim(ds)]
        self._category = CATEGORIES[reflection_dim(ds), ddl1]
        self._names: dict[str, Hashable] = {"H": "h", "K": "k", "L": "l"}
        for name in ds.data_vars:
            self._names[str(ds.variables[name].attrs.get("mtz_label", name))] = name
            self._names[str(name)] = name
        self._used: dict[Hashable, str] = {}  # under which tag, in lower case
        self._preamble = ""
        self._batch = next((n for n, c in ds.data_vars.items() if _type(c) == "B"), None)

    def loop(
        self,
        lines: Sequence[SpecLine],
        skip_empty: bool | Sequence[str],
        skip_negative_sigma: bool,
    ) -> tuple[Loop, list[Hashable]]:
        columns: list[LoopColumn | SpecLine] = []  # lines are codes of status, made at the end
        flags: list[Hashable] = []
        previous, ignored = "", False
        for line in lines:
            if line.flag == "&" and ignored:
                continue
            if line.special:
                made = self._special(line)
                ignored = made is None
                columns += [] if made is None else [made]
                continue
            label = self._matched(line, previous)
            ignored = label is None
            if label is None:
                continue
            previous, name = label, self._names[label]
            self._used[name] = line.tag.lower()
            if line.status:
                flags.append(name)
                columns.append(line)
            else:
                columns.append(self._column(line, (self._ds.variables[name],)))
        ready = [one for one in columns if isinstance(one, LoopColumn)]
        measured = [
            one.inputs[0] for one in ready if self._bare(one) in _MEASURED and one.make is None
        ]
        if self._free_value is not None and not flags:
            warnings.warn(
                f"free_value={self._free_value} changes nothing: there is no column of free flags "
                "that a line of the spec makes into status",
                FormatWarning,
                stacklevel=2,
            )
        made_columns = self._with_indices(
            [
                one if isinstance(one, LoopColumn) else self._status(one, flags.pop(0), measured)
                for one in columns
            ]
        )
        tests = [*self._empty(skip_empty), *self._partial()]
        tests += self._negative() if skip_negative_sigma else []
        left_out = [
            name
            for name, column in self._ds.data_vars.items()
            if name not in self._used and not self._is_original(column)
        ]
        return Loop(made_columns, self._nrow, tests, self._preamble), left_out

    def _bare(self, column: LoopColumn) -> str:
        return column.tag[len(self._category) :].lower()

    def _with_indices(self, columns: list[LoopColumn]) -> list[LoopColumn]:
        """Return the columns with the Miller indices that are not among them, in order."""
        given = {self._bare(one): one for one in columns if self._bare(one) in INDEX_TAGS}
        indices = index_columns(self._ds, ddl1=self._ddl1)
        if len(given) == len(indices):
            return columns
        rest = [one for one in columns if self._bare(one) not in given]
        at = min((columns.index(one) for one in given.values()), default=0)
        return rest[:at] + [given.get(self._bare(one), one) for one in indices] + rest[at:]

    def _is_original(self, column: xr.DataArray) -> bool:
        """Tell M/ISYM, which has become part of the Miller indices."""
        return _type(column) == "Y" and self._ds["h"].attrs.get("indices") == "original"

    def _matched(self, line: SpecLine, previous: str) -> str | None:
        """Return the first of the labels of a line that there is, with the right type."""
        labels = [label.replace("{prev}", previous) for label in line.labels]
        there = [label for label in labels if label in self._names]
        for label in there:
            kind = _type(self._ds[self._names[label]])
            if line.type == "*" or not kind or kind == line.type:
                return label
        if line.flag:
            return None
        if there:
            kind = _type(self._ds[self._names[there[0]]])
            raise FormatError(
                f"{line.where}: column {there[0]} is of type {kind}, not {line.type}; correct the "
                "type in the spec, or write * for any"
            )
        raise MissingColumnError(
            f"{line.where}: there is no column {' or '.join(labels)}; begin the line with ? if it "
            f"may be absent. The columns are {', '.join(self._names)}"
        )

    def _column(
        self,
        line: SpecLine,
        inputs: tuple[xr.Variable, ...],
        make: Callable[..., NDArray[Any]] | None = None,
    ) -> LoopColumn:
        return LoopColumn(self._category + line.tag, inputs, make, line.form, needs_point(line.tag))

    def _status(
        self, line: SpecLine, name: Hashable, measured: Sequence[xr.Variable]
    ) -> LoopColumn:
        if self._ds[name].dtype.kind not in "fiub":
            raise FormatError(
                f"{line.where}: S makes codes of free flags, which are numbers, but {name} is "
                "text; leave S out of the line"
            )
        if self._free_value is not None:
            self._check_free_value(name)
        free = self._free_value if self._free_value is not None else self._found_free_value(name)

        def status(_: NDArray[np.intp], flags: Any, *values: Any) -> NDArray[Any]:
            codes = np.where(flags == free, "f", "o")
            if values:
                codes[np.all([_is_missing(each) for each in values], axis=0)] = "x"
            return codes

        return self._column(line, (self._ds.variables[name], *measured), status)

    def _check_free_value(self, name: Hashable) -> None:
        flags = [self._ds.variables[name]]
        if not any((block == self._free_value).any() for (block,) in row_blocks(flags, self._nrow)):
            warnings.warn(
                f"no flag in {name} is {self._free_value}, which free_value= says marks the free "
                "set; no reflection gets the status f",
                FormatWarning,
                stacklevel=2,
            )

    def _found_free_value(self, name: Hashable) -> int | None:
        attrs = free_flag(xr.Dataset({"FREE": ("rows", self._ds[name].values)})).attrs
        if "free_value" not in attrs:
            warnings.warn(
                f"which value of {name} marks the free set {attrs['free_value_reason']}; no "
                "reflection gets the status f. Say which with free_value=",
                FormatWarning,
                stacklevel=2,
            )
        value: int | None = attrs.get("free_value")
        return value

    def _special(self, line: SpecLine) -> LoopColumn | None:
        """Return the column of ``$counter`` or the like, None if there is nothing to make it of."""
        what = line.special
        if what == "$counter":
            return self._column(line, (), lambda rows: rows + 1)
        if what == "$image":
            if self._batch is None:
                if line.flag:
                    return None
                raise MissingColumnError(
                    f"{line.where}: $image is made of a column of batch numbers (type B), but "
                    "there is none; begin the line with ? if it may be absent"
                )
            return self._of_batch(line, 1)
        if what == "$dataset":
            if self._batch is None:
                number = self._only_dataset()
                self._describe(line, [number])
                return self._column(line, (), lambda rows: np.full(len(rows), number))
            self._describe(line, sorted({dataset for dataset, _ in self._sweeps().values()}))
            return self._of_batch(line, 0)
        text = what[1:].removeprefix("=")
        return self._column(line, (), lambda rows: np.full(len(rows), text))

    def _of_batch(self, line: SpecLine, which: int) -> LoopColumn:
        """Return a column of data sets (``which`` 0) or image numbers (1) of batches."""
        self._used[self._batch] = line.tag.lower()
        sweeps = self._sweeps()
        known = np.array(sorted(sweeps), np.int64)
        datasets = np.array([sweeps[number][0] for number in known.tolist()], np.int64)
        images = np.array([sweeps[number][1] for number in known.tolist()], np.int64)
        fallback = self._only_dataset()

        def made(_: NDArray[np.intp], batches: Any) -> NDArray[Any]:
            numbers = np.asarray(batches).astype(np.int64)
            if not len(known):
                return np.full(len(numbers), fallback) if which == 0 else numbers
            at = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
            found = known[at] == numbers
            if which == 0:
                return np.where(found, datasets[at], fallback)
            return np.where(found, images[at], numbers)

        return self._column(line, (self._ds.variables[self._batch],), made)

    def _sweeps(self) -> dict[int, tuple[int, int]]:
        """Return the data set and the image number of each batch.

        Images are counted from the multiple of 1000 below the first batch of the data set, so
        that they tell the batches of a data set apart.
        """
        if "batch" not in self._ds.coords:
            return {}
        numbers = np.atleast_1d(self._ds["batch"].values).astype(int).tolist()
        ids = [self._only_dataset()] * len(numbers)
        if "batch_dataset_id" in self._ds.coords:
            ids = np.atleast_1d(self._ds["batch_dataset_id"].values).astype(int).tolist()
        first: dict[int, int] = {}
        for number, dataset in zip(numbers, ids, strict=True):
            first[dataset] = min(first.get(dataset, number), number)
        return {
            number: (dataset, number - max(first[dataset] - 1, 0) // _SWEEP * _SWEEP)
            for number, dataset in zip(numbers, ids, strict=True)
        }

    def _only_dataset(self) -> int:
        """Return the data set of observations whose batches do not tell: the last one, or 1."""
        return max((one.id for one in datasets_of(self._ds)), default=1)

    def _describe(self, line: SpecLine, numbers: Sequence[int]) -> None:
        if line.tag == "diffrn_id" and not self._ddl1:
            found = wavelengths(self._ds)
            same = len(set(found.values())) == 1
            numbers = numbers or [self._only_dataset()]
            ids = [1 if same else number if number in found else None for number in numbers]
            self._preamble = diffraction_items(numbers, ids)

    def _empty(self, skip: bool | Sequence[str]) -> list[RowTest]:
        if skip is False:
            return []
        if skip is True:
            names = [
                name
                for name, tag in self._used.items()
                if self._ds.variables[name].dtype.kind == "f"
                and _type(self._ds[name]) not in _NO_MEASUREMENT
                and tag not in _GEOMETRY
            ]
        else:
            labels = [skip] if isinstance(skip, str) else list(skip)
            missing = [label for label in labels if label not in self._names]
            if missing:
                raise MissingColumnError(
                    f"skip_empty names {', '.join(missing)}, but the columns are "
                    f"{', '.join(self._names)}"
                )
            names = [self._names[label] for label in labels]
        if not names:
            return []
        inputs = tuple(self._ds.variables[name] for name in names)
        return [RowTest(inputs, lambda *values: ~np.all([_is_missing(v) for v in values], axis=0))]

    def _partial(self) -> list[RowTest]:
        """Return a test that keeps all rows, but warns if there are partial observations."""
        inputs = [
            column.variable
            for name, column in self._ds.data_vars.items()
            if name not in self._used and self._is_original(column)
        ]
        warned = False

        def keep(misym: Any) -> NDArray[np.bool_]:
            nonlocal warned
            if not warned and (misym >= _PARTIAL).any():
                warned = True
                warnings.warn(
                    "not written: the part M of M/ISYM, which marks partial observations; a CIF "
                    "file has no place for it",
                    FormatWarning,
                    stacklevel=2,
                )
            return np.ones(len(misym), np.bool_)

        return [RowTest((one,), keep) for one in inputs]

    def _negative(self) -> list[RowTest]:
        sigmas = [
            name
            for name in self._used
            if _type(self._ds[name]) in _SIGMA_TYPES and self._ds[name].dtype.kind in "fi"
        ]
        if not sigmas:
            return []
        inputs = tuple(self._ds.variables[name] for name in sigmas)
        return [RowTest(inputs, lambda *values: ~np.any([v < 0 for v in values], axis=0))]


def _type(column: xr.DataArray) -> str:
    if column.dtype.kind == "b":  # the outcome of a comparison, whatever was compared
        return "I"
    return str(column.attrs.get("mtz_type", ""))


def _is_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which numbers are NaN, and which texts stand for no value."""
    if values.dtype.kind in "iub":
        return np.zeros(len(values), np.bool_)
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values))
    missing: NDArray[np.bool_] = pd.isna(values.astype(object)) | (values == "?") | (values == ".")
    return missing
