"""A table of a CIF: a loop, or the single items of a block as one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xrefl.errors import FormatError
from xrefl.io.cif.body import BadValueError, Body, Code, Kind
from xrefl.io.cif.numbers import INT32_MAX, INT32_MIN, as_float
from xrefl.io.cif.text import CifText, shown
from xrefl.io.cif.tokens import is_missing

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CifField", "CifTable"]

_CODES = ("f8", "i4", "U", "O")
_WIDEST = 16
_WIDE_AT_LEAST = 2**26
_LONGEST_LINE = 2**16


@dataclass(frozen=True, slots=True)
class CifField:
    """One column of a table, and what it becomes in memory.

    Attributes
    ----------
    tag : str
        The full tag, in any case.
    dtype : str
        "f8": float64, NaN for missing values. "i4": int32, which cannot be missing. "U": text
        as wide as the longest value, in which missing values stay "?" and ".". "O": text, None
        for missing values.
    """

    tag: str
    dtype: str

    def __post_init__(self) -> None:
        if self.dtype not in _CODES:
            raise ValueError(f"the dtype of a field is one of {_CODES}, not {self.dtype!r}")


class CifTable:
    """A table that is read when its columns are asked for.

    Picklable and small: a large table is known by where it stands, and holds no open file.

    Parameters
    ----------
    text : CifText
        The file.
    block : str
        Name of the data block.
    start : int
        Byte at which the loop begins.
    tags : sequence of str
        As in the file.
    body : Body
        The values.

    Examples
    --------
    >>> import xrefl
    >>> doc = xrefl.read_cif(xrefl.tutorial.path("5wkd", kind="sf-mmcif"))
    >>> table = doc[0].table("_refln.index_h")
    >>> table.nrow, table.ncol, table.kinds[:4]
    (406, 17, ('integer', 'integer', 'integer', 'integer'))
    >>> table.numbers("_refln.F_meas_au")[:4]
    array([12.66, 13.82, 24.11,   nan])
    >>> table.texts("_refln.status")[:4]
    array(['o', 'o', 'o', 'x'], dtype=object)
    """

    def __init__(
        self, text: CifText, block: str, start: int, tags: Sequence[str], body: Body
    ) -> None:
        self._text = text
        self._block = block
        self._start = start
        self._body = body
        self._tags = tuple(tags)
        self._columns = {tag.lower(): i for i, tag in enumerate(self._tags)}

    def __repr__(self) -> str:
        return f"<CifTable {self._block}: {self.nrow} rows, {self.ncol} columns>"

    def __contains__(self, tag: str) -> bool:
        return tag.lower() in self._columns

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of the columns, as the file spells them."""
        return self._tags

    @property
    def nrow(self) -> int:
        """Number of rows."""
        return self._body.nrow

    @property
    def ncol(self) -> int:
        """Number of columns."""
        return len(self._tags)

    @property
    def nbytes(self) -> int:
        """Bytes of the values in the file, with what separates them."""
        return self._body.nbytes

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What each column holds: "integer", "number" or "text".

        Integers are digits, perhaps after a minus, and fit into int32. Quoted values are text. A
        column in which all values are missing is "number".
        """
        return self._body.description.kinds

    @property
    def has_missing(self) -> tuple[bool, ...]:
        """Whether an unquoted ``?`` or ``.`` occurs in each column."""
        return self._body.description.has_missing

    @property
    def widths(self) -> tuple[int, ...]:
        """Bytes of the longest value of each column, without quotes."""
        return self._body.description.widths

    @property
    def ends_within_line(self) -> bool:
        """Whether the file ends with the last row, and without the end of its line.

        Where such a file has been cut, the last value may have lost digits.
        """
        size = self._text.size
        if not self.nrow or self._text.window(size - 1, size).tobytes() in (b"\n", b"\r"):
            return False
        last = self._body.offset(self._text, self.nrow - 1, self.ncol - 1)
        rest = self._text.window(last, last + _LONGEST_LINE).tobytes()
        return last + len(rest) == size and b"\n" not in rest and b"\r" not in rest

    @property
    def where(self) -> str:
        """File, block and line, for messages."""
        line, _ = self._text.line_and_column(self._start)
        return f"{self._text.name}, block {self._block}, line {line}"

    def find(self, *tags: str) -> str | None:
        """Return the first of the tags that is in the table, as the file spells it."""
        for tag in tags:
            if tag in self:
                return self._tags[self._columns[tag.lower()]]
        return None

    def place(self, tag: str, row: int) -> str:
        """Return "file, line 40, column 7" of one value, for messages."""
        row = range(self.nrow)[row]
        return self._text.place(self._body.offset(self._text, row, self._column(tag)))

    def read(self, fields: Sequence[CifField], rows: slice | None = None) -> list[NDArray[Any]]:
        """Read columns in one pass over the text, on threads.

        Parameters
        ----------
        fields : sequence of CifField
            The columns.
        rows : slice, optional
            Which rows, with any step; all by default. Only the part of the file that holds them
            is read.

        Returns
        -------
        list of arrays
            One for each field.

        Raises
        ------
        FormatError
            A value is not what its field needs, as text is no number. The message has file,
            line, tag and value.
        KeyError
            There is no such tag.
        """
        return self._read(fields, slice(None) if rows is None else rows, None)

    def texts(self, tag: str) -> NDArray[np.object_]:
        """Return a column as text, with None where a value is missing."""
        return self.read([CifField(tag, "O")])[0]

    def numbers(self, tag: str) -> NDArray[np.float64]:
        """Return a column as float64, with NaN where a value is missing.

        A standard uncertainty in parentheses is left out; a number is exactly what ``float()``
        makes of the rest.

        Raises
        ------
        FormatError
            A value is not a number.
        """
        return self.read([CifField(tag, "f8")])[0]

    def integers(self, tag: str, missing: int | None = None) -> NDArray[np.int32]:
        """Return a column as int32.

        Parameters
        ----------
        tag : str
            The column.
        missing : int, optional
            What stands for missing values, which are an error by default.

        Raises
        ------
        FormatError
            A value is not a whole number, is too large for int32, or is missing. "3.0" is whole.
        """
        return self._read([CifField(tag, "i4")], slice(None), missing)[0]

    def to_dataframe(self) -> pd.DataFrame:
        """Return a pandas DataFrame.

        Integers are int32, or Int32 where some are missing, numbers are float64, and other
        columns text, with None for missing values. Columns are named by their tags without the
        category.
        """
        import pandas as pd

        fields = [
            CifField(tag, "O" if kind == "text" else "i4" if whole else "f8")
            for tag, kind, whole in zip(self.tags, self.kinds, self._whole(), strict=True)
        ]
        columns: dict[str, Any] = {}
        names = _without_category(self._tags)
        for name, kind, array in zip(names, self.kinds, self.read(fields), strict=True):
            if kind == "integer" and array.dtype.kind == "f":
                columns[name] = pd.array(array, dtype="Int32")
            else:
                columns[name] = array
        return pd.DataFrame(columns, copy=False)

    def _whole(self) -> list[bool]:
        return [
            kind == "integer" and not missing
            for kind, missing in zip(self.kinds, self.has_missing, strict=True)
        ]

    def _column(self, tag: str) -> int:
        if tag not in self:
            raise KeyError(f"{self.where}: no tag {tag}; there are {', '.join(self._tags)}")
        return self._columns[tag.lower()]

    def _read(
        self, fields: Sequence[CifField], rows: slice, missing: int | None
    ) -> list[NDArray[Any]]:
        wanted = range(self.nrow)[rows]
        forward = wanted if wanted.step > 0 else wanted[::-1]
        start, stop = (forward[0], forward[-1] + 1) if forward else (0, 0)
        columns: list[tuple[int, Code]] = [
            (self._column(field.tag), field.dtype)  # type: ignore[misc]
            for field in fields
        ]
        for column, code in columns:
            if code == "U":
                self._check_width(column, stop - start)
        try:
            arrays = self._body.read(self._text, columns, start, stop, missing)
        except BadValueError as error:
            codes = {code for column, code in columns if column == error.column}
            raise self._bad(error, codes) from None
        if wanted.step == 1:
            return arrays
        return [array[:: forward.step][:: 1 if forward is wanted else -1] for array in arrays]

    def _check_width(self, column: int, nrow: int) -> None:
        width = self.widths[column]
        if nrow * width * 4 > max(_WIDEST * self.nbytes, _WIDE_AT_LEAST):
            tag = self._tags[column]
            raise FormatError(
                f"{self.where}: {tag} has a value of {width} bytes, and {nrow} rows of that width "
                f"would take {nrow * width * 4 / 2**30:.1f} GiB as text of fixed width; read the "
                "column with .texts, which gives Python's texts"
            )

    def _bad(self, error: BadValueError, codes: set[Code]) -> FormatError:
        tag = self._tags[error.column]
        if is_missing(error.raw):
            why = "but a whole number is needed, since integers cannot be missing"
        elif (number := as_float(error.raw)) is None:
            why = "which is not a number"
        elif INT32_MIN <= number <= INT32_MAX or number != number:
            why = "which is not a whole number"
        else:
            why = "which is too large for a 32-bit integer"
        remedy = "; correct the file" + ("" if "i4" in codes else ", or read the column as text")
        return FormatError(
            f"{self.place(tag, error.row)}: {tag} is {shown(error.raw)}, {why}{remedy}"
        )


def _without_category(tags: Sequence[str]) -> list[str]:
    """Return tags without the category that all have in common.

    Small-molecule tags do not say where their category ends; what all of them begin with is
    taken for it, up to the last underscore.
    """
    first, last = min(tag.lower() for tag in tags), max(tag.lower() for tag in tags)
    same = next(
        (i for i, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), 0
    )
    common = first[:same] if len(tags) > 1 else first
    if any("." in tag for tag in tags):
        cut = common.find(".") + 1
    else:
        cut = common.rfind("_") + 1 if len(tags) > 1 else 1
    return [tag[cut:] for tag in tags]
