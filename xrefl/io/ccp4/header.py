"""The header of a CCP4 map: what it says, and whether that can be."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrefl.crystal.cell import UnitCell
from xrefl.errors import CrystalError, FormatError, FormatWarning
from xrefl.io.source import Source

__all__ = ["HEADER_BYTES", "MAGIC", "MAGIC_AT", "MODES", "Header", "Statistics", "parse_header"]

HEADER_BYTES = 1024
MAGIC = b"MAP "
MAGIC_AT = 208

MODES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
_OTHER_MODES = {
    3: "complex 16-bit integers",
    4: "complex 32-bit floats",
    101: "4-bit integers",
}
_IMOD_STAMP = 1146047817
_LARGEST_SIGNED = 127
_LABEL = 80
_LABELS_AT = 224
_MAX_LABELS = 10
_ORDER_NAMES = {"<": "little-endian", ">": "big-endian"}


class Statistics(NamedTuple):
    """What a header says of the values: minimum, maximum, mean, and deviation from the mean."""

    min: float
    max: float
    mean: float
    rms: float


@dataclass
class Header:
    """What the first 1024 bytes say. Triples are along x, y and z, unless they say otherwise."""

    mode: int
    dtype: np.dtype[np.generic]
    """Type of a value in the file."""
    file_axes: tuple[int, ...]
    """The axis, 0 to 2, along columns (which run fastest), rows and sections."""
    size: tuple[int, ...]
    start: tuple[int, ...]
    grid: tuple[int, ...]
    cell: tuple[float, ...] | None
    origin: tuple[float, ...]
    """Å; where MRC files may say that the first point is, whatever the start."""
    ispg: int
    extension_bytes: int
    extension_type: str
    statistics: Statistics
    labels: list[str] = field(default_factory=list)

    @property
    def data_at(self) -> int:
        """The byte at which the values begin."""
        return HEADER_BYTES + self.extension_bytes


class _Words:
    """The words of a header, by the numbers that descriptions of the format give them."""

    def __init__(self, name: str, data: bytes, order: str) -> None:
        self.name = name
        self.data = data
        self.order = order

    def ints(self, number: int, count: int = 1) -> tuple[int, ...]:
        return tuple(np.frombuffer(self.data, self.order + "i4", count, 4 * number - 4).tolist())

    def floats(self, number: int, count: int = 1) -> tuple[float, ...]:
        return tuple(np.frombuffer(self.data, self.order + "f4", count, 4 * number - 4).tolist())

    def error(self, number: int, what: str) -> FormatError:
        return FormatError(
            f"{self.name}: {what} (word {number} of the header, at byte {4 * number - 4}). The "
            "file is damaged, or no CCP4 map; write or copy it again from its source"
        )

    def warn(self, number: int, what: str) -> None:
        warnings.warn(
            f"{self.name}: {what} (word {number} of the header, at byte {4 * number - 4})",
            FormatWarning,
            stacklevel=2,
        )

    def plausible(self, file_size: int) -> bool:
        """Whether the words make sense in this byte order."""
        *size, mode = self.ints(1, 4)
        if mode not in MODES and mode not in _OTHER_MODES:
            return False
        axes, (extension,) = sorted(self.ints(17, 3)), self.ints(24)
        if min(size) < 1 or axes not in ([1, 2, 3], [0, 0, 0]) or extension < 0:
            return False
        return _values_end(extension, size, MODES.get(mode, "i1")) <= file_size


def _values_end(extension: int, size: list[int] | tuple[int, ...], dtype: object) -> int:
    itemsize = np.dtype(dtype).itemsize  # type: ignore[call-overload]
    return int(HEADER_BYTES + extension + itemsize * math.prod(size))


def parse_header(source: Source) -> Header:
    """Return the header of a map.

    Raises
    ------
    FormatError
        This is no map, or what the header says cannot be.
    """
    words = _words(source)
    (mode,) = words.ints(4)
    if mode not in MODES:
        known = f": {_OTHER_MODES[mode]}" if mode in _OTHER_MODES else ""
        raise words.error(4, f"mode {mode}{known} cannot be read; modes 0, 1, 2, 6 and 12 can")
    axes = _file_axes(words)
    size, start = _along_xyz(words, axes)
    statistics = Statistics(*words.floats(20, 3), *words.floats(55))
    header = Header(
        mode=mode,
        dtype=_dtype(words, mode, statistics),
        file_axes=axes,
        size=size,
        start=start,
        grid=_grid(words, size),
        cell=_cell(words),
        origin=_origin(words),
        ispg=words.ints(23)[0],
        extension_bytes=words.ints(24)[0],
        extension_type=words.data[104:108].decode("latin-1").strip(" \0"),
        statistics=statistics,
        labels=_labels(words),
    )
    if words.ints(25)[0]:
        words.warn(25, "the skew transformation of the map is ignored")
    _check_size(words, header, source.size)
    return header


def _words(source: Source) -> _Words:
    """Return the words in the byte order that makes sense."""
    data = source.read(0, HEADER_BYTES)
    magic = data[MAGIC_AT : MAGIC_AT + 4]
    if magic != MAGIC:
        raise FormatError(
            f"{source.name}: not a CCP4 or MRC map: bytes {MAGIC_AT} to {MAGIC_AT + 3} are "
            f"{magic!r}, not {MAGIC!r}"
        )
    if len(data) < HEADER_BYTES:
        raise FormatError(
            f"{source.name}: the file ends within the header, at byte {len(data)} of "
            f"{HEADER_BYTES}; write or copy it again from its source"
        )
    stamp = data[212:216]
    stamped = {4: "<", 1: ">"}.get(stamp[0] >> 4)
    both = {order: _Words(source.name, data, order) for order in "<>"}
    if stamped is not None and both[stamped].plausible(source.size):
        return both[stamped]
    sensible = [words for words in both.values() if words.plausible(source.size)]
    if not sensible:  # parsing it tells what is wrong
        return both[stamped or "<"]
    words = sensible[0]
    says = f"says {_ORDER_NAMES[stamped]}" if stamped else "says nothing of the byte order"
    words.warn(
        54,
        f"machine stamp {stamp.hex()} {says}, but the header makes sense as "
        f"{_ORDER_NAMES[words.order]} and is read so",
    )
    return words


def _file_axes(words: _Words) -> tuple[int, ...]:
    axes = words.ints(17, 3)
    if axes == (0, 0, 0):
        words.warn(17, "no order of axes; read as x along columns, y along rows, z along sections")
        return 0, 1, 2
    if sorted(axes) != [1, 2, 3]:
        raise words.error(17, f"the order of axes is {axes}, not one of 1, 2 and 3")
    return tuple(axis - 1 for axis in axes)


def _along_xyz(words: _Words, axes: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the numbers of points and the first ones along x, y and z."""
    counts, starts = words.ints(1, 3), words.ints(5, 3)
    if min(counts) < 1:
        raise words.error(1, f"the map has {counts} columns, rows and sections")
    return (
        tuple(counts[axes.index(axis)] for axis in range(3)),
        tuple(starts[axes.index(axis)] for axis in range(3)),
    )


def _grid(words: _Words, size: tuple[int, ...]) -> tuple[int, ...]:
    grid = words.ints(8, 3)
    if min(grid) < 0:
        raise words.error(8, f"the cell is divided into {grid} intervals")
    if 0 in grid:
        words.warn(8, f"the cell is divided into {grid} intervals; for 0, all points are one cell")
    return tuple(n or count for n, count in zip(grid, size, strict=True))


def _cell(words: _Words) -> tuple[float, ...] | None:
    """Return the cell; None where its lengths are zero, which means that it is not known."""
    # the shortest decimals, so that 50.347 is not 50.34700012207031
    cell = tuple(float(str(np.float32(number))) for number in words.floats(11, 6))
    if cell[:3] == (0, 0, 0):
        words.warn(11, "the lengths of the unit cell are 0; read as a map without a cell")
        return None
    if cell[3:] == (0, 0, 0):
        words.warn(14, "the angles of the unit cell are 0, read as 90 degrees")
        cell = (*cell[:3], 90.0, 90.0, 90.0)
    try:
        UnitCell(*cell)
    except CrystalError as error:
        raise words.error(11, str(error)) from None
    return cell


def _origin(words: _Words) -> tuple[float, ...]:
    origin = words.floats(50, 3)
    if not all(map(math.isfinite, origin)):
        words.warn(50, f"the origin {origin} is not finite and is ignored")
        return 0.0, 0.0, 0.0
    return origin


def _dtype(words: _Words, mode: int, statistics: Statistics) -> np.dtype[np.generic]:
    """Return the type of the values; bytes are signed unless the file shows that they are not."""
    if mode == 0:
        (imod, flags) = words.ints(39, 2)
        if imod == _IMOD_STAMP and not flags & 1:
            return np.dtype("u1")
        if statistics.min >= 0 and _LARGEST_SIGNED < statistics.max < 256:
            words.warn(21, f"read as unsigned bytes, since the maximum is {statistics.max:g}")
            return np.dtype("u1")
    return np.dtype(words.order + MODES[mode])


def _labels(words: _Words) -> list[str]:
    (count,) = words.ints(56)
    if not 0 <= count <= _MAX_LABELS:
        words.warn(56, f"number of labels {count} is not one of 0 to {_MAX_LABELS}; none is read")
        return []
    text: NDArray[np.bytes_] = np.frombuffer(words.data, f"S{_LABEL}", count, _LABELS_AT)
    return [label.decode("latin-1").strip(" \0") for label in text.tolist()]


def _check_size(words: _Words, header: Header, file_size: int) -> None:
    if header.extension_bytes < 0:
        raise words.error(24, f"the extended header has {header.extension_bytes} bytes")
    end = _values_end(header.extension_bytes, header.size, header.dtype)
    if end > file_size:
        points = " x ".join(map(str, header.size))
        raise words.error(
            1,
            f"{points} points of {header.dtype.itemsize} bytes, after {header.data_at} bytes of "
            f"headers, would end at byte {end}, but the file has {file_size} bytes",
        )
    if end < file_size:
        words.warn(1, f"{file_size - end} bytes after the values of the map are ignored")
