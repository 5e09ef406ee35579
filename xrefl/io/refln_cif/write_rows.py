"""The rows of a reflection loop: columns that are made block by block, and written as lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrefl.errors import FormatError
from xrefl.hkl.blocks import row_blocks
from xrefl.io.cif.format import Printf, RowFormatter

__all__ = ["Loop", "LoopColumn", "RowTest"]


@dataclass(frozen=True, slots=True)
class LoopColumn:
    """A column of a loop.

    Attributes
    ----------
    tag : str
        With its category.
    inputs : tuple of Variable
        What it is made of, along the rows.
    make : callable, optional
        Takes the numbers that the rows have in the file, counted from 0, and their values of
        each input, and returns the values to write. By default those of the only input are.
    form : Printf, optional
        Format of numbers; by default the shortest decimals that lose nothing.
    real : bool
        Whether floats that are whole numbers are written with ".0".
    """

    tag: str
    inputs: tuple[xr.Variable, ...]
    make: Callable[..., NDArray[Any]] | None = None
    form: Printf | None = None
    real: bool = False


@dataclass(frozen=True, slots=True)
class RowTest:
    """Which rows to write: a function of the values of some variables, True to keep."""

    inputs: tuple[xr.Variable, ...]
    keep: Callable[..., NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Loop:
    """All that a loop is written from.

    Attributes
    ----------
    columns : list of LoopColumn
        In the order of the file.
    nrow : int
        Rows before any is left out.
    tests : list of RowTest
        Rows that fail one are left out.
    preamble : str
        Items that stand before the loop.
    """

    columns: list[LoopColumn]
    nrow: int
    tests: list[RowTest] = field(default_factory=list)
    preamble: str = ""

    def pieces(self) -> Iterator[bytes]:
        """Yield the text of the loop.

        Raises
        ------
        FormatError
            There are no rows, or values that a CIF file cannot hold.
        """
        self._check_tags()
        yield self.preamble.encode()
        yield ("loop_\n" + "".join(f"{column.tag}\n" for column in self.columns)).encode()
        inputs: dict[int, xr.Variable] = {}
        for needed in [*(one.inputs for one in self.columns), *(one.inputs for one in self.tests)]:
            inputs.update((id(variable), variable) for variable in needed)
        formatter = RowFormatter(
            [column.form for column in self.columns], [column.real for column in self.columns]
        )
        written = 0
        for block in row_blocks(list(inputs.values()), self.nrow):
            values = self._kept(dict(zip(inputs, block, strict=True)), len(block[0]))
            count = len(next(iter(values.values())))
            if count:
                rows = np.arange(written, written + count)
                yield from formatter.lines([_made(column, rows, values) for column in self.columns])
                written += count
        if not written:
            raise FormatError(
                "there are no rows to write, and a loop of a CIF file cannot be empty"
            )

    def _kept(self, values: dict[int, NDArray[Any]], count: int) -> dict[int, NDArray[Any]]:
        kept = np.ones(count, bool)
        for test in self.tests:
            kept &= test.keep(*(values[id(variable)] for variable in test.inputs))
        if kept.all():
            return values
        return {key: column[kept] for key, column in values.items()}

    def _check_tags(self) -> None:
        tags = [column.tag.lower() for column in self.columns]
        for column, tag in zip(self.columns, tags, strict=True):
            if tags.count(tag) > 1:
                raise FormatError(
                    f"two columns would be written as {column.tag}; rename one of them to the name "
                    "of another tag, drop it, or leave it out with spec="
                )


def _made(
    column: LoopColumn, rows: NDArray[np.intp], values: dict[int, NDArray[Any]]
) -> NDArray[Any]:
    inputs: Sequence[NDArray[Any]] = [values[id(variable)] for variable in column.inputs]
    return inputs[0] if column.make is None else column.make(rows, *inputs)
