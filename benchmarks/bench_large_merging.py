"""Merging with statistics at any size: python benchmarks/bench_large_merging.py 4 20 100 200.

Each size, in millions of observations, has a process of its own, on the threads of this machine
and on a cluster of two processes. Files are made first (see `large_files.py`): 200 million
observations are 10 GB. Peak memory is that of the process, or the sum of those of the cluster.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import large_files

import xrefl

_KIB = 1024


def _peak() -> int:
    """Return the peak of resident memory of this process, in bytes."""
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line
    )
    return int(line.split()[1]) * _KIB


def one(path: Path, engine: str) -> dict[str, float]:
    """Merge a file, and return seconds and bytes."""

    def merge() -> float:
        start = time.perf_counter()
        merged, statistics = xrefl.open_mtz(path).xtal.merge_with_statistics(shells=20)
        seconds = time.perf_counter() - start
        assert merged.sizes["hkl"] and statistics.sizes["shell"] == 20
        return seconds

    if engine == "threads":
        warm_up()
        return {"seconds": merge(), "peak": _peak()}
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        warm_up()
        seconds = merge()
        peaks = client.run(_peak)
    return {"seconds": seconds, "peak": sum(peaks.values()) + _peak()}


def warm_up() -> None:
    """Compile kernels, or load them from the cache, where they will be needed."""
    ds = xrefl.open_mtz(large_files.large_file(0.1))
    ds.xtal.merge_with_statistics(shells=5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("millions", type=float, nargs="*", default=[4, 20])
    parser.add_argument("--order", choices=("batch", "hkl"), default="batch")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(Path(options.one[0]), options.one[1])))
        return
    print("| million observations | engine | time | each observation | peak memory |")
    print("|---|---|---|---|---|", flush=True)
    for millions in options.millions:
        path = large_files.large_file(millions, options.order)
        for engine in ("threads", "two processes"):
            command = [sys.executable, __file__, "--one", str(path), engine]
            output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            result = json.loads(output)
            each = result["seconds"] / millions * 1e3
            print(
                f"| {millions:g} | {engine} | {result['seconds']:.2f} s | {each:.0f} ns | "
                f"{result['peak'] / 1e6:,.0f} MB |",
                flush=True,
            )


if __name__ == "__main__":
    main()
