"""The bytes of a CIF: windows of them, and lines and columns for messages."""

from __future__ import annotations

import weakref

import numpy as np
from numpy.typing import NDArray

from xrefl._parallel import over_rows
from xrefl.errors import FormatError
from xrefl.io.source import MemorySource, Source

__all__ = ["HELD_BYTES", "CifText", "hold", "shown"]

HELD_BYTES = 2**28
"""Files up to this size are read whole when they are opened."""

_PIECE = 2**22
_SHOWN = 40

Bytes = NDArray[np.uint8]


class CifText:
    """Where the text is; picklable and small, without an open file.

    Text that is held in memory belongs to the document. This only knows of it, and reads the
    file once the document is gone.

    Parameters
    ----------
    source : Source
        The file.
    held : array of uint8, optional
        All of its bytes.
    """

    def __init__(self, source: Source, held: Bytes | None = None) -> None:
        self.source = source
        self._held = None if held is None else weakref.ref(held)

    def __getstate__(self) -> Source:
        return self.source

    def __setstate__(self, source: Source) -> None:
        self.__init__(source)  # type: ignore[misc]

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def size(self) -> int:
        return self.source.size

    def whole(self) -> Bytes | None:
        """Return all bytes if they are in memory."""
        if isinstance(self.source, MemorySource):
            return np.frombuffer(self.source.data, np.uint8)
        return None if self._held is None else self._held()

    def window(self, start: int, stop: int) -> Bytes:
        """Return the bytes from ``start`` to ``stop`` or the end, read if need be."""
        stop = min(stop, self.size)
        whole = self.whole()
        if whole is not None:
            return whole[start:stop]
        buffer = np.empty(max(stop - start, 0), np.uint8)
        with self.source.reader() as reader:
            reader.read_into(start, buffer)
        buffer.flags.writeable = False
        return buffer

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Return the line and column of a byte, both counted from 1."""
        lines, line_start, ends_with_return = 1, 0, False
        for start in range(0, offset, _PIECE):
            piece = self.window(start, min(start + _PIECE, offset)).tobytes()
            lines += piece.count(b"\n") + piece.count(b"\r") - piece.count(b"\r\n")
            lines -= ends_with_return and piece[:1] == b"\n"  # counted with the piece before
            line_start = max(
                line_start, start + piece.rfind(b"\n") + 1 if b"\n" in piece else 0,
                start + piece.rfind(b"\r") + 1 if b"\r" in piece else 0,
            )  # fmt: skip
            ends_with_return = piece.endswith(b"\r")
        return lines, offset - line_start + 1

    def place(self, offset: int) -> str:
        """Return "file, line 12, column 3"."""
        line, column = self.line_and_column(offset)
        return f"{self.name}, line {line}, column {column}"

    def error(self, offset: int, message: str) -> FormatError:
        """Return the error to raise about what stands at a byte."""
        return FormatError(f"{self.place(offset)}: {message}")


def hold(source: Source) -> Bytes | None:
    """Return all bytes of a file that is not large, read on threads; None where there is no need.

    The array cannot be written to.
    """
    if isinstance(source, MemorySource) or source.size > HELD_BYTES:
        return None
    held = np.empty(source.size, np.uint8)

    def fill(start: int, stop: int) -> None:
        with source.reader() as reader:
            reader.read_into(start, held[start:stop])

    over_rows(fill, source.size, min_rows=_PIECE)
    held.flags.writeable = False
    return held


def shown(value: bytes | str) -> str:
    """Return a value as messages show it."""
    if isinstance(value, str):
        text = value
    else:
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = value.decode("latin-1")
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")
