"""Where the bytes of a file come from: a path, bytes in memory, or an open binary file.

A source is small, immutable and picklable, opens the file anew for every read, and therefore
serves threads, processes and cluster workers alike.
"""

from __future__ import annotations

import gzip
import io
import os
import uuid
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

import numpy as np
from numpy.typing import NDArray

from xrefl.errors import FormatError

__all__ = ["FileSource", "MemorySource", "Source", "as_source", "as_stream", "peek"]

_GZIP_MAGIC = b"\x1f\x8b"


class Source(Protocol):
    """Bytes that can be read from any offset."""

    @property
    def name(self) -> str:
        """What error messages call the source."""

    @property
    def size(self) -> int:
        """Number of bytes."""

    def read(self, offset: int, count: int) -> bytes:
        """Return up to ``count`` bytes from ``offset``."""

    def reader(self) -> BlockReader:
        """Return an object that reads into buffers of the caller's, for one thread."""


class BlockReader(Protocol):
    """Reads from one thread, as a context manager."""

    def __enter__(self) -> BlockReader: ...

    def __exit__(self, *exc: object) -> None: ...

    def read_into(self, offset: int, buffer: NDArray[np.uint8]) -> None:
        """Fill ``buffer`` with the bytes from ``offset``."""


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file on disk, known by its size and modification time when it was opened."""

    path: str
    size: int
    mtime_ns: int

    @classmethod
    def from_path(cls, path: str) -> FileSource:
        """Return the source for a path, made absolute so that it outlives a chdir."""
        place = Path(path).expanduser().absolute()
        status = place.stat()
        return cls(str(place), status.st_size, status.st_mtime_ns)

    @property
    def name(self) -> str:
        return self.path

    def read(self, offset: int, count: int) -> bytes:
        with Path(self.path).open("rb", buffering=0) as stream:
            stream.seek(offset)
            return stream.read(count)

    def reader(self) -> BlockReader:
        return _FileReader(self)


class _FileReader:
    def __init__(self, source: FileSource) -> None:
        self._source = source

    def __enter__(self) -> BlockReader:
        self._stream: IO[bytes] = Path(self._source.path).open("rb", buffering=0)
        status = os.fstat(self._stream.fileno())
        if (status.st_size, status.st_mtime_ns) != (self._source.size, self._source.mtime_ns):
            self._stream.close()
            raise FormatError(
                f"{self._source.path}: the file has changed since it was opened; "
                "open it again to read the new content"
            )
        return self

    def __exit__(self, *exc: object) -> None:
        self._stream.close()

    def read_into(self, offset: int, buffer: NDArray[np.uint8]) -> None:
        self._stream.seek(offset)
        view = memoryview(buffer.data)
        while view:
            count = self._stream.readinto(view)  # type: ignore[attr-defined]
            if not count:
                raise FormatError(
                    f"{self._source.path}: the file ends at byte {self._stream.tell()}, where "
                    f"{len(view)} more bytes were expected; it was cut while being read"
                )
            view = view[count:]


@dataclass(frozen=True, slots=True)
class MemorySource:
    """Bytes in memory: given as such, read from a file object, or decompressed."""

    data: bytes = field(repr=False)
    name: str = "<bytes>"
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __dask_tokenize__(self) -> str:
        return self.token  # dask would pickle the data for it, once for every column

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, count: int) -> bytes:
        return self.data[offset : offset + count]

    def reader(self) -> BlockReader:
        return _MemoryReader(self.data)


class _MemoryReader:
    def __init__(self, data: bytes) -> None:
        self._data = np.frombuffer(data, np.uint8)

    def __enter__(self) -> BlockReader:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def read_into(self, offset: int, buffer: NDArray[np.uint8]) -> None:
        buffer[:] = self._data[offset : offset + buffer.size]


def as_source(obj: object) -> Source:
    """Return the source for a path, bytes or binary file object; gzip is seen by its content.

    A file object is read from its beginning. Gzipped content is decompressed into memory, since
    it cannot be read from the middle.
    """
    if isinstance(obj, (str, os.PathLike)):
        source = FileSource.from_path(os.fspath(obj))
        if source.read(0, 2) != _GZIP_MAGIC:
            return source
        return MemorySource(_gunzip(Path(source.path).read_bytes(), source.path), source.path)
    if isinstance(obj, (bytes, bytearray, memoryview)):
        data, name = bytes(obj), "<bytes>"
    elif hasattr(obj, "read"):
        if hasattr(obj, "seek") and hasattr(obj, "seekable") and obj.seekable():
            obj.seek(0)  # other engines may have read from it while xarray was looking for one
        data, name = obj.read(), str(getattr(obj, "name", "<file object>"))
        if not isinstance(data, bytes):
            raise FormatError(f"{name}: the file object gives text; open it in binary mode ('rb')")
    else:
        raise TypeError(f"expected a path, bytes or a binary file object, not {type(obj).__name__}")
    return MemorySource(_gunzip(data, name) if data[:2] == _GZIP_MAGIC else data, name)


def as_stream(source: Source) -> IO[bytes]:
    """Return what a source has as a file object, which keeps its name for messages."""
    stream = _NamedStream(source.read(0, source.size))
    stream.name = source.name
    return stream


class _NamedStream(io.BytesIO):
    name: str


def peek(obj: object, count: int) -> bytes:
    """Return the first bytes of what `as_source` accepts, unzipped; b"" where there are none.

    Never raises and leaves a file object where it was, as `guess_can_open` needs.
    """
    try:
        if isinstance(obj, (str, os.PathLike)):
            with Path(os.fspath(obj)).expanduser().open("rb") as stream:
                head = stream.read(max(count, 1024))
        elif isinstance(obj, (bytes, bytearray, memoryview)):
            head = bytes(obj[: max(count, 1024)])
        elif hasattr(obj, "read") and hasattr(obj, "seek") and hasattr(obj, "tell"):
            position = obj.tell()
            obj.seek(0)
            head = obj.read(max(count, 1024))
            obj.seek(position)
        else:
            return b""
        if head[:2] == _GZIP_MAGIC:
            head = zlib.decompressobj(wbits=31).decompress(head, count)
        return head[:count]
    except (OSError, ValueError, TypeError, zlib.error):
        return b""


def _gunzip(data: bytes, name: str) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise FormatError(
            f"{name}: the gzip stream is damaged or cut ({error}); fetch or compress it again"
        ) from None
