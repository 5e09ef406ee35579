"""Reflections one by one, block by block, so that files may be larger than memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from xrefl.io.cif.format import Printf

__all__ = ["show_aligned", "show_tsv"]

_PIECE = 2**16
_LEAST_INDEX, _LEAST_WHOLE, _REAL, _LEAST_TEXT = 4, 6, 12, 4


def show_tsv(path: Path, ds: xr.Dataset, labels: str | None, rows: int | None) -> None:
    """Print reflections with tabs between columns: all digits, nothing where one is missing."""
    names, variables, count = _chosen(path, ds, labels, rows)
    sys.stdout.write("\t".join(map(_label, names)) + "\n")
    for block in _blocks(variables, count):
        columns = [_texts(values, None) for values in block]
        sys.stdout.write("".join("\t".join(row) + "\n" for row in zip(*columns, strict=True)))


def show_aligned(path: Path, ds: xr.Dataset, labels: str | None, rows: int | None) -> None:
    """Print reflections in aligned columns, numbers to six digits, ? where one is missing."""
    from xrefl.io.cif.format import Printf

    names, variables, count = _chosen(path, ds, labels, rows)
    widths: list[int] = []
    formats: list[Printf | None] = []
    for number, block in enumerate(_blocks(variables, count)):
        if not number:
            widths = [_width(*pair) for pair in zip(names, block, strict=True)]
            formats = [Printf.parse("%.6g") if one.dtype.kind == "f" else None for one in block]
            head = (f"{_label(name):>{w}}" for name, w in zip(names, widths, strict=True))
            sys.stdout.write(" ".join(head) + "\n")
        columns = [
            [f"{text or '?':>{width}}" for text in _texts(values, form)]
            for values, form, width in zip(block, formats, widths, strict=True)
        ]
        sys.stdout.write("".join(" ".join(row) + "\n" for row in zip(*columns, strict=True)))


def _chosen(
    path: Path, ds: xr.Dataset, labels: str | None, rows: int | None
) -> tuple[list[str], list[xr.Variable], int]:
    """Return the names of the columns, the columns, and how many rows of them to print."""
    from xrefl.errors import MissingColumnError
    from xrefl.hkl.crystal import reflection_dim

    dim = reflection_dim(ds)
    present = [str(name) for name, one in ds.data_vars.items() if one.dims == (dim,)]
    names = present if labels is None else labels.split(",")
    if missing := [name for name in names if name not in present]:
        raise MissingColumnError(
            f"{path}: there is no column {', '.join(missing)}; the columns are {', '.join(present)}"
        )
    names = [*"hkl", *names]
    count = ds.sizes[dim] if rows is None else min(rows, ds.sizes[dim])
    return names, [ds[name].variable[:count] for name in names], count


def _blocks(variables: Sequence[xr.Variable], count: int) -> Iterator[list[NDArray[Any]]]:
    """Yield blocks of rows, at least one, which may be empty; text takes more room than numbers."""
    from xrefl.hkl.blocks import row_blocks

    if not count:
        yield [one.values for one in variables]
    for block in row_blocks(variables, count):
        for start in range(0, len(block[0]), _PIECE):
            yield [values[start : start + _PIECE] for values in block]


def _label(name: str) -> str:
    return name.upper() if name in "hkl" else name


def _width(name: str, values: NDArray[Any]) -> int:
    """Return the width of a column of which some values are known."""
    if values.dtype.kind == "f":
        return max(len(name), _REAL)
    if values.dtype.kind in "iub":
        least = _LEAST_INDEX if name in "hkl" else _LEAST_WHOLE
    else:
        least = _LEAST_TEXT
    return max([len(name), least, *map(len, set(_texts(values, None)))])


def _texts(values: NDArray[Any], form: Printf | None) -> list[str]:
    """Return values as text, the shortest that reads back as the same if there is no format."""
    from xrefl.io.cif.format import RowFormatter

    if values.dtype.kind in "UOT":
        texts = ("" if one is None or one != one else str(one) for one in values.tolist())
        return [" ".join(one.split()) if one not in ("?", ".") else "" for one in texts]
    if values.dtype.kind == "c":
        return [str(one).strip("()") for one in values.tolist()]
    lines = b"".join(RowFormatter([form]).lines([values]))
    return lines.decode().replace("?", "").split("\n")[:-1]
