"""Equivalent indices, other axes and order, beside gemmi: python benchmarks/bench_algebra.py.

gemmi changes its object; it reads the file anew before each call, outside of the time. With the
argument ``rs`` the operations that reciprocalspaceship has, too, are timed beside that; with
``memory``, the peak of memory is measured.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from functools import cache
from pathlib import Path

import files
import gemmi
import numpy as np
import timing

import xrefl

OPERATOR = "k,l,h"
USES = 5  # H, K, L, M/ISYM and BATCH


@cache
def merged():
    return xrefl.open_mtz(files.merged()).load()


@cache
def expanded():
    return merged().xtal.expand_to_p1()


@cache
def scattered():
    """Return the expanded reflections in random order."""
    ds = expanded()
    return ds.isel(hkl=_random(ds.sizes["hkl"]))


@cache
def unmerged():
    return xrefl.open_mtz(files.unmerged()).load()


def _random(count):
    return np.random.default_rng(0).permutation(count)


def _ours(source, operation):
    ds = source()
    return lambda: operation(ds)


def _gemmi(path, operation, *, first=None, order=None):
    """Return a function that changes a file that is read, and prepared, anew for each call."""
    current = {}

    def prepare():
        current.clear()
        mtz = gemmi.read_mtz_file(str(path))
        if first:
            first(mtz)
        if order is not None:
            mtz.set_data(mtz.array[order(mtz.nreflections)])
        current["mtz"] = mtz

    def function():
        operation(current["mtz"])

    function.prepare = prepare
    return function


def expand():
    return _ours(merged, lambda ds: ds.xtal.expand_to_p1())


def gemmi_expand():
    return _gemmi(files.merged(), lambda mtz: mtz.expand_to_p1())


def to_asu():
    return _ours(expanded, lambda ds: ds.xtal.to_asu())


def gemmi_to_asu():
    return _gemmi(files.merged(), lambda mtz: mtz.ensure_asu(), first=gemmi.Mtz.expand_to_p1)


def sort():
    return _ours(expanded, lambda ds: ds.xtal.sort_hkl())


def gemmi_sort():
    return _gemmi(files.merged(), lambda mtz: mtz.sort(), first=gemmi.Mtz.expand_to_p1)


def sort_random():
    return _ours(scattered, lambda ds: ds.xtal.sort_hkl())


def gemmi_sort_random():
    expand_first = gemmi.Mtz.expand_to_p1
    return _gemmi(files.merged(), lambda mtz: mtz.sort(), first=expand_first, order=_random)


def reindex():
    return _ours(expanded, lambda ds: ds.xtal.reindex(OPERATOR))


def gemmi_reindex():
    operator = gemmi.Op(OPERATOR)
    first = gemmi.Mtz.expand_to_p1
    return _gemmi(files.merged(), lambda mtz: mtz.reindex(operator), first=first)


def reindex_merged():
    return _ours(merged, lambda ds: ds.xtal.reindex(OPERATOR))


def gemmi_reindex_merged():
    operator = gemmi.Op(OPERATOR)
    return _gemmi(files.merged(), lambda mtz: mtz.reindex(operator))


def sort_unmerged():
    return _ours(unmerged, lambda ds: ds.xtal.sort_hkl(by=USES))


def gemmi_sort_unmerged():
    return _gemmi(files.unmerged(), lambda mtz: mtz.sort(use_first=USES))


def reindex_unmerged():
    return _ours(unmerged, lambda ds: ds.xtal.reindex(OPERATOR))


def gemmi_reindex_unmerged():
    operator = gemmi.Op(OPERATOR)
    return _gemmi(files.unmerged(), lambda mtz: mtz.reindex(operator))


def original_to_asu():
    ds = unmerged().xtal.to_original_hkl()
    return lambda: ds.xtal.to_asu_hkl()


def gemmi_original_to_asu():
    first = gemmi.Mtz.switch_to_original_hkl
    return _gemmi(files.unmerged(), lambda mtz: mtz.switch_to_asu_hkl(), first=first)


def _rs(operation):
    import reciprocalspaceship as rs

    ds = rs.read_mtz(str(files.merged()))
    return lambda: operation(ds)


def rs_expand():
    return _rs(lambda ds: ds.expand_to_p1())


def to_asu_merged():
    ds = merged().xtal.reindex("-h,-k,l")
    return lambda: ds.xtal.to_asu()


def rs_to_asu():
    import reciprocalspaceship as rs

    ds = rs.read_mtz(str(files.merged())).apply_symop(gemmi.Op("-x,-y,z"))
    return lambda: ds.hkl_to_asu()


def sort_merged():
    ds = merged()
    ds = ds.isel(hkl=_random(ds.sizes["hkl"]))
    return lambda: ds.xtal.sort_hkl()


def rs_sort():
    import reciprocalspaceship as rs

    ds = rs.read_mtz(str(files.merged())).sample(frac=1, random_state=0)
    return lambda: ds.sort_index()


def drop_absent():
    return _ours(merged, lambda ds: ds.xtal.drop_absent())


def rs_drop_absent():
    return _rs(lambda ds: ds.remove_absences())


def structure_factor():
    return _ours(merged, lambda ds: ds.xtal.structure_factor("FC", "PHIC"))


def rs_structure_factor():
    return _rs(lambda ds: ds.to_structurefactor("FC", "PHIC"))


COMPARISONS = (
    ("expand_to_p1, 766,631 to 3,066,524", expand, gemmi_expand, "1.5"),
    ("to_asu, 3,066,524 in P 1", to_asu, gemmi_to_asu, "1.5"),
    ("sort_hkl, 3,066,524 as expanded", sort, gemmi_sort, "1.5"),
    ("sort_hkl, 3,066,524 at random", sort_random, gemmi_sort_random, "1.5"),
    ("reindex k,l,h, 3,066,524", reindex, gemmi_reindex, "1.5"),
    ("reindex k,l,h, 766,631", reindex_merged, gemmi_reindex_merged, "1.5"),
    ("sort_hkl(by=5), 4,000,000 unmerged", sort_unmerged, gemmi_sort_unmerged, "1.5"),
    ("reindex k,l,h, 4,000,000 unmerged", reindex_unmerged, gemmi_reindex_unmerged, "1.5"),
    ("to_asu_hkl, 4,000,000 unmerged", original_to_asu, gemmi_original_to_asu, ""),
)
RS_COMPARISONS = (
    ("expand_to_p1, 766,631", expand, rs_expand, "10"),
    ("to_asu, 766,631", to_asu_merged, rs_to_asu, "10"),
    ("sort_hkl, 766,631 at random", sort_merged, rs_sort, "10"),
    ("drop_absent, 766,631", drop_absent, rs_drop_absent, "10"),
    ("structure_factor, 766,631", structure_factor, rs_structure_factor, "10"),
)
# The input of each operation; that of expand_to_p1 is a quarter of its output.
MEMORY = {
    "expand": merged,
    "to_asu": expanded,
    "sort": expanded,
    "reindex": expanded,
    "sort_unmerged": unmerged,
    "reindex_unmerged": unmerged,
}


def peak(name: str) -> tuple[int, int, int]:
    """Return the peak of memory during a call, input included, and the sizes of both ends."""
    globals()[name]()()  # compiles
    function = globals()[name]()
    source = MEMORY[name]().nbytes
    page = resource.getpagesize()
    before = int(Path("/proc/self/statm").read_text().split()[1]) * page
    Path("/proc/self/clear_refs").write_text("5")
    result = function()
    status = Path("/proc/self/status").read_text()
    high = int(status.split("VmHWM:")[1].split()[0]) * 1024
    return high - before + source, source, result.nbytes


def memory() -> None:
    """Print the peak memory of each operation, each in a process of its own."""
    print("| | input | output | peak, input included | peak / larger | goal |")
    print("|---|---|---|---|---|---|")
    for name in MEMORY:
        command = [sys.executable, __file__, name]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        sizes = json.loads(output)
        most, source, result = (f"{size / 1e6:.0f} MB" for size in sizes)
        ratio = sizes[0] / max(sizes[1:])
        print(f"| {name} | {source} | {result} | {most} | {ratio:.2f} | 2.5 |", flush=True)


if __name__ == "__main__":
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    if asked == "rs":
        timing.ROUNDS, timing.REPEATS = 3, 1
        timing.table("reciprocalspaceship", RS_COMPARISONS)
    elif asked == "memory":
        memory()
    elif asked:
        print(json.dumps(peak(asked)))
    else:
        timing.table("gemmi", COMPARISONS)
