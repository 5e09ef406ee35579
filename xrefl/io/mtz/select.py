"""Which columns of a file become which variables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from xrefl.errors import FormatError, MissingColumnError
from xrefl.hkl.datasets import DATASET_COORDS
from xrefl.io.mtz.header import BATCH_COORDS, ColumnInfo

__all__ = ["columns"]

# Names that a Dataset of reflections has in use for its dimensions and coordinates.
_TAKEN = frozenset({"hkl", "h", "k", "l", "obs", *DATASET_COORDS, *BATCH_COORDS})


def columns(
    infos: Sequence[ColumnInfo],
    wanted: Sequence[str] | Mapping[str, int] | None,
    drop: Iterable[str],
    where: str,
) -> dict[str, int]:
    """Return the position in the file for each variable, in the order of the Dataset.

    The first three columns are the Miller indices, which become coordinates: they are left out.
    """
    if isinstance(wanted, str):
        wanted = [wanted]
    if isinstance(wanted, Mapping):
        for name, position in wanted.items():
            if position not in range(3, len(infos)):
                raise MissingColumnError(
                    f"{where}: there is no column {position!r} for {name!r}; columns of this file "
                    f"have the positions 3 to {len(infos) - 1}, after H, K and L"
                )
        chosen = list(wanted.items())
    else:
        chosen = [(info.label, position) for position, info in enumerate(infos)]
        if wanted is not None:
            labels = {info.label for info in infos}
            if missing := [label for label in wanted if label not in labels]:
                raise MissingColumnError(
                    f"{where}: no column {', '.join(map(repr, missing))}; the file has "
                    f"{', '.join(info.label for info in infos)}"
                )
            chosen = [(label, position) for label, position in chosen if label in set(wanted)]
    dropped = {drop} if isinstance(drop, str) else set(drop)
    chosen = [(name, at) for name, at in chosen if at > 2 and name not in dropped]
    _check_unique(chosen, infos, where)
    return dict(chosen)


def _check_unique(
    chosen: Sequence[tuple[str, int]], infos: Sequence[ColumnInfo], where: str
) -> None:
    seen = {info.label: position for position, info in enumerate(infos[:3])}
    for name, position in chosen:
        if name in seen or name in _TAKEN:
            first = f"columns {seen[name]} and" if name in seen else "column"
            raise FormatError(
                f"{where}: {first} {position} {'have' if name in seen else 'has'} the label "
                f"{name!r}, which a Dataset can use only once; name the columns you want by "
                f'position, for instance columns={{"{name}_{position}": {position}}}'
            )
        seen[name] = position
