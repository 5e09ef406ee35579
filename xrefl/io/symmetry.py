"""Space groups of operations that a file lists."""

from __future__ import annotations

from functools import lru_cache

from xrefl.crystal.spacegroup import SpaceGroup

__all__ = ["group_of"]


@lru_cache(maxsize=64)
def group_of(operations: tuple[str, ...]) -> SpaceGroup:
    """Return the space group of operations; files of a project tend to list the same ones."""
    return SpaceGroup.from_operations(operations)
