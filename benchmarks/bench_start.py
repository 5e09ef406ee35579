"""How long it takes to start: python benchmarks/bench_start.py."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import files

REPEATS = 11
COMMANDS = {
    "import xarray": [sys.executable, "-c", "import xarray"],
    "import xrefl": [sys.executable, "-c", "import xrefl"],
    "xrefl --help": [str(Path(sys.executable).with_name("xrefl")), "--help"],
    "xrefl info --example 5e5z": [
        str(Path(sys.executable).with_name("xrefl")),
        "info",
        "--example",
        "5e5z",
    ],
}
# Each kernel once, in a process that finds no compiled code.
FIRST_CALL = f"""
import time, xrefl
from xrefl import _numba
ds = xrefl.open_mtz({str(files.merged())!r}).load()
for name in ("inv_d2", "d", "centric", "epsilon", "absent"):
    start = time.perf_counter()
    getattr(ds.xtal, name)()
    print(f"| first call of {{name}} | {{time.perf_counter() - start:.2f}} s |")
for name, call in dict(
    count_reflections=lambda: xrefl.count_reflections(ds.xtal.cell, ds.xtal.spacegroup, 3.0),
    to_asu=lambda: ds.xtal.to_asu(),
    expand_to_p1=lambda: ds.xtal.expand_to_p1(),
    sort_hkl=lambda: ds.isel(hkl=slice(None, None, -1)).xtal.sort_hkl(),
    reindex=lambda: ds.xtal.reindex("k,l,h"),
    shells_assign=lambda: ds.xtal.shells(20).assign(ds),
    r_factor=lambda: ds.xtal.r_factor("FP", "FC", by=ds.xtal.shells(20)),
).items():
    start = time.perf_counter()
    call()
    print(f"| first call of {{name}} | {{time.perf_counter() - start:.2f}} s |")
"""


def main() -> None:
    seconds = {name: [] for name in COMMANDS}
    for _ in range(REPEATS):
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds[name].append(time.perf_counter() - start)
    print("| start | median |\n|---|---|")
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, median in medians.items():
        print(f"| {name} | {median:.2f} s |")
    ratio = medians["import xrefl"] / medians["import xarray"]
    print(f"| import xrefl / import xarray | {ratio:.2f} |\n")
    print("| compilation | |\n|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-c", FIRST_CALL], check=True, env={"NUMBA_CACHE_DIR": folder}
        )


if __name__ == "__main__":
    main()
