"""Reading a SHELX file of 1,000,000 lines, beside cctbx: python benchmarks/bench_shelx.py."""

from __future__ import annotations

import files
import timing


def in_columns():
    from xrefl import open_shelx_hkl

    path = files.shelx()
    return lambda: open_shelx_hkl(path)


def free_format():
    from xrefl import open_shelx_hkl

    path = files.FOLDER / "free.hkl"
    if not path.exists():
        lines = files.shelx().read_text().splitlines()
        path.write_text("".join(" ".join(line.split()) + "\n" for line in lines))
    return lambda: open_shelx_hkl(path)


def cctbx_in_columns():
    from iotbx.shelx import hklf

    path = str(files.shelx())
    return lambda: hklf.reader(file_name=path)


COMPARISONS = (
    ("SHELX hkl in columns, 1,000,000 lines", in_columns, cctbx_in_columns, ""),
    ("the same in free format, which cctbx does not read", free_format, cctbx_in_columns, ""),
)


if __name__ == "__main__":
    timing.table("cctbx-base", COMPARISONS)
