"""Write a file so that it appears complete or not at all."""

from __future__ import annotations

import errno
import gzip
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

__all__ = ["atomic_writer", "named_target"]

_OTHER_DISK = "make room, or write to another disk"
_OTHER_FOLDER = "give another folder than {folder}, or the right to write there"
# Errors that only writing makes, whichever file they name, and what helps.
_OF_WRITING = {
    errno.ENOSPC: _OTHER_DISK,
    errno.EDQUOT: _OTHER_DISK,
    errno.EFBIG: "raise the limit for files, or write to another disk",
    errno.EROFS: _OTHER_FOLDER,
}
# Errors that are of writing if they name a file that is being made.
_OF_NAMES = {
    errno.EACCES: _OTHER_FOLDER,
    errno.EPERM: _OTHER_FOLDER,
    errno.ENAMETOOLONG: "give a shorter one",
}


@contextmanager
def atomic_writer(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a binary stream whose content becomes ``path`` when the block ends without error.

    The stream is a temporary file in the same folder, renamed at the end; after an error it is
    removed and what stood at ``path`` is untouched. A path that ends in ``.gz`` is compressed.

    Raises
    ------
    IsADirectoryError, FileNotFoundError
        It is the name of a folder, or of a file in a folder that is not there.
    OSError
        It cannot be written: there is no room, or no right to do so. The message names ``path``
        and not the temporary file, and the class and ``errno`` are those of the system's error.
    """
    target = Path(path).expanduser().resolve()
    if target.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file in it")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {target.parent} to write {target.name} into")
    if target.exists() and not target.is_file():  # a pipe or a device is written as it is
        with named_target(path, target), target.open("wb") as stream:
            yield stream
        return
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with named_target(path, temporary):
            with temporary.open("xb") as raw:
                if target.suffix == ".gz":
                    with gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as packed:
                        yield packed  # type: ignore[misc]
                else:
                    yield raw
            if target.exists():
                temporary.chmod(target.stat().st_mode & 0o7777)
            temporary.replace(target)
    except BaseException:
        with suppress(OSError):  # it may not have been made, or may not be removed
            temporary.unlink()
        raise


@contextmanager
def named_target(path: str | os.PathLike[str], part: Path) -> Iterator[None]:
    """Have errors of writing name ``path``, which is wanted, not ``part``, which is written first.

    An error that may be of reading something else meanwhile stays as it is.

    Parameters
    ----------
    path : path
        As the user gave it.
    part : Path
        A file or a folder beside it that takes its place.

    Raises
    ------
    OSError
        Of the same class, and with the same ``errno``. The message has a remedy.
    """
    try:
        yield
    except OSError as error:
        told = _told(error, path, part)
        if told is None:
            raise
        raise told from error


def _told(error: OSError, path: str | os.PathLike[str], part: Path) -> OSError | None:
    names = [name for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    own = any(Path(os.fsdecode(name)).is_relative_to(part) for name in names)
    remedy = _OF_WRITING.get(error.errno or 0)
    if remedy is None and own:
        remedy = _OF_NAMES.get(error.errno or 0, "try another place")
    if remedy is None:
        return None
    folder = Path(path).expanduser().absolute().parent
    kind = type(OSError(error.errno, ""))  # that of the number, such as PermissionError
    what = f"{error.strerror}; {remedy.format(folder=folder)}"
    told = kind(f"{path} could not be written: {what}")
    told.errno = error.errno
    return told
