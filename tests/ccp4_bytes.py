"""CCP4 and MRC maps made word by word."""

from __future__ import annotations

import numpy as np

DTYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
CELL = (20.0, 30.0, 40.0, 90.0, 90.0, 90.0)
STAMPS = {"<": b"DA\0\0", ">": b"\x11\x11\0\0"}

VALUES = np.arange(2 * 3 * 4).reshape(2, 3, 4)
"""A small map, along x, y and z."""


def map_bytes(
    values=VALUES,
    *,
    order="<",
    mode=2,
    dtype=None,
    axes=(1, 2, 3),
    start=(0, 0, 0),
    grid=None,
    cell=CELL,
    ispg=1,
    extension=b"",
    stamp=None,
    statistics=(0.0, 23.0, 11.5, 6.9),
    labels=(),
    words=None,
):
    """Return the bytes of a map; ``words`` are integers or floats by the number of their word."""
    shape = values.shape
    head = np.zeros(256, order + "i4")
    floats = head.view(order + "f4")
    file_axes = [axis - 1 for axis in axes]
    head[0:3] = [shape[axis] for axis in file_axes]
    head[3] = mode
    head[4:7] = [start[axis] for axis in file_axes]
    head[7:10] = grid or shape
    floats[10:16] = cell
    head[16:19] = axes
    floats[19:22] = statistics[:3]
    head[22] = ispg
    head[23] = len(extension)
    head[52:53].view("S4")[:] = b"MAP "
    head[53:54].view("S4")[:] = STAMPS[order] if stamp is None else stamp
    floats[54] = statistics[3]
    head[55] = len(labels)
    data = bytearray(head.tobytes())
    for i, label in enumerate(labels):
        data[224 + 80 * i : 304 + 80 * i] = label.encode().ljust(80)
    for number, value in (words or {}).items():
        kind = "f4" if isinstance(value, float) else "i4"
        data[4 * number - 4 : 4 * number] = np.array(value, order + kind).tobytes()
    sections = values.transpose(file_axes[::-1])
    return bytes(data) + extension + sections.astype(dtype or order + DTYPES[mode]).tobytes()


def symmetry(*triplets):
    return b"".join(triplet.encode().ljust(80) for triplet in triplets)
