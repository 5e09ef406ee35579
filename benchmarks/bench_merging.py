"""Merging 4,000,000 observations with statistics in 20 shells: python benchmarks/bench_merging.py.

From the MTZ file to merged intensities and statistics; in the order of reflections, as files of
observations usually are, and in the order of measurement.
"""

from __future__ import annotations

import files
import gemmi
import large_files
import timing

import xrefl

N = 20


def _ours(path):
    def run():
        return xrefl.open_mtz(path).xtal.merge_with_statistics(shells=N)

    return run


def _theirs(path):
    def run():
        intensities = gemmi.Intensities()
        intensities.import_mtz(gemmi.read_mtz_file(str(path)))
        intensities.prepare_for_merging(gemmi.DataType.Mean)
        binner = gemmi.Binner()
        method = gemmi.Binner.Method.Dstar3
        binner.setup(N, method, intensities.miller_array, intensities.unit_cell)
        statistics = intensities.calculate_merging_stats(binner)
        intensities.merge_in_place(gemmi.DataType.Mean)
        return intensities, statistics

    return run


def everything():
    return _ours(files.unmerged())


def gemmi_everything():
    return _theirs(files.unmerged())


def as_measured():
    return _ours(large_files.large_file(4, "batch"))


def gemmi_as_measured():
    return _theirs(large_files.large_file(4, "batch"))


def in_memory():
    ds = xrefl.open_mtz(files.unmerged()).load()
    return lambda: ds.xtal.merge()


def gemmi_in_memory():
    mtz = gemmi.read_mtz_file(str(files.unmerged()))

    def run():
        intensities = gemmi.Intensities()
        intensities.import_mtz(mtz)
        intensities.prepare_for_merging(gemmi.DataType.Mean)
        intensities.merge_in_place(gemmi.DataType.Mean)
        return intensities

    return run


def statistics():
    ds = xrefl.open_mtz(files.unmerged()).load()
    return lambda: ds.xtal.merging_statistics(shells=N)


def gemmi_statistics():
    mtz = gemmi.read_mtz_file(str(files.unmerged()))

    def run():
        intensities = gemmi.Intensities()
        intensities.import_mtz(mtz)
        intensities.prepare_for_merging(gemmi.DataType.Mean)
        binner = gemmi.Binner()
        method = gemmi.Binner.Method.Dstar3
        binner.setup(N, method, intensities.miller_array, intensities.unit_cell)
        return intensities.calculate_merging_stats(binner)

    return run


def main() -> None:
    comparisons = [
        ("file to merged and statistics, sorted", everything, gemmi_everything, "4"),
        ("file to merged and statistics, as measured", as_measured, gemmi_as_measured, "4"),
        ("merging, in memory", in_memory, gemmi_in_memory, ""),
        ("statistics, in memory", statistics, gemmi_statistics, ""),
    ]
    timing.table("gemmi", comparisons)


if __name__ == "__main__":
    main()
