"""Merging 4,000,000 observations in reciprocalspaceship: python benchmarks/bench_merging_rs.py.

It takes minutes, so that it is run once and not several times as the others are. The time is that
of merging alone, of data in memory that have been read and sorted out, beside xrefl from the file.
"""

from __future__ import annotations

import time

import files
import reciprocalspaceship as rs

import xrefl


def ours() -> float:
    start = time.perf_counter()
    xrefl.open_mtz(files.unmerged()).xtal.merge_with_statistics(shells=20)
    return time.perf_counter() - start


def theirs() -> float:
    ds = rs.read_mtz(str(files.unmerged()))
    start = time.perf_counter()
    rs.algorithms.merge(ds, intensity_key="I", sigma_key="SIGI")
    return time.perf_counter() - start


def main() -> None:
    ours()
    seconds = sorted(ours() for _ in range(5))[2]
    print(f"xrefl {seconds:.2f} s, from the file to merged data and statistics", flush=True)
    alone = theirs()
    print(f"reciprocalspaceship {alone:.2f} s, merging alone: {alone / seconds:.0f} times")


if __name__ == "__main__":
    main()
