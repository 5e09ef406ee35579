"""Write a folder so that it appears complete or not at all."""

from __future__ import annotations

import glob
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xrefl.errors import FormatError
from xrefl.io.atomic import named_target

__all__ = ["atomic_folder", "link_or_copy", "require_not_torn"]


@contextmanager
def atomic_folder(target: Path, *, replace: bool) -> Iterator[Path]:
    """Give a new folder beside `target` that takes its place when the block ends without error.

    After an error it is removed, and what stood there is untouched. A store that is replaced is
    renamed first and removed last, so that at each moment one of the two is complete.

    Raises
    ------
    FileExistsError
        There is something at `target` that is not to be replaced, or is no store.
    FormatError
        Another program has replaced the store meanwhile.
    OSError
        It cannot be written; the message names the target.
    """
    path, target = target, target.expanduser().resolve()
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {target.parent} to write {target.name} into")
    before = _identity(target)
    require_not_torn(target)
    if before is not None and not replace:
        raise FileExistsError(
            f"{target} exists already; overwrite=True replaces it, append=True adds to it"
        )
    if before is not None and not _may_be_replaced(target):
        raise FileExistsError(f"{target} is no Zarr store, so it is not replaced; remove it first")
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with named_target(path, part):
            part.mkdir()
            yield part
        if _identity(target) != before:
            raise FormatError(
                f"{target} has been replaced while it was written anew; nothing was changed. Write "
                "from one process at a time"
            )
        _take_place(part, target, part.with_suffix(".old"))
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _take_place(part: Path, target: Path, old: Path) -> None:
    if not target.exists():
        part.rename(target)
        return
    part.chmod(target.stat().st_mode & 0o7777)
    target.rename(old)
    try:
        part.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def require_not_torn(path: Path) -> None:
    """Raise FileNotFoundError if a store is between its two names."""
    if path.exists():
        return
    for old in path.parent.glob(f".{glob.escape(path.name)}.*.old"):
        raise FileNotFoundError(
            f"there is no store {path}, since somebody is replacing it or was stopped while doing "
            f"so; if nobody is, rename {old.name} beside it to {path.name}, or remove it"
        )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _may_be_replaced(path: Path) -> bool:
    if not path.is_dir():
        return False
    names = {entry.name for entry in path.iterdir()}
    return not names or bool(names & {"zarr.json", ".zgroup"})


def link_or_copy(source: Path, target: Path) -> None:
    """Let a file have a second name, or copy it where the file system knows no links.

    For files that nobody writes to again.
    """
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)
