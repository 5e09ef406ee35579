"""Make the header of a map file."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from xrefl.crystal.cell import UnitCell
from xrefl.crystal.spacegroup import SpaceGroup
from xrefl.fourier.coverage import Placement
from xrefl.io.ccp4.header import Statistics

__all__ = ["MapInfo", "compose_header"]

_MODE = 2
_VERSION = 20140
_LITTLE_ENDIAN = 0x00004144
_LABEL = 80
_MAX_LABELS = 10
_OWN_LABEL = "written by xrefl"


@dataclass(frozen=True)
class MapInfo:
    """What a header needs beside the statistics."""

    place: Placement
    cell: UnitCell
    spacegroup: SpaceGroup
    labels: Sequence[str]
    origin: Sequence[float]


def compose_header(info: MapInfo, statistics: Statistics) -> bytes:
    """Return the header with its symmetry records: x along columns, z along sections."""
    group = info.spacegroup
    records = b"".join(op.triplet().encode().ljust(_LABEL) for op in group.operations)
    labels = [label.encode("latin-1", "replace") for label in info.labels if label]
    if _OWN_LABEL.encode() not in labels:
        labels = [*labels[: _MAX_LABELS - 1], _OWN_LABEL.encode()]
    labels = labels[:_MAX_LABELS]
    place = info.place
    start = struct.pack(
        "<3i i 3i 3i 6f 3i 3f 2i i",
        *place.size,
        _MODE,
        *place.start,
        *place.grid,
        *info.cell.parameters,
        *(1, 2, 3),
        *statistics[:3],
        group.ccp4_number or group.number,
        len(records),
        0,
    )
    extra = struct.pack("<4s i 84x 3f", b"CCP4", _VERSION, *info.origin)
    end = struct.pack("<4s i f i", b"MAP ", _LITTLE_ENDIAN, statistics.rms, len(labels))
    text = b"".join(label[:_LABEL].ljust(_LABEL) for label in labels)
    header = start + b"\0" * 4 + extra + end + text.ljust(_LABEL * _MAX_LABELS)
    return header + records
